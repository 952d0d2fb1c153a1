"""Interrupt the stranger as training/resume does and return what is red, in the runbook's order."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from waiting import HANG

from proofbook_systems.training.controls import Control, repeat, run_control
from proofbook_systems.training.diagnosis import diagnose
from proofbook_systems.training.interruption import interrupt_and_resume, read_plan
from proofbook_systems.training.layouts import find_checkpoints
from proofbook_systems.training.probing import name_cause, probe
from proofbook_systems.training.saving import find_unprotected
from proofbook_systems.training.trainer import Trainer
from proofbook_systems.training.trees import compare_trees

STRANGER = Path(__file__).with_name("stranger.py")
PLAN = ("SIGINT after 40 %", "SIGKILL after 80 %")


class Red(NamedTuple):
    """One check that is red."""

    check: str
    words: str


def stranger(project: Path, *words: str) -> Trainer:
    """Return the stranger as a trainer: three things are known of it."""
    command = (sys.executable, str(STRANGER), "{output_dir}", *words)
    return Trainer(train=command, resume=(*command, "--resume"), config_file=None, project=project,
                   steps=0)  # fmt: skip


def control_of(trainer: Trainer, folder: Path) -> Control:
    """Return a training that was left alone twice."""
    return repeat(run_control(trainer, folder / "alone", HANG), folder / "again", HANG)


def judge(
    control: Control, folder: Path, *faults: str, plan: tuple[str, ...] = PLAN,
    waits: bool = True, probes: int = 0, **changes: bool,
) -> list[Red]:  # fmt: skip
    """Return what is red of a trainer that has faults where it is resumed, the first one first.

    With ``waits``, the trainer makes no step after the one at which it is to be interrupted.
    """
    if control.not_repeatable:
        return [Red("repeats-itself", control.not_repeatable)]
    steps = [each.placed(control) for each in read_plan(plan)]
    moments = ",".join("0" if each.writing else str(each.step) for each in steps)
    words = (*control.trainer.train, *(["--waits", moments] if waits else []), *faults)
    resume = control.trainer.resume[len(control.trainer.train) :]
    trainer = replace(control.trainer, train=words, resume=(*words, *resume))
    control = replace(control, trainer=trainer)
    red = [
        Red("a-whole-checkpoint-at-all-times", each.words)
        for each in find_unprotected(control.changes)
        if any(each.writing for each in steps)
    ]
    output = folder / "interrupted"
    result = interrupt_and_resume(control, output, steps, logs=folder / "starts", timeout=HANG)
    red += [Red("interrupted", each.words) for each in result.cycles if not each.happened]
    if not red and result.last.state != "exited with code 0":
        red.append(Red("comes-to-its-end", f"{result.why_not}: {result.last.last_words}"))
    if red:
        return red
    for cycle in result.cycles:
        if cycle.unknown:
            continue
        if cycle.resumed_at is None:
            red.append(Red("resumed", cycle.words))
        elif (cycle.lost or 0) > cycle.allowed(
            saves_on_signal=changes.get("saves_on_signal", False)
        ):
            red.append(Red("lost", cycle.words))
    comparison = compare_trees(output, control.output, control.noise)
    if not comparison.compared_weights:
        red.append(Red("something-compared", comparison.table))
    red += [Red("files-can-be-read", row.words) for row in comparison.having("damaged")]
    finding = diagnose(control, output, result, comparison)
    if probes and finding and finding.probe_at is not None:
        probed = probe(control, finding.probe_at, folder, most=probes, timeout=HANG)
        finding = name_cause(finding, probed)
    red += [Red("resumes-exactly", finding.words)] if finding else []
    left = len(result.kept(control, find_checkpoints(output, trainer.checkpoints)))
    too_many = control.keeps and left > result.most_kept(control)
    return red + ([Red("rotation-goes-on", str(left))] if too_many else [])
