"""What an answer is bound to, recomputed from a run's files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import JsonValue

from proofbook.files import hash_file
from proofbook.records import AnyRecord, Begin, Check, Evidence, PlannedJob, Question
from proofbook.runs.folder import RunFolder, read_records
from proofbook.signoff.entries import Binding, Subject

__all__ = ["AskedJob", "bind", "bind_check", "differences"]

_CHECK = "check:"


class AskedJob:
    """One job's records, and the hashes that every answer about it is bound to."""

    def __init__(
        self,
        run: RunFolder,
        run_id: str,
        planned: PlannedJob,
        records: Sequence[AnyRecord] | None = None,
    ) -> None:
        folder = run.job(planned.id)
        records = read_records(folder.records)[0] if records is None else list(records)
        self.id, self.run_id, self.runbook = planned.id, run_id, planned.runbook
        self.records: list[AnyRecord] = records
        self.questions = [r for r in records if isinstance(r, Question)]
        self.checks = [r for r in records if isinstance(r, Check)]
        self.evidence = {r.file.sha256: r for r in records if isinstance(r, Evidence)}
        self.parameters = _parameters(planned, records)
        self.notebook_sha256 = hash_file(folder.notebook) if folder.notebook.is_file() else ""
        self.parameters_sha256 = _hash(self.parameters)
        self.checks_sha256 = _hash(
            [[c.name, c.status, c.expected, c.actual, c.unit] for c in self.checks]
        )


def bind(
    job: AskedJob,
    question: Question,
    media: Path,
    hash_of: Callable[[Path], str] = hash_file,
) -> Binding:
    """Return what an answer to a question is bound to now: the files as they lie there."""
    subjects = []
    for sha256 in question.about:
        evidence = job.evidence.get(sha256)
        if evidence is None:
            continue
        path = media / evidence.file.filename
        there = path.is_file()
        subjects.append(
            Subject(
                name=evidence.name,
                sha256=hash_of(path) if there else "0" * 64,
                size=path.stat().st_size if there else 0,
                media_type=evidence.file.media_type,
            )
        )
    return _binding(job, question.name, tuple(subjects))


def bind_check(job: AskedJob, check: str) -> Binding:
    """Return what the waiver of a failed check is bound to."""
    return _binding(job, _CHECK + check, ())


def differences(given: Binding, found: Binding) -> list[str]:
    """Return, in words, what has changed since an answer was given; empty where nothing has."""
    parts = {
        "another run": given.run != found.run,
        "the media": given.subjects != found.subjects,
        "the notebook": given.notebook_sha256 != found.notebook_sha256,
        "the parameters": given.parameters_sha256 != found.parameters_sha256,
        "the checks": given.checks_sha256 != found.checks_sha256,
    }
    return [name for name, changed in parts.items() if changed]


def _binding(job: AskedJob, question: str, subjects: tuple[Subject, ...]) -> Binding:
    return Binding(
        run=job.run_id, job=job.id, question=question, subjects=subjects,
        notebook_sha256=job.notebook_sha256, parameters_sha256=job.parameters_sha256,
        checks_sha256=job.checks_sha256,
    )  # fmt: skip


def _parameters(planned: PlannedJob, records: Sequence[AnyRecord]) -> dict[str, JsonValue]:
    merged = dict(planned.parameters)
    for record in records:
        if isinstance(record, Begin):
            merged.update(record.parameters)
    return merged


def _hash(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
