"""What a client did in every case, as a table for people and as JSON; its policy is told here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proofbook.files import atomic_write
from proofbook_systems.apis.faults.bench import Judged
from proofbook_systems.apis.faults.judging import declines, names_cause

__all__ = [
    "describe_end",
    "describe_row",
    "list_doubts",
    "seconds_by_case",
    "summarise",
    "write_tables",
]

_HEAD = ("case", "the server", "calls", "waits, s", "the caller got", "names the cause", "seconds",
         "afterwards", "wrong")  # fmt: skip
_LONGEST = 140
_MOST_WAITS = 5


def describe_end(judged: Judged) -> str:
    """Return what the caller got, in a few words."""
    run = judged.run
    if run.undone:
        return "does not do this"
    kinds: dict[str, int] = {}
    for outcome in run.outcomes:
        words = "answer"
        if outcome.ended == "done" and outcome.more.get("finish_reason", "stop") is None:
            words = "answer without a finish reason"
        if outcome.ended == "error":
            words = f"{outcome.kind}{f' {outcome.status}' if outcome.status else ''}"
        elif outcome.ended != "done":
            late = "nothing: it still retries" if run.retrying else "nothing"
            words = {"late": late, "lost": "the client died"}[outcome.ended]
        if outcome.deltas and outcome.ended == "error":
            words += f" after {len(outcome.deltas)} parts"
        kinds[words] = kinds.get(words, 0) + 1
    return ", ".join(words if n == 1 else f"{n} times {words}" for words, n in kinds.items())


def describe_row(judged: Judged) -> dict[str, Any]:
    """Return one row, as JSON takes it."""
    run = judged.run
    errors = [outcome for outcome in run.outcomes if outcome.ended == "error"]
    return {
        "case": run.case.name, "server": run.case.title, "calls": len(run.calls),
        "overlapping": sum(call.in_flight > 1 for call in run.calls) if not run.case.at_once else 0,
        "peak": max((call.in_flight for call in run.calls), default=0),
        "waits": [] if run.case.at_once else [round(wait, 3) for wait in run.waits],
        "got": describe_end(judged),
        "names_cause": [names_cause(run, outcome) for outcome in errors][:1],
        "message": errors[0].message if errors else "",
        "seconds": round(max((o.seconds for o in run.outcomes), default=0.0), 3),
        "afterwards": _afterwards(judged),
        "left_open": run.left_open,
        "issues": judged.words, "once": [issue.message for issue in judged.passing],
    }  # fmt: skip


def _afterwards(judged: Judged) -> str:
    after = judged.run.next_outcome
    if after is None:
        return "not asked"
    return "works" if after.ended == "done" else "declines" if declines(judged.run) else "fails"


def write_tables(results: Sequence[Judged], folder: Path, client: str) -> tuple[Path, Path]:
    """Write the table as Markdown and as JSON, and return their paths."""
    rows = [describe_row(judged) for judged in results]
    folder.mkdir(parents=True, exist_ok=True)
    markdown, document = folder / "faults.md", folder / "faults.json"
    lines = [f"# {client}", "", _line(_HEAD), _line(["---"] * len(_HEAD))]
    lines += [_line(_cells(row)) for row in rows]
    atomic_write(markdown, "\n".join(lines) + "\n")
    atomic_write(
        document, json.dumps({"client": client, "cases": rows}, indent=2, ensure_ascii=False) + "\n"
    )
    return markdown, document


def list_doubts(results: Sequence[Judged]) -> str:
    """Return what was wrong once and not again, a line each."""
    lines = [
        f"{judged.name}: {issue.message}" for judged in results for issue in judged.passing
    ]  # fmt: skip
    return "\n".join(lines or ["nothing"]) + "\n"


def summarise(results: Sequence[Judged]) -> dict[str, float]:
    """Return the numbers of a client: its retries after a 500, and what a crowd came to."""
    runs = {judged.name: judged.run for judged in results}
    numbers: dict[str, float] = {"cases": len(runs)}
    if "constant-500" in runs:
        numbers["retries_after_500"] = len(runs["constant-500"].calls) - 1
    if "crowd" in runs:
        outcomes = runs["crowd"].outcomes
        done = sum(outcome.ended == "done" for outcome in outcomes)
        numbers["crowd_answered"] = done / max(1, len(outcomes))
    errors = [
        names_cause(judged.run, outcome) == "message"
        for judged in results for outcome in judged.run.outcomes
        if outcome.ended == "error" and outcome.kind != "Cancelled"
    ]  # fmt: skip
    if errors:
        numbers["errors_that_name_the_cause"] = sum(errors) / len(errors)
    return numbers


def seconds_by_case(results: Sequence[Judged]) -> dict[str, list[float]]:
    """Return the seconds of each case's requests, for a drawing."""
    return {
        judged.name: [outcome.seconds for outcome in judged.run.outcomes]
        for judged in results if judged.run.outcomes and not judged.run.undone
    }  # fmt: skip


def _cells(row: dict[str, Any]) -> list[str]:
    waits = [f"{wait:.2f}" for wait in row["waits"][:_MOST_WAITS]]
    more = ["…"] if len(row["waits"]) > _MOST_WAITS else []
    named = {"message": "yes", "causes": "only its causes", "": "no"}
    return [
        row["case"], row["server"], str(row["calls"]), ", ".join([*waits, *more]), row["got"],
        ", ".join(named[each] for each in row["names_cause"]) or "-", f"{row['seconds']:.2f}",
        row["afterwards"], "; ".join(row["issues"]) or "-",
    ]  # fmt: skip


def _line(cells: Sequence[str]) -> str:
    safe = [" ".join(cell.split()).replace("|", "\\|")[:_LONGEST] for cell in cells]
    return f"| {' | '.join(safe)} |"
