"""Jupyter's contents manager for a project: records are read-only, runbooks are kept stripped.

Whoever is refused is told why in one sentence, and what to do. Knows nothing about how a job's
working copy is made.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import nbformat
from jupyter_server.services.contents.fileio import path_to_intermediate
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from tornado.web import HTTPError
from traitlets import default

from proofbook.errors import NotebookError
from proofbook.lab.checkpoints import LabCheckpoints
from proofbook.lab.protection import refusal, run_beneath, run_of
from proofbook.lab.stripping import is_same_runbook, strip_runbook
from proofbook.notebooks import read_notebook
from proofbook.project import Project

__all__ = ["LabContents"]

Model = dict[str, Any]


class LabContents(AsyncLargeFileManager):  # type: ignore[misc]  # jupyter_server is untyped here
    """The files of a project, as ``proofbook lab`` serves them."""

    @default("checkpoints_class")  # type: ignore[untyped-decorator]
    def _checkpoints(self) -> type[LabCheckpoints]:
        return LabCheckpoints

    def is_writable(self, path: str) -> bool:
        """Say whether a path may be changed; JupyterLab opens what may not as read-only."""
        return self._run_of(path) is None and bool(super().is_writable(path))

    async def save(self, model: Model, path: str = "") -> Model:
        """Save a file or a chunk of one; a runbook is stripped, and written only if it changed.

        Raises:
            HTTPError: 403, it belongs to a run.
        """
        self._refuse_record(path)
        if model.get("type") == "notebook" and "content" in model and self._is_runbook(path):
            kept = await asyncio.to_thread(_read, Path(self._get_os_path(path)))
            if kept is not None and is_same_runbook(model["content"], kept):
                unchanged: Model = await self.get(path, content=False)
                return unchanged
            model["content"] = strip_runbook(model["content"], kept)
        saved: Model = await super().save(model, path)
        return saved

    async def delete_file(self, path: str) -> None:
        """Delete a file or folder.

        Raises:
            HTTPError: 403, it belongs to a run, or holds one.
        """
        self._refuse_record(path, beneath=True)
        await super().delete_file(path)

    async def rename_file(self, old_path: str, new_path: str) -> None:
        """Rename a file or folder.

        Raises:
            HTTPError: 403, either place belongs to a run, or the folder holds one.
        """
        self._refuse_record(old_path, beneath=True)
        self._refuse_record(new_path)
        await super().rename_file(old_path, new_path)

    async def copy(self, from_path: str, to_path: str | None = None) -> Model:
        """Copy a file or folder.

        Raises:
            HTTPError: 403, the copy would be put into a run.
        """
        parent = from_path.strip("/").rpartition("/")[0]
        self._refuse_record(parent if to_path is None else to_path)
        copied: Model = await super().copy(from_path, to_path)
        return copied

    async def restore_checkpoint(self, checkpoint_id: str, path: str) -> None:
        """Put a checkpoint in the place of its file.

        Raises:
            HTTPError: 403, it belongs to a run.
        """
        self._refuse_record(path)
        await super().restore_checkpoint(checkpoint_id, path)

    async def _read_notebook(self, os_path: str, *args: Any, **options: Any) -> Any:
        """Read a notebook; Jupyter repairs one that is torn, and a record is left as it is."""
        is_record = run_of(Path(os_path), Path(self.root_dir)) is not None
        if is_record and Path(path_to_intermediate(os_path)).exists():
            _refuse_unreadable(os_path)
        return await super()._read_notebook(os_path, *args, **options)

    def _run_of(self, path: str) -> Path | None:
        return run_of(Path(self._get_os_path(path)), Path(self.root_dir))

    def _refuse_record(self, path: str, *, beneath: bool = False) -> None:
        place, root = Path(self._get_os_path(path)), Path(self.root_dir)
        run = run_of(place, root) or (run_beneath(place) if beneath else None)
        if run is not None:
            raise HTTPError(403, refusal(place, run, root))

    def _is_runbook(self, path: str) -> bool:
        place = Path(self._get_os_path(path)).resolve()
        runbooks = Project(Path(self.root_dir)).runbooks.resolve()
        return place.suffix == ".ipynb" and place.is_relative_to(runbooks)


def _read(path: Path) -> Model | None:
    try:
        return read_notebook(path)
    except NotebookError:
        return None


def _refuse_unreadable(os_path: str) -> None:
    try:
        nbformat.reads(Path(os_path).read_text(encoding="utf-8"), as_version=4)
    except Exception as error:
        raise HTTPError(400, f"{Path(os_path).name} cannot be read as a notebook") from error
