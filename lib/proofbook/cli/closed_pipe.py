"""Print to a reader that may have gone, as ``head`` has: that changes what is seen, nothing else.

Without this, Click and Rich end the command where it prints, with exit code 1, which means that a
check failed.
"""

from __future__ import annotations

import os
from typing import Any, TextIO

__all__ = ["PatientStream"]


class PatientStream:
    """A text stream that goes on where nobody reads it any more."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, unless nobody reads any more."""
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._discard()
            return len(text)

    def flush(self) -> None:
        """Flush, unless nobody reads any more."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._discard()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _discard(self) -> None:
        """Send what is still in the stream, and all that follows, to nowhere."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
