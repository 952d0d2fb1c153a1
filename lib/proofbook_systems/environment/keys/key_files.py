"""Which keys are set, by name. Values are looked at, and never returned, logged or stored."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from proofbook.errors import SubjectError

__all__ = ["Key", "KeyState", "Line", "inspect_keys", "parse_line", "value_state"]

KeyState = Literal["present", "empty", "placeholder", "missing"]

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)")
_PLACEHOLDERS = (
    r"<.*>|\[.*\]|\{\{.*\}\}|(.*[-_])?x{3,}([-_].*)?|(.*[-_])?\.{3}|-{2,}|\*{3,}",
    r"(change|replace|fix|edit|fill)[-_ ]?(me|this|it|in)?([-_ ].*)?",
    r"todo|tbd|undefined|none|null|(placeholder|dummy)([-_ ].*)?",
    r"(.*[-_ ])?your[-_ ].*|(.*[-_ ])?your\w*(key|token|secret|password)|.*[-_ ]here",
    r"(insert|enter|put|paste)[-_ ].*",
    r"my[-_ ]?(api|secret|access)?[-_ ]?(key|token|secret).*",
    r"(api|secret|access|auth)[-_ ]?(key|token)",
)
_PLACEHOLDER = re.compile("|".join(_PLACEHOLDERS), re.IGNORECASE)


class Line(NamedTuple):
    """One line of an environment file."""

    name: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key: whether it is set and where. Its value is not kept."""

    name: str
    state: KeyState
    source: str
    """``environment``, the name of the file, or empty where it is missing."""


def inspect_keys(
    names: Iterable[str], environ: Mapping[str, str], *env_files: Path
) -> tuple[Key, ...]:
    """Look for each key in ``environ``, then in the files; a set one goes before an empty one.

    A text left over from a template, such as ``your-key-here``, is a ``placeholder``. A file that
    does not exist holds no keys.

    Raises:
        SubjectError: A file cannot be read.
    """
    sources = {"environment": {name: value_state(value) for name, value in environ.items()}}
    for file in env_files:
        sources[file.name] = {**_read_states(file), **sources.get(file.name, {})}
    return tuple(_find(name, sources) for name in dict.fromkeys(names))


def parse_line(line: str) -> Line | None:
    """Read ``NAME=value``, quoted or not, with or without ``export``; None for another line."""
    match = _LINE.fullmatch(line)
    return Line(match[1], _unquote(match[2])) if match else None


def value_state(value: str) -> KeyState:
    """Say whether a value is one, or nothing, or a text that waits for one."""
    bare = value.strip()
    if not bare:
        return "empty"
    return "placeholder" if _PLACEHOLDER.fullmatch(bare) else "present"


def _find(name: str, sources: Mapping[str, Mapping[str, KeyState]]) -> Key:
    keys = [
        Key(name=name, state=states[name], source=source)
        for source, states in sources.items()
        if name in states
    ]
    set_ones = [key for key in keys if key.state == "present"]
    return next(iter(set_ones or keys), Key(name=name, state="missing", source=""))


def _read_states(path: Path) -> dict[str, KeyState]:
    """Read a file to the states of its keys alone."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        kind = type(error).__name__  # its message could quote the file
        raise SubjectError(f"{path} cannot be read ({kind}); make it a UTF-8 text file") from None
    lines = (parse_line(line) for line in text.splitlines())
    return {line.name: value_state(line.value) for line in lines if line}


def _unquote(text: str) -> str:
    quoted = re.match(r"""(["'])(.*?)\1""", text)
    return quoted[2] if quoted else re.split(r"(?:^|\s)#", text, maxsplit=1)[0]
