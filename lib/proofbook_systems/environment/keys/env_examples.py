"""The keys that a project asks for in an example of its ``.env`` file.

An example lists settings with their defaults, keys that everybody needs, and options that most
leave empty. A placeholder (``your-key-here``) asks for a value of one's own. An empty secret does,
too, unless it is called optional or the example is a catalogue of many such. Values of the example
are public; those of a person's own file are never read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from proofbook_systems.environment.folders import relative_name
from proofbook_systems.environment.keys.key_files import parse_line, value_state

__all__ = ["ExampleKey", "find_example_keys", "find_examples", "is_secret", "own_file"]

_GLOBS = (".env*example*", ".env*sample*", ".env*template*", ".env*.dist", "env.example",
          "env.sample", "env.template", "example.env", "sample.env", "*.env.example")  # fmt: skip
_SECRET = re.compile(
    r"KEY|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|_PAT$|DSN|WEBHOOK", re.IGNORECASE
)
_CATALOGUE = 7
_HIDDEN_TOO = (".devcontainer", ".docker")


@dataclass(frozen=True, kw_only=True)
class ExampleKey:
    """One key of an example."""

    name: str
    where: str
    """File and line."""
    required: bool
    own: Path
    """The file that a person copies the example to; it may not exist."""


def find_example_keys(root: Path) -> tuple[ExampleKey, ...]:
    """Return the keys of every example that wait for a value of one's own, each once."""
    found = [key for path in find_examples(root) for key in _read(path, root)]
    by_name: dict[str, ExampleKey] = {}
    for key in found:
        known = by_name.get(key.name)
        if known is None or (key.required and not known.required):
            by_name[key.name] = key
    return tuple(by_name.values())


def find_examples(root: Path) -> list[Path]:
    """Return the examples at the top of a project and one folder below."""
    folders = [root, *(p for p in sorted(root.iterdir()) if p.is_dir() and _is_looked_in(p))]
    found = [path for folder in folders for glob in _GLOBS for path in sorted(folder.glob(glob))]
    return [path for path in dict.fromkeys(found) if path.is_file()]


def is_secret(name: str) -> bool:
    """Say whether a setting of this name usually holds a secret."""
    return _SECRET.search(name) is not None


def own_file(example: Path) -> Path:
    """Return the file that an example is copied to: ``config/.env`` for ``config/.env.example``."""
    bare = re.sub(r"[._-]?(example|sample|template|dist)[._-]?", ".", example.name)
    name = bare.strip(".")
    return example.with_name(f".{name}" if name.startswith("env") else name)


def _is_looked_in(folder: Path) -> bool:
    hidden = folder.name.startswith(".") and folder.name not in _HIDDEN_TOO
    return not hidden and folder.name not in ("node_modules", "tests", "examples", "docs")


def _read(path: Path, root: Path) -> Iterator[ExampleKey]:
    lines = list(_lines(path.read_text(encoding="utf-8-sig", errors="replace")))
    empty = [name for _, name, state, _ in lines if state == "empty" and is_secret(name)]
    for number, name, state, optional in lines:
        open_secret = state == "empty" and is_secret(name)
        if state == "placeholder" or open_secret:
            required = not optional and (state == "placeholder" or len(empty) < _CATALOGUE)
            where = f"{relative_name(path, root)}:{number}"
            yield ExampleKey(name=name, where=where, required=required, own=own_file(path))


def _lines(text: str) -> Iterator[tuple[int, str, str, bool]]:
    """Yield each key with its line, the state of its value, and whether a remark calls it optional.

    A remark holds until the next empty line.
    """
    remark = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            remark = ""
        elif line.lstrip().startswith("#"):
            remark += line
        elif (parsed := parse_line(line)) is not None:
            beside = line.partition("#")[2]
            optional = re.search(r"optional", remark + beside, re.IGNORECASE) is not None
            yield number, parsed.name, value_state(parsed.value), optional
