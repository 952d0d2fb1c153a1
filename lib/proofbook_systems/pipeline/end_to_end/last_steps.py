"""The last steps of the checklist: assemble the film, ask people about it, look what was noted."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.artefacts import Selections, Timeline
from proofbook_systems.pipeline.end_to_end.caption_times import judge_captions
from proofbook_systems.pipeline.end_to_end.marks import judge_film_named, judge_mark
from proofbook_systems.pipeline.end_to_end.metrics import judge_metrics, judge_usage
from proofbook_systems.pipeline.end_to_end.missing_sound import judge_missing_sound
from proofbook_systems.pipeline.end_to_end.run_findings import begin_step, judge_run, unreadable
from proofbook_systems.pipeline.end_to_end.walk import Step, Walk
from proofbook_systems.pipeline.film.judging import judge_film
from proofbook_systems.pipeline.film.limits import FilmLimits
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.tables import Rows

__all__ = ["QUESTIONS", "take_metadata", "take_quality", "take_video"]

_SILENCE = 1.0
"""Seconds of silence that are no fault, whatever the time-line may leave."""
_FRAME = 0.05
"""Seconds that a film's last frame may stand beyond its sound."""
QUESTIONS = {
    "clear-audio": "Is the audio clear and audible?",
    "right-voices": "Does each character speak with the right voice?",
    "matching-images": "Do the images match the characters and what they feel?",
    "smooth-transitions": "Are the transitions smooth?",
    "no-artefacts": "Is it free of stuttering and artefacts?",
    "timing": "Does the picture change with the dialogue?",
    "aspect-ratio": "Does it fill a phone's screen, 9:16, with nothing cut off?",
}
"""What step 7 asks a person."""


def take_video(walk: Walk) -> Step:
    """Assemble the film, and judge it against time-line and images.

    A time-line that no earlier stage makes may be left by this one.
    """
    makes_parts = walk.workspace.has("audio") or not walk.workspace.has("video")
    before = _parts(walk)
    if makes_parts and before.reason:
        return _no_film(f"there is nothing to assemble: {before.reason}")
    noticed = judge_missing_sound(walk, before.timeline) if walk.workspace.knows("video") else []
    begun = begin_step(walk, "video", "video")
    if begun.untried:
        return _no_film(begun.untried)
    step = Step(name="video", findings=[*begun.findings, *noticed], runs=begun.runs)
    parts = _parts(walk)
    if parts.reason:
        why = "what the film is made of cannot be compared with it"
        step.findings.append(finding("film-parts", [parts.reason], why=why))
    return _judge_video(walk, parts.timeline, parts.chosen, step)


class _Parts(NamedTuple):
    """What a film is made of; None for what no path was declared for."""

    timeline: Timeline | None
    chosen: Selections | None
    reason: str = ""
    """Why it cannot be read; empty where it can."""


def _parts(walk: Walk) -> _Parts:
    knows = walk.workspace.knows
    try:
        script = walk.script() if knows("script") else None
        timeline = walk.timeline(script) if knows("timeline") else None
        chosen = walk.selections(script) if knows("selections") else None
    except SubjectError as error:
        return _Parts(None, None, str(error))
    return _Parts(timeline, chosen)


def take_quality(walk: Walk) -> Step:
    """Say that the film can be shown to people; what they answer is theirs."""
    why = "people cannot look at what is not there"
    if not walk.workspace.knows("video"):
        untried = finding("film-to-look-at", [], why=why, untried="paths has no video")
        return Step(name="quality", findings=[untried])
    path = walk.path("video")
    shown = walk.workspace.paths["video"].replace("{episode}", walk.episode)
    faults = [] if path.is_file() else [f"{shown} is not there"]
    return Step(name="quality", findings=[finding("film-to-look-at", faults, why=why)],
                words=f"{len(QUESTIONS)} questions for a person")  # fmt: skip


