"""An error of a model or of a device, as one line, and what code of a model asked torch."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

__all__ = ["describe", "find_caller"]


def describe(error: BaseException) -> str:
    """Return an error as one line: its kind, what it says, and where in the model it arose."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [f for f in frames if "transformers" in f.filename] or frames
    where = f" ({Path(inside[-1].filename).name}:{inside[-1].lineno})" if inside else ""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:300]}{where}"


def find_caller(asking: str) -> str:
    """Return the file and line outside of torch that asked for an operation.

    Args:
        asking: The file that wants to know, which is passed over.
    """
    frame = sys._getframe(1)
    while frame.f_back and (
        frame.f_code.co_filename == asking
        or "torch" in frame.f_globals.get("__name__", "").split(".")[:1]
    ):
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
