"""Read and write sounds: decode any file to samples, level speech, place it on the frames' grid."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any, NamedTuple

from proofbook_subjects.pipeline.errors import MediaError

__all__ = [
    "FRAMES_A_SECOND",
    "RATE",
    "Samples",
    "Sound",
    "decode",
    "level_speech",
    "read_wav",
    "to_wav",
]

FRAMES_A_SECOND = 30
RATE = 44_100
"""Of the film's sound."""
_LEAD, _PAUSE = 0.04, 0.12
"""Seconds of silence before and after the speech."""
_RMS, _PEAK = 10 ** (-17 / 20), 10 ** (-2 / 20)
_ACTIVE = 0.02
"""Share of the peak above which a sample counts as speech."""

Samples = Any
"""A float32 array of one channel, from -1 to 1."""


class Sound(NamedTuple):
    """Samples and their rate in Hz."""

    samples: Samples
    rate: int


def read_wav(data: bytes, where: str) -> Sound:
    """Return the samples of a 16-bit mono WAV file.

    Raises:
        MediaError: It is none, or holds no sound.
    """
    import numpy as np

    try:
        with wave.open(io.BytesIO(data)) as file:
            if (file.getnchannels(), file.getsampwidth()) != (1, 2):
                raise MediaError(f"{where}: expected 16-bit mono")
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            rate = file.getframerate()
    except (wave.Error, EOFError) as error:
        raise MediaError(f"{where} is not a WAV file: {error}") from error
    if not len(samples):
        raise MediaError(f"{where} has no length")
    return Sound(samples.astype(np.float32) / 32768, rate)


def level_speech(sound: Sound) -> Sound:
    """Return speech at the film's level, with short silences around it, of whole video frames."""
    import numpy as np

    loud = np.flatnonzero(np.abs(sound.samples) > _ACTIVE * np.abs(sound.samples).max())
    if not len(loud):
        raise MediaError("the voice is silent")
    speech = sound.samples[loud[0] : loud[-1] + 1]
    gain = _RMS / np.sqrt(np.mean(np.square(speech)))
    speech = _limited(speech * gain)
    grid = sound.rate / FRAMES_A_SECOND
    wanted = len(speech) + (_LEAD + _PAUSE) * sound.rate
    total = round(np.ceil(wanted / grid) * grid)
    levelled = np.zeros(total, np.float32)
    lead = round(_LEAD * sound.rate)
    levelled[lead : lead + len(speech)] = speech
    return Sound(levelled, sound.rate)


def _limited(samples: Samples) -> Samples:
    """Bend what is above three quarters of the highest peak, so that nothing clips."""
    import numpy as np

    knee = 0.75 * _PEAK
    over = np.maximum(np.abs(samples) - knee, 0)
    bent = knee + (_PEAK - knee) * np.tanh(over / (_PEAK - knee))
    return np.where(over > 0, np.sign(samples) * bent, samples).astype(np.float32)


def to_wav(sound: Sound) -> bytes:
    """Return a 16-bit mono WAV file."""
    import numpy as np

    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sound.rate)
        whole = np.clip(np.rint(sound.samples * 32767), -32768, 32767)
        file.writeframes(whole.astype("<i2").tobytes())
    return buffer.getvalue()


def decode(source: Path | bytes, where: str) -> Samples:
    """Return any audio file's samples at the film's rate, in one channel.

    Raises:
        MediaError: It cannot be decoded, or has no length.
    """
    import av
    import numpy as np

    file: Any = io.BytesIO(source) if isinstance(source, bytes) else str(source)
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    try:
        with av.open(file) as container:
            if not container.streams.audio:
                raise MediaError(f"{where} has no sound")
            frames = [
                part
                for frame in container.decode(container.streams.audio[0])
                for part in resampler.resample(frame)
            ]
        frames += resampler.resample(None)
    except (av.FFmpegError, OSError) as error:
        raise MediaError(f"{where} cannot be decoded: {error}") from error
    if not sum(frame.samples for frame in frames):
        raise MediaError(f"{where} has no length")
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])