def take_metadata(walk: Walk) -> Step:
    """Judge the rows that the film has left in the databases."""
    runs = [walk.run("metrics")] if walk.workspace.has("metrics") else []
    findings = [each for run in runs for each in judge_run(walk, run)]
    if walk.workspace.knows("metrics_db"):
        findings += _metrics(walk)
    if walk.workspace.knows("library_db") and walk.workspace.knows("selections"):
        findings.append(_usage(walk))
    if not findings:
        reason = "neither metrics_db nor library_db was declared"
        findings = [finding("metrics-recorded", [], why="nothing is compared", untried=reason)]
    return Step(name="metadata", findings=findings, runs=runs, words="rows compared")


def _no_film(reason: str) -> Step:
    untried = finding("film", [], why="nothing can be posted", untried=reason)
    return Step(name="video", findings=[untried], words=reason)


def _judge_video(
    walk: Walk, timeline: Timeline | None, chosen: Selections | None, step: Step
) -> Step:
    limits = FilmLimits(
        width=walk.config.width, height=walk.config.height,
        platforms=tuple(walk.config.platforms), turned=walk.config.turned,
        longest_silence=max(_SILENCE, walk.config.longest_gap),
    )  # fmt: skip
    heard = timeline if timeline is not None and timeline.has_sounds else None
    try:
        report = judge_film(walk.path("video"), heard, chosen, limits)
    except SubjectError as error:
        return Step(name="video", findings=[*step.findings, unreadable("film", error)],
                    runs=step.runs)  # fmt: skip
    walk.notes.film_seconds = report.numbers.get("duration_s")
    words = f"{report.numbers.get('duration_s', math.nan):.1f} s"
    judged = report.findings
    if timeline is not None and heard is None:
        judged = [_captions_fit(walk, timeline) if x.name == "duration" else x for x in judged]
        judged.append(judge_captions(timeline, walk.path("video")))
    return Step(
        name="video", findings=[*step.findings, *judged], runs=step.runs,
        numbers=report.numbers, words=words,
    )  # fmt: skip


def _captions_fit(walk: Walk, timeline: Timeline) -> Finding:
    """Compare the film's length with that of captions, which may leave a title without words."""
    seconds = walk.notes.film_seconds
    last = max((line.end for line in timeline.lines), default=0.0)
    faults = []
    if seconds is not None and last > seconds + _FRAME:
        faults.append(f"its last caption ends at {last:.3f} s, the film at {seconds:.3f} s")
    elif seconds is not None and seconds - last > walk.config.longest_gap + _FRAME:
        faults.append(f"it lasts {seconds:.3f} s, {seconds - last:.3f} s longer than its captions")
    return finding("duration", faults, why="pictures or words are cut off, or stand beyond the end")


def _metrics(walk: Walk) -> list[Finding]:
    try:
        rows = walk.table("metrics", "metrics_db")
    except SubjectError as error:
        return [unreadable("metrics-recorded", error)]
    judged = judge_metrics(
        walk.kept_table("metrics"), rows, episode=walk.episode,
        seconds=math.nan if walk.notes.film_seconds is None else walk.notes.film_seconds,
        began=walk.notes.began, ended=time.time(), is_own=walk.workspace.is_own("metrics_db"),
        unknown=walk.unkept("metrics"),
    )  # fmt: skip
    judged = [judge_mark(walk, x) if x.name == "episode-marked" else x for x in judged]
    return judged + judge_film_named(walk, rows, walk.notes.began)


def _usage(walk: Walk) -> Finding:
    try:
        rows, chosen = walk.table("library", "library_db"), walk.selections(None)
    except SubjectError as error:
        return unreadable("image-usage-counted", error)
    if "library.usage" not in rows.columns:
        fault = f"{rows.table} has no column for how often an image was used"
        return finding("image-usage-counted", [fault], why="images are chosen by it")
    if unknown := walk.unkept("library"):
        return judge_usage({}, {}, chosen, unknown=f"{rows.table}: {unknown}")
    before = Rows(rows.table, rows.columns, iter(walk.kept_table("library")))
    return judge_usage(_counts(before, walk), _counts(rows, walk), chosen)


def _counts(rows: Rows, walk: Walk) -> Mapping[Path, int]:
    return {_path(rows, row, walk): int(rows.value(row, "library.usage") or 0) for row in rows}


def _path(rows: Rows, row: Mapping[str, Any], walk: Walk) -> Path:
    return (walk.workspace.folder / str(rows.value(row, "library.path"))).resolve()
