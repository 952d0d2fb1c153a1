"""Try one model on one device: the same steps everywhere, each with a verdict of its own.

What a device does happens in a forked child, whose model is its own to change.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from proofbook_systems.models.devices import planting
from proofbook_systems.models.devices.device import Device, Program
from proofbook_systems.models.devices.examples import Example, Examples, make_examples, round_to
from proofbook_systems.models.devices.exported import find_dims
from proofbook_systems.models.devices.isolation import Limits, Tell, Told, run_forked
from proofbook_systems.models.findings import DeviceVerdict, Finding
from proofbook_systems.models.inputs import Inputs
from proofbook_systems.models.outputs import call, measure_distance
from proofbook_systems.models.reasons import describe

__all__ = ["Sample", "take_steps", "try_device"]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A model, and what the trial has shown it."""

    model: Any
    one: Inputs
    two: Inputs
    tolerance: float


class _Way(NamedTuple):
    """One way to a device."""

    device: Device
    dynamic: bool
    words: str


def try_device(
    name: str, ways: Sequence[Device], sample: Sample, limits: Limits, fault: str = ""
) -> DeviceVerdict:
    """Return what became of a model on a device.

    What fails with shapes that may change is tried again with the shapes of one sample, then traced
    with real values: that a model takes one shape alone is the verdict of the last step.
    """
    if reason := ways[0].missing():
        return DeviceVerdict(device=name, skipped=reason)
    first = _attempt(name, _Way(ways[0], dynamic=True, words="exported"), sample, limits, fault)
    lost = next(iter(first.failed), None)
    if lost is None or lost.check == "other-shape":
        return first
    spent, told = first.metrics, [lost.reason]
    for way in _other_ways(ways, lost):
        again = _attempt(name, way, sample, limits, fault)
        for metric in ("seconds", "processor_seconds"):
            spent[metric] = round(spent[metric] + again.metrics[metric], 3)
            again.metrics[metric] = spent[metric]
        if again.status_of("match") in ("passed", "skipped"):
            reason = f"with shapes that may change, {lost.check}: {lost.reason}"
            kept = [each for each in again.findings if each.check != "other-shape"]
            again.findings = [*kept, Finding(check="other-shape", status="failed", reason=reason)]
            return again
        last = next(iter(again.failed), lost)
        told.append(f"{way.words}, {last.check}: {last.reason}")
    first.findings = [each for each in first.findings if each.status != "failed"]
    first.findings.append(Finding(check=lost.check, status="failed", reason="; ".join(told)))
    return first


def _other_ways(ways: Sequence[Device], lost: Finding) -> Iterator[_Way]:
    if not re.search(_ON_VALUES, lost.reason):
        yield _Way(ways[0], dynamic=False, words="exported with fixed shapes")
    for device in ways[1:]:
        if not device.missing():
            yield _Way(device, dynamic=False, words="traced with fixed shapes")


def _attempt(name: str, way: _Way, sample: Sample, limits: Limits, fault: str) -> DeviceVerdict:
    def run(tell: Tell) -> None:
        take_steps(way.device, sample, tell, fault, dynamic=way.dynamic)

    started = time.perf_counter()
    told = run_forked(run, limits)
    verdict = _collect(name, told)
    verdict.way = way.words
    verdict.metrics["seconds"] = round(time.perf_counter() - started, 3)
    verdict.metrics["processor_seconds"] = round(told.processor_seconds, 3)
    verdict.metrics["memory_mb"] = round(told.peak / 1e6, 1)
    return verdict


def _collect(name: str, told: Told) -> DeviceVerdict:
    verdict = DeviceVerdict(device=name)
    for line in told.lines:
        if "finding" in line:
            verdict.findings.append(Finding(**line["finding"]))
        verdict.metrics.update(line.get("metrics", {}))
        verdict.ran_on = line.get("ran_on", verdict.ran_on)
    if told.ending:
        begun = next((each["step"] for each in reversed(told.lines) if "step" in each), "export")
        verdict.findings = [each for each in verdict.findings if each.check != begun]
        verdict.findings.append(Finding(check=begun, status="failed", reason=told.ending))
    return verdict


