"""A pipeline made ready for trials: initialised, with what its stages need, copied for each trial.

subject = prepare_subject(config, folder)
with subject.copy("kill-1") as workspace:
    subject.read(workspace)
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.databases.config import DATABASES, DatabasesConfig
from proofbook_systems.pipeline.databases.contents import Content
from proofbook_systems.pipeline.databases.snapshots import SIDE_FILES, take_snapshot
from proofbook_systems.pipeline.stages import StageRun, run_stage
from proofbook_systems.pipeline.workspace import (
    Workspace,
    copy_workspace,
    new_episode,
    open_workspace,
)

__all__ = ["Subject", "known_databases", "make_subject", "prepare_subject"]

_ONE_FOR_ALL = ("init", "trends")
"""Stages that concern no one film, whatever their commands name."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A pipeline with its databases."""

    workspace: Workspace
    """Prepared; only copies of it are tried."""
    folder: Path
    databases: Mapping[str, Path]
    """Where each database lies in a project, by the name of the artefact."""
    episodes: tuple[str, ...]
    """Films that all inputs of the stages are there for."""

    starts: Mapping[str, Workspace] = field(default_factory=dict)
    """The project as it was before a stage first ran, for stages that prepare it and write."""

    @contextmanager
    def copy(self, name: str, stage: str = "") -> Iterator[Workspace]:
        """Yield a copy of the project, made ready for a stage, which goes at the end."""
        place = self.folder / name
        try:
            yield copy_workspace(self.starts.get(stage, self.workspace), place)
        finally:
            shutil.rmtree(place / "project", ignore_errors=True)

    def paths(self, workspace: Workspace) -> list[Path]:
        """Return the database files of a workspace, each once."""
        return list(dict.fromkeys(workspace.folder / path for path in self.databases.values()))

    def read(self, workspace: Workspace) -> Content:
        """Return what the databases of a workspace hold."""
        return Content(files={path.name: take_snapshot(path) for path in self.paths(workspace)})

    def remove(self, workspace: Workspace) -> None:
        """Remove the databases of a workspace, with what is beside them."""
        for path in self.paths(workspace):
            for suffix in ("", *SIDE_FILES, "-shm"):
                Path(f"{path}{suffix}").unlink(missing_ok=True)

    def has_own(self, stage: str) -> bool:
        """Say whether a stage's command concerns one film."""
        if stage in _ONE_FOR_ALL:
            return False
        words = " ".join(self.workspace.commands.get(stage, ()))
        names = re.findall(r"(?<!{){(\w+)}(?!})", words)
        return "episode" in names or any(self.workspace.is_own(name) for name in names)

    def turns(self, stage: str, number: int) -> list[str]:
        """Return the films of so many starts: each another one where the stage is about a film."""
        first = self.episodes[0]
        return list(self.episodes[:number]) if self.has_own(stage) else [first] * number


def known_databases(workspace: Workspace) -> dict[str, Path]:
    """Return where the databases that were declared lie in the project.

    Raises:
        SubjectError: None was declared.
    """
    places = {name: workspace.path(name, "") for name in DATABASES if workspace.knows(name)}
    if not places:
        raise SubjectError(f"paths has no database; give at least one of {', '.join(DATABASES)}")
    return {name: place.relative_to(workspace.folder) for name, place in places.items()}


def prepare_subject(config: DatabasesConfig, folder: Path) -> tuple[Subject, list[StageRun]]:
    """Copy the project, run the stages that the others need, and return how that went.

    Raises:
        SubjectError: There is no such project, or a command cannot be started.
    """
    subject = make_subject(open_workspace(config, folder), folder, config.workers)
    starts: dict[str, Workspace] = {}
    runs = _prepare(subject, config, starts)
    return replace(subject, starts=starts), runs


def make_subject(workspace: Workspace, folder: Path, episodes: int) -> Subject:
    """Return a workspace as the subject of trials with so many films."""
    stem = new_episode()
    return Subject(
        workspace=workspace, folder=folder, databases=known_databases(workspace),
        episodes=tuple(f"{stem}-{number}" for number in range(1, episodes + 1)),
    )  # fmt: skip


def _prepare(
    subject: Subject, config: DatabasesConfig, starts: dict[str, Workspace]
) -> list[StageRun]:
    runs: list[StageRun] = []
    for stage in config.prepare:
        if not subject.workspace.has(stage):
            continue
        if stage in config.writers:
            starts[stage] = copy_workspace(subject.workspace, subject.folder / f"before-{stage}")
        number = len(subject.episodes) if subject.has_own(stage) else 1
        for episode in subject.turns(stage, number):
            runs.append(run_stage(subject.workspace, stage, episode))
            if not runs[-1].ended_well:
                return runs
    return runs
