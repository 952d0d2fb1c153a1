"""Try one model type: every check in its order, what was measured, and what was in the way.

Runs in a process of its own, which may be ended at any moment: each step is told as it is made.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from proofbook_systems.models import building, planting
from proofbook_systems.models.attention import change_attention, leave_plain_attention
from proofbook_systems.models.building import Built
from proofbook_systems.models.catalogue import ModelType
from proofbook_systems.models.checking import (
    WITHOUT_REFERENCE,
    Ready,
    Trial,
    check_all,
    make_subject,
)
from proofbook_systems.models.comparing import exchange_each
from proofbook_systems.models.controls import try_fault
from proofbook_systems.models.devices.isolation import Limits
from proofbook_systems.models.devices.rows import ROWS, judge_export, try_devices
from proofbook_systems.models.devices.trying import Sample
from proofbook_systems.models.findings import Verdict
from proofbook_systems.models.inputs import Inputs, candidates, join, modalities
from proofbook_systems.models.outputs import (
    Outputs,
    call,
    is_blank,
    measure_distance,
    name_hollow,
)
from proofbook_systems.models.real_weights import load_model
from proofbook_systems.models.reasons import describe
from proofbook_systems.models.references import make_reference
from proofbook_systems.models.settling import CLEAR, FAINT, has_norms, settled
from proofbook_systems.models.tensors import name_broken

__all__ = ["Options", "get_ready", "try_type"]

_LOOKING_SECONDS = 15.0
"""How long profiles and layouts are computed with until the model takes one; not by the clock, so
that a busy machine tries as many."""
_MOST_CLASSES = 3
"""How many classes of a type are tried until one takes an input."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a type is tried."""

    task: str = ""
    basic: bool = False
    """Whether only init and forward are tried."""
    repeats: int = 0
    """How many calls are timed; 0 times only the first one."""
    seed: int = 0
    fault: str = ""
    """A fault of :mod:`planting`; empty plants none."""
    faults: tuple[str, ...] = ()
    """Faults that are planted one after the other, and mended again, when all checks are over."""
    weights: str = ""
    """Folder or id of real weights; empty draws random ones."""
    devices: tuple[str, ...] = ()
    """What else it runs on: names of :data:`devices.rows.ROWS`."""
    device_seconds: float = 60.0
    """What one try on one device may take."""
    device_gigabytes: float = 4.0
    device_fault: str = ""
    """A fault of :mod:`devices.planting`; empty plants none."""

    @property
    def most_device_seconds(self) -> float:
        """What all rows of the devices together may take, every way to each of them."""
        ways = sum(len(row) + 1 for name in self.devices for row in ROWS[name].values())
        return ways * Limits(seconds=self.device_seconds, gigabytes=0).waiting


def try_type(type_: ModelType, options: Options, tell: Callable[[str], None]) -> Verdict:
    """Return what became of a type; ``tell`` hears which check begins."""
    verdict = Verdict(type=type_.name, category=type_.category)
    trial = Trial(verdict=verdict, tell=tell)
    ready = get_ready(trial, type_, options)
    if ready is None:
        return verdict
    _measure_calls(trial, ready, options)
    if not options.basic:
        with TemporaryDirectory(prefix="proofbook-model-") as folder:
            subject = make_subject(trial, ready, Path(folder))
            planting.plant(ready.built.model, options.fault)
            check_all(trial, subject, planting.find_loader(options.fault))
            verdict.planted = [try_fault(each, subject, verdict) for each in options.faults]
    _try_devices(trial, ready, options)
    return verdict


def _try_devices(trial: Trial, ready: Ready, options: Options) -> None:
    verdict = trial.verdict
    sample = Sample(
        model=ready.built.model,
        one=ready.inputs,
        two=ready.other,
        tolerance=verdict.metrics.get("tolerance", WITHOUT_REFERENCE),
    )
    limits = Limits(seconds=options.device_seconds, gigabytes=options.device_gigabytes)
    verdict.devices = try_devices(
        options.devices, sample, limits, trial.tell_device, options.device_fault
    )
    verdict.findings += [judge_export(row) for row in verdict.devices if row.device == "cpu"]


