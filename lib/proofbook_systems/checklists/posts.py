"""The film and the caption that a checklist is about."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook.subjects import resolve_reference

__all__ = ["Caption", "find_video", "read_caption"]


class Caption(NamedTuple):
    """What is written below a post."""

    text: str
    hashtags: list[str]


def find_video(video: str, folder: Path) -> Path:
    """Return the path of the film called ``video``; a reference is made in ``folder``.

    Raises:
        SubjectError: There is none.
    """
    if reference := resolve_reference(video, "checklists.video", root=folder):
        return reference.path
    path = Path(video).expanduser()
    if not path.is_file():
        raise SubjectError(f"video {path} does not exist; give a film, or reference:clip")
    return path


def read_caption(caption: str, folder: Path) -> Caption:
    """Return the caption in the file called ``caption``; a reference is made in ``folder``.

    Raises:
        SubjectError: The file does not exist, or is not text.
    """
    reference = resolve_reference(caption, "checklists.caption", root=folder)
    path = reference.path if reference else Path(caption).expanduser()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SubjectError(f"caption {caption} cannot be read: {error}") from error
    return Caption(text, re.findall(r"#\w+", text))
