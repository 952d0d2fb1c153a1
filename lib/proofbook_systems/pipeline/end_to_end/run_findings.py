"""What the run of a stage says by itself, and what later steps know of earlier ones."""

from __future__ import annotations

from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.artefacts import Trend
from proofbook_systems.pipeline.end_to_end.images import Library, library_of
from proofbook_systems.pipeline.end_to_end.trends import trends_of
from proofbook_systems.pipeline.end_to_end.walk import Walk
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.stages import StageRun
from proofbook_systems.pipeline.tables import UnknownFormError

__all__ = [
    "Begun",
    "begin_step",
    "judge_run",
    "known_emotions",
    "known_library",
    "known_trends",
    "unreadable",
]


class Begun(NamedTuple):
    """A step whose stage was run, where it has one."""

    runs: list[StageRun]
    findings: list[Finding]
    untried: str
    """Why the step cannot be gone on with; empty where it can."""


def begin_step(walk: Walk, stage: str, *artefacts: str) -> Begun:
    """Run the stage of a step and judge its run.

    A stage without a command is not run: another one may have left its artefacts.

    Args:
        walk: The walk.
        stage: Which.
        artefacts: What it leaves; without the first there is nothing to judge.
    """
    if not walk.workspace.knows(artefacts[0]):
        return Begun([], [], f"paths has no {artefacts[0]}")
    if walk.workspace.has(stage):
        run = walk.run(stage)
        return Begun([run], judge_run(walk, run, *artefacts), "")
    if walk.path(artefacts[0]).exists():
        return Begun([], [], "")
    return Begun([], [], (
        f"commands has no {stage}, and no stage so far has left its {artefacts[0]}; a command that "
        "makes several things is given for the first of them"
    ))  # fmt: skip


def judge_run(walk: Walk, run: StageRun, *artefacts: str) -> list[Finding]:
    """Judge how a stage ended, whether it left its artefacts, and what it told of APIs."""
    missing = walk.written_by(run, *artefacts)
    if run.ended_well:
        missing = [f"it exited with code 0, and {fault}" for fault in missing]
    return [
        finding(f"{run.stage}-ends-well", run.faults, why="the stages behind it have nothing"),
        finding(
            f"{run.stage}-leaves-its-artefacts", missing,
            why="an exit code of 0 says that all is there, and the stages behind it believe it",
        ),
        finding(
            f"{run.stage}-no-api-errors", run.api_errors if run.ended_well else [],
            why="an error of an API that is passed over makes a film with holes",
        ),
    ]  # fmt: skip


def unreadable(name: str, error: SubjectError) -> Finding:
    """Return the finding that what a stage has left cannot be read, or not here."""
    untried = str(error) if isinstance(error, UnknownFormError) else ""
    return finding(name, [str(error)], why="nothing behind it can use it", untried=untried)


def known_trends(walk: Walk) -> list[Trend] | None:
    """Return the fetched trends; None where no table of them is known."""
    if not walk.workspace.knows("trends_db"):
        return None
    try:
        return trends_of(walk.table("trends", "trends_db"))
    except SubjectError:
        return None  # the step of the trends has told why


def known_library(walk: Walk) -> Library | None:
    """Return what the image library says; None where none was declared.

    Raises:
        SubjectError: It cannot be read.
    """
    if not walk.workspace.knows("library_db"):
        return None
    return library_of(walk.table("library", "library_db"), walk.workspace.folder)


def known_emotions(walk: Walk) -> list[str]:
    """Return the emotions that there are: as given, or as the image library has them."""
    if walk.config.emotions:
        return list(walk.config.emotions)
    try:
        library = known_library(walk)
    except SubjectError:
        return []  # the step of the images tells why
    return sorted({emotion for _, emotion in (library or {}).values() if emotion})
