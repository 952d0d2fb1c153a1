"""All that is known of one film: read, heard and looked at once, before it is judged."""

from __future__ import annotations

from dataclasses import dataclass, field

from proofbook.media import AudioFault
from proofbook_systems.pipeline.artefacts import Selections, Timeline
from proofbook_systems.pipeline.film.boxes import Boxes
from proofbook_systems.pipeline.film.changing import one_picture
from proofbook_systems.pipeline.film.dialogue import Dialogue, listen
from proofbook_systems.pipeline.film.hearing import as_track
from proofbook_systems.pipeline.film.limits import FilmLimits
from proofbook_systems.pipeline.film.linefiles import read_line_sounds
from proofbook_systems.pipeline.film.looking import Look, look
from proofbook_systems.pipeline.film.loudness import Levels, find_sound_faults, measure_levels
from proofbook_systems.pipeline.film.plosives import without_speech
from proofbook_systems.pipeline.film.reading import ReadFilm

__all__ = ["Known", "know"]

_AUDIBLE = -60.0


@dataclass(frozen=True, kw_only=True)
class Known:
    """One film with what was found out of it."""

    film: ReadFilm
    boxes: Boxes | None
    timeline: Timeline | None
    limits: FilmLimits
    dialogue: Dialogue | None
    levels: Levels | None
    look: Look | None
    sound_faults: tuple[AudioFault, ...]
    lead: float
    """Seconds of a title before the dialogue."""
    tail: float
    """Seconds of a title behind it."""
    notes: list[str] = field(default_factory=list)
    """What was found out and taken as given; claims may add to it."""

    @property
    def is_audible(self) -> bool:
        """Whether there is anything to hear."""
        return self.levels is not None and self.levels.measure.peak_dbfs > _AUDIBLE

    @property
    def no_dialogue(self) -> str:
        """Why nothing can be said of the dialogue; empty where it can."""
        if self.timeline is None:
            return "there is no time-line"
        return "" if self.dialogue is not None and self.is_audible else "the film has no sound"

    @property
    def no_boxes(self) -> str:
        """Why nothing can be said of boxes; empty where it can."""
        return "" if self.boxes is not None else "the film is no MP4 or MOV"

    @property
    def planned(self) -> float:
        """Seconds that the time-line lasts; 0 without one."""
        if self.timeline is None:
            return 0.0
        return self.timeline.total if self.timeline.total > 0 else self.timeline.lines[-1].end

    @property
    def one_picture(self) -> float:
        """Seconds that one picture stands."""
        return one_picture(self.film.pictures) if self.film.pictures else 1 / 24


def know(
    film: ReadFilm,
    boxes: Boxes | None,
    timeline: Timeline | None,
    selections: Selections | None,
    limits: FilmLimits,
) -> Known:
    """Listen to a film and look at it."""
    timeline = timeline if timeline is not None and timeline.lines else None
    levels = measure_levels(film.sound) if film.sound is not None else None
    dialogue = _listen(film, timeline)
    late = dialogue.lead if dialogue is not None else 0.0
    seen = None
    if film.pictures is not None:
        seen = look(film.pictures, timeline, selections, dialogue, late, limits)
    lead = late if seen is not None and seen.has_title and late > limits.sync else 0.0
    known = Known(
        film=film, boxes=boxes, timeline=timeline, limits=limits, dialogue=dialogue,
        levels=levels, look=seen, lead=lead, tail=_tail(film, timeline, seen, lead, limits),
        sound_faults=_sound_faults(film, dialogue),
    )  # fmt: skip
    known.notes.extend(_titles(known))
    return known


def _listen(film: ReadFilm, timeline: Timeline | None) -> Dialogue | None:
    if timeline is None or film.sound is None:
        return None
    return listen(as_track(film.sound.samples, film.sound.rate), read_line_sounds(timeline))


def _sound_faults(film: ReadFilm, dialogue: Dialogue | None) -> tuple[AudioFault, ...]:
    if film.sound is None:
        return ()
    return tuple(without_speech(find_sound_faults(film.sound), film.sound, dialogue))


def _tail(
    film: ReadFilm, timeline: Timeline | None, seen: Look | None, lead: float, limits: FilmLimits
) -> float:
    """Return seconds of a title behind the dialogue: there is one if the pictures say so."""
    if timeline is None or film.pictures is None or seen is None or not seen.has_tail:
        return 0.0
    tail = film.pictures.end - lead - (timeline.total or timeline.lines[-1].end)
    return tail if one_picture(film.pictures) < tail <= limits.lead else 0.0


def _titles(known: Known) -> list[str]:
    notes = []
    if known.lead:
        notes.append(f"a title of {known.lead:.2f} s stands before the dialogue")
    if known.tail:
        notes.append(f"a title of {known.tail:.2f} s stands behind the dialogue")
    return notes + list(known.look.notes if known.look is not None else ())
