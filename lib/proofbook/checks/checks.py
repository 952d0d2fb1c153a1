"""The notebook-side API: claims, numbers, evidence, outputs and questions, written down at once.

    checks = Checks("musicgen/generate")
    checks.expect("wav-exists", wav.exists(), why="without a file nothing can be heard")
    checks.expect("duration", actual=clip.seconds, expected=within(30, 0.5), unit="s")
    checks.output("clip", wav)
    checks.finish()

Every record goes to the job's ``records.jsonl`` and is glued into the notebook, where scrapbook
reads it. Knows nothing about any system, and not how a run judges the records.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar

from pydantic import JsonValue

from proofbook.checks.display import (
    show_check,
    show_evidence,
    show_output,
    show_question,
    show_summary,
)
from proofbook.checks.evaluation import evaluate_check
from proofbook.checks.journal import Journal, open_journal
from proofbook.checks.ledger import Ledger
from proofbook.checks.outputs import make_output
from proofbook.checks.parameters import changed_parameters, plain_values
from proofbook.checks.questions import make_question
from proofbook.errors import ChecksFailed, UsageError
from proofbook.records import (
    Begin,
    Check,
    Evidence,
    Identity,
    Label,
    Metric,
    QuestionForm,
)
from proofbook.values import count_noun, to_json

if TYPE_CHECKING:
    from proofbook.media import Media

__all__ = ["Checks"]

_UNSET: Any = object()
_P = ParamSpec("_P")
_R = TypeVar("_R")


def _told(
    method: Callable[Concatenate[Checks, _P], _R],
) -> Callable[Concatenate[Checks, _P], _R]:
    """Have a call that is refused leave a fault: the check that it would have made is missing."""

    @functools.wraps(method)
    def call(self: Checks, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        name = kwargs.get("name", args[0] if args else None)
        about = repr(name) if isinstance(name, str) else ""
        with self._ledger.telling(f"{method.__name__}({about})"):
            return method(self, *args, **kwargs)

    return call


class Checks:
    """The checks of one runbook; make one in the first cell after the parameters.

    Args:
        runbook: ``<system>/<name>``, as the file under ``runbooks/`` is called.
        parameters: The parameters in force, for the record; secrets do not belong here.
        journal: Where records and media go; by default the running job's folder, or, outside
            of a run, a new folder under ``outputs/interactive/``.
        namespace: Where the parameters are variables; by default the running notebook's.
    """

    def __init__(
        self,
        runbook: str,
        parameters: Mapping[str, object] | None = None,
        *,
        journal: Journal | None = None,
        namespace: Mapping[str, Any] | None = None,
    ) -> None:
        self.runbook = runbook
        self._journal = journal if journal is not None else open_journal(runbook, os.environ)
        self._ledger = Ledger(self._journal)
        recorded = {name: to_json(value) for name, value in (parameters or {}).items()}
        begin = Begin(runbook=runbook, parameters=recorded)
        self._ledger.write(begin, f"proofbook/{runbook}")
        self._namespace = _notebook() if namespace is None else namespace
        self._begun = plain_values(recorded, self._namespace)

    @property
    def folder(self) -> Path:
        """The folder that holds this runbook's records."""
        return self._journal.folder

    @_told
    def identify(self, name: str, revision: str) -> None:
        """Record what is tested, exactly; earlier results of another revision are no trend.

        Args:
            name: What it is: ``model``, ``binary``, ``config``.
            revision: A commit or a hash, such as :func:`proofbook.fingerprints.revision_of` gives.
        """
        self._ledger.write_once(Identity(name=name, revision=revision))

    @_told
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
            why: Why the claim matters, or what it rests on; shown beside it.
            unit: Unit of both values.
        """
        self._evaluate(name, actual, expected, why=why, unit=unit)

    @_told
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
        check = self._evaluate(name, actual, expected, why=why, unit=unit)
        if check.status != "passed":
            what = check.reason or f"expected {check.expected}, found {check.actual!r} {check.unit}"
            raise ChecksFailed(f"required check {name!r} did not pass: {what}", names=(name,))

    @_told
    def skip(self, name: str, reason: str) -> None:
        """Record that a check could not run; whether that is allowed, the profile says."""
        if not reason.strip():
            raise UsageError(f"skipping {name!r} needs a reason")
        self._record_check(Check(name=name, status="skipped", reason=reason))

    @_told
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
        self._ledger.write(metric, f"metric/{_labelled(name, metric.labels)}")

    @_told
    def show(self, media: Media, *, name: str = "") -> Evidence:
        """Store a media file as evidence, draw it in the notebook, and return its record.

        Args:
            media: What one of :mod:`proofbook.media`'s functions gives.
            name: Unique in the runbook; by default the media's own, numbered where it is taken.

        Raises:
            UsageError: The file, such as the metadata of a picture, holds a secret.
        """
        unique = name or self._ledger.free_name("evidence", media.name)
        file = self._journal.store(media.source, media.suffix, f"evidence {unique!r}")
        views = {view: self._journal.store(png, ".png") for view, png in media.views.items()}
        evidence = Evidence(
            name=unique,
            media_kind=media.kind,
            file=file,
            caption=media.caption,
            labels=dict(media.labels),
            facts=media.facts,
            views=views,
        )
        self._ledger.write_once(evidence, f"evidence/{evidence.name}-{file.sha256[:12]}")
        show_evidence(evidence, self._journal.media)
        return evidence

    @_told
    def output(self, name: str, value: object) -> None:
        """Leave a value or a path for the jobs that need this one.

        In a profile, another job's parameter takes it as ``${{ jobs.<id>.outputs.<name> }}``,
        which makes that job wait for this one. Write the name as a literal, so that a misspelt
        one is found before anything starts.

        Args:
            name: Unique among the runbook's outputs; letters, digits, ``-`` and ``_``.
            value: What JSON holds; or a ``Path``, of a file or a folder that is whole by now: its
                bytes are part of the record, and the other job does not start once they differ.

        Raises:
            UsageError: JSON has no such value; the path does not exist or is in ``TMPDIR``, which
                is removed with the job; or a secret is in it.
        """
        output = make_output(name, value, self._journal.temporary)
        self._journal.refuse_secrets(f"output {name!r}", output.value)
        if isinstance(value, PurePath):
            self._journal.refuse_secret_names(f"output {name!r}", Path(value))
        self._ledger.write_once(output)
        show_output(output)

    @_told
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
        question = make_question(
            name, text, about, form=form, criteria=criteria, role=role, required=required
        )
        records = self._ledger.records
        shown = {each.file.sha256 for each in records if isinstance(each, Evidence)}
        if not shown.issuperset(question.about):
            raise UsageError(f"question {name!r} is about evidence that this runbook has not shown")
        self._ledger.write_once(question)
        show_question(question)

    @_told
    def finish(self) -> None:
        """End the runbook: show the table, write the finish record, raise if a check failed.

        Outside of a run it can be repeated, after the cells whose checks were changed.

        Raises:
            ChecksFailed: A check failed or was an error, or none was made; or something else went
                wrong, such as that a parameter has been set again.
        """
        for what in changed_parameters(self._begun, self._namespace):
            self._ledger.note_fault(what)
        self._ledger.finish(self._namespace)
        faults = tuple(self._ledger.faults)
        checks = [each for each in self._ledger.records if isinstance(each, Check)]
        show_summary(self.runbook, checks, faults)
        names = tuple(c.name for c in checks if c.status in ("failed", "error"))
        if names:
            of = count_noun(len(checks), "check")
            message = f"{len(names)} of {of} did not pass: {', '.join(names)}"
            raise ChecksFailed(message, names=names)
        if faults:
            raise ChecksFailed(f"something went wrong beside the checks: {faults[0]}", names=())
        if not checks:
            raise ChecksFailed("no check was made: nothing was verified", names=())

    def _evaluate(
        self, name: str, actual: object, expected: object, *, why: str, unit: str
    ) -> Check:
        if actual is _UNSET:
            raise UsageError(f"check {name!r} has no actual value: nothing was verified")
        check = evaluate_check(name, actual, expected, why=why, unit=unit)
        self._record_check(check)
        return check

    def _record_check(self, check: Check) -> None:
        self._ledger.write_once(check)
        show_check(check)


def _notebook() -> Mapping[str, Any]:
    """Return the variables of the notebook that this process executes; nothing outside of one."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return {} if shell is None else shell.user_ns


def _labelled(name: str, labels: Mapping[str, JsonValue]) -> str:
    if not labels:
        return name
    return name + "{" + ",".join(f"{k}={v}" for k, v in sorted(labels.items())) + "}"
