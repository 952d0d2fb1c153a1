"""Kill a stage in the middle of its writing, look at what is left, and run it again.

Triggers of ours make each row take some milliseconds, so that the moment falls among the rows.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from proofbook.processes import Supervised, supervise
from proofbook_systems.pipeline.databases.baselines import Baseline
from proofbook_systems.pipeline.databases.contents import Content, Place
from proofbook_systems.pipeline.databases.locks import openers
from proofbook_systems.pipeline.databases.subject import Subject
from proofbook_systems.pipeline.databases.triggers import drop_triggers, slow_rows
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.stages import StageRun, run_stage
from proofbook_systems.pipeline.workspace import Workspace

__all__ = ["Killed", "half_rows", "judge_healed", "try_kills"]

_POLL = 0.002
_DEATH = 10.0
_SHARES = (0.05, 0.9)
"""Of the time for which it has its databases open: when it is killed."""


@dataclass(frozen=True, kw_only=True)
class Killed:
    """A stage that was killed, and run again."""

    moment: str
    hit: bool
    """Whether it was still running."""
    left: Content
    rerun: StageRun
    healed: Content


def try_kills(subject: Subject, baseline: Baseline, kills: int, seed: int) -> list[Finding]:
    """Kill a stage so many times at moments of its writing, each time from the same state."""
    stage = baseline.stage
    chosen = random.Random(f"{seed}-{stage}")
    window = _measure(subject, baseline) if kills else 0.0
    shares = [chosen.uniform(*_SHARES) for _ in range(kills)]
    trials = [_kill(subject, baseline, n, share * window) for n, share in enumerate(shares)]
    hit = [trial for trial in trials if trial.hit]
    untried = "" if hit else f"none of {kills} kills met the stage while it was writing"
    faults = [
        f"killed {trial.moment}: {fault}" for trial in hit for fault in _left(baseline, trial)
    ]
    healed = [
        f"killed {trial.moment}: {fault}" for trial in hit
        for fault in judge_healed(baseline, trial.rerun, trial.healed)
    ]  # fmt: skip
    return [
        finding(
            f"{stage}-survives-kill", faults, untried=untried,
            why="a machine that loses power leaves the files as SIGKILL does: they must be whole",
        ),
        finding(
            f"{stage}-completes-after-kill", healed, untried=untried,
            why="run again, a killed stage must leave what an undisturbed one leaves",
        ),
    ]  # fmt: skip


def judge_healed(baseline: Baseline, rerun: StageRun, healed: Content) -> list[str]:
    """Return how a stage that was run again departs from an undisturbed one.

    Right is what one run leaves, and also what two leave: the first may have written all.
    """
    faults = [f"run again, {fault}" for fault in rerun.faults]
    faults += [f"run again, {words}" for words in baseline.departs(healed)]
    faults += [f"run again, {words}" for words in half_rows(baseline, healed)]
    return faults + [f"run again, {words}" for words in baseline.new_faults(healed)]


def half_rows(baseline: Baseline, found: Content) -> list[str]:
    """Return rows that lack what every row of an undisturbed run has, in full tables.

    A further row, such as that of a start that was never finished, may say so by its gaps.
    """
    faults = []
    sizes = baseline.once.sizes()
    for place, table in found.tables.items():
        if place not in sizes or len(table.rows) != sizes[place]:
            continue
        for column in table.columns:
            gaps = sum(value is None for value in table.values(column.name))
            usual = _gaps(baseline.once, place, column.name)
            if usual is not None and gaps > usual:
                faults.append(
                    f"{place[0]}: {gaps - usual} rows of {place[1]} have no {column.name}, which "
                    "an undisturbed run fills in"
                )
    return faults


def _gaps(content: Content, place: Place, column: str) -> int | None:
    table = content.tables[place]
    if column not in {each.name for each in table.columns}:
        return None
    return sum(value is None for value in table.values(column))


def _left(baseline: Baseline, trial: Killed) -> list[str]:
    return [*baseline.new_faults(trial.left), *baseline.broken_pairs(trial.left)]


def _measure(subject: Subject, baseline: Baseline) -> float:
    """Return for how long the slowed stage has its databases open."""
    with subject.copy(f"{baseline.stage}-slowed", baseline.stage) as workspace:
        files = _slow(subject, baseline, workspace)
        with _start(workspace, baseline.stage, subject.episodes[0]) as program:
            _wait_for_opening(program, files, workspace.timeout)
            opened = time.monotonic()
            program.wait(workspace.timeout)
            return time.monotonic() - opened


def _kill(subject: Subject, baseline: Baseline, number: int, delay: float) -> Killed:
    """Kill a stage at a moment, or where it had ended before that, once more and earlier."""
    trial = _kill_at(subject, baseline, number, delay)
    return trial if trial.hit else _kill_at(subject, baseline, number, delay / 3)


def _kill_at(subject: Subject, baseline: Baseline, number: int, delay: float) -> Killed:
    stage, episode = baseline.stage, subject.episodes[0]
    with subject.copy(f"{stage}-kill-{number + 1}", stage) as workspace:
        files = _slow(subject, baseline, workspace)
        with _start(workspace, stage, episode) as program:
            _wait_for_opening(program, files, workspace.timeout)
            program.wait(delay)
            program.send_signal(signal.SIGKILL, group=True)
            program.wait(_DEATH)
            hit = program.exit_code == -signal.SIGKILL
        left = subject.read(workspace)
        for path in files:
            drop_triggers(path)
        rerun = run_stage(workspace, stage, episode)
        return Killed(
            moment=f"{1000 * delay:.0f} ms after it opened a database", hit=hit, left=left,
            rerun=rerun, healed=subject.read(workspace),
        )  # fmt: skip


def _slow(subject: Subject, baseline: Baseline, workspace: Workspace) -> list[Path]:
    """Have each row that the stage writes take a while; return the files."""
    files = [path for path in subject.paths(workspace) if path.name in baseline.written]
    tables = baseline.before.tables
    for path in files:
        slow_rows(path, [table for file, table in tables if file == path.name])
    return files


def _start(workspace: Workspace, stage: str, episode: str) -> Supervised:
    return supervise(
        workspace.fill(workspace.commands[stage], f"commands.{stage}", episode),
        log=workspace.logs / f"{episode}-{stage}-killed.log", name=stage, cwd=workspace.folder,
        env=workspace.variables(),
    )  # fmt: skip


def _wait_for_opening(program: Supervised, files: Sequence[Path], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while program.running and not openers(files) and time.monotonic() < deadline:
        time.sleep(_POLL)
