"""Read ``.env`` files as data: what python-dotenv would put into a notebook's environment later."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from proofbook.errors import UsageError
from proofbook.files import read_at_most

__all__ = ["read_env_files"]

_LARGEST = 1024 * 1024
_PATIENCE = 5.0
_LINE = re.compile(
    r"^[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][\w.-]*)[ \t]*=[ \t]*"
    r"(?:\"(?P<double>(?:\\[\s\S]|[^\"\\])*)\"|'(?P<single>(?:\\[\s\S]|[^'\\])*)'|(?P<plain>[^\r\n]*))",
    re.MULTILINE,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def read_env_files(
    folder: Path, root: Path | None = None, *, patience: float = _PATIENCE
) -> list[tuple[str, str]]:
    """Return the variables of all ``.env`` and ``.env.*`` files of a folder and of those above.

    Args:
        folder: Where to begin.
        root: The last folder to look in; by default ``folder`` is the only one.
        patience: How many seconds to wait for what is written into a file that is a pipe.

    Raises:
        UsageError: A file is a pipe, and nobody writes into it.
    """
    above = [folder, *folder.parents]
    last = above.index(root) if root in above else 0
    return [pair for each in above[: last + 1] for pair in _read_folder(each, patience)]


def _read_folder(folder: Path, patience: float) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob(".env*")):
        if path.name == ".env" or path.name.startswith(".env."):
            try:
                data = read_at_most(path, _LARGEST, patience=patience)
            except TimeoutError as error:
                raise UsageError(
                    f"{path} is a pipe, and nobody writes into it: the secrets that it may hold "
                    "would be written in clear; start the program that fills it, or remove it"
                ) from error
            except OSError:
                continue  # a folder of this name, or not ours to read: then no notebook reads it
            yield from _parse(data.decode("utf-8-sig", "surrogateescape"))


def _parse(text: str) -> Iterator[tuple[str, str]]:
    for match in _LINE.finditer(text):
        if (double := match["double"]) is not None:
            value = re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), double, flags=re.DOTALL)
        elif match["single"] is not None:
            value = match["single"]
        else:
            value = re.split(r"[ \t]+#", match["plain"])[0].strip()
        yield match["name"], value
