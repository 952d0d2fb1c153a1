"""The laws about one job, once more: slow, obvious, and sharing nothing with the judge of ``lib``.

It may say less often that a job is green than it could, and never more often.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

SCRAP = "application/scrapbook.scrap.json+json"


def may_be_green(run: Path, job: str, runbook: str, allowed: tuple[str, ...] = ()) -> bool:
    """Say whether the files of a job prove that it passed, or was skipped as its profile allows."""
    folder = run / "jobs" / job
    try:
        records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
        notebook = json.loads((folder / "notebook.ipynb").read_text())
        outcome = json.loads((folder / "outcome.json").read_text())
    except (OSError, ValueError):
        return False
    return (
        outcome["job"] == job
        and outcome["failure"] is None
        and (outcome["status"], outcome["allowed"]) in (("passed", False), ("skipped", True))
        and whole(records, runbook)
        and all(sound(check, allowed) for check in records if check["kind"] == "check")
        and any(record["kind"] == "check" for record in records)
        and all(stored(run, record) for record in records if record["kind"] == "evidence")
        and executed(notebook["cells"], records)
    )  # fmt: skip


def whole(records: list[dict[str, Any]], runbook: str) -> bool:
    """One begin first, one finish last that counts what is between, each name once, no fault."""
    kinds = [record["kind"] for record in records]
    names = [(r["kind"], r["name"]) for r in records if "name" in r and r["kind"] != "metric"]
    shown = {record["file"]["sha256"] for record in records if record["kind"] == "evidence"}
    return (
        len(records) > 1
        and (kinds[0], kinds[-1]) == ("begin", "finish")
        and (kinds.count("begin"), kinds.count("finish"), kinds.count("fault")) == (1, 1, 0)
        and records[0]["runbook"] == runbook
        and {k: n for k, n in records[-1]["counts"].items() if n} == Counter(kinds[:-1])
        and len(names) == len(set(names))
        and all(set(r["about"]) <= shown for r in records if r["kind"] == "question")
    )


def sound(check: dict[str, Any], allowed: tuple[str, ...]) -> bool:
    """It passed, or may be skipped."""
    skips = any(fnmatch.fnmatchcase(check["name"], glob) for glob in allowed)
    return check["status"] == "passed" or (check["status"] == "skipped" and skips)


def stored(run: Path, evidence: dict[str, Any]) -> bool:
    """All its files are there, with the bytes that were recorded."""
    for file in (evidence["file"], *evidence["views"].values()):
        path = run / "media" / (file["sha256"] + file["suffix"])
        if path.is_symlink() or not path.is_file():
            return False
        if hashlib.sha256(path.read_bytes()).hexdigest() != file["sha256"]:
            return False
    return True


def executed(cells: list[dict[str, Any]], records: list[dict[str, Any]]) -> bool:
    """Each code cell completed and shows no error; the last one made the finish."""
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    made = [[o["data"][SCRAP]["data"] for o in c["outputs"] if "data" in o] for c in code]
    flat = [record for each in made for record in each]
    return (
        bool(code)
        and all(cell["metadata"]["papermill"]["status"] == "completed" for cell in code)
        and not any(o["output_type"] == "error" for cell in code for o in cell["outputs"])
        and any(record["kind"] == "begin" for record in flat)
        and [r["kind"] for r in flat].count("finish") == 1
        and any(record["kind"] == "finish" for record in made[-1])
        and {result(r) for r in flat if r["kind"] == "check"} <= {result(r) for r in records}
    )


def result(record: dict[str, Any]) -> tuple[str, str]:
    """What a check says, whenever it said it."""
    return record.get("name", ""), record.get("status", "")
