"""What the files of a run say of its jobs, and what of that they prove.

Reads them from outside, with none of the harness's own rules: a run that was killed at any moment
must not say more than this. Knows nothing about kills.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["JobFiles", "RunFiles", "read_run_files"]

_GREEN = ("passed", "unreviewed")


class JobFiles(NamedTuple):
    """One job's files."""

    job: str
    says: str
    """The status in ``outcome.json``; empty where there is none."""
    lacks: str
    """What is missing for a proof that it passed; empty for nothing."""
    records: bytes
    """All of ``records.jsonl``."""

    @property
    def has_passed(self) -> bool:
        """Whether it says so."""
        return self.says == "passed"


class RunFiles(NamedTuple):
    """One run's files."""

    jobs: tuple[JobFiles, ...]
    """Those that were begun, by name."""
    planned: int
    """How many there are in the plan."""
    verdicts: dict[str, str]
    """What the run's own files say of the whole: ``run.json`` and ``report.json``."""
    reported: dict[str, str]
    """What the report says of each job."""
    torn: tuple[str, ...]
    """Files that must be whole at any moment and are not."""

    @property
    def untruths(self) -> list[str]:
        """Everything that is said and not proven, in words."""
        lacks = {each.job: each.lacks for each in self.jobs}
        said = [(f"{each.job}: outcome.json", each.job) for each in self.jobs if each.has_passed]
        said += [(f"{job}: report.json", job) for job, s in self.reported.items() if s == "passed"]
        untrue = [
            f"{where} says passed, but {lacks.get(job, 'it was never begun')}"
            for where, job in said
            if lacks.get(job, "x")
        ]
        proven = sum(not each.lacks for each in self.jobs)
        for name, verdict in self.verdicts.items():
            if verdict in _GREEN and proven < self.planned:
                untrue.append(f"{name} says {verdict}, but {proven} of {self.planned} are proven")
        return [*untrue, *(f"{name} cannot be read" for name in self.torn)]


def read_run_files(run: Path) -> RunFiles:
    """Read a run's folder, as it is at this moment."""
    torn: list[str] = []
    info = _read(run / "run.json", torn)
    report = _read(run / "report" / "report.json", torn)
    jobs = [_read_job(folder, torn) for folder in sorted(run.glob("jobs/*"))]
    verdicts = {"run.json": info.get("verdict", ""), "report.json": report.get("verdict", "")}
    return RunFiles(
        jobs=tuple(jobs),
        planned=len(info.get("plan", ())),
        verdicts=verdicts,
        reported={job["id"]: job["outcome"] for job in report.get("jobs", ())},
        torn=tuple(torn),
    )


def _read_job(folder: Path, torn: list[str]) -> JobFiles:
    outcome = _read(folder / "outcome.json", torn)
    notebook = _read(folder / "notebook.ipynb", torn)
    path = folder / "records.jsonl"
    records = path.read_bytes() if path.exists() else b""
    problems = [*_not_recorded(records), *_not_executed(notebook)]
    return JobFiles(folder.name, outcome.get("status", ""), "; ".join(problems), records)


def _read(path: Path, torn: list[str]) -> dict[str, Any]:
    """Return a JSON file that is replaced as a whole, or nothing where there is none."""
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError:
        torn.append(path.name)
        return {}
    return found


def _not_recorded(lines: bytes) -> Iterator[str]:
    records = []
    for line in lines.splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            yield "a record is torn"
    kinds = [record["kind"] for record in records]
    if kinds[:1] != ["begin"] or kinds[-1:] != ["finish"] or kinds.count("begin") != 1:
        yield f"its records are {', '.join(kinds) or 'none'}"
    checks = [record["status"] for record in records if record["kind"] == "check"]
    if not checks or set(checks) != {"passed"}:
        yield f"its checks are {', '.join(checks) or 'none'}"


def _not_executed(notebook: dict[str, Any]) -> Iterator[str]:
    cells = [cell for cell in notebook.get("cells", ()) if cell["cell_type"] == "code"]
    states = [cell["metadata"].get("papermill", {}).get("status") for cell in cells]
    if not states or set(states) != {"completed"}:
        yield f"its cells are {', '.join(map(str, states)) or 'none'}"
