"""What an answer is bound to, recomputed from a run's files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import JsonValue

from proofbook.files import hash_file
from proofbook.records import AnyRecord, Begin, Check, Evidence, PlannedJob, Question, RunInfo
from proofbook.runs.folder import RunFolder, read_records
from proofbook.runs.verdicts import JudgedJob
from proofbook.signoff.entries import Binding, Subject

__all__ = [
    "AskedJob",
    "asked_job",
    "bind",
    "bind_check",
    "differences",
    "made_with_hash",
    "plan_hash",
    "read_asked_job",
]

_CHECK = "check:"
_CHANGING = {"schema_version", "plan", "slots", "resumed", "verdict", "ended"}
"""What a resumed run writes anew in ``run.json``; the plan has a hash of its own."""


@dataclass(frozen=True, kw_only=True)
class AskedJob:
    """One job's records, and the hashes that every answer about it is bound to."""

    run_id: str
    plan_sha256: str
    """Of every job of the run's plan."""
    made_with_sha256: str
    """Of what the run was made with."""
    planned: PlannedJob
    records: tuple[AnyRecord, ...]
    notebook_sha256: str
    """Of the executed notebook; empty where there is none."""

    @property
    def id(self) -> str:
        """The job's id."""
        return self.planned.id

    @property
    def runbook(self) -> str:
        """The job's runbook."""
        return self.planned.runbook

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """What the job asks, in order."""
        return tuple(record for record in self.records if isinstance(record, Question))

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """The job's checks, in order."""
        return tuple(record for record in self.records if isinstance(record, Check))

    @cached_property
    def evidence(self) -> Mapping[str, Evidence]:
        """The job's evidence by the sha256 of its file."""
        shown = (record for record in self.records if isinstance(record, Evidence))
        return {evidence.file.sha256: evidence for evidence in shown}

    @cached_property
    def parameters(self) -> dict[str, JsonValue]:
        """Those in force as the notebook recorded them, over those that the plan gave."""
        merged = dict(self.planned.parameters)
        for record in self.records:
            if isinstance(record, Begin):
                merged.update(record.parameters)
        return merged

    @cached_property
    def parameters_sha256(self) -> str:
        """Hash of the parameters."""
        return _hash(self.parameters)

    @cached_property
    def checks_sha256(self) -> str:
        """Hash of names, results, expectations and values of all checks."""
        return _hash([[c.name, c.status, c.expected, c.actual, c.unit] for c in self.checks])


def plan_hash(info: RunInfo) -> str:
    """Return the hash of every job of a plan, with all that the profile sets for it."""
    return _hash([job.model_dump(mode="json", exclude_defaults=True) for job in info.plan])


def made_with_hash(info: RunInfo) -> str:
    """Return the hash of what a run was begun with: whoever resumes it changes none of it."""
    return _hash(info.model_dump(mode="json", exclude_defaults=True, exclude=_CHANGING))


def asked_job(run_id: str, plan_sha256: str, made_with_sha256: str, judged: JudgedJob) -> AskedJob:
    """Return what a job asks, of one that was read already."""
    return AskedJob(
        run_id=run_id,
        plan_sha256=plan_sha256,
        made_with_sha256=made_with_sha256,
        planned=judged.planned,
        records=judged.records,
        notebook_sha256=judged.notebook_sha256,
    )


def read_asked_job(run: RunFolder, info: RunInfo, planned: PlannedJob) -> AskedJob:
    """Read what a job asks; it is not judged."""
    folder = run.job(planned.id)
    records, _ = read_records(folder.records)
    _, sha256 = _bytes_of(folder.notebook, hash_file)
    return AskedJob(
        run_id=info.run_id, plan_sha256=plan_hash(info), made_with_sha256=made_with_hash(info),
        planned=planned, records=tuple(records), notebook_sha256=sha256,
    )  # fmt: skip


def bind(
    job: AskedJob,
    question: Question,
    media: Path,
    hash_of: Callable[[Path], str] = hash_file,
) -> Binding:
    """Return what an answer to a question is bound to now: the files as they are."""
    subjects = []
    for sha256 in question.about:
        evidence = job.evidence.get(sha256)
        if evidence is None:
            continue
        size, found = _bytes_of(media / evidence.file.filename, hash_of)
        subjects.append(
            Subject(
                name=evidence.name,
                sha256=found or "0" * 64,
                size=size,
                media_type=evidence.file.media_type,
            )
        )
    return _binding(job, question.name, tuple(subjects), _question_hash(question))


def _bytes_of(path: Path, hash_of: Callable[[Path], str]) -> tuple[int, str]:
    """Return size and sha256 of a file; nothing of one that is not there or cannot be read."""
    try:
        return path.stat().st_size, hash_of(path)
    except OSError:
        return 0, ""


def bind_check(job: AskedJob, check: str) -> Binding:
    """Return what the waiver of a failed check is bound to."""
    return _binding(job, _CHECK + check, (), "")


def differences(answered: Binding, current: Binding) -> list[str]:
    """Return, in words, what has changed since an answer was given; empty where nothing has."""
    parts = {
        "another run": answered.run != current.run,
        "the media": answered.subjects != current.subjects,
        "the notebook": answered.notebook_sha256 != current.notebook_sha256,
        "the parameters": answered.parameters_sha256 != current.parameters_sha256,
        "the checks": answered.checks_sha256 != current.checks_sha256,
        "the question": _differ(answered.question_sha256, current.question_sha256),
        "the plan": _differ(answered.plan_sha256, current.plan_sha256),
        "what the run was made with": _differ(answered.made_with_sha256, current.made_with_sha256),
    }
    return [name for name, changed in parts.items() if changed]


def _differ(answered: str, current: str) -> bool:
    """Say whether two hashes differ; an answer of the first edition has none of some."""
    return bool(answered) and answered != current


def _binding(
    job: AskedJob, question: str, subjects: tuple[Subject, ...], question_sha256: str
) -> Binding:
    return Binding(
        run=job.run_id, job=job.id, question=question, subjects=subjects,
        notebook_sha256=job.notebook_sha256, parameters_sha256=job.parameters_sha256,
        checks_sha256=job.checks_sha256, question_sha256=question_sha256,
        plan_sha256=job.plan_sha256, made_with_sha256=job.made_with_sha256,
    )  # fmt: skip


def _question_hash(question: Question) -> str:
    asked = (question.name, question.text, question.form, question.criteria, question.role)
    return _hash([*asked, question.required, question.about])


def _hash(value: Sequence[object] | Mapping[str, object]) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
