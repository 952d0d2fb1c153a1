"""What a stage has left: whether it is whole. Follows the files that it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.media import read_audio
from proofbook_systems.pipeline.names import Names
from proofbook_systems.pipeline.reading import read_script, read_timeline
from proofbook_systems.pipeline.workspace import Workspace

__all__ = ["Leftovers", "look_at"]

_SOUNDS = (".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".aac")
_READ_HERE = (".wav", ".mp3", ".flac", ".ogg", ".opus")


@dataclass(frozen=True, kw_only=True)
class Leftovers:
    """What is there after a stage."""

    faults: list[str] = field(default_factory=list)
    """What is there and is not whole."""
    missing: list[str] = field(default_factory=list)
    """Artefacts that are not there."""
    sounds: int = 0
    """Sound files that the time-line names."""
    lines: int = 0
    """Lines of the script."""


def look_at(workspace: Workspace, artefacts: Sequence[str], episode: str) -> Leftovers:
    """Return what became of the artefacts that have a path."""
    faults: list[str] = []
    missing: list[str] = []
    sounds = lines = 0
    for artefact in artefacts:
        if not workspace.knows(artefact):
            continue
        path = workspace.path(artefact, episode)
        if not path.exists():
            missing.append(f"there is no {artefact} at {_short(workspace, path)}")
        elif path.is_dir():
            faults += [f for file in _sounds_in(path) if (f := _sound_fault(file, workspace))]
        elif artefact == "timeline":
            found, sounds = _read_timeline(path, workspace)
            faults += found
        else:
            found, lines = _read_document(path, workspace)
            faults += found
    return Leftovers(faults=faults, missing=missing, sounds=sounds, lines=lines)


def _read_document(path: Path, workspace: Workspace) -> tuple[list[str], int]:
    where = _short(workspace, path)
    if path.suffix != ".json":
        return ([] if path.stat().st_size else [f"{where} is empty"]), 0
    try:
        script = read_script(path, Names.of(workspace.names))
    except SubjectError as error:
        return [str(error)], 0
    return ([] if script.lines else [f"{where} has no lines"]), len(script.lines)


def _read_timeline(path: Path, workspace: Workspace) -> tuple[list[str], int]:
    try:
        names = Names.of(workspace.names)
        timeline = read_timeline(path, names, root=workspace.folder, script=None)
    except SubjectError as error:
        return [str(error)], 0
    where = _short(workspace, path)
    faults = [] if timeline.lines else [f"{where} has no lines"]
    for line in timeline.lines:
        if not line.audio.is_file():
            faults.append(f"{where} names {_short(workspace, line.audio)}, which is not there")
        elif fault := _sound_fault(line.audio, workspace):
            faults.append(fault)
    return faults, len(timeline.lines)


def _sounds_in(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.rglob("*")) if file.suffix.lower() in _SOUNDS]


def _sound_fault(file: Path, workspace: Workspace) -> str:
    where = _short(workspace, file)
    if not file.stat().st_size:
        return f"{where} is empty"
    try:
        if file.suffix.lower() in _READ_HERE:
            read_audio(file)
    except SubjectError as error:
        return f"{where} is no whole sound: {str(error).removeprefix(f'{file}: ')}"
    return ""


def _short(workspace: Workspace, path: Path) -> str:
    return str(path.relative_to(workspace.folder)) if path.is_relative_to(workspace.folder) \
        else str(path)  # fmt: skip
