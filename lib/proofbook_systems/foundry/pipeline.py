"""A project's data, prepared in copies of it: texts, tokens, chunks, and the tokenizer."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.fingerprints import revision_of
from proofbook.subjects import resolve_reference
from proofbook_systems.foundry.changes import change_setting, shorten_texts, write_unusual
from proofbook_systems.foundry.config import DataPipelineConfig
from proofbook_systems.foundry.cuts import Cut, match_cuts
from proofbook_systems.foundry.packing import find_packed
from proofbook_systems.foundry.stores import Store, find_stores
from proofbook_systems.foundry.token_files import find_torn
from proofbook_systems.foundry.tokenizers import Tokenizer, find_tokenizer
from proofbook_systems.foundry.workspaces import (
    Stamp,
    Workspace,
    copy_project,
    list_files,
    run_steps,
)
from proofbook_systems.training.subject import find_command, find_config
from proofbook_systems.training.trainer import Trainer, find_interpreter
from proofbook_systems.training.variants import configured_number

__all__ = ["Pipeline", "Prepared", "Tried", "find_pipeline"]

_PROGRESS = re.compile(r"\d+%\|.*\|")
"""A bar, as tqdm draws it."""
_SHOWN = 8
_MOST = 1000
"""Files that a project's revision is made of."""


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What became of commands in a copy of the project."""

    workspace: Workspace
    code: int | None
    state: str
    """How it ended, in words."""
    printed: str

    @property
    def last_words(self) -> str:
        """The end of what it printed, without the progress that another thread left behind it."""
        lines = [line.strip() for line in self.printed.splitlines() if line.strip()]
        words = [line for line in lines if not _PROGRESS.search(line)] or lines
        return words[-1][-300:] if words else "it printed nothing"


@dataclass(frozen=True, kw_only=True)
class Prepared(Tried):
    """What a preparation has left there."""

    tokens: tuple[Store, ...]
    chunks: tuple[Store, ...]
    tokenizer: Tokenizer | None
    texts: tuple[Path, ...]
    torn: tuple[str, ...] = ()
    """Files of ids that are not as the file beside them says."""

    @property
    def unread(self) -> str:
        """What it wrote, and what to do where there are no ids in it."""
        texts, folder = set(self.texts), self.workspace.folder
        names = [path.relative_to(folder).as_posix() for path in self.workspace.written()
                 if path not in texts and path.is_relative_to(folder)]  # fmt: skip
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return (
            f"it wrote {', '.join(names[:_SHOWN]) or 'no file'}{more}, and none of that is read as "
            "ids; have it keep what it makes in a form that the README of this runbook names"
        )

    @property
    def stores(self) -> tuple[Store, ...]:
        """All that has ids in it."""
        return (*self.tokens, *self.chunks)

    @cached_property
    def cuts(self) -> tuple[Cut, ...]:
        """Chunks, each with the tokens that it agrees with the longest."""
        tokens = [each for each in self.tokens if all(each is not other for other in self.packed)]
        return match_cuts(self.chunks, self.packed, tokens)

    @cached_property
    def packed(self) -> tuple[Store, ...]:
        """The tokens whose rows are several documents of others: they are trained on as chunks."""
        return tuple(find_packed(self.tokens))

    @property
    def words(self) -> str:
        """What was found, for a person."""
        packed = {store.path for store in self.packed}
        lines = [f"{'packed' if store.path in packed else 'tokens'}  {store.words}"
                 for store in self.tokens]  # fmt: skip
        lines += [f"chunks  {store.words}" for store in self.chunks]
        if self.tokenizer:
            lines.append(f"tokenizer  {self.tokenizer.path.name}: {self.tokenizer.form}, "
                         f"{self.tokenizer.size} ids")  # fmt: skip
        texts = ", ".join(path.name for path in self.texts) or "none"
        return "\n".join([*lines, f"texts  {texts}"])


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """How a project's data is prepared."""

    config: DataPipelineConfig
    project: Path
    config_file: Path | None
    command: tuple[str, ...]
    folder: Path
    """For the copies."""
    before: dict[str, Stamp]
    """The project's files when all began."""

    @property
    def revision(self) -> str:
        """What tells versions of it apart: its files."""
        told = [
            f"{name} {revision_of(self.project / name)}" for name in sorted(self.before)[:_MOST]
        ]
        return hashlib.sha256("\n".join([*self.command, *told]).encode()).hexdigest()

    @property
    def vocabulary(self) -> float | None:
        """How many ids the model has; None where that is not given.

        Raises:
            SubjectError: The config cannot be read, or has no number there.
        """
        trainer = Trainer(
            train=(), resume=(), config_file=self.config_file, project=self.project, steps=0
        )
        return configured_number(trainer, self.config.vocabulary)

    @property
    def changes(self) -> dict[str, str]:
        """The changes after which data is prepared again, by name."""
        wanted = {"length": self.config.length_change, "tokenizer": self.config.tokenizer_change}
        texts = {"text": "text"} if self.config.text_change and self.config.texts else {}
        return texts | {name: change for name, change in wanted.items() if change}

    @property
    def not_changed(self) -> dict[str, str]:
        """Why nothing is said of other changes, by name."""
        reasons = {"text": "text_change is not asked for", "length": "length_change is empty",
                   "tokenizer": "tokenizer_change is empty"}  # fmt: skip
        return {name: reason for name, reason in reasons.items() if name not in self.changes}

    def prepare(self, name: str, change: str = "", unusual: str = "") -> Prepared:
        """Prepare data in a new copy of the project.

        Args:
            name: Of the copy's folder.
            change: Another setting: see ``length_change``; ``text`` shortens the texts.
            unusual: Kind of texts that come in place of the project's.

        Raises:
            SubjectError: The command cannot be started, or a setting cannot be changed.
        """
        generated = (*self.config.tokens, *self.config.chunks)
        workspace = copy_project(self.project, self.folder / name, generated)
        if unusual:
            write_unusual(unusual, workspace.find(self.config.texts))
        return self._run(workspace, change)

    def prepare_again(self, prepared: Prepared, name: str, change: str) -> Prepared:
        """Prepare data where it has been prepared before, after a change.

        Raises:
            SubjectError: The command cannot be started, or a setting cannot be changed.
        """
        old, folder = prepared.workspace, self.folder / name
        cache = folder.with_name(f"{name}.cache")
        for source, target in ((old.folder, folder), (old.cache, cache)):
            shutil.rmtree(target, ignore_errors=True)
            # With the times of files, by which caches may go.
            shutil.copytree(source, target, symlinks=True)
        return self._run(Workspace(folder=folder, cache=cache, before=old.before), change)

    def validate(self, name: str, change: str = "") -> Tried:
        """Have a config judged by the project's own command, in a new copy of the project.

        Args:
            name: Of the copy's folder.
            change: Another setting: see ``length_change``.

        Raises:
            SubjectError: The command cannot be started, or a setting cannot be changed.
        """
        workspace = copy_project(self.project, self.folder / name)
        command = find_command(self.config.validate_command)
        return self._tried(workspace, command, change)

    def config_in(self, workspace: Workspace) -> Path | None:
        """Return the config file of a copy."""
        if self.config_file is None:
            return None
        if self.config_file.is_relative_to(self.project):
            return workspace.folder / self.config_file.relative_to(self.project)
        copy = workspace.folder.with_name(f"{workspace.folder.name}.{self.config_file.name}")
        if not copy.exists():
            shutil.copyfile(self.config_file, copy)
        return copy

    def touched(self) -> list[str]:
        """Return the files of the project itself that are not as they were."""
        now = list_files(self.project)
        names = sorted({*now, *self.before})
        return [name for name in names if now.get(name) != self.before.get(name)]

    def _run(self, workspace: Workspace, change: str) -> Prepared:
        return self._read(self._tried(workspace, self.command, change))

    def _tried(self, workspace: Workspace, command: Sequence[str], change: str) -> Tried:
        config, more = self.config_in(workspace), list[str]()
        if change == "text":
            shorten_texts(workspace.find(self.config.texts))
        elif change:
            more = change_setting(change, config)
        values = {
            "python": find_interpreter(self.project), "project": str(workspace.folder),
            "config": str(config or ""),
        }  # fmt: skip
        code, state, printed = run_steps(
            [*command, *more], workspace, values, self.config.environment, self.config.timeout
        )
        return Tried(workspace=workspace, code=code, state=state, printed=printed)

    def _read(self, tried: Tried) -> Prepared:
        workspace, given, written = tried.workspace, self.config, tried.workspace.written()
        texts = tuple(path for path in workspace.find(given.texts) if path.is_file())
        found = [store for store in find_stores(written) if store.path not in texts]
        tokens = find_stores(workspace.find(given.tokens)) if given.tokens else []
        chunks = find_stores(workspace.find(given.chunks)) if given.chunks else []
        if not given.chunks:
            taken = {store.path for store in tokens}
            grids = [each for each in found if each.path not in taken and each.is_grid]
            # Where none has the length that is wanted, they are what is to have it.
            chunks = [each for each in grids if self._is_cut(each)] or grids
        if not given.tokens:
            taken = {store.path for store in chunks}
            # Chunks may be there twice, and are not what chunks were cut of.
            tokens = [each for each in found if each.path not in taken and not each.is_grid]
        everywhere = [workspace.folder / name for name in list_files(workspace.folder)]
        return Prepared(
            workspace=workspace, code=tried.code, state=tried.state, printed=tried.printed,
            tokens=tuple(tokens), chunks=tuple(chunks), texts=texts,
            tokenizer=find_tokenizer(given.tokenizer, workspace.folder, written, everywhere),
            torn=tuple(find_torn(path for path in written if path.is_file())),
        )  # fmt: skip

    def _is_cut(self, store: Store) -> bool:
        wanted = self.config.chunk_length
        return not wanted or int(store.lengths[0]) == wanted


def find_pipeline(config: DataPipelineConfig, folder: Path) -> Pipeline:
    """Return the pipeline that a runbook's parameters describe.

    Args:
        config: The parameters.
        folder: Where a reference subject's project, and the copies, are written.

    Raises:
        SubjectError: There is no such project or config.
    """
    path = _find_config(config.config_file, folder)
    if not config.project and path is None:
        raise SubjectError("project is empty; give the folder that data is prepared in")
    project = Path(config.project).expanduser() if config.project else _parent(path)
    if not project.is_dir():
        raise SubjectError(f"project {project} does not exist; give the folder of the project")
    command = find_command(config.prepare_command)
    project = project.resolve()
    if folder.resolve().is_relative_to(project):
        raise SubjectError(f"output_dir {folder} is in the project {project}; give another folder")
    return Pipeline(
        config=config, project=project, config_file=path, command=command, folder=folder.resolve(),
        before=list_files(project),
    )  # fmt: skip


def _find_config(name: str, folder: Path) -> Path | None:
    if not name:
        return None
    reference = resolve_reference(name, "foundry.config_file", root=folder / "subject")
    return find_config(str(reference.path) if reference else name, folder)


def _parent(path: Path | None) -> Path:
    assert path is not None
    return path.parent
