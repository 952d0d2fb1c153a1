"""Judge a sound: run every check, leave out what another finding explains, the cause first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from proofbook.media.audio_faults.findings import AudioFault, AudioLimits, ExpectedAudio
from proofbook.media.levels import as_frames

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from proofbook.media.audio_faults.signals import Channel, Sound

__all__ = ["EXPLAINS", "ORDER", "find_audio_faults"]

ORDER = (
    "not-finite", "rate", "channels", "silent", "noise", "tone", "channel-level", "inverted",
    "dual-mono", "late-channel", "companded", "bit-depth", "images", "bandwidth", "reversed-frames",
    "wrapped", "stuck", "looped", "early-end", "late-start", "dropout", "duration",
    "beyond-full-scale", "burst", "clipped", "dc-offset", "hum", "click", "cut-off",
)  # fmt: skip
"""All that can be found; what is further left is told first."""

_TEXTURE = (
    "companded", "bit-depth", "images", "bandwidth", "reversed-frames", "burst", "hum", "click",
    "clipped", "stuck", "looped", "dropout", "cut-off",
)  # fmt: skip
EXPLAINS: dict[str, tuple[str, ...]] = {
    "not-finite": ("silent", "channel-level"),
    "silent": ("early-end", "late-start", "dual-mono", *_TEXTURE),
    "noise": ("wrapped", "inverted", "beyond-full-scale", *_TEXTURE),
    "tone": ("inverted", *_TEXTURE),
    "companded": ("bit-depth", "bandwidth", "dropout", "stuck", "click", "clipped", "cut-off"),
    "images": ("bandwidth", "click"),
    "reversed-frames": ("dropout", "click", "burst", "cut-off"),
    "stuck": ("looped", "dropout", "click", "clipped", "cut-off", "dc-offset"),
    "looped": ("click", "cut-off"),
    "wrapped": ("click", "clipped", "beyond-full-scale", "dc-offset"),
    "dropout": ("click",),
    "early-end": ("click",),
    "late-start": ("click",),
    "duration": ("cut-off",),
    "bit-depth": ("dropout", "stuck", "click", "clipped"),
    "bandwidth": ("click", "stuck"),
    "clipped": ("click",),
    "hum": ("cut-off",),
    "beyond-full-scale": ("clipped",),
}
"""What a finding makes of no account: its own consequences."""

_LARGEST = 1e4
"""What a sample is taken to be at most, so that no sum overflows."""


def find_audio_faults(
    samples: npt.NDArray[np.floating[Any]],
    rate: int,
    *,
    limits: AudioLimits | None = None,
    expected: ExpectedAudio | None = None,
) -> list[AudioFault]:
    """Return what a listener would object to, the cause first; empty where there is nothing.

    Args:
        samples: Shape (frames, channels) or (frames,); full scale is -1 to 1.
        rate: Hz.
        limits: How much of what is let pass.
        expected: What is known of how it should be.

    Raises:
        SubjectError: The samples are not floating point, or have another shape.
    """
    import numpy as np

    from proofbook.media.audio_faults.measures import not_finite
    from proofbook.media.audio_faults.signals import Sound

    limits, expected = limits or AudioLimits(), expected or ExpectedAudio()
    frames = as_frames(samples).astype(np.float64)
    found = list(not_finite(frames, rate))
    if len(frames):
        finite = np.where(np.isfinite(frames), frames, 0.0)
        frames = np.clip(finite, -_LARGEST, _LARGEST)
        sound = Sound(frames, rate)
        found += _judge(sound, limits, expected, heard=not found)
    else:
        words = "has no sound"
        found.append(AudioFault(name="silent", words=words, measured=0, limit=0, unit="samples"))
    return _told(_without_consequences(found), frames.shape[1])


def _judge(
    sound: Sound, limits: AudioLimits, expected: ExpectedAudio, *, heard: bool
) -> Iterator[AudioFault]:
    """Yield all findings; with broken samples only those that these do not touch."""
    from proofbook.media.audio_faults import delays, gaps, loudness, measures, stereo

    yield from measures.not_as_expected(sound, expected)
    silent = list(loudness.silence(sound, limits))
    if silent:
        yield from silent
        return
    yield from loudness.uneven_channels(sound, limits)
    if not heard:
        return
    yield from stereo.inverted_channel(sound)
    yield from stereo.same_channels(sound, expected)
    yield from delays.late_channel(sound, limits, expected)
    yield from gaps.early_end(sound, limits)
    yield from gaps.late_start(sound, limits)
    yield from gaps.cut_off(sound, expected)
    for channel in sound.audible:
        for check in _checks(limits, expected):
            yield from check(channel)


def _checks(
    limits: AudioLimits, expected: ExpectedAudio
) -> list[Callable[[Channel], Iterator[AudioFault]]]:
    """Return the checks of one channel by itself."""
    from proofbook.media.audio_faults import (
        clicks,
        companding,
        frames,
        gaps,
        hum,
        loudness,
        measures,
        repeats,
        resampling,
        spectra,
        starts,
    )

    return [
        lambda channel: spectra.steady_noise(channel, limits),
        lambda channel: spectra.steady_tone(channel, limits),
        lambda channel: repeats.repetitions(channel, expected),
        repeats.held_samples,
        loudness.overflow,
        lambda channel: gaps.dropouts(channel, limits),
        lambda channel: loudness.beyond_full_scale(channel, limits),
        lambda channel: loudness.flat_tops(channel, limits),
        lambda channel: loudness.off_centre(channel, limits),
        lambda channel: companding.companded_samples(channel, limits),
        lambda channel: hum.mains_hum(channel, limits, expected),
        resampling.images,
        frames.reversed_frames,
        lambda channel: starts.starting_burst(channel, expected),
        lambda channel: measures.coarse_samples(channel, limits),
        lambda channel: spectra.narrow_band(channel, limits),
        lambda channel: clicks.clicks(channel, limits),
    ]


def _without_consequences(found: list[AudioFault]) -> list[AudioFault]:
    explained: set[str] = set()
    kept = []
    for fault in sorted(found, key=lambda each: ORDER.index(each.name)):
        if fault.name not in explained:
            kept.append(fault)
            explained |= set(EXPLAINS.get(fault.name, ()))
    return kept


def _told(found: list[AudioFault], channels: int) -> list[AudioFault]:
    """Return findings with channel and place in words, those of all channels told once."""
    told: list[AudioFault] = []
    for name in dict.fromkeys(fault.name for fault in found):
        same = [fault for fault in found if fault.name == name]
        alone = channels == 1 or len({fault.channel for fault in same}) == channels > 1
        for fault in same[:1] if alone else same:
            number = None if alone else fault.channel
            where = f"channel {number} of {channels} " if number else ""
            place = "" if fault.at is None else f"{fault.at:.2f} s"
            at = f" (at {place})" if place not in fault.words else ""
            told.append(replace(fault, channel=number, words=f"{where}{fault.words}{at}"))
    return told
