"""Sound that is missing: dropouts, an end that comes early, a start that comes late, a cut word.

A rest is no dropout: music and speech fade into it and begin anew after it, whereas a dropout cuts
the wave off and takes the same wave up again.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from proofbook.media.audio_faults.findings import AudioFault, AudioLimits, ExpectedAudio
from proofbook.media.audio_faults.signals import (
    Array,
    Channel,
    Run,
    Sound,
    band_levels,
    find_runs,
    rms,
)

__all__ = ["cut_off", "dropouts", "early_end", "late_start"]

_SHORTEST, _LONGEST = 0.003, 2.0
_NOTHING = 1e-4
_EDGE, _AROUND = 0.003, 0.03
_CUT, _TORN, _BOTH_TORN = 0.3, 0.3, 0.6
_LONG = 0.1
_AUDIBLE = 0.15
_SAME_LEVEL = 5.0
_SAME_COLOUR = 0.4
_RESTART = 0.97
_SILENCE = 1e-3
_SILENT_SECONDS = 1.0
_CUT_SILENT_SECONDS = 0.4
_LOUD_END = 0.1


def dropouts(channel: Channel, limits: AudioLimits) -> Iterator[AudioFault]:
    """Find gaps that cut the wave off and take the same sound up again.

    Pulse waves are left alone: a hard rest between them looks the same.
    """
    if channel.stepped:
        return
    quiet = np.abs(channel.samples) <= max(_NOTHING * channel.peak, 2.0**-15)
    gaps = find_runs(quiet, round(_SHORTEST * channel.rate))
    gaps = [gap for gap in gaps if _is_cut(channel, gap)]
    gaps = [gap for gap in gaps if not _begins_like_another(channel, gap, gaps)]
    if len(gaps) > limits.dropouts:
        longest = max(gap.length for gap in gaps) / channel.rate
        yield AudioFault(
            name="dropout", channel=channel.number, at=channel.seconds(gaps[0].start),
            measured=len(gaps), limit=limits.dropouts,
            words=f"drops out {len(gaps)} time{'s' * (len(gaps) > 1)}, for up to "
            f"{1000 * longest:.0f} ms",
        )  # fmt: skip


def early_end(sound: Sound, limits: AudioLimits) -> Iterator[AudioFault]:
    """Find that the sound is over long before the file is."""
    _, last, abrupt = _extent(sound)
    rest = sound.seconds - last
    if rest > max(
        _CUT_SILENT_SECONDS if abrupt else _SILENT_SECONDS, limits.end_silence * sound.seconds
    ):
        yield AudioFault(
            name="early-end", at=last, measured=rest, limit=limits.end_silence * sound.seconds,
            unit="s", words=f"ends at {last:.2f} s; the remaining {rest:.2f} s are silent",
        )  # fmt: skip


def late_start(sound: Sound, limits: AudioLimits) -> Iterator[AudioFault]:
    """Find that there is nothing to hear for long."""
    first, _, _ = _extent(sound)
    if first > max(_SILENT_SECONDS, limits.end_silence * sound.seconds):
        yield AudioFault(
            name="late-start", at=0.0, measured=first, limit=limits.end_silence * sound.seconds,
            unit="s", words=f"is silent until {first:.2f} s",
        )  # fmt: skip


def cut_off(sound: Sound, expected: ExpectedAudio) -> Iterator[AudioFault]:
    """Find that speech ends in the middle of a word; music of a given length may."""
    if expected.content != "speech":
        return
    channel = max(sound.channels, key=lambda each: each.rms)
    level = float(np.std(channel.samples[-max(1, round(0.01 * channel.rate)) :]))
    if level > _LOUD_END * channel.loud:
        yield AudioFault(
            name="cut-off", at=sound.seconds, measured=level / channel.loud, limit=_LOUD_END,
            words="ends in the middle of a word: it is loud to the last sample",
        )  # fmt: skip


def _extent(sound: Sound) -> tuple[float, float, bool]:
    """Return when the sound begins and ends, in seconds, and whether it ends at full level."""
    loudest = max(sound.channels, key=lambda each: each.rms)
    heard = np.flatnonzero(loudest.blocks > max(_SILENCE * loudest.loud, _NOTHING / 10))
    if not heard.size:
        return sound.seconds, 0.0, False
    size = sound.seconds / len(loudest.blocks)
    before_end = loudest.blocks[max(0, heard[-1] - 2) : heard[-1] + 1]
    return (
        heard[0] * size,
        (heard[-1] + 1) * size,
        bool(before_end.max() > _LOUD_END * loudest.loud),
    )


def _is_cut(channel: Channel, gap: Run) -> bool:
    """Say whether the wave breaks off before a gap and goes on after it as if nothing had been."""
    around, edge = round(_AROUND * channel.rate), max(4, round(_EDGE * channel.rate))
    before = channel.samples[max(0, gap.start - around) : gap.start]
    after = channel.samples[gap.end : gap.end + around]
    if len(before) < around or len(after) < around or gap.length > _LONGEST * channel.rate:
        return False
    levels, edges = (rms(before), rms(after)), (rms(before[-edge:]), rms(after[:edge]))
    if min(edges) < _AUDIBLE * channel.loud or max(edges) > _SAME_LEVEL * min(edges):
        return False
    if any(at < _CUT * level for at, level in zip(edges, levels, strict=True)):
        return False
    torn = [
        channel.surprise[max(0, place - 1) : place + 2].max(initial=0.0) / level
        for place, level in zip(gap, levels, strict=True)
    ]
    if min(torn) > _BOTH_TORN:
        return True
    long = gap.length > _LONG * channel.rate
    enough = (min(torn) if long else max(torn)) > _TORN
    return enough and _same_colour(before, after, channel.rate) > _SAME_COLOUR


def _same_colour(before: Array, after: Array, rate: int) -> float:
    """Return how alike the spectra are, 0 to 1."""
    first, second = np.sqrt(band_levels(before, rate)), np.sqrt(band_levels(after, rate))
    return float(first @ second / max(1e-30, float(np.linalg.norm(first) * np.linalg.norm(second))))


def _begins_like_another(channel: Channel, gap: Run, gaps: list[Run]) -> bool:
    """Say whether the sound begins as after another gap: then it is a note, struck again."""
    size = round(0.01 * channel.rate)
    start = channel.samples[gap.end : gap.end + size]
    for other in gaps:
        if other != gap:
            theirs = channel.samples[other.end : other.end + size]
            scale = float(np.linalg.norm(start) * np.linalg.norm(theirs))
            if len(start) == len(theirs) and scale and start @ theirs > _RESTART * scale:
                return True
    return False
