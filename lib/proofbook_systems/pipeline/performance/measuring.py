"""Run every stage a number of times, each form of it from the same state, in turns.

    runs, faults = measure_stages(config, folder)

A quicker form and the usual one take turns in being first, so that a machine that grows slower
favours neither.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.processes import supervise
from proofbook_systems.pipeline.load.sampling import Sampler
from proofbook_systems.pipeline.names import Names
from proofbook_systems.pipeline.performance.config import PerformanceConfig
from proofbook_systems.pipeline.reading import read_script
from proofbook_systems.pipeline.stages import run_stage
from proofbook_systems.pipeline.tables import read_rows
from proofbook_systems.pipeline.workspace import (
    Workspace,
    copy_workspace,
    new_episode,
    open_workspace,
)

__all__ = ["QUICK", "USUAL", "Measured", "measure_stages"]

USUAL, QUICK = "usual", "quicker"
_INTERVAL = 0.01
_ITEMS = {"trends": "trends", "script": "lines", "audio": "files", "images": "selections",
          "video": "s of film"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run of a stage in one form."""

    stage: str
    form: str
    repetition: int
    """From 1; 0 and below are warm-ups."""
    seconds: float
    cpu: float
    """Seconds that its whole tree has computed, but for the last hundredth."""
    memory: int
    """Most bytes of its whole tree at one time."""
    items: str
    """How much it made: ``8 lines``."""
    fault: str


def measure_stages(config: PerformanceConfig, folder: Path) -> tuple[list[Measured], list[str]]:
    """Return all runs, and why some did not end well.

    Raises:
        SubjectError: There is no such project, or a command cannot be started.
    """
    workspace = open_workspace(config, folder)
    for stage in config.prepare:
        if workspace.has(stage):
            ended = run_stage(workspace, stage, "prepare")
            if not ended.ended_well:
                return [], ended.faults
    runs: list[Measured] = []
    for repetition in range(1 - config.warmup, config.repetitions + 1):
        place = folder / f"repetition-{repetition + config.warmup}"
        runs += _repeat(config, copy_workspace(workspace, place), repetition)
    return runs, [run.fault for run in runs if run.fault]


def _repeat(config: PerformanceConfig, workspace: Workspace, repetition: int) -> list[Measured]:
    episode, runs = new_episode(), list[Measured]()
    for stage in config.stages:
        if not workspace.has(stage):
            continue
        forms = {USUAL: workspace.commands[stage]}
        if config.quicker.get(stage):
            forms[QUICK] = config.quicker[stage]
        order = list(forms) if repetition % 2 else list(reversed(forms))
        for place, form in enumerate(order):
            own = workspace if place == len(order) - 1 else copy_workspace(
                workspace, workspace.logs.parent / f"{stage}-{form}")  # fmt: skip
            runs.append(_measure(own, stage, form, forms[form], episode, config, repetition))
        if any(run.fault for run in runs):
            break
    return runs


def _measure(
    workspace: Workspace, stage: str, form: str, words: Sequence[str], episode: str,
    config: PerformanceConfig, repetition: int,
) -> Measured:  # fmt: skip
    name = f"commands.{stage}" if form == USUAL else f"quicker.{stage}"
    filled = workspace.fill(words, name, episode, workers=str(config.workers))
    log = workspace.logs / f"{stage}-{form}.log"
    with Sampler(interval=_INTERVAL) as sampler:
        began = time.perf_counter()
        with supervise(
            filled, log=log, name=stage, cwd=workspace.folder, env=workspace.variables()
        ) as program, sampler.watching(program.pid, stage):  # fmt: skip
            in_time = program.wait(workspace.timeout)
            seconds = time.perf_counter() - began
            lines = [line for line in program.tail(20).splitlines() if line.strip()]
            told = f"{stage} {program.state}: {lines[-1] if lines else 'it printed nothing'}"
            ended_well = in_time and program.exit_code == 0
    return Measured(
        stage=stage, form=form, repetition=repetition, seconds=seconds, cpu=sampler.computed,
        memory=sampler.peak, fault="" if ended_well else told,
        items=_count(workspace, stage, episode) if ended_well else "",
    )  # fmt: skip


def _count(workspace: Workspace, stage: str, episode: str) -> str:
    """Return how much a stage made, as far as it can be read."""
    names = Names.of(workspace.names)
    try:
        if stage == "trends":
            number = len(read_rows(workspace.path("trends_db", episode), "trends", names))
        elif stage in ("script", "audio", "images"):
            number = len(read_script(workspace.path("script", episode), names).lines)
        elif stage == "video":
            return _film_seconds(workspace.path("video", episode))
        else:
            return ""
    except SubjectError:
        return ""
    return f"{number} {_ITEMS[stage]}"


def _film_seconds(path: Path) -> str:
    import av

    try:
        with av.open(str(path)) as film:
            return f"{(film.duration or 0) / av.time_base:.1f} s of film"
    except (OSError, av.FFmpegError):
        return ""
