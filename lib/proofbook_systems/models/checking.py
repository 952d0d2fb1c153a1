"""The checks of one model in their order, and what is told of them as they are made."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofbook_systems.models import (
    beams,
    comparing,
    gradients,
    lifecycle,
    order,
    padding,
    references,
    tensors,
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
_MOST_PLACES = 3
"""So many places that hold a number fast are told."""
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


@dataclass(kw_only=True)
class _Asked:
    """The checks of one model, with what the first of them lets the others allow."""

    trial: Trial
    ready: Ready
    allowed: float = WITHOUT_REFERENCE

    def __post_init__(self) -> None:
        self.model, self.inputs = self.ready.built.model, self.ready.inputs
        self.ours, self.metrics = self.ready.outputs, self.trial.verdict.metrics
        maker = Maker(self.model, self.ready.built.config, 0)
        self.more = fill(maker, self.ready.built.hint.generate)

    def tensors(self, _: Loader) -> str:
        real = self.ready.built.absent == []
        alike = [each for each in tensors.find_alike(self.model) if not each.is_matrix]
        if real and alike:
            words = f"numbers are all alike in {len(alike)} vectors, as {alike[0].value:g} in"
            self.trial.verdict.notes.append(f"{words} {alike[0].name}")
        return tensors.check_tensors(self.model, self.inputs, self.ours, real=real)

    def reference(self, _: Loader) -> str:
        self.metrics["tolerance"] = WITHOUT_REFERENCE
        try:
            made = references.make_reference(self.model, self.inputs, self.ours)
        except Exception as error:
            raise NotApplicableError(f"does not run in float64: {describe(error)}") from error
        self.metrics["rounding"] = made.rounding if math.isfinite(made.rounding) else _BEYOND
        wrong = references.check_reference(made)
        if not wrong:  # a reference that is another answer would let every fault pass
            self.allowed = self.metrics["tolerance"] = made.tolerance
        elif not made.sixteen_bits and references.turns_choice(self.model, self.inputs, made):
            raise NotApplicableError("a rounding turns a choice over: float64 answers otherwise")
        return wrong

    def sensitivity(self, _: Loader) -> str:
        wrong = comparing.check_sensitivity(self.model, self.inputs, self.ready.other, self.ours)
        return wrong or order.check_order(self.model, self.inputs, self.ours, self.allowed)

    def cache(self, _: Loader) -> str:
        if wrong := writing.check_cache(self.model, self.inputs, self.allowed, self.more):
            return wrong
        found = beams.check_beams(self.model, self.inputs, self.allowed, self.more)
        if found.unasked:
            self.trial.verdict.notes.append(f"its cache was asked of one beam: {found.unasked}")
        return found.wrong

    def gradient(self, _: Loader) -> str:
        found, notes = gradients.check_gradient(self.model, self.inputs), self.trial.verdict.notes
        self.metrics["weights_with_gradient"] = round(found.share, 4)
        self.metrics["gradient_by_slope"] = float(found.by_slope)
        if found.by_slope:
            self.metrics["gradient_whole"] = float(not found.held)
        if found.held:
            held = ", ".join(found.held[:_MOST_PLACES])
            notes.append(f"gradients leave out what is held fast, as at {held}")
        if found.underived:
            notes.append(f"gradients are those of training: {found.underived}")
        if found.unasked:
            notes.append(f"of gradients, a step alone was taken: {found.unasked}")
        return found.wrong


def make_subject(trial: Trial, ready: Ready, folder: Path) -> Subject:
    """Return the checks of a model that has answered; ``reference`` measures what others allow."""
    asked = _Asked(trial=trial, ready=ready)
    model, inputs, ours = asked.model, asked.inputs, asked.ours
    checks: dict[str, Callable[[Loader], str]] = {
        "tensors": asked.tensors,
        "reference": asked.reference,
        "determinism": lambda _: comparing.check_determinism(model, inputs, ours),
        "sensitivity": asked.sensitivity,
        "batch": lambda _: comparing.check_batch(model, inputs, ready.other, ours, asked.allowed),
        "padding": lambda _: padding.check_padding(model, inputs, ours, asked.allowed),
        "save-load": lambda loading: lifecycle.check_save_load(
            model, inputs, ours, folder, asked.allowed, loading
        ),
        "control": lambda _: _measured(
            asked.metrics,
            "weights_that_show",
            lifecycle.check_control(model, inputs, ours, asked.allowed),
        ),
        "generate": lambda _: trial.missed or writing.check_generate(model, inputs, asked.more)[0],
        "cache": asked.cache,
        "gradient": asked.gradient,
    }
    return Subject(model=model, checks=checks)


def check_all(trial: Trial, subject: Subject, loading: Loader) -> None:
    """Run every check of a subject, in their order."""
    for name, run in subject.checks.items():
        trial.check(name, lambda run=run: run(loading))  # type: ignore[misc]


def _measured(metrics: dict[str, float], name: str, result: tuple[str, float]) -> str:
    metrics[name] = round(result[1], 4)
    return result[0]
