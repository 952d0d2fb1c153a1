"""The speech that is cloned: found, and refused before the server is started if it would refuse it.

Knows the server's bounds. Sends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.media import find_silence, read_audio
from proofbook_systems.ttsserver.matrix import Row

__all__ = ["VoiceSample", "read_sample", "read_sample_for"]

_USUAL = ("backend", "tests", "fixtures", "reference_voice.wav")
_SHORTEST, _LONGEST = 2.0, 30.0
_LARGEST = 50_000_000


@dataclass(frozen=True, kw_only=True)
class VoiceSample:
    """A sound file with what is said in it."""

    wav: Path
    text: str
    seconds: float


def read_sample(root: Path, wav: str = "", text: str = "") -> VoiceSample:
    """Return the sample, once it is known that it can be cloned.

    Args:
        root: Folder of the server's sources, which has the usual sample.
        wav: Sound file; empty is the usual one.
        text: What is said in it; empty is what the ``.txt`` next to it says.

    Raises:
        SubjectError: It is missing, not a WAV file, silent, too short, too long or too large, or
            the text of it is missing.
    """
    path = Path(wav).expanduser() if wav else root.joinpath(*_USUAL)
    if not path.is_file():
        raise SubjectError(f"reference_wav {path} does not exist; give 2 to 30 s of clean speech")
    if path.stat().st_size > _LARGEST:
        raise SubjectError(f"reference_wav {path} is larger than 50 MB; give at most 30 s")
    with path.open("rb") as file:
        head = file.read(12)
    if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        raise SubjectError(f"reference_wav {path} is not a WAV file; convert it")
    seconds = _measure_speech(path)
    return VoiceSample(wav=path.resolve(), text=text.strip() or _read_text(path), seconds=seconds)


def read_sample_for(
    rows: Sequence[Row], root: Path, wav: str = "", text: str = ""
) -> VoiceSample | None:
    """Return the sample as :func:`read_sample` does; None where no row clones a voice."""
    return read_sample(root, wav, text) if any(row.cloned for row in rows) else None


def _measure_speech(path: Path) -> float:
    clip = read_audio(path)
    if not _SHORTEST <= clip.seconds <= _LONGEST:
        raise SubjectError(
            f"reference_wav {path} lasts {clip.seconds:.1f} s; give {_SHORTEST:g} to {_LONGEST:g} s"
        )
    if silence := find_silence(clip.measure):
        raise SubjectError(f"reference_wav {path} {silence[0]}; give a recording of speech")
    return clip.seconds


def _read_text(wav: Path) -> str:
    path = wav.with_suffix(".txt")
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SubjectError(
            f"{path} with the words of {wav.name} cannot be read; write it, or give reference_text"
        ) from error
    if not text:
        raise SubjectError(f"{path} is empty; write what is said in {wav.name}")
    return text
