"""Many reviewers answer at once, while the server is killed again and again."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from proofbook.errors import SubjectError
from proofbook.processes import TemporaryFolder, supervise
from proofbook_bench.commands import find_command

__all__ = ["Reviewed", "answer_at_once", "lost_or_doubled"]

_ADDRESS = re.compile(r"http://127.0.0.1:(\d+)/")
_TOKEN = "bench"
_PAUSE = 0.05
_PATIENCE = 60.0


@dataclass
class Reviewed:
    """What came of it."""

    acknowledged: list[str] = field(default_factory=list)
    """Ids of the answers that the server said are written."""
    kills: int = 0
    seconds: list[float] = field(default_factory=list)
    """That each acknowledged answer took."""


class _Server:
    """``proofbook review`` on one port, started again whenever it is killed."""

    def __init__(self, run: Path, env: Mapping[str, str]) -> None:
        self._run, self._env, self._port = run, {**env, "PROOFBOOK_REVIEW_TOKEN": _TOKEN}, 0
        self._folder = TemporaryFolder("bench-review-")
        self.start()

    def start(self) -> None:
        log = self._folder.path / "log"
        log.unlink(missing_ok=True)
        words = [find_command("proofbook"), "review", str(self._run), "--no-browser",
                 "--port", str(self._port)]  # fmt: skip
        self._program = supervise(words, log=log, name="proofbook review", env=self._env)
        while (address := _ADDRESS.search(self._program.tail())) is None:
            if self._program.wait(_PAUSE):
                state, printed = self._program.state, self._program.tail(3)
                raise SubjectError(f"proofbook review {state}: {printed!r}")
        self._port = int(address[1])

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    def kill(self) -> None:
        self._program.stop(0)

    def close(self) -> None:
        self.kill()
        self._folder.remove()


def answer_at_once(
    run: Path,
    jobs: Sequence[str],
    *,
    reviewers: int,
    answers: int,
    kills: int,
    seed: int,
    env: Mapping[str, str],
) -> Reviewed:
    """Have ``reviewers`` reject ``answers`` jobs each, and kill the server ``kills`` times.

    A reviewer goes on only once an answer is acknowledged, and asks again where it was not.
    """
    reviewed, server, done = Reviewed(), _Server(run, env), threading.Event()
    each_after = max(1, reviewers * answers // (kills + 1))
    killer = threading.Thread(
        target=_keep_killing, args=(server, kills, each_after, random.Random(seed), reviewed, done)
    )
    killer.start()
    try:
        with ThreadPoolExecutor(reviewers) as pool:
            work = [
                pool.submit(_review, server, n, jobs, answers, reviewed) for n in range(reviewers)
            ]
            for each in work:
                each.result()
    finally:
        done.set()
        killer.join()
        server.close()
    return reviewed


def lost_or_doubled(run: Path, acknowledged: Sequence[str]) -> list[str]:
    """Return which acknowledged answers are not in the log exactly once."""
    lines = (run / "signoffs.jsonl").read_text(encoding="utf-8").splitlines()
    ids = [entry["id"] for entry in map(json.loads, lines) if entry["kind"] == "answer"]
    return [each for each in acknowledged if ids.count(each) != 1]


def _keep_killing(
    server: _Server,
    kills: int,
    each_after: int,
    chance: random.Random,
    reviewed: Reviewed,
    done: threading.Event,
) -> None:
    """Kill the server each time that so many more answers are acknowledged."""
    while reviewed.kills < kills and not done.wait(chance.uniform(0.001, 0.02)):
        if len(reviewed.acknowledged) >= (reviewed.kills + 1) * each_after:
            server.kill()
            reviewed.kills += 1
            server.start()


def _review(
    server: _Server, number: int, jobs: Sequence[str], answers: int, reviewed: Reviewed
) -> None:
    with httpx.Client(timeout=10, headers={"x-proofbook": "1"}) as client:
        for each in range(answers):
            began = time.perf_counter()
            job = jobs[(number + each) % len(jobs)]
            reviewed.acknowledged.append(_say(client, server, f"reviewer {number}", job, each))
            reviewed.seconds.append(time.perf_counter() - began)


def _say(client: httpx.Client, server: _Server, name: str, job: str, number: int) -> str:
    answer = {"reviewer": name, "job": job, "question": "good", "verdict": "rejected",
              "comment": f"answer {number}"}  # fmt: skip
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            if not client.cookies:
                client.get(server.base, params={"token": _TOKEN})
            reply = client.post(f"{server.base}api/answers", json=answer)
        except httpx.TransportError:
            time.sleep(_PAUSE)
            continue
        if reply.status_code != 200:
            raise SubjectError(f"an answer was refused: {reply.text[:200]}")
        return str(reply.json()["id"])
    raise SubjectError(f"the server did not answer for {_PATIENCE:g} s")
