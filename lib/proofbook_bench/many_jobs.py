"""Run very many trivial jobs, and watch from outside what each costs as their number grows.

Knows nothing about how a run is executed: it reads the lines that the command prints, its process's
memory, and the outcomes that it leaves.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import IO, NamedTuple

import psutil

from proofbook.errors import SubjectError
from proofbook_bench.commands import find_command
from proofbook_bench.outcomes import read_times
from proofbook_bench.pairs import Pairs, alternate
from proofbook_bench.projects import Bench
from proofbook_bench.sources import checked

__all__ = ["Reading", "WatchedRun", "compare_numbers", "run_jobs", "span"]

_ENDED = re.compile(r"^\s*(passed|failed|error|crashed|timed_out|incomplete|skipped)  \S")
_SAMPLE_SECONDS = 0.1
_RUNBOOK = "trivial"


class Reading(NamedTuple):
    """The runner's memory at one moment."""

    ended: int
    """How many jobs had ended."""
    resident: int
    """Bytes."""


class WatchedRun(NamedTuple):
    """One run of many jobs."""

    jobs: int
    seconds: float
    """From the start of the first job to the end of the last."""
    readings: tuple[Reading, ...]

    @property
    def seconds_per_job(self) -> float:
        """What a job takes, with all that goes on between jobs."""
        return self.seconds / self.jobs

    def growth(self, after: int) -> int:
        """Return by how many bytes the runner's memory has grown at most after so many jobs.

        Raises:
            SubjectError: The memory was not read at that time, or not afterwards.
        """
        before = [reading.resident for reading in self.readings if reading.ended <= after]
        later = [reading.resident for reading in self.readings if reading.ended > after]
        if not before or not later:
            raise SubjectError(f"no reading of the runner's memory before and after job {after}")
        return max(later) - before[-1]


def compare_numbers(
    bench: Bench, *, many: int, few: int, slots: int, rounds: int
) -> tuple[Pairs, list[WatchedRun]]:
    """Measure seconds per job in runs of many and of few jobs, in turns.

    Args:
        bench: A project; a runbook and two profiles are written into it.
        many: Jobs of the subject's runs.
        few: Jobs of the peer's.
        slots: How many at a time.
        rounds: How often each is measured.

    Returns:
        The pairs, and the runs of many jobs.

    Raises:
        SubjectError: A run was not green.
    """
    bench.add_notebook(_RUNBOOK, checked(_RUNBOOK), parameters="number: int = 0")
    runs: list[WatchedRun] = []

    def measure(jobs: int) -> Callable[[], float]:
        def run() -> float:
            runs.append(run_jobs(bench, jobs, slots))
            return runs[-1].seconds_per_job

        return run

    names = (f"{many} jobs", f"{few} jobs")
    pairs = alternate(measure(many), measure(few), rounds, names=names)
    return pairs, [run for run in runs if run.jobs == many]


def run_jobs(bench: Bench, jobs: int, slots: int) -> WatchedRun:
    """Run so many trivial jobs, and watch the command until it ends.

    Raises:
        SubjectError: It did not end green.
    """
    name = f"jobs-{jobs}"
    matrix = {"number": list(range(jobs))}
    job = {"runbook": f"bench/{_RUNBOOK}", "id": _RUNBOOK, "matrix": matrix}
    bench.add_profile(name, [job])
    known = set(bench.outputs.glob("*/run.json"))
    readings = _watch(
        [find_command("proofbook"), "run", "--profile", name, "-j", str(slots)], bench
    )
    (run,) = set(bench.outputs.glob("*/run.json")) - known
    return WatchedRun(jobs, span(read_times(run.parent)), tuple(readings))


def span(times: list[tuple[datetime, datetime]]) -> float:
    """Return the seconds from the first start to the last end."""
    first, last = min(start for start, _ in times), max(end for _, end in times)
    return (last - first).total_seconds()


def _watch(command: list[str], bench: Bench) -> list[Reading]:
    with subprocess.Popen(
        command,
        # A kernel asks its children for colours; a run would then draw a table instead of lines.
        env={**bench.environment, "FORCE_COLOR": ""},
        cwd=bench.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        counter = _Counter(process.stdout)
        readings = _sample(psutil.Process(process.pid), counter)
    if process.returncode != 0:
        raise SubjectError(
            f"{Path(command[0]).name}: ended with code {process.returncode}; last: {counter.last}"
        )
    return readings


class _Counter(threading.Thread):
    """Reads what a run prints, and counts the jobs that have ended."""

    def __init__(self, lines: IO[str]) -> None:
        super().__init__(daemon=True, name="count-jobs")
        self._lines = lines
        self.ended = 0
        self.last = ""
        self.start()

    def run(self) -> None:
        """Read until the command closes its output."""
        for line in self._lines:
            self.last = line.strip()
            self.ended += bool(_ENDED.match(line))


def _sample(process: psutil.Process, counter: _Counter) -> list[Reading]:
    readings = []
    with contextlib.suppress(psutil.NoSuchProcess):
        while process.status() != psutil.STATUS_ZOMBIE:
            readings.append(Reading(counter.ended, process.memory_info().rss))
            counter.join(_SAMPLE_SECONDS)
    counter.join()
    return readings
