"""An error of a model or of a device, as one line."""

from __future__ import annotations

import traceback
from pathlib import Path

__all__ = ["describe"]


def describe(error: BaseException) -> str:
    """Return an error as one line: its kind, what it says, and where in the model it arose."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [f for f in frames if "transformers" in f.filename] or frames
    where = f" ({Path(inside[-1].filename).name}:{inside[-1].lineno})" if inside else ""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:300]}{where}"
