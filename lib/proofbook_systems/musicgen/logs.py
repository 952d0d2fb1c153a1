"""Keep the log of a generation in a file, and look for tracebacks in it.

The file takes what is logged, what is printed to standard error (warnings too), and the traceback
of an exception that ends the block; all of it also goes where it went before.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

__all__ = ["find_tracebacks", "log_to"]

_MARK = "Traceback (most recent call last)"
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_LIBRARY = "transformers"


@contextlib.contextmanager
def log_to(path: Path, *, overwrite: bool = False) -> Iterator[logging.Logger]:
    """Log everything in the block to ``path``, appending unless ``overwrite``; yield a logger."""
    from transformers.utils import logging as library

    library.get_logger()  # makes its handler now, on the terminal and not on the file
    path.parent.mkdir(parents=True, exist_ok=True)
    logger = logging.getLogger("proofbook.musicgen")
    with path.open("w" if overwrite else "a", encoding="utf-8", buffering=1) as file:
        handler = logging.StreamHandler(file)
        handler.setFormatter(logging.Formatter(_FORMAT))
        with _attached(handler), contextlib.redirect_stderr(_Tee(sys.stderr, file)):
            try:
                yield logger
            except BaseException:
                logger.exception("ended by an exception")
                raise


def find_tracebacks(path: Path) -> list[str]:
    """Return, for each Python traceback in the file, its line number and last line."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    tracebacks = []
    for number, line in enumerate(lines, 1):
        if _MARK in line:
            rest = (text for text in lines[number:] if text and not text.startswith(" "))
            tracebacks.append(f"line {number}: {next(rest, 'cut off')}")
    return tracebacks


@contextlib.contextmanager
def _attached(handler: logging.Handler) -> Iterator[None]:
    """Attach the handler to the root logger and to transformers', which does not propagate."""
    own = logging.getLogger("proofbook.musicgen")
    level = own.level
    own.setLevel(logging.INFO)
    loggers = [logging.getLogger(), logging.getLogger(_LIBRARY)]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        own.setLevel(level)


class _Tee(io.TextIOBase):
    """Standard error that also goes to a file, for as long as that is open."""

    def __init__(self, terminal: TextIO, file: TextIO) -> None:
        self._terminal, self._file = terminal, file

    def write(self, text: str) -> int:
        """Write to both."""
        if not self._file.closed:
            self._file.write(text)
        return self._terminal.write(text)

    def flush(self) -> None:
        """Flush both."""
        if not self._file.closed:
            self._file.flush()
        self._terminal.flush()
