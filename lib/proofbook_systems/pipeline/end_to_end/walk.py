"""The eight steps of the checklist, one after the other, on one pipeline and one film.

    walk = begin(config, folder)
    step = walk.take("audio")
    step.findings

A walk can be gone on with by another job: what was done is kept beside the workspace.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.artefacts import Script, Selections, Timeline
from proofbook_systems.pipeline.cutting import cut_lines
from proofbook_systems.pipeline.end_to_end.config import EndToEndConfig
from proofbook_systems.pipeline.end_to_end.identity import judge_identity, told_episode
from proofbook_systems.pipeline.findings import Finding
from proofbook_systems.pipeline.names import Names
from proofbook_systems.pipeline.reading import read_script, read_selections, read_timeline
from proofbook_systems.pipeline.stages import StageRun, run_stage
from proofbook_systems.pipeline.tables import Rows, has_table, read_rows
from proofbook_systems.pipeline.workspace import (
    Workspace,
    copy_workspace,
    new_episode,
    open_workspace,
)

__all__ = ["Note", "Step", "Walk", "begin"]

_NOTES = "walk.json"


class Note(BaseModel):
    """What is kept of a step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: str
    """``PASS``, ``FAIL``, ``SKIPPED``."""
    seconds: float
    words: str


class _Notes(BaseModel):
    model_config = ConfigDict(extra="forbid")

    episode: str
    began: float
    original: str
    python: str
    film_seconds: float | None = None
    steps: dict[str, Note] = {}
    tables: dict[str, list[dict[str, Any]]] = {}
    unkept: dict[str, str] = {}
    """By table, why it could not be kept."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step as it was taken."""

    name: str
    findings: list[Finding] = field(default_factory=list)
    numbers: Mapping[str, float] = field(default_factory=dict)
    """Measured values by name; seconds unless the name says otherwise."""
    runs: list[StageRun] = field(default_factory=list)
    words: str = ""
    """What was done, for the table of results."""


