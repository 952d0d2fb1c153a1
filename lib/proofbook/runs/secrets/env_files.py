"""Read ``.env`` files as data: what python-dotenv would put into a notebook's environment later."""

from __future__ import annotations

import os
import re
import select
import stat
from collections.abc import Iterator
from pathlib import Path

from proofbook.errors import UsageError

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
                data = _read(path, patience)
            except OSError:
                continue  # a folder of this name, or not ours to read: then no notebook reads it
            yield from _parse(data.decode("utf-8-sig", "surrogateescape"))


def _read(path: Path, patience: float) -> bytes:
    """Return what is in a file; of a pipe, what somebody writes into it.

    Raises:
        UsageError: Nobody does in ``patience`` seconds.
    """
    with open(path, "rb", buffering=0, opener=_open_at_once) as file:
        if not stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
            return file.read(_LARGEST)
        data = b""
        while len(data) < _LARGEST:
            # A password manager fills a pipe for each one who opens it, and closes it then.
            if not select.select([file], [], [], patience)[0]:
                raise UsageError(
                    f"{path} is a pipe, and nobody writes into it: the secrets that it may hold "
                    "would be written in clear; start the program that fills it, or remove it"
                )
            if not (piece := file.read(_LARGEST)):
                break
            data += piece
        return data


def _open_at_once(path: str, flags: int) -> int:
    # Otherwise, to open a pipe waits until somebody writes into it: fifo(7).
    return os.open(path, flags | os.O_NONBLOCK)


def _parse(text: str) -> Iterator[tuple[str, str]]:
    for match in _LINE.finditer(text):
        if (double := match["double"]) is not None:
            value = re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), double, flags=re.DOTALL)
        elif match["single"] is not None:
            value = match["single"]
        else:
            value = re.split(r"[ \t]+#", match["plain"])[0].strip()
        yield match["name"], value
