"""A copy of a pipeline's project, in which its stages run: nothing is written into the user's own.

    workspace = open_workspace(config, folder)
    workspace.fill(["{python}", "scripts/fetch_trends.py"], "commands.trends")
    workspace.path("script", episode="e1")

Starts nothing.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.processes.placeholders import fill_command
from proofbook.subjects import resolve_reference
from proofbook_systems.pipeline.project.config import ARTEFACTS, PipelineConfig

__all__ = ["Workspace", "copy_workspace", "new_episode", "open_workspace", "revision_of_programs"]

_ENVIRONMENTS = (".venv", "venv", "env")
_LEFT_OUT = (
    ".git", "__pycache__", ".venv", "venv", "env", "node_modules", ".pytest_cache", ".mypy_cache",
)  # fmt: skip


_PROGRAMS = frozenset({".py", ".sh", ".js", ".ts", ".mjs", ".rb", ".go", ".rs", ".toml"})


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """Where a pipeline's commands run, and what they and their files are called."""

    folder: Path
    """The copy of the project; commands run in it."""
    original: Path
    """The user's own project."""
    python: str
    commands: Mapping[str, Sequence[str]]
    paths: Mapping[str, str]
    names: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    logs: Path
    timeout: float = 600.0
    """Seconds that each command may take."""

    def has(self, stage: str) -> bool:
        """Say whether a stage has a command."""
        return bool(self.commands.get(stage))

    def path(self, artefact: str, episode: str) -> Path:
        """Return where an artefact lies, whether or not it is there.

        Of several that fit a path with ``*`` it is the newest: programs put a time into names.

        Raises:
            SubjectError: No path was declared for it.
        """
        if artefact not in self.paths:
            raise SubjectError(f"paths has no {artefact}; give where the pipeline leaves it")
        place = fill_command(
            [self.paths[artefact]],
            {"episode": episode, "project": str(self.folder)},
            f"paths.{artefact}",
        )
        fitting = [*self.folder.glob(place[0])] if _has_wildcard(place[0]) else []
        return max(fitting, key=_written_at) if fitting else self.folder / place[0]

    def knows(self, artefact: str) -> bool:
        """Say whether an artefact's path was declared."""
        return bool(self.paths.get(artefact))

    def is_own(self, artefact: str) -> bool:
        """Say whether each episode has a file of its own."""
        return "{episode}" in self.paths.get(artefact, "")

    def fill(
        self, words: Sequence[str], name: str, episode: str, **values: str | Path
    ) -> list[str]:
        """Return a command with its placeholders filled.

        Args:
            words: Program and arguments.
            name: The parameter that messages name.
            episode: Of which film.
            values: Further placeholders, or others' values: ``selections=other``.

        Raises:
            SubjectError: An unknown placeholder.
        """
        known = {"python": self.python, "project": str(self.folder), "episode": episode}
        known |= {a: str(self.path(a, episode)) for a in ARTEFACTS if self.knows(a)}
        return fill_command(words, known | {k: str(v) for k, v in values.items()}, name)

    def variables(self, **more: str) -> dict[str, str]:
        """Return the whole environment of a command."""
        own = {n: v.replace("{project}", str(self.folder)) for n, v in self.environment.items()}
        return {**os.environ, **own, **more}

    def with_environment(self, **more: str) -> Workspace:
        """Return it with further variables."""
        return replace(self, environment={**self.environment, **more})


def revision_of_programs(workspace: Workspace) -> str:
    """Return what tells a pipeline's versions apart: the contents of its programs."""
    digest = hashlib.sha256()
    for path in sorted(workspace.folder.rglob("*")):
        if path.suffix in _PROGRAMS and path.is_file():
            digest.update(str(path.relative_to(workspace.folder)).encode() + b"\0")
            digest.update(path.read_bytes())
    return digest.hexdigest()


def open_workspace(config: PipelineConfig, folder: Path) -> Workspace:
    """Copy the project below ``folder``, and return the copy.

    Raises:
        SubjectError: There is no such project, it is another's than the commands, or it cannot be
            copied.
    """
    reference = resolve_reference(config.project, "pipeline.project")
    original = (reference.path if reference else Path(config.project).expanduser()).resolve()
    if not original.is_dir():
        raise SubjectError(f"project {original} does not exist; give the pipeline's folder")
    _refuse_commands_of_others(original, config.commands)
    copy = folder / "project"
    _copy(original, copy, config.link)
    return Workspace(
        folder=copy.resolve(), original=original, python=_find_python(original, config.interpreter),
        commands=config.commands, paths=config.paths, names=config.names,
        environment=config.environment, logs=folder / "logs", timeout=config.timeout,
    )  # fmt: skip


def copy_workspace(workspace: Workspace, folder: Path, link: Sequence[str] = ()) -> Workspace:
    """Return a copy of a workspace with all that its stages have left so far."""
    _copy(workspace.folder, folder / "project", link)
    return replace(workspace, folder=(folder / "project").resolve(), logs=folder / "logs")


def new_episode() -> str:
    """Return a name that no other film has: ``20261126-204015-3f9a``."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def _refuse_commands_of_others(project: Path, commands: Mapping[str, Sequence[str]]) -> None:
    """Refuse a project with none of the programs that its commands name by their files."""
    words = [Path(word) for command in commands.values() for word in command if "{" not in word]
    programs = list(dict.fromkeys(word for word in words if word.suffix in _PROGRAMS))
    if programs and not any((project / program).exists() for program in programs):
        rest = f" and {len(programs) - 1} more" if programs[1:] else ""
        raise SubjectError(
            f"project {project} has none of the programs that its commands name ({programs[0]}"
            f"{rest}); give commands and paths of its own"
        )


def _has_wildcard(place: str) -> bool:
    return "*" in place and not Path(place).is_absolute()


def _written_at(path: Path) -> tuple[float, Path]:
    return path.stat().st_mtime, path


def _copy(source: Path, target: Path, link: Sequence[str]) -> None:
    linked = {Path(name) for name in link}

    def ignored(folder: str, names: list[str]) -> set[str]:
        inside = Path(folder).relative_to(source)
        return {name for name in names if name in _LEFT_OUT or inside / name in linked}

    if target.exists():
        shutil.rmtree(target)
    try:
        shutil.copytree(source, target, symlinks=True, ignore=ignored)
        for name in linked:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).symlink_to((source / name).resolve())
    except (OSError, shutil.Error) as error:
        raise SubjectError(f"{source} cannot be copied: {error}; link large folders") from error


def _find_python(project: Path, given: str) -> str:
    if given:
        path = Path(given).expanduser()
        return str(path if path.is_absolute() or "/" not in given else project / path)
    for name in _ENVIRONMENTS:
        if (found := project / name / "bin" / "python").exists():
            return str(found)
    return sys.executable
