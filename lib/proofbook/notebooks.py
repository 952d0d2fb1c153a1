"""Read, inspect and lint a runbook's ``.ipynb``, quickly: plain JSON and ``ast``, no kernel.

A runbook declares its parameters in its first code cell, tagged ``parameters``, one a line as
``name: type = literal  # help``; a line without a default declares a required parameter. Knows
nothing about profiles or execution.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import math
import re
import tokenize
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from proofbook.errors import NotebookError

__all__ = ["Parameter", "Runbook", "list_runbooks", "read_notebook", "read_runbook"]

_LONGEST_SHOWN = 100
_CONVERTED = (1, 2, 3)
_PYTHONS = ("python", "python3", "ipython")
_KERNELS = {
    "bash": "bash",
    "gnuplot": "gnuplot",
    "ir": "R",
    "xr": "R",
    "javascript": "javascript",
    "deno": "typescript",
    "julia": "julia",
    "octave": "octave",
    "ruby": "ruby",
    "rust": "rust",
    "scala": "scala",
    "sos": "sos",
    r"xcpp\d*": "C++",
}
"""Languages by the beginning of a kernel's name, for a notebook that names no language."""
_SIMPLE: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "list": list,
    "dict": dict,
}


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter of a runbook."""

    name: str
    annotation: str
    """Its type, as written: ``float``, ``list[str]``."""
    default: Any = None
    required: bool = False
    help: str = ""
    adapter: TypeAdapter[Any] = field(repr=False, compare=False)

    def validate(self, value: object) -> Any:
        """Return ``value`` in the parameter's type; an int is a float too, text is no number.

        Raises:
            ValueError: The value has another type, or holds a number that is not finite; the
                message says what is expected.
        """
        try:
            typed = self.adapter.validate_python(value, strict=True)
        except ValidationError as error:
            raise ValueError(
                f"parameter {self.name!r} must be {self.annotation}, found "
                f"{type(value).__name__} {_shown(value)}"
            ) from error
        if not _is_finite(typed):
            raise ValueError(f"parameter {self.name!r} must be finite, found {_shown(value)}")
        return typed


@dataclass(frozen=True, kw_only=True)
class Runbook:
    """What can be known about a runbook without executing it."""

    name: str
    path: Path
    title: str
    parameters: dict[str, Parameter]
    sha256: str
    set_again: dict[str, str] = field(default_factory=dict)
    """Parameters to which a later cell gives a fixed value, with the cell: none other holds."""


def list_runbooks(folder: Path) -> list[Path]:
    """Return the runbooks under ``folder``, sorted, without Jupyter's own copies."""
    paths = folder.glob("**/*.ipynb")
    return sorted(p for p in paths if ".ipynb_checkpoints" not in p.parts and p.is_file())


def read_notebook(path: Path) -> dict[str, Any]:
    """Return a notebook's JSON in format 4; what is older is converted.

    Raises:
        NotebookError: The file is missing, cannot be read, is no JSON, or is no sound notebook.
    """
    try:
        notebook = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise NotebookError("no such runbook", path=path) from error
    except OSError as error:
        raise NotebookError(f"cannot be read: {error.strerror}", path=path) from error
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
    notebook = read_notebook(path)
    if language := _other_language(notebook):
        raise NotebookError(
            f"is written in {language}, and a runbook in Python: run it with papermill, or call "
            "what it does from a Python runbook",
            path=path,
        )
    code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    for skipped in (c for c in code if "skip-execution" in _tags(c)):
        raise NotebookError(
            "is tagged 'skip-execution', so it would never run; remove the tag",
            path=path,
            cell=_place(skipped, notebook["cells"].index(skipped)),
        )
    tagged = [c for c in code if "parameters" in _tags(c)]
    if not tagged:
        raise NotebookError("has no cell tagged 'parameters'; tag its first code cell", path=path)
    first = code.index(tagged[0])
    parameters = _parameters(source_of(tagged[0]), path, str(tagged[0].get("id", "parameters")))
    later = [c for c in code[first + 1 :] if "injected-parameters" not in _tags(c)]
    return Runbook(
        name=name or f"{path.parent.name}/{path.stem}",
        path=path,
        title=_title(notebook) or path.stem,
        parameters=parameters,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        set_again=_set_again(parameters, later),
    )


def _convert(notebook: dict[str, Any], path: Path) -> Any:
    import nbformat  # takes a while, and hardly any runbook is that old

    try:
        return nbformat.convert(nbformat.from_dict(notebook), 4)
    except Exception as error:
        # Its converters assume that a notebook is sound, and end with whatever that leads to.
        raise NotebookError(
            f"of notebook format {notebook['nbformat']}, and cannot be converted "
            f"({type(error).__name__}: {error}); save it as version 4",
            path=path,
        ) from error


