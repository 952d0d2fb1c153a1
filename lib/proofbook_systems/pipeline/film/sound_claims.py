"""What is claimed of a film's sound: it is there, says the lines in their places, and is clean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from proofbook_systems.pipeline.film import loudness, placing
from proofbook_systems.pipeline.film.dialogue import Dialogue
from proofbook_systems.pipeline.film.known import Known
from proofbook_systems.pipeline.film.placing import lines_clipped
from proofbook_systems.pipeline.film.silence import lines_dropped, silent_stretches
from proofbook_systems.pipeline.findings import Finding, finding

__all__ = ["claim_cleanness", "claim_dialogue", "claim_levels", "claim_sound"]


def claim_sound(known: Known) -> Iterator[Finding]:
    """Yield whether there is sound, on all sides."""
    yield finding("sound-is-there", _no_sound(known), why="nobody hears the dialogue")
    yield finding(
        "sound-sides",
        loudness.told(known.sound_faults, loudness.SIDES) if known.is_audible else [],
        why="a side that is lost or inverted is missing on headphones, or on one loudspeaker",
        untried="" if known.is_audible else "the film has no sound",
    )


def _no_sound(known: Known) -> Iterator[str]:
    sound, levels = known.film.sound, known.levels
    if not known.film.has_sound_track:
        yield "it has no audio track"
    elif sound is None or levels is None or not len(sound.samples):
        yield "its audio track is empty: no sample in it can be decoded"
    elif not known.is_audible:
        yield f"its audio track is silent ({levels.measure.rms_dbfs:.0f} dBFS)"


class _Claim(NamedTuple):
    name: str
    faults: Callable[[Dialogue, Known], Iterable[str]]
    why: str


_CLAIMS = (
    _Claim(
        "dialogue-speed", lambda dialogue, known: placing.lines_sped(dialogue),
        "voices of another speed or pitch are other voices",
    ),
    _Claim(
        "dialogue-complete", lambda dialogue, known: placing.lines_missing(dialogue, known.lead),
        "a line that is missing, swapped or doubled tells another story",
    ),
    _Claim(
        "dialogue-in-time",
        lambda dialogue, known: placing.late_or_early(dialogue, known.lead, known.limits.sync),
        "subtitles and pictures follow the time-line: the sound must, too",
    ),
    _Claim(
        "dialogue-apart",
        lambda dialogue, known: placing.lines_overlapping(dialogue, known.limits.sync),
        "two voices at once are not understood",
    ),
)  # fmt: skip


def claim_dialogue(known: Known) -> Iterator[Finding]:
    """Yield whether each line is heard, in its place and at its speed."""
    dialogue, untried = known.dialogue, known.no_dialogue
    for claim in _CLAIMS:
        faults = claim.faults(dialogue, known) if dialogue is not None and not untried else []
        yield finding(claim.name, faults, why=claim.why, untried=untried)


def claim_levels(known: Known) -> Iterator[Finding]:
    """Yield whether all of the dialogue can be heard."""
    sound, dialogue, untried = known.film.sound, known.dialogue, known.no_dialogue
    silent: list[str] = []
    if sound is not None and known.is_audible:
        end = known.film.pictures.end if known.film.pictures else sound.end
        edges = known.lead, known.tail
        silent += lines_dropped(sound, dialogue) if dialogue is not None else []
        silent += silent_stretches(sound, dialogue, known.limits, end=end, edges=edges)
    yield finding(
        "no-silence", silent, why="a silent stretch is taken for a fault of the player",
        untried="" if known.is_audible else "the film has no sound",
    )  # fmt: skip
    yield finding(
        "dialogue-level", _lowered(known, dialogue) if dialogue and not untried else [],
        why="dialogue that the mix lowers is not understood", untried=untried,
    )  # fmt: skip


def _lowered(known: Known, dialogue: Dialogue) -> Iterable[str]:
    assert known.levels is not None
    is_normalised = loudness.is_normalised(known.levels, known.limits)
    gains = [heard.gain for heard in dialogue.heard.values()]
    if is_normalised and gains and np.median(gains) < -known.limits.attenuation:
        known.notes.append(
            f"dialogue is {-np.median(gains):.1f} dB lower than its files: taken as brought to a "
            f"loudness, for the film has {known.levels.lufs:.1f} LUFS"
        )
    sound = known.film.sound
    is_stereo = sound is not None and sound.samples.shape[1] == 2
    is_stereo = is_stereo and all(s.samples.shape[1] == 1 for s in dialogue.sounds)
    return loudness.attenuated(
        dialogue, known.limits, normalised=is_normalised, is_stereo=is_stereo
    )


def claim_cleanness(known: Known) -> Iterator[Finding]:
    """Yield whether a listener would object to how it sounds."""
    if known.levels is None or not known.is_audible:
        return
    clipped = lines_clipped(known.dialogue) if known.dialogue is not None else ()
    yield finding(
        "sound-clean", [*clipped, *loudness.told(known.sound_faults)],
        why="clipping, clicks and dropouts are heard by everyone",
    )  # fmt: skip
    yield finding(
        "loudness", loudness.too_loud_or_quiet(known.levels, known.limits),
        why="the platform turns loud films down, and nobody turns quiet ones up",
    )  # fmt: skip
