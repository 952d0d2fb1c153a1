"""The film and the caption that ``reference:<name>`` names in the checklists' runbooks."""

from __future__ import annotations

from proofbook.subjects import Makers
from proofbook_subjects.checklists.films import write_caption, write_film

__all__ = ["CAPTIONS", "VIDEOS"]

VIDEOS: Makers = {"clip": lambda root: write_film(root / "clip.mp4")}
CAPTIONS: Makers = {"caption": lambda root: write_caption(root / "caption.txt")}
