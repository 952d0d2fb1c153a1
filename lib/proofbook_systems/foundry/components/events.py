"""Read what the pytest plugin wrote down: more than a report says, and also after a crash."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofbook_systems.foundry.components.results import NotCollected, Outcome, Result, worse

__all__ = ["Events", "read_events"]


@dataclass(frozen=True, kw_only=True)
class Events:
    """What a run of pytest said about itself."""

    tests: tuple[Result, ...]
    deselected: tuple[str, ...]
    not_collected: tuple[NotCollected, ...]
    unfinished: bool
    """Whether no session came to its own end."""


def read_events(folder: Path) -> Events | None:
    """Return what the plugin wrote into ``folder``; None where it never ran."""
    events = [event for file in sorted(folder.glob("*.jsonl")) for event in _lines(file)]
    if not events:
        return None
    by_kind: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        by_kind[event["event"]].append(event)
    marks = {event["id"]: frozenset(event["marks"]) for event in by_kind["collected"]}
    phases: dict[str, list[dict[str, Any]]] = {e["id"]: [] for e in by_kind["started"]}
    for event in by_kind["phase"]:
        phases.setdefault(event["id"], []).append(event)
    return Events(
        tests=tuple(_test(id, told, marks.get(id, frozenset())) for id, told in phases.items()),
        deselected=tuple(sorted({event["id"] for event in by_kind["deselected"]})),
        not_collected=tuple(_not_collected(by_kind["not-collected"])),
        unfinished=not by_kind["finished"],
    )


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return  # the process ended within the line


def _not_collected(events: list[dict[str, Any]]) -> list[NotCollected]:
    known = {(e["id"], e["outcome"]): e["words"] for e in events}
    return [
        NotCollected(id=id, outcome=outcome, words=words) for (id, outcome), words in known.items()
    ]


def _test(id: str, phases: list[dict[str, Any]], marks: frozenset[str]) -> Result:
    outcome: Outcome = "passed"
    for phase in phases:
        outcome = worse(outcome, _outcome(phase))
    if not any(phase["phase"] == "teardown" for phase in phases):
        outcome = "unfinished"
    words = next((p["words"] for p in phases if p["outcome"] in ("failed", "skipped")), "")
    return Result(
        id=id, outcome=outcome, marks=marks, words=words,
        seconds=sum(p["seconds"] for p in phases),
        call_seconds=sum(p["seconds"] for p in phases if p["phase"] == "call"),
        rerun=any(p["outcome"] == "rerun" for p in phases),
    )  # fmt: skip


def _outcome(phase: dict[str, Any]) -> Outcome:
    if phase["outcome"] == "failed":
        return "failed" if phase["phase"] == "call" else "error"
    if phase["outcome"] == "skipped":
        return "xfailed" if phase["expected"] else "skipped"
    return "xpassed" if phase["expected"] and phase["phase"] == "call" else "passed"
