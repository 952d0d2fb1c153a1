"""The results as files in the checklist's form: JSON for machines, Markdown for people.

collected_results/<type>.json    {status, examples, performance_metrics, metadata}
test_results_<time>.json         {summary, results, timestamp}
test_report_<time>.md            or wherever the report is wanted
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from proofbook.files import atomic_write
from proofbook_systems.models.devices.tables import causes_table, compatibility_table, name_rows
from proofbook_systems.models.findings import CHECKS, DeviceVerdict, Finding, Verdict
from proofbook_systems.models.summaries import compatibility, count_checks, group_causes, table
from proofbook_systems.models.upstream import find_issue, issues_by_cause

__all__ = ["ResultFiles"]

_LONGEST_CELL = 160
_MOST_NAMES = 12


@dataclass(frozen=True, kw_only=True)
class ResultFiles:
    """Where the results of one run go. What is expected of them is another's business."""

    folder: Path
    report: Path | None = None
    """Where the Markdown report goes; None is beside the other files."""
    verbose: bool = False
    """Whether the report lists the types of which everything holds, too."""
    versions: Mapping[str, str] = field(default_factory=dict)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def json_path(self) -> Path:
        """The summary, and each type's verdict."""
        return self.folder / f"test_results_{self.started:%Y%m%d_%H%M%S}.json"

    @property
    def markdown_path(self) -> Path:
        """The report for people."""
        return self.report or self.folder / f"test_report_{self.started:%Y%m%d_%H%M%S}.md"

    def collected_path(self, verdict: Verdict) -> Path:
        """Return where a type's results are."""
        return self.folder / "collected_results" / f"{verdict.type}_test_results.json"

    def collect(self, verdict: Verdict) -> None:
        """Write one type's results, at once."""
        path = self.collected_path(verdict)
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, _as_json(self._collected(verdict)))

    def write(self, verdicts: Sequence[Verdict], seconds: float) -> None:
        """Write the summary and the report."""
        self.folder.mkdir(parents=True, exist_ok=True)
        atomic_write(self.json_path, _as_json(self._summary(verdicts, seconds)))
        self.markdown_path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(self.markdown_path, self._markdown(verdicts, seconds).encode())

    def _collected(self, verdict: Verdict) -> dict[str, Any]:
        return {
            "status": {key: _status(verdict, check) for key, check in _seed_keys(verdict).items()}
            | {
                key: words for row in verdict.devices for key, words in _device_status(verdict, row)
            },
            "examples": [
                {"inputs": verdict.inputs, "layout": verdict.layout, "task": verdict.task}
            ],
            "performance_metrics": verdict.metrics
            | {f"{row.device}_{n}": v for row in verdict.devices for n, v in row.metrics.items()},
            "metadata": {
                "model": verdict.type,
                "category": verdict.category,
                "class": verdict.model_class,
                "implementation_type": verdict.implementation,
                "device": verdict.device,
                "notes": verdict.notes,
                "timestamp": self.started.isoformat(),
                **self.versions,
                **verdict.imported,
            },
        }

    def _versions_of(self, verdicts: Sequence[Verdict]) -> dict[str, str]:
        """Return the versions that are installed; over them, those that were really imported."""
        imported = next((each.imported for each in verdicts if each.imported), {})
        return {**self.versions, **imported}

    def _summary(self, verdicts: Sequence[Verdict], seconds: float) -> dict[str, Any]:
        kinds = Counter(verdict.implementation for verdict in verdicts)
        passed = sum(verdict.passed for verdict in verdicts)
        return {
            "summary": {
                "total_tests": len(verdicts),
                "success_count": passed,
                "error_count": len(verdicts) - passed,
                "real_implementations": kinds["REAL"],
                "mock_implementations": kinds["MOCK"],
                "random_weights": kinds["RANDOM"],
                "versions": self._versions_of(verdicts),
                "total_time": round(seconds, 2),
                "checks": count_checks(verdicts),
            },
            "results": [
                {
                    "model": v.type,
                    "status": "success" if v.passed else "error",
                    "implementation_type": v.implementation,
                    "elapsed_time": v.metrics.get("seconds", 0.0),
                    "results": v.as_dict(),
                }
                for v in verdicts
            ],
            "timestamp": self.started.isoformat(),
        }

    def _markdown(self, verdicts: Sequence[Verdict], seconds: float) -> str:
        passed = sum(verdict.passed for verdict in verdicts)
        named = self._versions_of(verdicts).items()
        versions = ", ".join(f"{name} {version}" for name, version in named)
        parts = [
            f"# Model types\n\n{len(verdicts)} types in {seconds:.0f} s; {passed} hold. "
            f"{versions}. Weights: {_kinds(verdicts)}.\n",
            "## Checks\n\n"
            + table(
                ["check", "passed", "failed", "skipped", "not reached"],
                [
                    [
                        name,
                        *(str(counts[k]) for k in ("passed", "failed", "skipped", "not reached")),
                    ]
                    for name, counts in count_checks(verdicts).items()
                ],
            ),
            "## By category, on the CPU\n\n" + compatibility(verdicts),
            "## What is wrong, by cause\n\n" + _causes_table(verdicts),
            *_device_parts(verdicts),
            "## Each type\n\n" + self._types_table(verdicts),
        ]
        return "\n".join(parts)

    def _types_table(self, verdicts: Sequence[Verdict]) -> str:
        shown = [v for v in verdicts if self.verbose or not v.passed]
        rows = [
            [
                v.type,
                v.category,
                v.model_class,
                " + ".join(v.inputs),
                v.implementation,
                "; ".join(_failure_words(v, f) for f in v.failed)[:_LONGEST_CELL] or "holds",
            ]
            for v in shown
        ]
        rest = len(verdicts) - len(shown)
        more = f"\n{rest} more hold in everything.\n" if rest else ""
        return table(["type", "category", "class", "inputs", "weights", "verdict"], rows) + more


