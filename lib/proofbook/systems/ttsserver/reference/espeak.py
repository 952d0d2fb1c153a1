"""Speech by eSpeak NG, through its library. One call at a time: the library keeps global state."""

from __future__ import annotations

import ctypes
from array import array
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["available", "speak"]

_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000
_UTF8 = 1
_SPEED, _PITCH = 1, 3
_INT, _UINT, _POINTER = ctypes.c_int, ctypes.c_uint, ctypes.c_void_p
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)
_VOICES = {"en": "en-us", "pt": "pt-br"}


def available() -> bool:
    """Say whether the library and its data are there."""
    return _library() is not None


def speak(
    text: str, *, language: str, variant: str, pitch: int, speed: int
) -> tuple[array[int], int]:
    """Return 16-bit mono samples, and their rate in Hz.

    Raises:
        RuntimeError: The library is not there, or does not take the voice.
    """
    loaded = _library()
    if loaded is None:
        raise RuntimeError("eSpeak NG is not there")
    library, rate = loaded
    samples: array[int] = array("h")

    def collect(wave: Any, count: int, _events: Any) -> int:
        if wave and count:
            samples.frombytes(ctypes.string_at(wave, 2 * count))
        return 0

    callback = _CALLBACK(collect)  # kept until the end: the library has but its address
    library.espeak_SetSynthCallback(callback)
    voice = f"{_VOICES.get(language, language)}+{variant}"
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise RuntimeError(f"eSpeak NG has no voice {voice}")
    library.espeak_SetParameter(_SPEED, speed, 0)
    library.espeak_SetParameter(_PITCH, pitch, 0)
    said = text.encode() + b"\0"
    library.espeak_Synth(said, len(said), 0, 0, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    return samples, rate


@cache
def _library() -> tuple[Any, int] | None:
    """Return the initialised library with its sample rate; None where it cannot be had."""
    try:
        import espeakng_loader

        library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = Path(espeakng_loader.get_data_path()).parent
    except (ImportError, OSError, RuntimeError):
        return None
    library.espeak_Initialize.argtypes = [_INT, _INT, ctypes.c_char_p, _INT]
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p, ctypes.c_size_t, _UINT, _INT, _UINT, _UINT, _POINTER, _POINTER,
    ]  # fmt: skip
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, str(data).encode(), _DO_NOT_EXIT)
    return (library, rate) if rate > 0 else None
