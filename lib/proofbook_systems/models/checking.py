"""The checks of one model in their order, and what is told of them as they are made."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofbook_systems.models import (
    comparing,
    gradients,
    lifecycle,
    padding,
    references,
    writing,
)
from proofbook_systems.models.building import Built
from proofbook_systems.models.comparing import NoSuchPartError, NotApplicableError
from proofbook_systems.models.findings import ON_DEVICE, Finding, Status, Verdict
from proofbook_systems.models.inputs import Inputs, Layout
from proofbook_systems.models.maker import Maker, fill
from proofbook_systems.models.outputs import Outputs
from proofbook_systems.models.planting import Loader
from proofbook_systems.models.reasons import describe

__all__ = ["WITHOUT_REFERENCE", "Ready", "Subject", "Trial", "check_all", "make_subject"]

WITHOUT_REFERENCE = 1e-4
"""The tolerance where a model does not run in float64, or answers otherwise in it; its verdict says
so."""
_BEYOND = 1e30
"""What stands for infinity, which JSON does not have."""


@dataclass(kw_only=True)
class Ready:
    """A model that has taken its input."""

    built: Built
    layout: Layout
    inputs: Inputs
    other: Inputs
    outputs: Outputs


@dataclass(kw_only=True)
class Trial:
    """What is becoming of one type."""

    verdict: Verdict
    tell: Callable[[str], None]
    missed: str = ""
    """Why a class of the type that writes was not run."""

    def add(self, check: str, status: Status, reason: str = "", *, applies: bool = True) -> None:
        """Add the verdict of a check."""
        finding = Finding(check=check, status=status, reason=reason, applies=applies)
        self.verdict.findings.append(finding)

    def tell_device(self, row: str) -> None:
        """Tell that a device begins."""
        self.tell(f"{ON_DEVICE}{row}")

    def check(self, name: str, run: Callable[[], str]) -> None:
        """Run one check; an exception of the model is a failure, with its first line and place."""
        self.tell(name)
        started = time.perf_counter()
        try:
            reason = run()
            self.add(name, "failed" if reason else "passed", reason)
        except NotApplicableError as skip:
            applies = not isinstance(skip, NoSuchPartError)
            self.add(name, "skipped", str(skip), applies=applies)
        except Exception as error:  # noqa: BLE001 - it is the verdict
            self.add(name, "failed", describe(error))
        self.verdict.metrics[f"{name}_seconds"] = round(time.perf_counter() - started, 4)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What the checks look at, each ready to be run: again and again, under faults as well."""

    model: Any
    checks: dict[str, Callable[[Loader], str]]
    """Each takes what loads a model, and returns what is wrong."""


def make_subject(trial: Trial, ready: Ready, folder: Path) -> Subject:
    """Return the checks of a model that has answered; the first measures what the others allow."""
    model, inputs, ours = ready.built.model, ready.inputs, ready.outputs
    metrics, allowed = trial.verdict.metrics, [WITHOUT_REFERENCE]
    more = fill(Maker(model, ready.built.config, 0), ready.built.hint.generate)

    def reference(_: Loader) -> str:
        metrics["tolerance"] = WITHOUT_REFERENCE
        try:
            made = references.make_reference(model, inputs, ours)
        except Exception as error:
            raise NotApplicableError(f"does not run in float64: {describe(error)}") from error
        metrics["rounding"] = made.rounding if math.isfinite(made.rounding) else _BEYOND
        wrong = references.check_reference(made)
        if not wrong:  # a reference that is another answer would let every fault pass
            allowed[0] = metrics["tolerance"] = made.tolerance
        elif not made.sixteen_bits and references.turns_choice(model, inputs, made):
            raise NotApplicableError("a rounding turns a choice over: float64 answers otherwise")
        return wrong

    def gradient(_: Loader) -> str:
        found = gradients.check_gradient(model, inputs)
        metrics["weights_with_gradient"] = round(found.share, 4)
        metrics["gradient_by_slope"] = float(found.by_slope)
        if found.underived:
            trial.verdict.notes.append(f"gradients are those of training: {found.underived}")
        if found.unasked:
            trial.verdict.notes.append(f"of gradients, a step alone was taken: {found.unasked}")
        return found.wrong

    checks: dict[str, Callable[[Loader], str]] = {
        "reference": reference,
        "determinism": lambda _: comparing.check_determinism(model, inputs, ours),
        "sensitivity": lambda _: comparing.check_sensitivity(model, inputs, ready.other, ours),
        "batch": lambda _: comparing.check_batch(model, inputs, ready.other, ours, allowed[0]),
        "padding": lambda _: padding.check_padding(model, inputs, ours, allowed[0]),
        "save-load": lambda loading: lifecycle.check_save_load(
            model, inputs, ours, folder, allowed[0], loading
        ),
        "control": lambda _: _measured(
            metrics, "weights_that_show", lifecycle.check_control(model, inputs, ours, allowed[0])
        ),
        "generate": lambda _: trial.missed or writing.check_generate(model, inputs, more)[0],
        "cache": lambda _: writing.check_cache(model, inputs, allowed[0], more),
        "gradient": gradient,
    }
    return Subject(model=model, checks=checks)


def check_all(trial: Trial, subject: Subject, loading: Loader) -> None:
    """Run every check of a subject, in their order."""
    for name, run in subject.checks.items():
        trial.check(name, lambda run=run: run(loading))  # type: ignore[misc]


def _measured(metrics: dict[str, float], name: str, result: tuple[str, float]) -> str:
    metrics[name] = round(result[1], 4)
    return result[0]
