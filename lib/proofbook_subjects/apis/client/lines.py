"""Text and lines out of bytes that come in pieces, cut anywhere.

Knows nothing about events, nor about JSON.
"""

from __future__ import annotations

import codecs
import re

__all__ = ["LONGEST_LINE", "LineSplitter", "TextDecoder", "TooLongError"]

LONGEST_LINE = 32 * 1024 * 1024
"""Characters; a server that sends more without a line's end would fill the memory."""

_ENDS = re.compile(r"\r\n|\n|\r")


class TooLongError(ValueError):
    """A line has no end."""


class TextDecoder:
    """UTF-8 in pieces: what is none becomes U+FFFD, and a byte-order mark is dropped."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._begun = False

    def feed(self, data: bytes, *, final: bool = False) -> str:
        """Return what is complete."""
        text = self._decode(data, final)
        if not self._begun and text:
            self._begun = True
            text = text.removeprefix("\ufeff")
        return text


class LineSplitter:
    """Lines that end with LF, CRLF or CR; with ``only_lf`` with LF or CRLF.

    A CR ends its line at once: the LF that may follow in the next piece belongs to it.
    """

    def __init__(self, *, only_lf: bool = False) -> None:
        self._ends = re.compile(r"\r?\n") if only_lf else _ENDS
        self._only_lf = only_lf
        self._pieces: list[str] = []
        self._size = 0
        self._after_cr = False

    def feed(self, text: str) -> list[str]:
        """Return the lines that are now whole, without their ends.

        Raises:
            TooLongError: A line is longer than ``LONGEST_LINE``.
        """
        if self._after_cr and text:
            text = text.removeprefix("\n")
            self._after_cr = False
        if not text:
            return []
        if "\n" not in text and (self._only_lf or "\r" not in text):
            self._keep(text)
            return []
        self._after_cr = not self._only_lf and text.endswith("\r")
        *lines, rest = self._ends.split("".join([*self._pieces, text]))
        self._pieces, self._size = [], 0
        self._keep(rest)
        return lines

    def rest(self) -> str:
        """Return what has no end yet."""
        return "".join(self._pieces)

    def _keep(self, text: str) -> None:
        self._size += len(text)
        if self._size > LONGEST_LINE:
            raise TooLongError(f"a line is longer than {LONGEST_LINE} characters")
        self._pieces.append(text)
