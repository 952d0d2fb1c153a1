"""Read ``.env`` files as data: what python-dotenv would put into a notebook's environment later."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["read_env_files"]

_LARGEST = 1024 * 1024
_LINE = re.compile(
    r"^[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][\w.-]*)[ \t]*=[ \t]*"
    r"(?:\"(?P<double>(?:\\[\s\S]|[^\"\\])*)\"|'(?P<single>(?:\\[\s\S]|[^'\\])*)'|(?P<plain>[^\r\n]*))",
    re.MULTILINE,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def read_env_files(folder: Path, root: Path | None = None) -> list[tuple[str, str]]:
    """Return the variables of all ``.env`` and ``.env.*`` files of a folder and of those above.

    Args:
        folder: Where to begin.
        root: The last folder to look in; by default ``folder`` is the only one.
    """
    above = [folder, *folder.parents]
    last = above.index(root) if root in above else 0
    return [pair for each in above[: last + 1] for pair in _read_folder(each)]


def _read_folder(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob(".env*")):
        if path.name == ".env" or path.name.startswith(".env."):
            try:
                with path.open("rb") as file:
                    text = file.read(_LARGEST).decode("utf-8-sig", "surrogateescape")
            except OSError:
                continue  # a folder of this name, or not ours to read: then no notebook reads it
            yield from _parse(text)


def _parse(text: str) -> Iterator[tuple[str, str]]:
    for match in _LINE.finditer(text):
        if (double := match["double"]) is not None:
            value = re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), double, flags=re.DOTALL)
        elif match["single"] is not None:
            value = match["single"]
        else:
            value = re.split(r"[ \t]+#", match["plain"])[0].strip()
        yield match["name"], value