def get_ready(trial: Trial, type_: ModelType, options: Options) -> Ready | None:
    """Build a model and find inputs that it takes: the first class, profile and layout that fit.

    A further class of a type is tried where the one before takes no input of its own kind; what it
    had against them is noted, and counts against what it alone could do.
    """
    trial.tell("init")
    reasons: dict[str, str] = {}
    for choice in range(_MOST_CLASSES):
        missed: dict[str, str] = {}
        try:
            ready = _get_ready_as(trial, type_, options, choice, missed)
        except building.NoClassError:
            break
        if ready is not None:
            _note_missed(trial, reasons)
            return ready
        if not reasons:
            reasons = missed | {"class": trial.verdict.model_class}
        if options.weights or "requires the" in missed.get("init", ""):
            break
    trial.verdict.model_class = reasons.get("class", "")
    if not trial.verdict.model_class:
        _add_unbuilt(trial, reasons["init"])
    else:
        trial.add("init", "passed")
        trial.add("forward", "failed", reasons["forward"])
    return None


def _add_unbuilt(trial: Trial, reason: str) -> None:
    """Add why a type was not built; a package that is not installed is no fault of the type."""
    needed = re.search(r"requires the (\w+) library|No module named '(\w+)'", reason)
    trial.add("init", "skipped" if needed else "failed", reason)


def _note_missed(trial: Trial, reasons: dict[str, str]) -> None:
    if not reasons:
        return
    verdict = trial.verdict
    missed = reasons.get("class") or "its first class"
    verdict.notes.append(f"{missed} was not run: {reasons.get('forward') or reasons['init']}")
    if building.generates(missed) and not building.generates(verdict.model_class):
        trial.missed = verdict.notes[-1]


def _get_ready_as(
    trial: Trial, type_: ModelType, options: Options, choice: int, reasons: dict[str, str]
) -> Ready | None:
    """Build one class of a type, and find inputs that it takes."""
    deadline = time.process_time() + _LOOKING_SECONDS / (1 + choice)
    for place, profile in enumerate(building.PROFILES):
        if reasons and time.process_time() > deadline:
            break
        started = time.perf_counter()
        try:
            built = _make(type_, profile, options, choice)
        except building.NoClassError:
            raise
        except Exception as error:  # noqa: BLE001 - it is the verdict
            reasons.setdefault("init", describe(error))
            continue
        _note_built(trial, built, place, time.perf_counter() - started)
        ready = _find_layout(trial, built, options, reasons, deadline)
        if ready is not None:
            return ready
    return None


def _make(type_: ModelType, profile: dict[str, Any], options: Options, choice: int) -> Built:
    if not options.weights:
        return building.build_model(
            type_, profile, task=options.task, seed=options.seed, choice=choice
        )
    built = load_model(options.weights)
    if built.config.model_type != type_.name:
        raise ValueError(f"{options.weights} is of the type {built.config.model_type}")
    return built


def _note_built(trial: Trial, built: Built, profile: int, seconds: float) -> None:
    verdict = trial.verdict
    verdict.model_class, verdict.task = type(built.model).__name__, built.task
    verdict.profile = profile
    verdict.metrics["parameters"] = built.parameters
    verdict.metrics["init_seconds"] = round(seconds, 4)
    verdict.notes = [built.hint.reason] if built.hint.reason else []
    if built.absent:
        words = f"{len(built.absent)} weights are not in the checkpoint, as {built.absent[0]}"
        verdict.notes.append(words)
    elif built.absent is not None:
        verdict.implementation = "REAL"


