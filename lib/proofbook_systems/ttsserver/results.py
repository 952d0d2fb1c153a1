"""The results as files: JSON, and a Markdown table, in the checklist's form."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from proofbook.files import atomic_write
from proofbook_systems.ttsserver.binaries import Binary
from proofbook_systems.ttsserver.rows import RowResult

__all__ = ["ResultFiles", "platform_name"]

_WORDS = {"passed": "PASS", "failed": "FAIL", "timeout": "TIMEOUT"}
_LONGEST_CELL = 200


class _Result(BaseModel):
    """One row of the JSON file."""

    model_config = ConfigDict(protected_namespaces=())

    engine: str
    model_size: str | None
    status: str
    generation_id: str | None
    was_cached: bool | None
    elapsed_seconds: float
    audio_duration: float | None
    audio_path: str | None
    error: str | None
    server_log_tail: str | None
    notes: list[str]


class _Document(BaseModel):
    platform: str
    binary: str
    binary_size_mb: float
    started_at: str
    finished_at: str | None
    results: list[_Result]


@dataclass(frozen=True, kw_only=True)
class ResultFiles:
    """Where the results of one run go; rewritten with each row, so that none is lost."""

    folder: Path
    binary: Binary
    version: str = ""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def stem(self) -> str:
        """Beginning of the files' names."""
        return f"e2e-{platform_name()}-{self.started:%Y%m%dT%H%M%SZ}"

    @property
    def json_path(self) -> Path:
        """The machine's file."""
        return self.folder / f"{self.stem}.json"

    @property
    def markdown_path(self) -> Path:
        """The table for people."""
        return self.folder / f"{self.stem}.md"

    @property
    def log_path(self) -> Path:
        """What the server prints."""
        return self.folder / f"server-{self.started:%Y%m%dT%H%M%SZ}.log"

    @property
    def notes_path(self) -> Path:
        """What else is known: the version, each start, what happened beside the results."""
        return self.folder / f"{self.stem}-notes.md"

    def write_notes(
        self, results: Sequence[RowResult], starts: Sequence[float], restarts: Sequence[str]
    ) -> None:
        """Write what is no result: the version, the starts with their reasons, notes on rows."""
        times = [f"- {seconds:.1f} s from launch to healthy" for seconds in starts]
        reasons = [f"- started again {' '.join(why.split())}" for why in restarts]
        lines = [
            f"# {self.binary.path.name}", "", f"Version: {self.version or 'not asked for'}",
            f"Program: {self.binary.path} ({self.binary.kind}, {self.binary.megabytes:.1f} MB)",
            "", "## Starts", "", *times, *reasons,
            "", "## Rows", "", *[f"- {r.row.name}: {note}" for r in results for note in r.notes],
        ]  # fmt: skip
        self.folder.mkdir(parents=True, exist_ok=True)
        atomic_write(self.notes_path, "\n".join(lines) + "\n")

    def write(self, results: Sequence[RowResult], *, finished: bool = False) -> None:
        """Write both files; ``finished`` says that no row is to come."""
        document = _Document(
            platform=platform_name(),
            binary=str(self.binary.path),
            binary_size_mb=round(self.binary.megabytes, 1),
            started_at=_stamp(self.started),
            finished_at=_stamp(datetime.now(UTC)) if finished else None,
            results=[_result(result) for result in results],
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        atomic_write(self.json_path, document.model_dump_json(indent=2) + "\n")
        atomic_write(self.markdown_path, self._markdown(results))

    def _markdown(self, results: Sequence[RowResult]) -> str:
        lines = [
            f"# Voicebox E2E — {platform_name()} — {self.started:%Y-%m-%d %H:%M}",
            "",
            "| Engine | Size | Status | Elapsed | Error |",
            "|--------|------|--------|---------|-------|",
        ]
        for result in results:
            cells = [
                result.row.engine,
                result.row.model_size or "—",
                _WORDS[result.status],
                f"{result.elapsed_seconds:.1f}s",
                _cell(result.error or ""),
            ]
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines) + "\n"


def platform_name() -> str:
    """Return system and processor, such as ``darwin-arm64``."""
    return f"{sys.platform}-{platform.machine().lower()}"


def _result(result: RowResult) -> _Result:
    return _Result(
        engine=result.row.engine,
        model_size=result.row.model_size or None,
        status=result.status,
        generation_id=result.generation_id,
        was_cached=result.was_cached,
        elapsed_seconds=round(result.elapsed_seconds, 3),
        audio_duration=result.audio_duration,
        audio_path=str(result.audio_path.resolve()) if result.audio_path else None,
        error=result.error,
        server_log_tail=result.server_log_tail,
        notes=result.notes,
    )


def _stamp(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _cell(text: str) -> str:
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= _LONGEST_CELL else f"{line[:_LONGEST_CELL]}…"
