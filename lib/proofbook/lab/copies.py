"""A job's working copy: the executed notebook, to be edited, in a folder like the job's own.

It lies in ``outputs/lab/<run>/<job>/``, outside of the run, with what the job has left in its
working folder and with the code beside the runbook. A record that has changed since, as the job
was still running or ran again, has a new copy made; what was worked on is set aside.

What is copied may be foreign: links are not followed, nothing comes along that Python would import
by itself, and the notebook's outputs are not trusted.
"""

from __future__ import annotations

import importlib.machinery
import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args
from urllib.parse import quote

from pydantic import ValidationError

from proofbook.errors import RunFolderError, UsageError
from proofbook.files import atomic_write, hash_file
from proofbook.notebooks import read_notebook
from proofbook.project import Project
from proofbook.records import PlannedJob, Question, RunInfo
from proofbook.records.base import Model
from proofbook.runs.folder import JobFolder, RunFolder, read_records
from proofbook.runs.siblings import bring_siblings

__all__ = ["Origin", "make_copy", "read_origin"]

_NOTEBOOK = "debug.ipynb"
_ORIGIN = "origin.json"
_MEDIA = "../../media"
"""How a run's notebooks link evidence."""
_IMPORTED = tuple(importlib.machinery.all_suffixes())
_Threads = Literal[
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"
]
_Variable = (
    _Threads
    | Literal["CUDA_VISIBLE_DEVICES", "PROOFBOOK_JOB", "PROOFBOOK_MEMORY_LIMIT_GB", "PROOFBOOK_RUN"]
)
"""No file may set another one, such as PYTHONSTARTUP."""
_KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
"""Known everywhere; every Python kernel of the lab is a warm one."""


class Origin(Model):
    """What a copy was made from."""

    record: str
    """sha256 of the executed notebook."""
    copied: str
    """sha256 of the copy, as it was made."""
    environment: dict[_Variable, str]
    """Variables of the job's kernel that its plan sets."""


class _Source(NamedTuple):
    project: Project
    run: RunFolder
    info: RunInfo
    job: PlannedJob


def make_copy(
    project: Project, run: RunFolder, info: RunInfo, job: PlannedJob,
    tell: Callable[[str], object] = lambda line: None,
) -> Path:  # fmt: skip
    """Return the working copy of a job's notebook; one of the same record is kept as it is.

    Args:
        project: Where the copy is made.
        run: The run's folder.
        info: Its ``run.json``.
        job: One of its jobs.
        tell: Is told what a person would want to know.

    Raises:
        RunFolderError: The job's folder is not within the run, or its notebook cannot be read.
        UsageError: The copy cannot be written.
    """
    source = _Source(project, run, info, job)
    place = _place(source)
    try:
        sha256 = hash_file(run.job(job.id).notebook)
    except OSError as error:
        raise RunFolderError(f"job {job.id!r} has no notebook that can be read: {error}") from error
    copy, origin = place / _NOTEBOOK, read_origin(place)
    if copy.exists() and origin is not None and origin.record == sha256:
        return copy
    try:
        beside = place.with_name(f".{place.name}")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        (project.outputs / "lab" / ".gitignore").write_text("*\n")
        _fill(beside, source, sha256)
        if place.exists():
            _set_aside(place, origin, tell)
        beside.rename(place)
    except OSError as error:
        raise UsageError(f"no copy can be written to {copy}: {error.strerror}") from error
    return copy


def read_origin(folder: Path) -> Origin | None:
    """Return what a folder's copy was made from; None where it holds none."""
    try:
        return Origin.model_validate_json((folder / _ORIGIN).read_bytes())
    except (OSError, ValidationError):
        return None


def _place(source: _Source) -> Path:
    """Return the folder of the copy; a received plan may name a job that lies elsewhere."""
    job, name = source.job.id, source.run.path.name
    if Path(job).name != job or job == ".." or source.run.job(job).path.is_symlink():
        raise RunFolderError(f"job {job!r} is no folder of {source.run.path}; its plan is foreign")
    return source.project.outputs / "lab" / name / job


def _set_aside(place: Path, origin: Origin | None, tell: Callable[[str], object]) -> None:
    """Make room for a new copy; keep the earlier one where somebody has worked on it."""
    copy = place / _NOTEBOOK
    if origin is not None and copy.is_file() and hash_file(copy) == origin.copied:
        shutil.rmtree(place)
        return
    numbered = (place.with_name(f"{place.name}.{number}") for number in itertools.count(1))
    aside = next(path for path in numbered if not path.exists())
    place.rename(aside)
    tell(f"the job has run since this copy was made: the copy is kept as {aside / _NOTEBOOK}")


