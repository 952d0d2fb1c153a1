"""The notebook-side API: claims, numbers, evidence and questions, each written down at once.

    checks = Checks("musicgen/generate")
    checks.expect("wav-exists", wav.exists(), why="a run that writes nothing is no run")
    checks.expect("duration", actual=clip.seconds, expected=within(30, 0.5), unit="s")
    checks.finish()

Every record goes to the job's ``records.jsonl`` and is glued into the notebook, where scrapbook
reads it. Knows nothing about any system, and not how a run judges the records.
"""

from __future__ import annotations

import os
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import JsonValue

from proofbook.checks.display import show_check, show_evidence, show_question, show_summary
from proofbook.checks.expectations import expectation_of
from proofbook.checks.journal import Journal, open_journal
from proofbook.errors import ChecksFailed, UsageError
from proofbook.records import (
    Begin,
    Check,
    CheckStatus,
    Evidence,
    Finish,
    Identity,
    Label,
    Metric,
    Question,
    QuestionForm,
)
from proofbook.values import to_json

if TYPE_CHECKING:
    from proofbook.media import Media

__all__ = ["Checks"]

_UNSET: Any = object()


class Checks:
    """The checks of one runbook; make one in the first cell after the parameters.

    Args:
        runbook: ``<system>/<name>``, as the file under ``runbooks/`` is called.
        parameters: The parameters in force, for the record; secrets do not belong here.
        journal: Where records and media go; by default the running job's folder, or, outside
            of a run, a new folder under ``outputs/interactive/``.
    """

    def __init__(
        self,
        runbook: str,
        parameters: Mapping[str, object] | None = None,
        *,
        journal: Journal | None = None,
    ) -> None:
        self.runbook = runbook
        self._journal = journal if journal is not None else open_journal(runbook, os.environ)
        self._made: list[Check] = []
        self._asked: set[str] = set()
        self._identified: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._finished = False
        given = {name: to_json(value) for name, value in (parameters or {}).items()}
        self._write(Begin(runbook=runbook, parameters=given), f"proofbook/{runbook}")

    @property
    def folder(self) -> Path:
        """The folder that holds this runbook's records."""
        return self._journal.folder

    def identify(self, name: str, revision: str) -> None:
        """Record what is tested, exactly; earlier results of another revision are no trend.

        Args:
            name: What it is: ``model``, ``binary``, ``config``.
            revision: A commit or a hash, such as :func:`proofbook.fingerprints.revision_of` gives.
        """
        if name in self._identified:
            raise UsageError(f"two subjects are called {name!r}; give each its own name")
        self._identified.add(name)
        self._write(Identity(name=name, revision=revision), f"identity/{name}")

    def expect(
        self,
        name: str,
        actual: object = _UNSET,
        expected: object = True,
        *,
        why: str = "",
        unit: str = "",
    ) -> None:
        """Record whether ``actual`` is as ``expected``, show it, and do not raise for a failure.

        Args:
            name: Unique in the runbook; kebab-case.
            actual: The value found, or a callable without arguments that finds it; a callable
                that raises makes the check an ``error``.
            expected: A value to equal, or one of :mod:`proofbook.checks.expectations`.
            why: Why the claim matters; shown beside a failure.
            unit: Unit of both values.
        """
        if actual is _UNSET:
            raise UsageError(f"check {name!r} has no actual value: nothing was verified")
        self._record_check(_evaluate(name, actual, expected, why=why, unit=unit))

    def require(
        self,
        name: str,
        actual: object = _UNSET,
        expected: object = True,
        *,
        why: str = "",
        unit: str = "",
    ) -> None:
        """As :meth:`expect`, but end the runbook if the check does not pass.

        Raises:
            ChecksFailed: The check did not pass; what follows would make no sense.
        """
        self.expect(name, actual, expected, why=why, unit=unit)
        check = self._made[-1]
        if check.status != "passed":
            what = check.reason or f"expected {check.expected}, found {check.actual!r} {check.unit}"
            raise ChecksFailed(f"required check {name!r} did not pass: {what}", names=(name,))

    def skip(self, name: str, reason: str) -> None:
        """Record that a check could not run; whether that is allowed, the profile says."""
        if not reason.strip():
            raise UsageError(f"skipping {name!r} needs a reason")
        self._record_check(Check(name=name, status="skipped", reason=reason))

    def measure(
        self,
        name: str,
        value: float,
        *,
        unit: str = "",
        better: Literal["higher", "lower", "neither"] = "neither",
        labels: Mapping[str, Label] | None = None,
    ) -> None:
        """Record a number."""
        metric = Metric(
            name=name, value=float(value), unit=unit, better=better, labels=dict(labels or {})
        )
        self._write(metric, f"metric/{_labelled(name, metric.labels)}")

    def show(self, media: Media, *, name: str = "") -> Evidence:
        """Store a media file as evidence, draw it in the notebook, and return its record."""
        file = self._journal.store(media.source, media.suffix)
        views = {view: self._journal.store(png, ".png") for view, png in media.views.items()}
        evidence = Evidence(
            name=name or media.name,
            media_kind=media.kind,
            file=file,
            caption=media.caption,
            labels=dict(media.labels),
            facts=media.facts,
            views=views,
        )
        self._write(evidence, f"evidence/{evidence.name}-{file.sha256[:12]}")
        show_evidence(evidence, self._journal.media)
        return evidence

    def ask(
        self,
        name: str,
        text: str,
        about: Iterable[Evidence] = (),
        *,
        form: QuestionForm = "approve",
        criteria: Iterable[str] = (),
        role: str = "",
        required: bool = True,
    ) -> None:
        """Record a question that only a person can answer.

        Args:
            name: Unique among the runbook's questions; kebab-case.
            text: What is asked, in a sentence.
            about: The evidence to look at or listen to.
            form: ``approve``; ``score``, 1 to 5 on each of ``criteria``; ``ab`` or ``abx``, blind
                against the last approved take of the same evidence.
            criteria: What is scored.
            role: Who must answer, such as ``art director``; empty is anyone.
            required: Whether the release waits for it.
        """
        question = Question(
            name=name,
            text=text,
            about=tuple(evidence.file.sha256 for evidence in about),
            form=form,
            criteria=tuple(criteria),
            role=role,
            required=required,
        )
        if name in self._asked:
            raise UsageError(f"two questions are called {name!r}; give each its own name")
        if (form == "score") != bool(question.criteria):
            raise UsageError(
                f"question {name!r}: criteria belong to the form 'score', and it to them"
            )
        if form in ("ab", "abx") and len(question.about) != 1:
            raise UsageError(
                f"question {name!r}: a blind comparison is about one piece of evidence"
            )
        self._asked.add(name)
        self._write(question, f"question/{name}")
        show_question(question)

    def finish(self) -> None:
        """End the runbook: show the table, write the finish record, raise if a check failed.

        Raises:
            ChecksFailed: A check failed or was an error, or none was made.
        """
        if self._finished:
            raise UsageError("finish() was called twice; it belongs in the last cell alone")
        self._finished = True
        self._write(Finish(counts=dict(self._counts)), "proofbook/finish")
        show_summary(self.runbook, self._made)
        bad = [c for c in self._made if c.status in ("failed", "error")]
        if bad:
            names = tuple(c.name for c in bad)
            raise ChecksFailed(
                f"{len(bad)} of {len(self._made)} checks did not pass: {', '.join(names)}",
                names=names,
            )
        if not self._made:
            raise ChecksFailed("no check was made: nothing was verified", names=())

    def _record_check(self, check: Check) -> None:
        if any(made.name == check.name for made in self._made):
            raise UsageError(f"two checks are called {check.name!r}; give each its own name")
        self._made.append(check)
        self._write(check, f"check/{check.name}")
        show_check(check)

    def _write(self, record: Any, scrap: str) -> None:
        if self._finished and record.kind != "finish":
            raise UsageError("finish() was called already; it belongs in the last cell")
        self._counts[record.kind] += 1 if record.kind != "finish" else 0
        self._journal.write(record, scrap)


def _evaluate(name: str, actual: object, expected: object, *, why: str, unit: str) -> Check:
    wanted = expectation_of(expected)
    value: object = None
    try:
        value = actual() if callable(actual) else actual
        status: CheckStatus = "passed" if wanted.accepts(value) else "failed"
        reason = ""
    except Exception as error:  # noqa: BLE001 - the exception is the finding: it is recorded
        status = "error"
        reason = traceback.format_exception_only(error)[-1].strip()
    return Check(
        name=name,
        status=status,
        expected=wanted.words,
        actual=to_json(value),
        unit=unit,
        why=why,
        reason=reason,
    )


def _labelled(name: str, labels: Mapping[str, JsonValue]) -> str:
    if not labels:
        return name
    return name + "{" + ",".join(f"{k}={v}" for k, v in sorted(labels.items())) + "}"
