"""Read, inspect and lint a runbook's ``.ipynb``, quickly: plain JSON and ``ast``, no kernel.

A runbook declares its parameters in its first code cell, tagged ``parameters``. Knows nothing about
profiles or execution.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proofbook.errors import NotebookError
from proofbook.files import read_file
from proofbook.languages import other_language
from proofbook.parameter_cells import Parameter, find_set_again, read_parameters

__all__ = [
    "Runbook",
    "content_hash",
    "list_runbooks",
    "read_notebook",
    "read_runbook",
    "source_of",
    "tags_of",
]

_CONVERTED = (1, 2, 3)


@dataclass(frozen=True, kw_only=True)
class Runbook:
    """What can be known about a runbook without executing it."""

    name: str
    path: Path
    title: str
    parameters: dict[str, Parameter]
    sha256: str
    """:func:`content_hash` of its file."""
    file_sha256: str = ""
    """Of the file's bytes: what runs of the first edition recorded."""
    set_again: dict[str, str] = field(default_factory=dict)
    """Parameters to which a later cell gives a fixed value, with the cell: none other holds."""


def list_runbooks(folder: Path) -> list[Path]:
    """Return the runbooks under ``folder``, sorted, without Jupyter's own copies."""
    paths = folder.glob("**/*.ipynb")
    return sorted(p for p in paths if ".ipynb_checkpoints" not in p.parts and _may_be_file(p))


def _may_be_file(path: Path) -> bool:
    """Say whether there is a file, which whoever reads it may be refused."""
    try:
        return path.is_file()
    except PermissionError:
        return True


def read_notebook(path: Path) -> dict[str, Any]:
    """Return a notebook's JSON in format 4; what is older is converted.

    Raises:
        NotebookError: The file is missing, cannot be read, is no JSON, or is no sound notebook.
    """
    return _parse(_read(path), path)


def content_hash(data: bytes) -> str:
    """Return the hash of what a notebook's execution depends on; of another file, its bytes'.

    That is the type, id, tags and source of each cell, in order. JupyterLab writes other things
    into a notebook that it has only opened: they do not make a passed job run again.
    """
    try:
        cells = _parse(data, Path())["cells"]
    except NotebookError:
        return hashlib.sha256(data).hexdigest()
    parts = [[c["cell_type"], c.get("id", ""), tags_of(c), source_of(c)] for c in cells]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return read_file(path)
    except FileNotFoundError as error:
        raise NotebookError("no such runbook", path=path) from error
    except OSError as error:
        raise NotebookError(f"cannot be read: {error.strerror}", path=path) from error


def _parse(data: bytes, path: Path) -> dict[str, Any]:
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NotebookError(
            f"not JSON, so not a notebook ({error}); restore the file", path=path
        ) from error
    if isinstance(notebook, dict) and notebook.get("nbformat") in _CONVERTED:
        notebook = _convert(notebook, path)
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise NotebookError("JSON, but not a notebook: it has no list of cells", path=path)
    if notebook.get("nbformat") != 4:
        raise NotebookError(
            f"notebook format {notebook.get('nbformat')!r} is not supported; save it as version 4",
            path=path,
        )
    if not isinstance(notebook.get("metadata", {}), dict):
        raise NotebookError("its metadata is not a mapping; restore the file", path=path)
    for index, cell in enumerate(notebook["cells"]):
        if fault := _fault(cell):
            raise NotebookError(f"{fault}; restore the file", path=path, cell=_place(cell, index))
    return notebook


def read_runbook(path: Path, name: str | None = None) -> Runbook:
    """Read a runbook's title and parameters; ``name`` defaults to ``<folder>/<stem>``.

    Raises:
        NotebookError: It cannot be read, has no ``parameters`` cell, or one that is not a list
            of typed literals, or a cell would never be executed.
    """
    data = _read(path)
    notebook = _parse(data, path)
    if language := other_language(notebook.get("metadata", {})):
        raise NotebookError(
            f"is written in {language}, and a runbook in Python: run it with papermill, or call "
            "what it does from a Python runbook",
            path=path,
        )
    code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    for skipped in (c for c in code if "skip-execution" in tags_of(c)):
        raise NotebookError(
            "is tagged 'skip-execution', so it would never run; remove the tag",
            path=path,
            cell=_place(skipped, notebook["cells"].index(skipped)),
        )
    tagged = [c for c in code if "parameters" in tags_of(c)]
    if not tagged:
        raise NotebookError("has no cell tagged 'parameters'; tag its first code cell", path=path)
    first = code.index(tagged[0])
    parameters = read_parameters(source_of(tagged[0]), path, str(tagged[0].get("id", "parameters")))
    later = {
        _place(cell, notebook["cells"].index(cell)): source_of(cell)
        for cell in code[first + 1 :]
        if "injected-parameters" not in tags_of(cell)
    }
    return Runbook(
        name=name or f"{path.parent.name}/{path.stem}",
        path=path,
        title=_title(notebook) or path.stem,
        parameters=parameters,
        sha256=content_hash(data),
        file_sha256=hashlib.sha256(data).hexdigest(),
        set_again=find_set_again(parameters, later),
    )


def _convert(notebook: dict[str, Any], path: Path) -> Any:
    import nbformat  # takes a while, and hardly any runbook is that old

    try:
        converted = nbformat.convert(nbformat.from_dict(notebook), 4)
        for cell in converted["cells"]:
            cell.pop("id", None)  # another one at each conversion
        return converted
    except Exception as error:
        # Its converters assume that a notebook is sound, and end with whatever that leads to.
        raise NotebookError(
            f"of notebook format {notebook['nbformat']}, and cannot be converted "
            f"({type(error).__name__}: {error}); save it as version 4",
            path=path,
        ) from error


def source_of(cell: dict[str, Any]) -> str:
    """Return a cell's source as one text."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def tags_of(cell: dict[str, Any]) -> list[str]:
    """Return a cell's tags."""
    tags: list[str] = cell["metadata"].get("tags", [])
    return tags


def _place(cell: Any, index: int) -> str:
    """Return what a message calls a cell: its id, or its number from 0."""
    return str(cell.get("id", index)) if isinstance(cell, dict) else str(index)


def _fault(cell: Any) -> str:
    """Say what keeps a cell from being one of notebook format 4; nothing where it is sound."""
    if not isinstance(cell, dict):
        return "is not a mapping"
    metadata = cell.get("metadata")
    if not isinstance(metadata, dict):
        return "has no metadata, or some that is not a mapping"
    if not _are_texts(metadata.get("tags", [])):
        return "has tags that are not a list of texts"
    if cell.get("cell_type") not in ("code", "markdown", "raw"):
        return f"has an unknown cell_type, {cell.get('cell_type')!r}"
    source = cell.get("source")
    if not (isinstance(source, str) or _are_texts(source)):
        return "has no source, or one that is not text"
    if cell["cell_type"] == "code" and not isinstance(cell.get("outputs"), list):
        return "is code without a list of outputs, which notebook format 4 requires"
    if not isinstance(cell.get("id", ""), str):
        return "has an id that is not text"
    return ""


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _title(notebook: dict[str, Any]) -> str:
    for cell in notebook["cells"]:
        if cell.get("cell_type") == "markdown":
            heading = re.search(r"^#\s+(.+)$", source_of(cell), re.MULTILINE)
            if heading:
                return heading[1].strip()
    return ""