def _other_language(notebook: dict[str, Any]) -> str:
    """Return the language of a notebook whose metadata names another one than Python."""
    metadata = notebook.get("metadata", {})
    spec, information = (_mapping(metadata.get(k)) for k in ("kernelspec", "language_info"))
    name = str(spec.get("name", "")).lower()
    known = (language for kernel, language in _KERNELS.items() if re.match(rf"{kernel}\b", name))
    by_name = next(known, "")
    language = str(spec.get("language") or information.get("name") or by_name or "python")
    return "" if language.lower() in _PYTHONS else language


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def source_of(cell: dict[str, Any]) -> str:
    """Return a cell's source as one text."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _tags(cell: dict[str, Any]) -> list[str]:
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


def _shown(value: object) -> str:
    """Return what a message shows of a value."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _is_finite(value: object) -> bool:
    """Say whether every number in a value, however deep, can be written as JSON."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_is_finite(each) for pair in value.items() for each in pair)
    return not isinstance(value, (list, tuple)) or all(_is_finite(each) for each in value)


def _title(notebook: dict[str, Any]) -> str:
    for cell in notebook["cells"]:
        if cell.get("cell_type") == "markdown":
            heading = re.search(r"^#\s+(.+)$", source_of(cell), re.MULTILINE)
            if heading:
                return heading[1].strip()
    return ""


def _parameters(source: str, path: Path, cell: str) -> dict[str, Parameter]:
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise NotebookError(
            f"the parameters cell is not Python: {error.msg} (line {error.lineno})",
            path=path,
            cell=cell,
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise NotebookError(
            f"the parameters cell cannot be parsed: {error}", path=path, cell=cell
        ) from error
    comments = _comments(source)
    parameters: dict[str, Parameter] = {}
    for statement in tree.body:
        parameter = _parameter(statement, comments, path, cell)
        if parameter.name in parameters:
            raise NotebookError(
                f"parameter {parameter.name!r} is given twice; remove one", path=path, cell=cell
            )
        parameters[parameter.name] = parameter
    return parameters


def _set_again(names: Collection[str], cells: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Return which names are assigned a literal at the top level of a cell, and in which."""
    found: dict[str, str] = {}
    for index, cell in enumerate(cells, 1):
        for statement in _statements(source_of(cell)):
            for name in _assigned(statement):
                if name in names:
                    found.setdefault(name, str(cell.get("id", index)))
    return found


def _assigned(statement: ast.stmt) -> list[str]:
    """Return the names that a statement gives a literal value."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or not _is_literal(statement.value):
        return []
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _statements(source: str) -> list[ast.stmt]:
    """Return a cell's statements without its magics; none where the rest is not Python."""
    lines = source.splitlines()
    if lines and lines[0].startswith("%%"):
        return []
    python = "\n".join("" if line.startswith(("%", "!", "?")) else line for line in lines)
    try:
        return ast.parse(python).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []  # its own execution tells of it


def _is_literal(node: ast.expr | None) -> bool:
    if node is None:
        return False
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _parameter(statement: ast.stmt, comments: dict[int, str], path: Path, cell: str) -> Parameter:
    if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
        raise NotebookError(
            f"line {statement.lineno} of the parameters cell is not 'name: type = literal'",
            path=path,
            cell=cell,
        )
    name = statement.target.id
    try:
        parameter = Parameter(
            name=name,
            annotation=ast.unparse(statement.annotation),
            default=None if statement.value is None else ast.literal_eval(statement.value),
            required=statement.value is None,
            help=comments.get(statement.end_lineno or statement.lineno, ""),
            adapter=TypeAdapter(_type_of(statement.annotation)),
        )
        if not parameter.required:
            parameter.validate(parameter.default)
    except (ValueError, TypeError, RecursionError) as error:
        named = str(error).removeprefix(f"parameter {name!r} ")
        message = " ".join(f"parameter {name!r}: {named}".split())
        raise NotebookError(message, path=path, cell=cell) from error
    return parameter


def _type_of(node: ast.expr) -> Any:
    """Return the type that an annotation names, from a short list; nothing is evaluated."""
    if isinstance(node, ast.Name) and node.id in _SIMPLE:
        return _SIMPLE[node.id]
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if node.value.id == "Literal" and parts:
            return Literal[tuple(ast.literal_eval(p) for p in parts)]
        if node.value.id == "list" and len(parts) == 1:
            return list[_type_of(parts[0])]  # type: ignore[misc]
        if node.value.id == "dict" and len(parts) == 2:
            return dict[_type_of(parts[0]), _type_of(parts[1])]  # type: ignore[misc]
    known = ", ".join(_SIMPLE)
    raise ValueError(f"type {ast.unparse(node)!r} is not one of {known}, list[…], dict[…, …]")


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}
