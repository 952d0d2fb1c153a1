"""Engines that are programs of their own on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from proofbook_subjects.pipeline.documents import Line
from proofbook_subjects.pipeline.errors import MediaError, SettingsError
from proofbook_subjects.pipeline.voices import espeak
from proofbook_subjects.pipeline.voices.engine import Engine

__all__ = ["espeak_engine", "run_program"]

_TIMEOUT = 60.0
_MODULE = "proofbook_subjects.pipeline.voices.espeak"
_VOICES = {"Butcher": ("en-us+m3", 30, 170), "Nutsy": ("en-us+f4", 72, 185)}
"""Voice, pitch, and words a minute."""
_MOODS = {
    "angry": (-6, 12), "excited": (10, 20), "happy": (6, 8), "neutral": (0, 0), "sad": (-8, -18),
    "surprised": (12, 5),
}  # fmt: skip
"""What an emotion adds to pitch and speed."""


def espeak_engine() -> Engine:
    """Return eSpeak NG.

    Raises:
        SettingsError: It is not installed.
    """
    if not espeak.is_installed():
        raise SettingsError("eSpeak NG is not installed: pip install espeakng-loader")
    identity = json.dumps(["espeak", _VOICES, _MOODS])
    return Engine(name="espeak", identity=identity, suffix=".wav", speak=_speak)


def _speak(line: Line) -> bytes:
    voice, pitch, speed = _VOICES[line.character]
    higher, faster = _MOODS[line.emotion]
    asked = {"text": line.text, "voice": voice, "pitch": pitch + higher, "speed": speed + faster}
    return run_program([sys.executable, "-m", _MODULE], json.dumps(asked).encode(), line)


def run_program(
    command: Sequence[str], data: bytes, line: Line, *, says: Path | None = None
) -> bytes:
    """Return what a program writes about a line to its output, unless it writes a file.

    Raises:
        MediaError: It failed, or took too long.
    """
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, check=False, timeout=_TIMEOUT
        )
    except subprocess.TimeoutExpired as error:
        raise MediaError(f"line {line.number}: the voice took more than {_TIMEOUT:g} s") from error
    except OSError as error:
        raise MediaError(f"line {line.number}: {command[0]}: {error.strerror}") from error
    has_spoken = says.is_file() if says else bool(done.stdout)
    if done.returncode != 0 or not has_spoken:
        why = done.stderr.decode(errors="replace").strip().splitlines()
        last = why[-1] if why else f"exit code {done.returncode}"
        raise MediaError(f"line {line.number}: the voice failed: {last}")
    return done.stdout
