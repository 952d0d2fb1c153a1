"""Step 4: speak each line, and place the lines in a time-line.

A line that is there and still asked for is not spoken again; a line that failed leaves no
time-line, so that nothing closes the gap.
"""

from __future__ import annotations

import argparse
import hashlib
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proofbook_subjects.pipeline.commands import positive, run_command, tell
from proofbook_subjects.pipeline.databases import now
from proofbook_subjects.pipeline.documents import Line, Script, read_script
from proofbook_subjects.pipeline.errors import (
    PipelineError,
    ServiceError,
    SettingsError,
    StorageError,
)
from proofbook_subjects.pipeline.metrics import measured
from proofbook_subjects.pipeline.settings import Project
from proofbook_subjects.pipeline.sounds import RATE, decode, level_speech, read_wav, to_wav
from proofbook_subjects.pipeline.spoiling.audio import (
    ask_wrongly,
    changes_of,
    spoil_files,
    spoil_sound,
    spoil_timeline,
)
from proofbook_subjects.pipeline.storing import (
    episode_lock,
    partial_file,
    read_json,
    write_json,
)
from proofbook_subjects.pipeline.voices.choosing import choose_engine
from proofbook_subjects.pipeline.voices.engine import Engine

__all__ = ["generate_audio", "main"]

_KEPT = "requests.json"
_TIMELINE = "timeline.json"


def main(root: Path, argv: Sequence[str] | None = None) -> int:
    """Run ``generate_audio.py`` and return its exit code."""
    return run_command(root, _work, _declare, stage="audio", about=__doc__, argv=argv)


@dataclass(frozen=True, kw_only=True)
class _Spoken:
    """A line's file."""

    line: Line
    path: Path
    request: str
    """Hash of what was asked for."""
    samples: int
    """At the film's rate."""
    is_new: bool


def generate_audio(project: Project, script: Script, *, workers: int = 1) -> Path:
    """Speak a script's lines and return the path of the time-line.

    Raises:
        PipelineError: A line could not be spoken; those that could are kept.
    """
    folder = project.root / "data" / "audio" / script.episode
    engine = choose_engine(project)
    with episode_lock(folder, script.episode), measured(project, script.episode, "audio") as stage:
        (folder / _TIMELINE).unlink(missing_ok=True)
        spoken = _speak_all(
            _Speaking(project=project, folder=folder, engine=engine, known=_known(folder)),
            script,
            workers,
        )
        _remove_others(folder, {each.path.name for each in spoken})
        spoil_files(project.faults, [each.path for each in spoken])
        timeline = spoil_timeline(project.faults, _timeline(project, script, engine, spoken))
        if not project.faults.has("audio", "no_timeline"):
            write_json(folder / _TIMELINE, timeline)
        stage.items = len(spoken)
    return folder / _TIMELINE


@dataclass(frozen=True, kw_only=True)
class _Speaking:
    """What the lines of an episode have in common."""

    project: Project
    folder: Path
    engine: Engine
    is_over: threading.Event = field(default_factory=threading.Event)
    """Set by a failure that every further line would meet too."""
    known: dict[str, Any] = field(default_factory=dict)
    """Lines that are spoken, by file: what was asked for, and what came."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, name: str, entry: dict[str, Any]) -> None:
        """Write down a line as soon as it is spoken: a killed run has not paid for nothing."""
        with self.lock:
            self.known[name] = entry
            write_json(self.folder / _KEPT, self.known)


def _speak_all(speaking: _Speaking, script: Script, workers: int) -> list[_Spoken]:
    """Speak all lines; what would befall every line ends it at once, and what is done is kept."""
    count = len(script.lines)
    spoken: list[_Spoken] = []
    faults: list[PipelineError] = []
    with ThreadPoolExecutor(max_workers=workers) as pool:
        tasks = [pool.submit(_speak, speaking, line) for line in script.lines]
        for line, task in zip(script.lines, tasks, strict=True):
            try:
                spoken.append(task.result())
            except CancelledError:
                continue
            except PipelineError as error:
                faults.append(error)
                continue
            how = "spoken" if spoken[-1].is_new else "kept"
            tell(f"line {line.number} of {count} {how}: {spoken[-1].path.name}")
    if faults:
        raise _gathered(faults, count)
    kept = {each.path.name for each in spoken}
    if set(speaking.known) != kept:
        write_json(speaking.folder / _KEPT, {name: speaking.known[name] for name in sorted(kept)})
    return spoken


def _gathered(faults: Sequence[PipelineError], count: int) -> PipelineError:
    """Return one error of the first one's kind, which says how many lines failed."""
    first = faults[0]
    rest = f"; and {len(faults) - 1} more of {count} lines" if len(faults) > 1 else ""
    error = PipelineError(f"{first}{rest}; the others are kept, run it again to go on")
    error.exit_code = first.exit_code
    return error


