"""Speech by eSpeak NG, through its library. One call at a time: the library keeps global state."""

from __future__ import annotations

import _ctypes
import ctypes
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

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
    return _places() is not None


def speak(
    text: str, *, language: str, variant: str, pitch: int, speed: int
) -> tuple[array[int], int]:
    """Return 16-bit mono samples, and their rate in Hz.

    Raises:
        RuntimeError: The library is not there, or does not take the voice.
    """
    samples: array[int] = array("h")

    def collect(wave: Any, count: int, _events: Any) -> int:
        if wave and count:
            samples.frombytes(ctypes.string_at(wave, 2 * count))
        return 0

    callback = _CALLBACK(collect)  # kept until the end: the library has but its address
    with _fresh_library() as (library, rate):
        library.espeak_SetSynthCallback(callback)
        voice = f"{_VOICES.get(language, language)}+{variant}"
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise RuntimeError(f"eSpeak NG has no voice {voice}")
        library.espeak_SetParameter(_SPEED, speed, 0)
        library.espeak_SetParameter(_PITCH, pitch, 0)
        encoded = text.encode() + b"\0"
        library.espeak_Synth(encoded, len(encoded), 0, 0, 0, _UTF8, None, None)
        library.espeak_Synchronize()
        library.espeak_Terminate()
    return samples, rate


@contextmanager
def _fresh_library() -> Iterator[tuple[Any, int]]:
    """Load the library, and unload it again: what it keeps would change what it says next."""
    places = _places()
    if places is None:
        raise RuntimeError("eSpeak NG is not there")
    library = ctypes.CDLL(str(places.library))
    try:
        library.espeak_Initialize.argtypes = [_INT, _INT, ctypes.c_char_p, _INT]
        library.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, _UINT, _INT, _UINT, _UINT, _POINTER, _POINTER,
        ]  # fmt: skip
        data = str(places.data).encode()
        yield library, library.espeak_Initialize(_SYNCHRONOUS, 0, data, _DO_NOT_EXIT)
    finally:
        unload = getattr(_ctypes, "dlclose", None) or _ctypes.FreeLibrary  # type: ignore[attr-defined,unused-ignore]
        unload(library._handle)


class _Places(NamedTuple):
    library: Path
    data: Path


@cache
def _places() -> _Places | None:
    """Return where the library and the folder of its data are; None where they cannot be had."""
    try:
        import espeakng_loader

        library = Path(espeakng_loader.get_library_path())
        data = Path(espeakng_loader.get_data_path()).parent
    except (ImportError, RuntimeError):
        return None
    return _Places(library, data) if library.is_file() else None