def _find_layout(
    trial: Trial, built: Built, options: Options, reasons: dict[str, str], deadline: float
) -> Ready | None:
    trial.tell("forward")
    waiting = deque(candidates(built.model, built.config, built.hint))
    while waiting:
        layout = waiting.popleft()
        made: list[Inputs] = [{}]
        started = time.perf_counter()
        try:
            made = [
                layout.make(built.model, built.config, built.hint, options.seed + i) for i in (0, 1)
            ]
            outputs = call(built.model, made[0])
        except Exception as error:  # noqa: BLE001 - it is the verdict
            reasons.setdefault("forward", describe(error))
            if time.process_time() > deadline:
                break
            if change_attention(built.model, error):
                waiting.appendleft(layout)
            waiting.extendleft(layout.revise(error, built.model, made[0]))
            continue
        if not outputs:
            reasons.setdefault("forward", "the model answered without any tensor")
            continue
        if hollow := name_hollow(outputs):
            broken = name_broken(built.model)
            because = f": {broken}" if broken else ""
            reasons.setdefault("forward", f"{hollow[0]} has no finite number{because}")
            if leave_plain_attention(built.model):
                trial.verdict.notes.append("with plain attention nothing finite is answered")
                waiting.appendleft(layout)
            continue
        if is_blank(outputs) and (turned := layout.turn_masks(made[0])):
            waiting.extendleft(turned)
            continue
        outputs = _settled(trial, built, made, outputs)
        trial.add("init", "passed")
        trial.add("forward", "passed")
        verdict = trial.verdict
        verdict.inputs, verdict.layout = modalities(made[0]), layout.words
        verdict.metrics["forward_seconds"] = round(time.perf_counter() - started, 4)
        return Ready(built=built, layout=layout, inputs=made[0], other=made[1], outputs=outputs)
    reasons.setdefault("forward", "no rule makes its inputs")
    return None


def _settled(trial: Trial, built: Built, made: list[Inputs], outputs: Outputs) -> Outputs:
    """Return the answer of a model whose batch norms are settled, where it hardly heard an input.

    One that a rounding moves too far then, as it divides by next to nothing, stays as it was. Of
    one small image the last norms see few numbers: where those do not do, both samples are run.
    """
    model, drawn = built.model, built.absent is None
    if not drawn or not has_norms(model):
        return outputs
    try:
        exchanged = [made[1], *(changed for _, changed in exchange_each(*made))]
        faint = [each for each in exchanged if _moves(model, each, outputs) < FAINT]
        for run in (made[0], join(made)) if faint else ():
            if answer := _settle(model, run, made[0], faint):
                trial.verdict.notes.append(
                    "its batch norms were settled, as the signal faded in them"
                )
                return answer
    except Exception:  # noqa: BLE001 - what does not answer once more has its checks for that
        return outputs
    return outputs


def _settle(model: Any, run: Inputs, inputs: Inputs, faint: list[Inputs]) -> Outputs | None:
    """Return a model's answer once its norms know a run; None where it hears no more than before.

    Args:
        model: What is settled, or left as it was.
        run: What its norms see.
        inputs: What is answered.
        faint: Inputs that hardly moved the answer.
    """
    with settled(model, lambda: call(model, run)) as kept:
        answer = call(model, inputs)
        clear = CLEAR * make_reference(model, inputs, answer).tolerance
        if any(_moves(model, each, answer) > clear for each in faint):
            kept.append(True)
    return answer if kept else None


def _moves(model: Any, exchanged: Inputs, answer: Outputs) -> float:
    """Return how far other inputs move an answer, as a share."""
    return measure_distance(answer, call(model, exchanged)).share


def _measure_calls(trial: Trial, ready: Ready, options: Options) -> None:
    times = []
    for _ in range(options.repeats):
        started = time.perf_counter()
        call(ready.built.model, ready.inputs)
        times.append(time.perf_counter() - started)
    if times:
        times.sort()
        trial.verdict.metrics["call_seconds"] = round(times[len(times) // 2], 5)
        trial.verdict.metrics["samples_per_second"] = round(
            1 / max(times[len(times) // 2], 1e-9), 2
        )
