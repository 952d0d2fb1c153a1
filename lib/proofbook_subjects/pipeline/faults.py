"""Faults on demand: ``PIPELINE_FAULTS="audio=silent_line:3, video=no_sound"``.

Here is what they are and how they are read; where each bites, the modules of ``spoiling`` say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["KINDS", "Faults", "Kind", "read_faults"]


class Kind(NamedTuple):
    """A fault, and the value that it has if none is given; None where it takes no value."""

    meaning: str
    value: float | None = None


_ENDINGS = {
    "exit_zero": Kind("ends with 0 although it failed"),
    "exit_one": Kind("ends with 1 although all is there"),
    "hang": Kind("waits so many seconds before it begins", 600),
    "killed": Kind("is killed by SIGKILL at this one of its writes", 1),
    "nothing": Kind("does nothing and ends with 0"),
}
"""Of every stage."""

KINDS: Mapping[str, Mapping[str, Kind]] = {
    "validate": {
        **_ENDINGS,
        "blind_to_folders": Kind("removes data/audio and says that all folders are there"),
        "blind_to_keys": Kind("does not look for keys"),
        "blind_to_databases": Kind("does not open the databases"),
    },
    "init": {
        **_ENDINGS,
        "no_table": Kind("leaves out the table of trends"),
        "no_unique_key": Kind("makes no unique keys, so that rows double"),
        "old_version": Kind("leaves the files in their first version"),
    },
    "trends": {
        **_ENDINGS,
        "few": Kind("keeps so many topics", 3),
        "not_saved": Kind("says that it has kept them, and writes no row"),
        "doubled": Kind("writes each topic twice"),
        "no_name": Kind("one name is empty"),
        "no_score": Kind("no topic has a score"),
        "wild_score": Kind("one score is so high", 12_000),
        "no_time": Kind("no topic has a time"),
        "future_time": Kind("topics are of so many days ahead", 30),
        "stale": Kind("topics are so many days old", 60),
        "markup": Kind("names hold HTML"),
    },
    "script": {
        **_ENDINGS,
        "few_lines": Kind("holds so many lines", 3),
        "one_character": Kind("Butcher says everything"),
        "unknown_character": Kind("a third one says this line", 2),
        "other_case": Kind("the character of this line is in lower case", 2),
        "no_emotion": Kind("this line has no emotion", 3),
        "unknown_emotion": Kind("this line has an emotion that nobody knows", 3),
        "empty_line": Kind("this line says nothing", 3),
        "doubled_line": Kind("this line says what the one before says", 3),
        "no_topic": Kind("names no topic"),
        "no_metadata": Kind("has no metadata"),
        "no_episode": Kind("has no episode"),
        "other_episode": Kind("says that it is of another episode"),
        "cut_off": Kind("the file ends in the middle"),
    },
    "audio": {
        **_ENDINGS,
        "missing_line": Kind("this line's file is not there", 3),
        "closed_gap": Kind("this line failed, and the time-line closes up", 3),
        "left_gap": Kind("this line comes so late as if another were before it", 3),
        "overlap": Kind("this line begins before the one before ends", 3),
        "silent_line": Kind("this line's file is silent", 3),
        "clipped_line": Kind("this line is clipped", 3),
        "quiet_line": Kind("this line is 20 dB quieter", 3),
        "noisy_line": Kind("this line is drowned in noise", 3),
        "truncated_line": Kind("this line stops half-way, and its place is kept", 3),
        "fast_line": Kind("this line is half as fast again, and higher", 3),
        "broken_line": Kind("this line's file cannot be decoded", 3),
        "empty_line": Kind("this line's file has no length", 3),
        "wrong_words": Kind("this line says something else", 3),
        "swapped_voice": Kind("this line is in the other's voice", 3),
        "one_voice": Kind("both have the same voice"),
        "swapped_lines": Kind("this line and the one two later have each other's files", 1),
        "doubled_line": Kind("this line's file is a copy of the one two before", 3),
        "wrong_duration": Kind("so many seconds more than there are are recorded for line 3", 0.5),
        "wrong_total": Kind("the time-line's total is so many seconds more", 2),
        "no_timeline": Kind("writes no time-line"),
        "other_episode": Kind("the time-line says that it is of another episode"),
    },
    "images": {
        **_ENDINGS,
        "missing_line": Kind("this line has no image", 3),
        "missing_file": Kind("this line's image does not exist", 3),
        "unreadable": Kind("this line's image cannot be read", 3),
        "wrong_character": Kind("this line shows the other character", 3),
        "wrong_emotion": Kind("this line shows another emotion", 3),
        "wrong_label": Kind("this line's entry names another emotion", 3),
        "swapped_lines": Kind("this line and the next have each other's images", 1),
        "outside": Kind("this line's image lies outside the project", 3),
        "not_counted": Kind("usage is not counted"),
        "counted_twice": Kind("usage is counted twice"),
        "batch_differs": Kind("--batch selects other images"),
        "other_episode": Kind("the selection says that it is of another episode"),
    },
    "video": {
        **_ENDINGS,
        "no_sound": Kind("there is no sound track"),
        "silent": Kind("the sound track is silent"),
        "late_sound": Kind("the sound is so many seconds late", 0.2),
        "early_sound": Kind("the sound is so many seconds early", 0.2),
        "drift": Kind("each line is so many seconds later than the one before", 0.017),
        "missing_line": Kind("this line is not heard", 3),
        "doubled_line": Kind("this line is heard in the place of the next too", 2),
        "swapped_sounds": Kind("this line and the next two later are exchanged", 1),
        "overlapping_line": Kind("this line begins while the one before is heard", 3),
        "attenuated": Kind("the mix is so many dB quieter", 6),
        "one_voice_quiet": Kind("Nutsy is so many dB quieter", 10),
        "loud": Kind("the mix is so many dB louder, and clips", 12),
        "loud_music": Kind("music drowns the dialogue"),
        "fast_sound": Kind("the sound plays so many times as fast", 1.04),
        "gap_in_sound": Kind("so many seconds in the middle are silent", 1.0),
        "late_pictures": Kind("pictures change so many seconds late", 0.2),
        "picture_drift": Kind("each picture changes so many seconds later", 0.05),
        "late_picture": Kind("this line's picture comes half a second late", 4),
        "swapped_pictures": Kind("this line and the next show each other's pictures", 1),
        "frozen": Kind("the first picture stays"),
        "black_line": Kind("this line's picture is black", 3),
        "black_end": Kind("so many seconds of black follow", 1.0),
        "cut_short": Kind("so many seconds are missing at the end", 1.0),
        "small": Kind("540 x 960"),
        "landscape": Kind("1920 x 1080"),
        "squeezed": Kind("pixels are not square"),
        "turned": Kind("stored on its side, with a note to turn it"),
        "blocky": Kind("encoded so coarsely that nothing can be recognised"),
        "other_codec": Kind("MPEG-4 part 2 instead of H.264"),
        "other_pixels": Kind("4:4:4, which phones do not play"),
        "no_faststart": Kind("the index is at the end"),
        "edit_list": Kind("has edit lists"),
        "cut_off": Kind("the file ends in the middle"),
        "text": Kind("a text file that is called .mp4"),
        "other_film": Kind("the film of other lines"),
        "careless": Kind("films what it is given: looks for no gap, no mix-up, no wrong length"),
        "disk_full": Kind("the disk is full when the work is half done"),
    },
    "metrics": {
        "no_row": Kind("nothing is recorded"),
        "doubled": Kind("each stage is recorded twice"),
        "zero_duration": Kind("each stage took no time"),
        "negative_duration": Kind("each stage took less than no time"),
        "no_time": Kind("rows have no time"),
        "other_episode": Kind("recorded for another episode"),
        "not_marked": Kind("the episode is not marked as generated"),
        "other_video": Kind("the mark names a file that does not exist"),
    },
    "post": {
        **_ENDINGS,
        "takes_text": Kind("a file that is no video passes"),
        "takes_long_caption": Kind("any caption passes"),
        "dry_run_sends": Kind("a dry run posts"),
        "too_soon": Kind("publishes before the container is ready"),
        "twice": Kind("publishes twice"),
        "no_id": Kind("does not tell the post's id"),
        "deaf_to_errors": Kind("says that it has posted when it was refused"),
        "impatient": Kind("calls again at once when the rate is limited"),
        "forgets_token": Kind("does not keep the refreshed token"),
    },
    "batch": {
        **_ENDINGS,
        "lost": Kind("counts this episode as done without making it", 3),
        "leak": Kind("each video leaves so many MB in a worker's memory", 5),
        "forgetful": Kind("begins anew instead of going on"),
    },
    "cleanup": {
        **_ENDINGS,
        "leaves_files": Kind("removes the video alone"),
        "takes_all": Kind("removes other episodes' audio too"),
    },
}
"""By stage and name."""


@dataclass(frozen=True)
class Faults:
    """What goes wrong, by stage and kind."""

    values: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def has(self, stage: str, kind: str) -> bool:
        """Say whether a fault was asked for."""
        assert kind in KINDS[stage], f"{stage}={kind} is in no table"
        return (stage, kind) in self.values

    def of(self, stage: str) -> dict[str, float]:
        """Return the kinds asked for in a stage, with their values."""
        assert stage in KINDS, f"{stage} is in no table"
        return {kind: value for (where, kind), value in self.values.items() if where == stage}


def read_faults(text: str) -> Faults:
    """Read what the environment asks for.

    Raises:
        ValueError: It cannot be read; one line says why.
    """
    values: dict[tuple[str, str], float] = {}
    for part in filter(None, (p.strip() for p in text.replace(";", ",").split(","))):
        stage, separator, what = part.partition("=")
        if not separator:
            raise ValueError(f"fault {part!r} is not of the form stage=kind or stage=kind:value")
        kind, _, value = what.partition(":")
        known = KINDS.get(stage)
        if known is None:
            raise ValueError(f"there is no stage {stage!r}; there are {', '.join(KINDS)}")
        if kind not in known:
            raise ValueError(f"{stage} has no fault {kind!r}; it has {', '.join(known)}")
        values[stage, kind] = _value(part, known[kind], value)
    return Faults(values)


def _value(part: str, kind: Kind, text: str) -> float:
    if not text:
        return kind.value or 0.0
    if kind.value is None:
        raise ValueError(f"fault {part!r} takes no value")
    return float(text)
