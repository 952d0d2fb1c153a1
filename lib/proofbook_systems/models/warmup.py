"""Do once, before the first fork, what every child of a host would else do for the first time.

The first export in a process takes longer than the next: libraries import what they need, and fill
their tables. A small model is checked and exported, and thrown away; its verdicts with it. Nothing
of it is decomposed or converted for a device, which starts threads that no child has; and no
gradient is computed: a process that has cannot fork one that does.
"""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch

from proofbook_systems.models.catalogue import list_types
from proofbook_systems.models.checking import WITHOUT_REFERENCE, Ready, Trial, make_subject
from proofbook_systems.models.devices.cpu import CPU
from proofbook_systems.models.devices.examples import make_examples
from proofbook_systems.models.devices.exported import find_dims, keep_patches
from proofbook_systems.models.devices.onnxruntime import OnnxRuntime, keep_registry
from proofbook_systems.models.devices.openvino import OpenVINO, refuse_telemetry
from proofbook_systems.models.findings import Verdict
from proofbook_systems.models.lifecycle import load
from proofbook_systems.models.outputs import call
from proofbook_systems.models.trial import Options, get_ready

__all__ = ["CHECKS", "GRAPH", "TABLES", "UNSAFE", "Stage", "warm_up"]

CHECKS = "checks"
"""The stage before those of the devices."""
GRAPH = "graph"
"""The stage of what every exporter begins with."""
UNSAFE = ("gradient",)
"""Checks that no process may make before it forks."""
_TYPE = "llama"
"""It has masks, a cache, rotary embeddings, and a head that writes."""


class Stage(NamedTuple):
    """One part of warming up, which is over."""

    name: str
    """``checks``, ``graph``, or a device."""
    missed: str
    """What could not be done, which makes the types slower, and no worse."""


def warm_up(devices: Sequence[str], type_name: str = _TYPE) -> Iterator[Stage]:
    """Check a small model, export it for each device, and yield each stage as it ends.

    Args:
        devices: Those that models will run on.
        type_name: The model's type.
    """
    torch.set_num_threads(1)
    if (type_ := list_types().get(type_name)) is None:
        yield Stage(CHECKS, f"there is no model type {type_name}")
        return
    trial = Trial(verdict=Verdict(type=type_.name, category=type_.category), tell=lambda _: None)
    with torch.random.fork_rng(devices=[]), _kept_rules():
        ready = get_ready(trial, type_, Options())
        if ready is not None:
            with TemporaryDirectory(prefix="proofbook-model-") as folder:
                for name, run in make_subject(trial, ready, Path(folder)).checks.items():
                    if name not in UNSAFE:
                        trial.check(name, lambda run=run: run(load))  # type: ignore[misc]
        yield Stage(CHECKS, _name_failed(trial))
        for name, step in _stages(ready, devices) if ready else ():
            before = len(trial.verdict.findings)
            trial.check(name, step)
            yield Stage(name, _name_failed(trial, before))


def _stages(ready: Ready, devices: Sequence[str]) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield what is exported for some devices; nothing for a GPU, which no process may touch
    before it forks."""
    converted = [name for name in devices if name in TABLES]
    if converted or "cpu" in devices:
        yield GRAPH, lambda: _export(ready)
    for name in converted:
        yield name, lambda name=name: TABLES[name]() or ""  # type: ignore[misc]


def _name_failed(trial: Trial, after: int = 0) -> str:
    found = [each for each in trial.verdict.findings[after:] if each.status == "failed"]
    return "; ".join(f"{each.check}: {each.reason}" for each in found)


@contextmanager
def _kept_rules() -> Iterator[None]:
    """Put back the rules for tracing that torch forgets when it decomposes a graph (2.13)."""
    try:
        rules = importlib.import_module("torch._subclasses.fake_impls").op_implementations_dict
    except (ImportError, AttributeError):  # a release that keeps them elsewhere
        rules = {}
    before = dict(rules)
    try:
        yield
    finally:
        for operation, rule in before.items():
            rules.setdefault(operation, rule)


def _export(ready: Ready) -> str:
    """Export a copy of a model, which is changed by it, and run its graph."""
    device, model = CPU(), copy.deepcopy(ready.built.model)
    asked = make_examples(model, ready.inputs, ready.other, WITHOUT_REFERENCE, dynamic=True)
    dims = find_dims(asked.traced.fed, asked.second.fed) if asked.second else None
    keep_patches()
    call(device.compile(device.export(model, asked.traced.fed, dims)), asked.traced.fed)
    return ""


def _read_openvino() -> None:
    if not OpenVINO().missing():
        refuse_telemetry()
        importlib.import_module("transformers.exporters.exporter_openvino")


def _read_onnx() -> None:
    if not OnnxRuntime().missing():
        keep_registry()


TABLES: dict[str, Callable[[], None]] = {
    "openvino": _read_openvino,
    "onnxruntime": _read_onnx,
}
"""What fills the tables of the exporters to other devices."""