def _failure_words(verdict: Verdict, finding: Finding) -> str:
    known = find_issue(verdict.type, finding.check, finding.reason)
    said = f" ({known.reason})" if known else ""
    return f"{finding.check}: {finding.reason}{said}"


def _seed_keys(verdict: Verdict) -> dict[str, str]:
    device = verdict.device
    own = {
        "init": "init",
        f"{device}_init": "init",
        f"{device}_handler": "forward",
        f"{device}_batch": "batch",
    }
    return own | {check: check for check in CHECKS if check not in ("init", "forward", "batch")}


def _status(verdict: Verdict, check: str) -> str:
    return _finding_words(verdict.findings, check, verdict.implementation)


def _finding_words(findings: Sequence[Finding], check: str, kind: str) -> str:
    for finding in findings:
        if finding.check == check:
            words = {
                "passed": f"Success ({kind})",
                "failed": f"Failed: {finding.reason}",
                "skipped": f"Not tried: {finding.reason}",
            }
            return words[finding.status]
    return "Not tried: an earlier step failed"


_DEVICE_KEYS = {"init": "compile", "handler": "match", "batch": "other-shape"}


def _device_status(verdict: Verdict, row: DeviceVerdict) -> Iterator[tuple[str, str]]:
    """Yield what the checklist asks of another device; the CPU's own rows are the verdict's."""
    if row.device == verdict.device:
        return
    for key, step in _DEVICE_KEYS.items():
        words = _finding_words(row.findings, step, verdict.implementation)
        yield f"{row.device}_{key}", f"Not tried: {row.skipped}" if row.skipped else words


def _device_parts(verdicts: Sequence[Verdict]) -> list[str]:
    if not name_rows(verdicts):
        return []
    return [
        "## By category, on each device\n\n" + compatibility_table(verdicts),
        "## What fails on devices, by cause\n\n" + causes_table(verdicts),
    ]


def _causes_table(verdicts: Sequence[Verdict]) -> str:
    known = issues_by_cause(verdicts)
    rows = [
        [
            check,
            cause,
            str(len(names)),
            ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else ""),
            " ".join(known.get((check, cause), [])) or "none known",
        ]
        for (check, cause), names in group_causes(verdicts).items()
    ]
    return table(["check", "cause", "types", "which", "upstream"], rows) if rows else "Nothing.\n"


def _kinds(verdicts: Sequence[Verdict]) -> str:
    kinds = Counter(verdict.implementation for verdict in verdicts)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "none"


def _as_json(data: object) -> bytes:
    return json.dumps(data, indent=1, ensure_ascii=False).encode()
