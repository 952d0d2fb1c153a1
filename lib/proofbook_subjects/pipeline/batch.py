"""Produce many episodes by several processes, and go on where an earlier run stopped.

Each episode that is done is one line of the checkpoint. A worker that dies is replaced, and its
episode is taken up again; what it had finished is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proofbook.files import append_line
from proofbook_subjects.pipeline.commands import positive, run_command, tell
from proofbook_subjects.pipeline.errors import InputError, PipelineError
from proofbook_subjects.pipeline.paths import check_episode
from proofbook_subjects.pipeline.produce import files_of
from proofbook_subjects.pipeline.settings import Project
from proofbook_subjects.pipeline.storing import episode_lock

__all__ = ["main", "produce_batch"]

_MOST_WORKERS = 32
_DEATHS, _FAILURES = 8, 2
_MODULE = "proofbook_subjects.pipeline.batch_worker"


def main(root: Path, argv: Sequence[str] | None = None) -> int:
    """Run ``produce_batch.py`` and return its exit code."""
    return run_command(root, _work, _declare, stage="batch", about=__doc__, argv=argv)


@dataclass
class _Item:
    episode: str
    deaths: int = 0
    failures: int = 0


@dataclass(kw_only=True)
class _Batch:
    """What the threads of a batch share."""

    project: Project
    checkpoint: Path
    total: int
    lines: int
    waiting: queue.SimpleQueue[_Item] = field(default_factory=queue.SimpleQueue)
    open: int = 0
    done: int = 0
    faults: dict[str, str] = field(default_factory=dict)
    workers: list[subprocess.Popen[str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_over: bool = False


def produce_batch(project: Project, name: str, *, videos: int, workers: int, lines: int) -> None:
    """Produce the episodes ``<name>_001`` and so on.

    Raises:
        PipelineError: Some could not be produced; running it again tries those alone.
    """
    folder = project.root / "data" / "batches"
    with episode_lock(folder, name, seconds=1.0):
        checkpoint = folder / f"{name}.jsonl"
        batch = _Batch(project=project, checkpoint=checkpoint, total=videos, lines=lines)
        finished = _finished(project, checkpoint)
        for number in range(1, videos + 1):
            episode = f"{name}_{number:03d}"
            if episode in finished or number == project.faults.of("batch").get("lost"):
                batch.done += 1
            else:
                batch.waiting.put(_Item(episode))
                batch.open += 1
        if batch.done:
            tell(f"{batch.done} of {videos} were done before")
        _run(batch, min(workers, max(1, batch.open)))
    if batch.faults:
        first = next(iter(batch.faults.items()))
        raise PipelineError(
            f"{len(batch.faults)} of {videos} failed, the first is {first[0]}: {first[1]}; "
            "run it again to try those alone"
        )
    tell(f"{batch.done} of {videos} done")


def _run(batch: _Batch, count: int) -> None:
    threads = [threading.Thread(target=_serve, args=[batch], daemon=True) for _ in range(count)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)
    finally:
        with batch.lock:
            batch.is_over = True
            left = list(batch.workers)
        for worker in left:
            worker.kill()
            worker.wait()


def _serve(batch: _Batch) -> None:
    """Feed one worker after the other, until nothing is open."""
    worker: subprocess.Popen[str] | None = None
    while (item := _next(batch)) is not None:
        if worker is None or worker.poll() is not None:
            worker = _start(batch)
        answer = _ask(worker, item, batch.lines) if worker else None
        if answer is None:
            _took_down(batch, item)
            worker = None
        else:
            _settle(batch, item, answer)
    if worker is not None and worker.stdin:
        worker.stdin.close()
        worker.wait()


def _next(batch: _Batch) -> _Item | None:
    """Return the next item; None when none is open. One that another works on may come back."""
    while True:
        with batch.lock:
            if batch.is_over or not batch.open:
                return None
        try:
            return batch.waiting.get(timeout=0.1)
        except queue.Empty:
            continue


def _start(batch: _Batch) -> subprocess.Popen[str] | None:
    root = str(batch.project.root.absolute())
    command = [sys.executable, "-m", _MODULE, root, str(os.getpid())]
    with batch.lock:
        if batch.is_over:
            return None
        worker = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        batch.workers.append(worker)
    return worker


def _ask(worker: subprocess.Popen[str], item: _Item, lines: int) -> dict[str, Any] | None:
    """Return what a worker says about an episode; None where it died over it."""
    assert worker.stdin and worker.stdout
    try:
        worker.stdin.write(json.dumps({"episode": item.episode, "lines": lines}) + "\n")
        worker.stdin.flush()
    except OSError:
        return None
    answer = worker.stdout.readline()
    return json.loads(answer) if answer.endswith("\n") else None


def _took_down(batch: _Batch, item: _Item) -> None:
    """Take an episode up again whose worker has died."""
    item.deaths += 1
    with batch.lock:
        if batch.is_over:
            return
        if item.deaths >= _DEATHS:
            batch.faults[item.episode] = f"its worker died {item.deaths} times"
            batch.open -= 1
            return
    tell(f"the worker of {item.episode} has died; it is taken up again")
    batch.waiting.put(item)


def _settle(batch: _Batch, item: _Item, answer: dict[str, Any]) -> None:
    fault = str(answer["fault"])
    with batch.lock:
        if fault and item.failures < _FAILURES:
            item.failures += 1
            batch.waiting.put(item)
            return
        batch.open -= 1
        if fault:
            batch.faults[item.episode] = fault
            tell(f"{item.episode} failed: {fault}")
            return
        entry = {"episode": item.episode, "seconds": round(answer["seconds"], 3),
                 "deaths": item.deaths, "at": time.time()}  # fmt: skip
        append_line(batch.checkpoint, json.dumps(entry))
        batch.done += 1
        tell(f"{batch.done} of {batch.total}: {item.episode} in {answer['seconds']:.1f} s")


def _finished(project: Project, checkpoint: Path) -> set[str]:
    """Return the episodes that the checkpoint names and whose videos are there."""
    if not checkpoint.is_file() or project.faults.has("batch", "forgetful"):
        return set()
    done = set()
    for line in checkpoint.read_text(encoding="utf-8").splitlines():
        episode = re.match(r'\{"episode": "([\w-]+)", .*\}$', line)  # a torn line names none
        if episode and files_of(project, episode.group(1)).video.is_file():
            done.add(episode.group(1))
    return done


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--videos", type=positive, required=True)
    parser.add_argument("--workers", type=positive, default=2)
    parser.add_argument("--name", default="batch", help="of the batch, and of its episodes")
    parser.add_argument("--lines", type=positive, default=6)


def _work(project: Project, options: argparse.Namespace) -> None:
    if not 2 <= options.lines <= 200:
        raise InputError(f"--lines {options.lines}: a dialogue has 2 to 200")
    produce_batch(
        project, check_episode(options.name), videos=options.videos,
        workers=min(options.workers, _MOST_WORKERS), lines=options.lines,
    )  # fmt: skip
