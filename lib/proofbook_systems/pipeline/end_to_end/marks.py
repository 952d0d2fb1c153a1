"""Judge whether a film is marked as generated, and whether its rows name the film that there is.

A pipeline may mark its films in a table of their own, beside that of its metrics.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.end_to_end.metrics import DONE, is_of
from proofbook_systems.pipeline.end_to_end.walk import Walk
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.tables import Rows, has_table

__all__ = ["judge_film_named", "judge_mark"]

_CLOCK = 2.0
_NAME, _WHY = (
    "episode-marked",
    ("an episode that is not marked as generated is made again, or never posted"),
)


def judge_mark(walk: Walk, of_metrics: Finding) -> Finding:
    """Judge the film's mark: in a table of marks where there is one, else as ``of_metrics`` says.

    A table of that name that other films have never been marked in may be of something else.
    """
    marks = _marks(walk)
    if marks is None:
        return of_metrics
    if isinstance(marks, str):
        return finding(_NAME, [marks], why=_WHY)
    own = [row for row in marks if is_of(marks, row, walk.episode, "mark.episode")]
    if unknown := walk.unkept("marks"):
        return finding(_NAME, [], why=_WHY, untried=f"{marks.table}: {unknown}")
    known = walk.kept_table("marks")
    own = [row for row in own if row not in known]
    if own or not marks or any(map(_is_done(marks), marks)):
        return finding(_NAME, _unmarked(marks, own, walk.episode), why=_WHY)
    reason = f"{marks.table} has {len(marks)} rows, and none marks a film: it is of something else"
    return finding(_NAME, [], why=_WHY, untried=reason)


def judge_film_named(walk: Walk, metrics: Rows, began: float) -> list[Finding]:
    """Judge whether each row of the film that names a video names one made now, where one does."""
    marks = _marks(walk)
    tables = [(metrics, "metric")]
    tables += [(marks, "mark")] if isinstance(marks, Rows) else []
    if not any(f"{kind}.video" in rows.columns for rows, kind in tables):
        return []
    faults = [
        fault
        for rows, kind in tables
        for row in rows
        if is_of(rows, row, walk.episode, f"{kind}.episode")
        for fault in _other_film(walk, rows, row.get(rows.columns.get(f"{kind}.video", "")), began)
    ]
    why = "what is posted, or removed, is the file that the row names"
    return [finding("film-named", faults, why=why)]


def _marks(walk: Walk) -> Rows | str | None:
    """Return the table of marks; None where there is none, and words where it cannot be read."""
    if not walk.workspace.knows("metrics_db"):
        return None
    try:
        is_asked = "marks.table" in walk.config.names
        if not is_asked and not has_table(walk.path("metrics_db"), "marks", walk.names):
            return None
        marks = walk.table("marks", "metrics_db")
    except SubjectError as error:
        return str(error)
    return marks if "mark.episode" in marks.columns else None


def _is_done(marks: Rows) -> Any:
    if "mark.status" not in marks.columns:
        return lambda row: True
    return lambda row: str(marks.value(row, "mark.status")).casefold() in DONE


def _unmarked(marks: Rows, own: Iterable[Mapping[str, Any]], episode: str) -> list[str]:
    rows = list(own)
    if not rows:
        return [f"{marks.table} has no new row of {episode}"]
    if any(map(_is_done(marks), rows)):
        return []
    return [f"{marks.table}: its status is {marks.value(row, 'mark.status')!r}" for row in rows]


def _other_film(walk: Walk, rows: Rows, given: Any, began: float) -> Iterator[str]:
    """Yield that a row names a file that is not there, or that is neither the film nor new."""
    text = str(given or "").strip()
    if not text or "://" in text or not walk.workspace.knows("video"):
        return
    film = walk.path("video")
    places = [walk.workspace.folder / text, film.parent / text]
    if any(place.resolve() == film.resolve() for place in places):
        return
    there = [place for place in places if place.is_file()]
    shown = walk.workspace.paths["video"].replace("{episode}", walk.episode)
    if not there:
        yield f"{rows.table} names {text}, which is not there; the film is {shown}"
    elif there[0].stat().st_mtime < began - _CLOCK and walk.episode not in there[0].name:
        yield f"{rows.table} names {text}, which is from before; the film is {shown}"
