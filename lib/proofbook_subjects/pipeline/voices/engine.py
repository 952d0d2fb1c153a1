"""What speaks a line, whatever it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from proofbook_subjects.pipeline.documents import Line

__all__ = ["Engine"]


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What speaks a line."""

    name: str
    identity: str
    """Changes with all that changes its sound, so that a line is spoken again where it should."""
    suffix: str
    """Of the files that it makes."""
    speak: Callable[[Line], bytes]
    """Returns an audio file's bytes; may be called from several threads."""
