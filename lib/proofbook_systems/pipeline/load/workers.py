"""Workers that make films, stage by stage, of which some are killed at moments drawn beforehand."""

from __future__ import annotations

import queue
import random
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from proofbook.processes import Supervised, supervise
from proofbook_systems.pipeline.load.journal import Entry, Journal
from proofbook_systems.pipeline.load.sampling import Sampler
from proofbook_systems.pipeline.workspace import Workspace

__all__ = ["Kill", "Workers", "draw_kills"]

_DEATH = 10.0


@dataclass(frozen=True, kw_only=True)
class Kill:
    """When a worker is killed."""

    film: str
    stage: str
    delay: float
    """Seconds after the stage's start."""


def draw_kills(
    films: Sequence[str], seconds: Mapping[str, float], kills: int, seed: int
) -> dict[tuple[str, str], Kill]:
    """Draw films, stages and moments, from how long each stage takes alone."""
    chosen = random.Random(seed)
    pairs = [(film, stage) for film in films for stage in seconds]
    picked = chosen.sample(pairs, min(kills, len(pairs)))
    return {
        (film, stage): Kill(
            film=film, stage=stage, delay=chosen.uniform(0.1, 0.9) * seconds[stage]
        )
        for film, stage in picked
    }  # fmt: skip


@dataclass
class Workers:
    """So many at once, each with one film at a time."""

    workspace: Workspace
    stages: Sequence[str]
    journal: Journal
    sampler: Sampler
    kills: dict[tuple[str, str], Kill] = field(default_factory=dict)
    _left: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    _halt: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _finished: int = 0
    _failed: set[str] = field(default_factory=set)

    def make(self, films: Sequence[str], workers: int, until: int | None = None) -> None:
        """Make films; with ``until``, kill all workers as soon as so many films are finished.

        A film whose worker was killed is taken up again by the next free one.
        """
        self._halt.clear()
        self._finished = 0
        self._left = queue.SimpleQueue()
        for film in films:
            self._left.put(film)
        threads = [threading.Thread(target=self._work, args=(until,)) for _ in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, until: int | None) -> None:
        while not self._halt.is_set():
            try:
                film = self._left.get_nowait()
            except queue.Empty:
                return
            if self._film(film):
                with self._lock:
                    self._finished += 1
                    if until is not None and self._finished >= until:
                        self._halt.set()

    def _film(self, film: str) -> bool:
        """Run what is left of a film; return whether it is finished."""
        for stage in self.stages:
            if stage in self.journal.done(film):
                continue
            entry = self._stage(film, stage)
            self.journal.add(entry)
            if entry.event == "killed" and not self._halt.is_set():
                self._left.put(film)
            if entry.event != "ended":
                return False
        return True

    def _stage(self, film: str, stage: str) -> Entry:
        with self._lock:
            kill = self.kills.pop((film, stage), None)
        workspace, began = self.workspace, time.monotonic()
        words = workspace.fill(workspace.commands[stage], f"commands.{stage}", film)
        log = workspace.logs / f"{film}-{stage}.log"
        with supervise(
            words, log=log, name=stage, cwd=workspace.folder, env=workspace.variables()
        ) as program, self.sampler.watching(program.pid, f"{film} {stage}"):  # fmt: skip
            killed = self._wait(program, kill, began)
        seconds = time.monotonic() - began
        if killed:
            return Entry(film, stage, "killed", seconds, program.state)
        if program.exit_code == 0:
            return Entry(film, stage, "ended", seconds, "")
        lines = [line for line in program.tail(20).splitlines() if line.strip()]
        told = f"{program.state}: {lines[-1] if lines else 'it printed nothing'}"
        return Entry(film, stage, "failed", seconds, told)

    def _wait(self, program: Supervised, kill: Kill | None, began: float) -> bool:
        """Wait for a program's end, or kill it; return whether it was killed."""
        limit = began + self.workspace.timeout
        while program.running:
            now = time.monotonic()
            due = kill is not None and now - began >= kill.delay
            if due or self._halt.is_set() or now > limit:
                program.send_signal(signal.SIGKILL, group=True)
                program.wait(_DEATH)
                return program.exit_code == -signal.SIGKILL and now <= limit
            next_moment = began + kill.delay if kill else limit
            program.wait(max(0.001, min(0.1, next_moment - now)))
        return False
