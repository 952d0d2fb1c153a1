"""Do once, before the first fork, what every child of a host would else do for the first time.

The first export in a process takes several times as long as the next: libraries import what they
need, and fill their tables. A small model is checked and exported, and thrown away; its verdicts
with it. Nothing of it is compiled for a device, as runtimes start threads, which no child has; and
no gradient is computed: a process that has cannot fork one that does.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch

from proofbook_systems.models.catalogue import list_types
from proofbook_systems.models.checking import WITHOUT_REFERENCE, Ready, Trial, make_subject
from proofbook_systems.models.devices.cpu import CPU
from proofbook_systems.models.devices.device import Device
from proofbook_systems.models.devices.examples import make_examples
from proofbook_systems.models.devices.exported import find_dims
from proofbook_systems.models.devices.rows import ROWS
from proofbook_systems.models.findings import Verdict
from proofbook_systems.models.lifecycle import load
from proofbook_systems.models.outputs import call
from proofbook_systems.models.trial import Options, get_ready

__all__ = ["CHECKS", "EXPORTED", "UNSAFE", "Stage", "warm_up"]

CHECKS = "checks"
"""The stage before those of the devices."""
EXPORTED = ("cpu", "openvino", "onnxruntime")
"""Devices whose models are exported. A GPU must not be touched before a fork."""
UNSAFE = ("gradient",)
"""Checks that no process may make before it forks."""
_TYPE = "llama"
"""It has masks, a cache, rotary embeddings, and a head that writes."""


class Stage(NamedTuple):
    """One part of warming up, which is over."""

    name: str
    """``checks``, or a device."""
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
        for name in [each for each in devices if each in EXPORTED] if ready else ():
            before = len(trial.verdict.findings)
            device = next(iter(ROWS[name].values()))[0]
            trial.check(name, lambda device=device: _export(device, ready))  # type: ignore[misc]
            yield Stage(name, _name_failed(trial, before))


def _name_failed(trial: Trial, after: int = 0) -> str:
    found = [each for each in trial.verdict.findings[after:] if each.status == "failed"]
    return "; ".join(f"{each.check}: {each.reason}" for each in found)


@contextmanager
def _kept_rules() -> Iterator[None]:
    """Put back the rules for tracing that torch forgets when it decomposes a graph (2.13)."""
    from torch._subclasses import fake_impls

    rules = getattr(fake_impls, "op_implementations_dict", {})
    before = dict(rules)
    try:
        yield
    finally:
        for operation, rule in before.items():
            rules.setdefault(operation, rule)


def _export(device: Device, ready: Ready) -> str:
    """Export a copy of a model, which is changed by it; return why it cannot be exported."""
    if absent := device.missing():
        return absent
    model = copy.deepcopy(ready.built.model)
    asked = make_examples(model, ready.inputs, ready.other, WITHOUT_REFERENCE, dynamic=True)
    dims = find_dims(asked.traced.fed, asked.second.fed) if asked.second else None
    exported = device.export(model, asked.traced.fed, dims)
    if isinstance(device, CPU):  # PyTorch alone runs here without threads
        call(device.compile(exported), asked.traced.fed)
    return ""
