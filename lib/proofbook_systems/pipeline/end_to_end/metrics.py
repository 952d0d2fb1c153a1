"""Judge what a pipeline has noted of a film: its metrics, and how often images were used."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from proofbook_systems.pipeline.artefacts import Selections
from proofbook_systems.pipeline.end_to_end.trends import read_time
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.tables import Rows

__all__ = ["DONE", "is_of", "judge_metrics", "judge_usage"]

_DRIFT = 0.1
"""Seconds by which a duration in a table may differ from the film's."""
_CLOCK = 120.0
"""Seconds by which the clock of a row may be off."""
_ANY_ZONE = 14 * 3600.0
DONE = ("ok", "generated", "completed", "complete", "done", "success", "succeeded", "ready",
         "published", "posted", "finished")  # fmt: skip
"""What the status of a film that was made may be."""


def judge_metrics(
    before: Iterable[Mapping[str, Any]],
    rows: Rows,
    *,
    episode: str,
    seconds: float,
    began: float,
    ended: float,
    is_own: bool = False,
    unknown: str = "",
) -> list[Finding]:
    """Judge the table of metrics after a film was made.

    Args:
        before: Its rows before that.
        rows: Its rows now.
        episode: Of the film.
        seconds: Duration of the film; NaN where it is not known.
        began: When the film's making began, in seconds since the epoch.
        ended: When it was over.
        is_own: Whether the table is of this film alone, so that its rows need not name it.
        unknown: Why its rows before that are not known.
    """  # fmt: skip
    known = [dict(row) for row in before]
    written = [row for row in rows if dict(row) not in known]
    own = [row for row in written if is_own or is_of(rows, row, episode)]
    nothing = unknown or ("" if own else f"{rows.table} has no row of this film")
    return [
        finding(
            "metrics-recorded", _recorded(rows, written, own, episode), untried=unknown,
            why="what is not written down cannot be compared with the next film",
        ),
        finding(
            "metrics-duration", _durations(rows, own, seconds, ended - began + 1), untried=nothing,
            why="a wrong duration makes every mean wrong",
        ),
        finding(
            "metrics-time", _moments(rows, own, began, ended),
            untried=nothing or _lacks(rows, "at"), why="the newest film is found by its time",
        ),
        finding(
            "episode-marked", _status(rows, own), untried=nothing or _lacks(rows, "status"),
            why="an episode that is not marked as generated is made again, or never posted",
        ),
    ]  # fmt: skip


def judge_usage(
    before: Mapping[Path, int], after: Mapping[Path, int], chosen: Selections, unknown: str = ""
) -> Finding:
    """Compare how often each image was used with how often it was chosen since.

    Args:
        before: Usage by path, before the film.
        after: Usage by path, after it.
        chosen: What the film shows.
        unknown: Why usage before the film is not known.
    """
    uses = Counter(each.image.resolve() for each in chosen.selections if each.is_found)
    faults = [
        fault
        for path in sorted(after.keys() | uses.keys())
        if (fault := _usage_fault(path, uses[path], before.get(path, 0), after.get(path)))
    ]
    return finding(
        "image-usage-counted", faults, why="the same image is chosen again and again, or never",
        untried=unknown or ("" if uses or faults else "the film shows no image of the library"),
    )  # fmt: skip


def _usage_fault(path: Path, uses: int, before: int, after: int | None) -> str:
    """Return what is wrong with the count of an image; it may be counted once a film, or a line."""
    if after is None:
        return f"{path.name} was chosen and is not in the image library"
    more = after - before
    if not uses:
        return f"{path.name} was not chosen, and its count went up by {more}" if more else ""
    if more in (1, uses):
        return ""
    return f"{path.name} was chosen {uses} times, and its count went from {before} to {after}"


def is_of(rows: Rows, row: Mapping[str, Any], episode: str, column: str = "metric.episode") -> bool:
    """Say whether a row names the film, in its column or in any other."""
    if column in rows.columns:
        named = str(rows.value(row, column))
        if named == episode or Path(named).stem == episode:
            return True
    return any(isinstance(v, str) and episode in v for v in row.values())


def _recorded(
    rows: Rows, written: list[dict[str, Any]], own: list[dict[str, Any]], episode: str
) -> list[str]:
    if not written:
        return [f"no row was written into {rows.table}"]
    if not own:
        return [f"{len(written)} rows were written into {rows.table}, and none names {episode}"]
    doubles = Counter(repr(sorted(_without_keys(row).items())) for row in own)
    return [f"{c} equal rows in {rows.table} for {episode}" for c in doubles.values() if c > 1]


def _without_keys(row: Mapping[str, Any]) -> dict[str, str]:
    return {key: repr(value) for key, value in row.items() if key not in ("id", "rowid")}


def _durations(rows: Rows, own: list[dict[str, Any]], seconds: float, most: float) -> list[str]:
    """Return what is wrong with how long the film lasts, and how long its making took."""
    kinds = [c for c in ("metric.film_seconds", "metric.seconds") if c in rows.columns]
    if not kinds:
        return [f"{rows.table} has no column for a duration"]
    faults = []
    for row in own:
        for kind in kinds:
            given, column = rows.value(row, kind), rows.columns[kind]
            is_film = _is_number(given) and abs(given - seconds) <= _DRIFT
            if not _is_number(given) or given <= 0:
                faults.append(f"{column} is {given!r}, not a number of seconds above 0")
            elif kind == "metric.film_seconds" and not is_film and not math.isnan(seconds):
                faults.append(f"{column} says {given:.3f} s, the film lasts {seconds:.3f} s")
            elif kind == "metric.seconds" and not is_film and given > most:
                lasts = "is not there" if math.isnan(seconds) else f"lasts {seconds:.3f} s"
                faults.append(
                    f"{column} says {given:.3f} s: the film {lasts}, and was made in {most:.3f} s"
                )
    return faults


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _lacks(rows: Rows, column: str) -> str:
    if f"metric.{column}" in rows.columns:
        return ""
    return f"{rows.table} has no column for it; name it with names.metric.{column}"


def _moments(rows: Rows, own: list[dict[str, Any]], began: float, ended: float) -> list[str]:
    faults = []
    for row in own:
        text = str(rows.value(row, "metric.at"))
        time = read_time(text)
        if time is None:
            faults.append(f"the time of the row is {text!r}, which is none")
            continue
        late = time.timestamp() - ended
        early = began - time.timestamp()
        away = max(late, early)
        hours = round(away / 1800) * 1800 if away <= _ANY_ZONE else 0  # a time without a zone
        if away - hours > _CLOCK:
            faults.append(f"the row is of {text}, {away:.0f} s away from when the film was made")
    return faults


def _status(rows: Rows, own: list[dict[str, Any]]) -> list[str]:
    words = [str(rows.value(row, "metric.status")) for row in own]
    if any(word.casefold() in DONE for word in words):
        return []
    return [f"its status is {word!r}" for word in words]
