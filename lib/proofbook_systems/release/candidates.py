"""The film and the caption that are about to be posted: given, made by a job before, or the newest.

Starts nothing, and judges nothing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook.processes.placeholders import fill_command
from proofbook_systems.checklists.posts import Caption, find_video, read_caption
from proofbook_systems.pipeline.workspace import Workspace, open_workspace
from proofbook_systems.release.config import BeforePostingConfig
from proofbook_systems.release.core import continue_from

__all__ = ["Candidate", "find_newest", "open_candidate"]

_ANY = "\0"
"""Stands for the episode until a pattern is made of a path: no path holds it."""


class Candidate(NamedTuple):
    """What is about to be posted, and from where."""

    workspace: Workspace
    episode: str
    film: Path
    caption: Caption
    is_own: bool
    """Whether the pipeline made the film itself, so that its metrics know it."""


def open_candidate(config: BeforePostingConfig, folder: Path) -> Candidate:
    """Copy the project below ``folder``, and find the film and its caption.

    Without a film that is named it is that of ``workspace``, or else the newest of the project;
    without a caption that is named it is the text file beside the film.

    Raises:
        SubjectError: There is no such project, film or caption.
    """
    own = open_workspace(config, folder)
    workspace, episode = continue_from(own, folder, config.workspace, config.episode)
    is_own = not config.video or bool(config.workspace)
    if config.video or config.workspace:
        film = find_video(config.video or str(workspace.path("video", episode)), folder)
    else:
        film, made_as = find_newest(workspace)
        episode = made_as or episode
    caption = read_caption(config.caption or str(_caption_beside(film)), folder)
    return Candidate(workspace, episode, film, caption, is_own)


def find_newest(workspace: Workspace) -> tuple[Path, str]:
    """Return the film that a pipeline made last, and its episode, empty where no path has one.

    Raises:
        SubjectError: No path says where films lie, or there is none.
    """
    if not workspace.knows("video"):
        raise SubjectError("paths has no video; give video, or where the pipeline leaves its films")
    values = {"episode": _ANY, "project": str(workspace.folder)}
    (place,) = fill_command([workspace.paths["video"]], values, "paths.video")
    place = place.removeprefix(f"{workspace.folder}/")
    films = [path for path in workspace.folder.glob(place.replace(_ANY, "*")) if path.is_file()]
    if not films:
        raise SubjectError(
            f"project {workspace.original} has no film at {workspace.paths['video']}; give video, "
            "or workspace and episode of the job that made one"
        )
    newest = max(films, key=lambda path: (path.stat().st_mtime, path))
    return newest, _episode_of(newest.relative_to(workspace.folder).as_posix(), place)


def _caption_beside(film: Path) -> Path:
    path = film.with_suffix(".txt")
    if not path.is_file():
        raise SubjectError(
            f"there is no caption {path.name} beside the film {film.name}; give caption: the text "
            "file that is posted with it"
        )
    return path


def _episode_of(path: str, place: str) -> str:
    """Return what stands in a path where its pattern has the episode."""
    parts = re.split(r"(\0|\*\*/|\*|\?)", place)
    forms = {_ANY: r"([^/]+)", "**/": r"(?:.*/)?", "*": r"[^/]*", "?": r"[^/]"}
    found = re.fullmatch("".join(forms.get(part) or re.escape(part) for part in parts), path)
    return found.group(1) if found and _ANY in place else ""
