"""The results as files in the checklist's form: JSON for machines, Markdown for people.

api_status.json                  {timestamp, apis: {name: {status, implementation_type, …}}}
collected_results/<name>.json    {claim: "Success" | "Failed: …" | "Not tried: …"}, flat
test_results_<time>.json         {summary, results, timestamp}
test_report_<time>.md            or wherever the report is wanted
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from proofbook.files import atomic_write
from proofbook_systems.apis.backends.findings import GROUPS, Finding
from proofbook_systems.apis.backends.trial import BackendResult

__all__ = ["ResultFiles"]

_LONGEST_CELL = 160


@dataclass(frozen=True, kw_only=True)
class ResultFiles:
    """Where the results of one run go; rewritten with each backend, so that none is lost."""

    folder: Path
    report: Path | None = None
    """Where the Markdown report goes; None is beside the other files."""
    verbose: bool = False
    """Whether the report lists the claims that hold, too."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def status_path(self) -> Path:
        """Status and kind of each API."""
        return self.folder / "api_status.json"

    @property
    def json_path(self) -> Path:
        """The summary, and each backend's claims."""
        return self.folder / f"test_results_{self.started:%Y%m%d_%H%M%S}.json"

    @property
    def markdown_path(self) -> Path:
        """The report for people."""
        return self.report or self.folder / f"test_report_{self.started:%Y%m%d_%H%M%S}.md"

    def collected_path(self, result: BackendResult) -> Path:
        """Return where a backend's claims are."""
        return self.folder / "collected_results" / f"{result.backend.title}_test_results.json"

    def write(self, results: Sequence[BackendResult]) -> None:
        """Write all files."""
        _write_json(self.status_path, self._status(results))
        _write_json(self.json_path, self._summary(results))
        for result in results:
            _write_json(self.collected_path(result), _claims(result))
        self.markdown_path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(self.markdown_path, self._markdown(results))

    def _status(self, results: Sequence[BackendResult]) -> dict[str, Any]:
        return {
            "timestamp": self.started.isoformat(timespec="seconds"),
            "apis": {
                result.backend.title: {
                    "status": result.status,
                    "implementation_type": result.implementation,
                    "has_core_methods": result.has_core,
                }
                for result in results
            },
        }

    def _summary(self, results: Sequence[BackendResult]) -> dict[str, Any]:
        kinds = [result.implementation for result in results]
        return {
            "summary": {
                "total_tests": len(results),
                "success_count": sum(result.status == "complete" for result in results),
                "error_count": sum(result.status != "complete" for result in results),
                "real_implementations": kinds.count("REAL"),
                "mock_implementations": kinds.count("MOCK"),
                "total_time": round(sum(result.seconds for result in results), 3),
            },
            "results": [
                {
                    "model": result.backend.title,
                    "status": result.status,
                    "implementation_type": result.implementation,
                    "elapsed_time": round(result.seconds, 3),
                    "results": _claims(result),
                }
                for result in results
            ],
            "timestamp": self.started.isoformat(timespec="seconds"),
        }

    def _markdown(self, results: Sequence[BackendResult]) -> str:
        lines = [
            f"# API backends, {self.started:%Y-%m-%d %H:%M} UTC", "",
            f"| API | kind | server | status | {' | '.join(GROUPS)} |",
            f"|{' --- |' * (4 + len(GROUPS))}",
            *[_row(result) for result in results],
            "", "REAL: a server that is not Proofbook's answered. MOCK: a protocol double did.",
            "INCOMPLETE: none did. `5/6` are the claims that hold, of those that could be tried.",
        ]  # fmt: skip
        for result in results:
            lines += _details(result, verbose=self.verbose)
        return "\n".join(lines) + "\n"


def _claims(result: BackendResult) -> dict[str, str]:
    if result.reason:
        return {"backend": f"Failed: {result.reason}"}
    return {f"{finding.group}_{finding.name}": finding.word for finding in result.findings}


def _row(result: BackendResult) -> str:
    counts = [_count(result.of_group(group)) for group in GROUPS]
    cells = [result.backend.title, result.implementation, result.server or "—", result.status]
    return f"| {' | '.join([*map(_cell, cells), *counts])} |"


def _count(findings: Sequence[Finding]) -> str:
    tried = [finding for finding in findings if not finding.untried]
    return f"{sum(not finding.fault for finding in tried)}/{len(tried)}" if tried else "—"


def _details(result: BackendResult, *, verbose: bool) -> list[str]:
    told = [f for f in result.findings if verbose or f.fault or f.untried]
    lines = [f"- {f.group}, {f.name}: {_cell(f.word)}" for f in told]
    if result.reason:
        lines.insert(0, f"- {_cell(result.reason)}")
    return ["", f"## {result.backend.title}", "", *lines] if lines else []


def _cell(text: str) -> str:
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= _LONGEST_CELL else f"{line[:_LONGEST_CELL]}…"


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