_ON_VALUES = "DataDependent|data-dependent|time limit|memory limit"
"""A failure that fixed shapes do not heal: what is computed depends on values, or is too much."""
_NEEDED = ("export", "compile", "run")


class _StopError(Exception):
    """A step failed without which there is no next one."""


def take_steps(
    device: Device, sample: Sample, tell: Tell, fault: str = "", *, dynamic: bool
) -> None:
    """Take every step on a device in this process, and tell each as it is made.

    The sample's model is changed by it: exporters do, and it refuses to answer afterwards.
    """
    _Steps(device=device, sample=sample, tell=tell, fault=fault).take(dynamic=dynamic)


@dataclass(kw_only=True)
class _Steps:
    device: Device
    sample: Sample
    tell: Tell
    fault: str

    def take(self, *, dynamic: bool) -> None:
        try:
            self._take(dynamic=dynamic)
        except _StopError:
            return

    def _take(self, *, dynamic: bool) -> None:
        self.tell({"step": "export"})
        asked = self._examples(dynamic=dynamic)
        program = self._prepare(asked)
        answers: dict[str, Any] = {}

        def run() -> str:
            answers["traced"] = call(program, asked.traced.fed)
            return "" if answers["traced"] else "the device answered without any tensor"

        self._step("run", run)
        self.tell({"ran_on": program.where})
        if asked.random:
            for step in ("match", "inputs"):
                self._say(step, "skipped", "its answer is drawn at random")
        else:
            self._step("match", lambda: _compare(asked.traced, answers["traced"], asked))
            self._step("inputs", lambda: self._ask_other(program, asked, answers["traced"]))
        self._second_shape(program, asked)

    def _examples(self, *, dynamic: bool) -> Examples:
        sample = self.sample
        asked = make_examples(
            sample.model, sample.one, sample.two, sample.tolerance, dynamic=dynamic
        )
        precision = self.device.precision
        return asked if precision == "float32" else round_to(asked, sample.model, precision)

    def _prepare(self, asked: Examples) -> Program:
        model = planting.damage(self.sample.model, self.fault)
        made: dict[str, Any] = {}

        def export() -> str:
            traced, second = asked.traced, asked.second
            dims = find_dims(traced.fed, second.fed) if second else None
            made["exported"] = self.device.export(model, traced.fed, dims)
            return ""

        def compile_() -> str:
            made["program"] = self.device.compile(made["exported"])
            return ""

        self._step("export", export)
        self._step("compile", compile_)
        return planting.cheat(made["program"], model, self.fault)

    def _ask_other(self, program: Program, asked: Examples, first: Any) -> str:
        theirs = call(program, asked.other.fed)
        expected = measure_distance(asked.traced.answer, asked.other.answer).share
        if measure_distance(first, theirs).share == 0 and not asked.explains(expected):
            return "the device answers other inputs with the same answer"
        return _compare(asked.other, theirs, asked)

    def _second_shape(self, program: Program, asked: Examples) -> None:
        if asked.second is None:
            self._say("other-shape", "skipped", "the model takes no second shape")
            return
        second = asked.second

        def run() -> str:
            theirs = call(program, second.fed)
            return "" if asked.random else _compare(second, theirs, asked)

        self._step("other-shape", run)

    def _step(self, name: str, run: Callable[[], str]) -> None:
        self.tell({"step": name})
        started = time.perf_counter()
        try:
            reason = run()
        except Exception as error:  # noqa: BLE001 - it is the verdict
            reason = describe(error)
        self.tell({"metrics": {f"{name}_seconds": round(time.perf_counter() - started, 4)}})
        self._say(name, "failed" if reason else "passed", reason)
        if reason and name in _NEEDED:
            raise _StopError

    def _say(self, step: str, status: str, reason: str = "") -> None:
        self.tell({"finding": {"check": step, "status": status, "reason": reason}})


def _compare(example: Example, theirs: Any, asked: Examples) -> str:
    distance = measure_distance(example.answer, theirs)
    if asked.explains(distance.share):
        return ""
    explained = f"rounding explains {asked.tolerance():.1e}"
    return f"{distance.where} is {distance.share:.1e} away; {explained}"
