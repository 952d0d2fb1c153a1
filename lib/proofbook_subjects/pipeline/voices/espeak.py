"""Speak one line with eSpeak NG: ``python -m proofbook_subjects.pipeline.voices.espeak``.

A program of its own, since the library keeps state from one text to the next and is under another
licence. Reads one JSON object {text, voice, pitch, speed} and writes a WAV file to standard output.
"""

from __future__ import annotations

import ctypes
import io
import json
import sys
import wave
from pathlib import Path
from typing import Any

__all__ = ["is_installed", "main", "speak"]

_SYNCHRONOUS, _DO_NOT_EXIT, _UTF8 = 2, 0x8000, 1
_SPEED, _PITCH = 1, 3
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


def is_installed() -> bool:
    """Say whether the library and its data are there."""
    return _find() is not None


def speak(text: str, *, voice: str, pitch: int, speed: int) -> tuple[bytes, int]:
    """Return 16-bit mono samples, and their rate in Hz.

    Raises:
        RuntimeError: The library is not there, or does not take the voice.
    """
    found = _find()
    if found is None:
        raise RuntimeError("eSpeak NG is not installed: pip install espeakng-loader")
    library, samples = ctypes.CDLL(str(found[0])), bytearray()

    def collect(wave_: Any, count: int, _events: Any) -> int:
        if wave_ and count:
            samples.extend(ctypes.string_at(wave_, 2 * count))
        return 0

    callback = _CALLBACK(collect)  # the library has only its address
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, str(found[1]).encode(), _DO_NOT_EXIT)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise RuntimeError(f"eSpeak NG has no voice {voice!r}")
    library.espeak_SetParameter(_SPEED, speed, 0)
    library.espeak_SetParameter(_PITCH, pitch, 0)
    encoded = text.encode() + b"\0"
    size = ctypes.c_size_t(len(encoded))
    library.espeak_Synth(encoded, size, 0, 0, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    library.espeak_Terminate()
    return bytes(samples), rate


def main() -> int:
    """Speak what standard input asks for, and return the exit code."""
    asked = json.load(sys.stdin)
    try:
        samples, rate = speak(
            asked["text"], voice=asked["voice"], pitch=asked["pitch"], speed=asked["speed"]
        )
    except RuntimeError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples)
    sys.stdout.buffer.write(buffer.getvalue())
    return 0


def _find() -> tuple[Path, Path] | None:
    try:
        import espeakng_loader

        library = Path(espeakng_loader.get_library_path())
        data = Path(espeakng_loader.get_data_path()).parent
    except (ImportError, RuntimeError):
        return None
    return (library, data) if library.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