def _speak(speaking: _Speaking, line: Line) -> _Spoken:
    """Speak a line, or keep what an earlier run has spoken.

    Raises:
        CancelledError: Another line met what this one would meet too.
        PipelineError: It could not be spoken.
    """
    if speaking.is_over.is_set():
        raise CancelledError
    try:
        return _speak_or_keep(speaking, line)
    except (ServiceError, SettingsError, StorageError):
        speaking.is_over.set()
        raise


def _speak_or_keep(speaking: _Speaking, line: Line) -> _Spoken:
    engine, faults = speaking.engine, speaking.project.faults
    path = speaking.folder / f"{line.stem}{engine.suffix}"
    asked = f"{line.character}|{line.emotion}|{line.text}|{engine.identity}|{changes_of(faults)}"
    request = hashlib.sha256(asked.encode()).hexdigest()
    entry = speaking.known.get(path.name, {})
    if entry.get("request") == request and path.is_file():
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() == entry.get("sha256"):
            return _Spoken(line=line, path=path, request=request, samples=entry["samples"],
                           is_new=False)  # fmt: skip
    data = engine.speak(ask_wrongly(faults, line))
    where = f"line {line.number}: the voice's answer"
    if engine.suffix == ".wav":
        sound = level_speech(read_wav(data, where))
        data = to_wav(spoil_sound(faults, line.number, sound))
    samples = len(decode(data, where))
    with partial_file(path) as beside:
        beside.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    speaking.note(path.name, {"request": request, "sha256": digest, "samples": samples})
    return _Spoken(line=line, path=path, request=request, samples=samples, is_new=True)


def _known(folder: Path) -> dict[str, Any]:
    path = folder / _KEPT
    return read_json(path, "list of spoken lines") if path.is_file() else {}


def _remove_others(folder: Path, kept: set[str]) -> None:
    """Remove the files of an earlier script."""
    for path in folder.glob("[0-9]*_*_*.*"):
        if path.name not in kept and path.suffix in (".wav", ".mp3"):
            path.unlink()


def _timeline(
    project: Project, script: Script, engine: Engine, spoken: Sequence[_Spoken]
) -> dict[str, Any]:
    """Return the time-line; each time is counted from the start in samples, so none drifts."""
    entries, at = [], 0
    for each in spoken:
        start, end = at / RATE, (at + each.samples) / RATE
        entries.append(
            {
                "index": each.line.number, "character": each.line.character,
                "text": each.line.text, "emotion": each.line.emotion,
                "audio_file": project.relative(each.path), "start_time": round(start, 6),
                "duration": round(each.samples / RATE, 6), "end_time": round(end, 6),
            }
        )  # fmt: skip
        at += each.samples
    return {
        "episode": script.episode, "total_duration": round(at / RATE, 6),
        "script_hash": script.hash, "voice": engine.name, "created_at": now(), "lines": entries,
    }  # fmt: skip


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("script", help="the script's file")
    parser.add_argument("--workers", type=positive, default=1, help="lines spoken at once")


def _work(project: Project, options: argparse.Namespace) -> None:
    script = read_script(project.sandbox.existing(options.script, "script", ".json"))
    timeline = generate_audio(project, script, workers=min(options.workers, 32))
    tell(f"time-line in {project.relative(timeline)}")