@dataclass(kw_only=True)
class Walk:
    """A pipeline under test, and how far its film has come."""

    config: EndToEndConfig
    workspace: Workspace
    names: Names
    folder: Path
    notes: _Notes

    @property
    def episode(self) -> str:
        """What the film is called."""
        return self.notes.episode

    def takes(self, step: str) -> bool:
        """Say whether a step is asked for."""
        return not self.config.steps or step in self.config.steps

    def run(self, stage: str) -> StageRun:
        """Run a stage for the film."""
        return run_stage(self.workspace, stage, self.episode)

    def path(self, artefact: str) -> Path:
        """Return where an artefact of the film lies."""
        return self.workspace.path(artefact, self.episode)

    def note(self, step: Step, seconds: float) -> None:
        """Keep how a step went."""
        failed = [each.name for each in step.findings if each.faults]
        judged = [each for each in step.findings if not each.untried]
        status = "FAIL" if failed else "PASS" if judged else "SKIPPED"
        words = ", ".join(failed) if failed else step.words
        self.notes.steps[step.name] = Note(status=status, seconds=seconds, words=words)
        self.save()

    def save(self) -> None:
        """Write what was done beside the workspace."""
        (self.folder / _NOTES).write_text(self.notes.model_dump_json(indent=1), encoding="utf-8")

    def keep_table(self, kind: str, database: str) -> None:
        """Keep a table as it is now; one that is not there yet is kept as empty.

        What is there and cannot be read is not empty: why is kept instead.
        """
        if not self.workspace.knows(database):
            return
        path, rows = self.path(database), list[dict[str, Any]]()
        self.notes.unkept.pop(kind, None)
        try:
            if has_table(path, kind, self.names):
                rows = [dict(row) for row in read_rows(path, kind, self.names)]
        except SubjectError as error:
            self.notes.unkept[kind] = f"it could not be read before: {error}"
        self.notes.tables[kind] = json.loads(json.dumps(rows, default=repr))

    def unkept(self, kind: str) -> str:
        """Return why it is not known what a table held before; empty where it is."""
        return self.notes.unkept.get(kind, "")

    def kept_table(self, kind: str) -> list[dict[str, Any]]:
        """Return a table as it was kept."""
        return self.notes.tables.get(kind, [])

    def table(self, kind: str, database: str) -> Rows:
        """Return a table as it is.

        Raises:
            SubjectError: There is none.
        """
        return read_rows(self.path(database), kind, self.names)

    def script(self) -> Script:
        """Return the film's script."""
        return read_script(self.path("script"), self.names)

    def timeline(self, script: Script | None) -> Timeline:
        """Return the film's time-line; lines that are all in one sound are cut out of it."""
        sounds = self.path("audio") if self.workspace.knows("audio") else None
        timeline = read_timeline(
            self.path("timeline"), self.names, root=self.workspace.folder, script=script,
            sounds=sounds,
        )  # fmt: skip
        return cut_lines(timeline, self.folder / "cut")

    def selections(self, script: Script | None) -> Selections:
        """Return the film's images."""
        return read_selections(
            self.path("selections"), self.names, root=self.workspace.folder, script=script
        )

    def written_by(self, run: StageRun, *artefacts: str) -> list[str]:
        """Return which artefacts a stage has not written, although it should."""
        faults = []
        for artefact in artefacts:
            if not self.workspace.knows(artefact):
                continue
            path = self.path(artefact)
            shown = self.workspace.paths[artefact].replace("{episode}", self.episode)
            if not path.exists():
                elsewhere = self.workspace.original / shown
                hint = "; it is in the project itself" if run.wrote(elsewhere) else ""
                hint = hint or self._under_other_name(run, artefact)
                faults.append(f"{artefact} {shown} is not there{hint}")
            elif not run.wrote(path):
                faults.append(f"{artefact} {shown} is from before this start")
        return faults

    def identity(self, artefact: str, *earlier: str) -> Iterator[Finding]:
        """Judge whether an artefact is of this film."""
        paths = [self.path(each) for each in earlier if self.workspace.knows(each)]
        return judge_identity(artefact, self.path(artefact), paths, self.episode, self.names)

    def _under_other_name(self, run: StageRun, artefact: str) -> str:
        """Return that a stage wrote under the name that the script tells, where that is another."""
        told = (
            told_episode(self.path("script"), self.names) if self.workspace.knows("script") else ""
        )
        if not told or told == self.episode or "/" in told:
            return ""
        path = self.workspace.path(artefact, told)
        if not path.exists() or not run.wrote(path):
            return ""
        place = path.relative_to(self.workspace.folder)
        return f"; it is at {place}, since the script says that it is of episode {told!r}"


def begin(config: EndToEndConfig, folder: Path) -> Walk:
    """Begin a walk in ``folder``, or go on with the one that another job has left.

    Raises:
        SubjectError: There is no such project, or no such walk.
    """
    names = Names.of(config.names)
    if config.workspace:
        return _go_on(config, Path(config.workspace).expanduser(), folder, names)
    folder.mkdir(parents=True, exist_ok=True)
    workspace = open_workspace(config, folder)
    notes = _Notes(
        episode=config.episode or new_episode(), began=time.time(), python=workspace.python,
        original=str(workspace.original),
    )  # fmt: skip
    walk = Walk(config=config, workspace=workspace, names=names, folder=folder, notes=notes)
    for kind in ("metrics", "marks"):
        walk.keep_table(kind, "metrics_db")
    walk.save()
    return walk


def _go_on(config: EndToEndConfig, earlier: Path, folder: Path, names: Names) -> Walk:
    try:
        notes = _Notes.model_validate_json((earlier / _NOTES).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise SubjectError(
            f"workspace {earlier} is none that pipeline/end_to_end has left: {error}"
        ) from error
    left = Workspace(
        folder=earlier / "project", original=Path(notes.original), python=notes.python,
        commands=config.commands, paths=config.paths, names=config.names,
        environment=config.environment, logs=earlier / "logs", timeout=config.timeout,
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    # A copy again: a step that fails leaves what the steps before it have left as it was.
    workspace = copy_workspace(left, folder, config.link)
    walk = Walk(config=config, workspace=workspace, names=names, folder=folder, notes=notes)
    walk.save()
    return walk
