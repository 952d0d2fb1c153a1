"""Turn a text into a WAV: as a model's settings, a profile's pitch and a seed ask for."""

from __future__ import annotations

import math
from array import array
from random import Random
from typing import NamedTuple

from proofbook_subjects.ttsserver import espeak, formants
from proofbook_subjects.ttsserver.engines import VoiceSettings
from proofbook_subjects.ttsserver.sounds import normalise, resample, write_wav

__all__ = ["Speech", "synthesise"]

_USUAL_HZ = 120.0


class Speech(NamedTuple):
    """A WAV file and its duration in seconds."""

    wav: bytes
    seconds: float


def synthesise(
    text: str,
    settings: VoiceSettings,
    *,
    language: str = "en",
    hertz: float = _USUAL_HZ,
    seed: int = 0,
    loud: bool = True,
) -> Speech:
    """Return speech; the same arguments give the same length, pitch and speed.

    They give the same bytes, too, but for breathy voices: eSpeak NG draws their breath from C's
    own random numbers, which go on from call to call.

    Args:
        text: What is said.
        settings: The model's.
        language: Two letters.
        hertz: Pitch of the voice that is cloned.
        seed: Varies pitch and speed a little.
        loud: Scale the peak to 1 dB below full scale.
    """
    random = Random(f"{seed}/{text}")
    pitch = settings.pitch + 30 * math.log2(hertz / _USUAL_HZ) + random.uniform(-4, 4)
    samples, rate = _speak(
        text, settings, language, round(min(99, max(0, pitch))),
        round(settings.speed * random.uniform(0.96, 1.04)), seed,
    )  # fmt: skip
    samples = resample(samples, rate, settings.rate)
    if loud:
        samples = normalise(samples)
    return Speech(write_wav(samples, settings.rate), len(samples) / settings.rate)


def _speak(
    text: str, settings: VoiceSettings, language: str, pitch: int, speed: int, seed: int
) -> tuple[array[int], int]:
    if not espeak.available():
        return formants.speak(text, pitch=pitch, speed=speed, seed=seed)
    return espeak.speak(text, language=language, variant=settings.variant, pitch=pitch, speed=speed)
