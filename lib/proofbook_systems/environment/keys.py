"""Which keys are set, by name. Values are looked at, and never returned, logged or stored."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from proofbook.errors import SubjectError

__all__ = ["Key", "KeyState", "inspect_keys"]

KeyState = Literal["present", "empty", "placeholder", "missing"]

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)")
_PLACEHOLDER = re.compile(
    r"<.*>|\[.*\]|x{3,}|\.{3}|(change|replace)[-_ ]?me|todo|your[-_ ].*|.*[-_ ]here", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key: whether it is set and where. Its value is not kept."""

    name: str
    state: KeyState
    source: str
    """``environment``, the name of the file, or empty where it is missing."""


def inspect_keys(
    names: Iterable[str], environ: Mapping[str, str], env_file: Path | None = None
) -> tuple[Key, ...]:
    """Look for each key in ``environ``, then in ``env_file``; a set one goes before an empty one.

    A text left over from a template, such as ``your-key-here``, is a ``placeholder``. A file that
    does not exist holds no keys.

    Raises:
        SubjectError: The file cannot be read.
    """
    sources = {"environment": {name: _state(value) for name, value in environ.items()}}
    if env_file is not None:
        sources[env_file.name] = _read_states(env_file)
    return tuple(_find(name, sources) for name in dict.fromkeys(names))


def _find(name: str, sources: Mapping[str, Mapping[str, KeyState]]) -> Key:
    keys = [
        Key(name=name, state=states[name], source=source)
        for source, states in sources.items()
        if name in states
    ]
    set_ones = [key for key in keys if key.state == "present"]
    return next(iter(set_ones or keys), Key(name=name, state="missing", source=""))


def _state(value: str) -> KeyState:
    bare = value.strip()
    if not bare:
        return "empty"
    return "placeholder" if _PLACEHOLDER.fullmatch(bare) else "present"


def _read_states(path: Path) -> dict[str, KeyState]:
    """Read ``NAME=value`` lines, quoted or not, with or without ``export``, to states alone."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        kind = type(error).__name__  # its message could quote the file
        raise SubjectError(f"{path} cannot be read ({kind}); make it a UTF-8 text file") from None
    matches = (_LINE.fullmatch(line) for line in text.splitlines())
    return {match[1]: _state(_unquote(match[2])) for match in matches if match}


def _unquote(text: str) -> str:
    quoted = re.match(r"""(["'])(.*?)\1""", text)
    return quoted[2] if quoted else re.split(r"(?:^|\s)#", text, maxsplit=1)[0]