def _fill(place: Path, source: _Source, sha256: str) -> None:
    folder = source.run.job(source.job.id)
    notebook = read_notebook(folder.notebook)
    media = quote(Path(os.path.relpath(source.run.media, place)).as_posix())
    notebook["cells"] = [_relink(cell, media) for cell in notebook["cells"]]
    notebook["cells"] += _review_cells(folder, source, place)
    notebook["metadata"] = {"kernelspec": _KERNELSPEC}
    runbook = source.project.runbook(source.job.runbook)
    if runbook.parent.is_dir() and runbook.resolve().is_relative_to(
        source.project.runbooks.resolve()
    ):
        bring_siblings(runbook, place, linked=True)
    _copy_files(folder.work, place)
    text = json.dumps(notebook, indent=1, ensure_ascii=False)
    atomic_write(place / _NOTEBOOK, text)
    copied = hash_file(place / _NOTEBOOK)
    origin = Origin(record=sha256, copied=copied, environment=_environment(source))
    atomic_write(place / _ORIGIN, origin.model_dump_json(indent=1))


def _relink(cell: Mapping[str, Any], media: str) -> dict[str, Any]:
    """Return a cell whose outputs link the run's evidence from where the copy is."""
    if "outputs" not in cell:
        return dict(cell)
    return {**cell, "outputs": [_relink_output(output, media) for output in cell["outputs"]]}


def _relink_output(output: Any, media: str) -> Any:
    data = output.get("data") if isinstance(output, dict) else None
    if not isinstance(data, dict) or "text/html" not in data:
        return output
    html = data["text/html"]
    text = html if isinstance(html, str) else "".join(map(str, html))
    linked = text.replace(f'"{_MEDIA}/', f'"{media}/')
    return {**output, "data": {**data, "text/html": linked}}


def _review_cells(folder: JobFolder, source: _Source, place: Path) -> list[dict[str, object]]:
    """Return cells that ask the job's questions; none where it asks none."""
    records, _ = read_records(folder.records)
    if not any(isinstance(record, Question) for record in records):
        return []
    where = Path(os.path.relpath(source.run.path, place)).as_posix()
    call = f"show_panel({where!r}, {source.job.id!r})"
    about = (
        "## Review\n\nRun the next cell to look, listen and answer. Answers go to the run's log."
    )
    return [
        {"cell_type": "markdown", "id": "review-about", "metadata": {}, "source": about},
        {"cell_type": "code", "id": "review", "metadata": {}, "execution_count": None,
         "outputs": [], "source": f"from proofbook.review.panel import show_panel\n\n{call}"},
    ]  # fmt: skip


def _copy_files(work: Path, place: Path) -> None:
    """Copy what the job has left in its working folder, where nothing of that name is yet."""
    taken = {path.name for path in place.iterdir()} | {_NOTEBOOK, _ORIGIN}
    for source in _files(work):
        target = place / source.relative_to(work)
        if source.relative_to(work).parts[0] not in taken:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def _files(work: Path) -> Iterator[Path]:
    if work.is_symlink():
        return
    for base, folders, names in os.walk(work):
        folders[:] = [name for name in folders if name not in ("__pycache__", ".ipynb_checkpoints")]
        for path in (Path(base, name) for name in names):
            if path.is_file() and not path.is_symlink() and not _is_imported(path, work):
                yield path


def _is_imported(path: Path, work: Path) -> bool:
    """Say whether Python would import a file, or its folder, in the place of a module's."""
    depth = len(path.relative_to(work).parts)
    is_package = depth == 2 and path.name.startswith("__init__.")
    return path.name.endswith(_IMPORTED) and (depth == 1 or is_package)


def _environment(source: _Source) -> dict[_Variable, str]:
    """Return what the plan says of the job's kernel."""
    resources = source.job.resources
    variables: dict[_Variable, str] = {
        "PROOFBOOK_RUN": source.info.run_id,
        "PROOFBOOK_JOB": source.job.id,
    }
    if resources.cpus is not None:
        variables |= dict.fromkeys(get_args(_Threads), str(resources.cpus))
    if not resources.gpus and any(each.resources.gpus for each in source.info.plan):
        variables["CUDA_VISIBLE_DEVICES"] = ""
    if source.job.memory_limit_gb is not None:
        variables["PROOFBOOK_MEMORY_LIMIT_GB"] = str(source.job.memory_limit_gb)
    return variables
