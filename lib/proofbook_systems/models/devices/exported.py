"""Export a model with transformers' own exporters, which know how its classes can be traced."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils import _pytree

from proofbook_systems.models.devices.device import Dims
from proofbook_systems.models.devices.known_shapes import remember_shapes
from proofbook_systems.models.devices.known_sums import remember_sums
from proofbook_systems.models.inputs import Inputs
from proofbook_systems.models.outputs import is_bundle

__all__ = ["ExportedProgram", "changed", "complete", "export_with", "find_dims", "keep_patches"]


@dataclass(frozen=True, kw_only=True)
class ExportedProgram:
    """An exported model on its runtime; ``model`` is transformers' ``ExportedModel``."""

    model: Any
    where: str

    def __call__(self, **inputs: Any) -> Any:
        """Return the answer, in the form of the model that was exported."""
        return self.model(**inputs)


def export_with(exporter: Any, model: Any, inputs: Inputs, dims: Dims | None) -> Any:
    """Return an exported model; from then on, the model itself refuses to answer.

    Raises:
        Exception: Whatever the exporter has against the model.
    """
    _register_bundles(inputs)
    config = exporter.config_class(dynamic=dims is not None, dynamic_shapes=dims)
    # A shape that may change makes the cache dearer than what it saves: a fifth of the tracing.
    with (
        changed(*_NO_CACHE),
        changed(*_NO_STACKS),
        remember_shapes(),
        remember_sums(),
    ):
        exported = exporter.export(model, dict(inputs), config=config)
    model.forward = _refuse
    return exported


def _register_bundles(inputs: Inputs) -> None:
    """Tell torch of what fields each object consists that a model wants as one input."""
    for value in inputs.values():
        if is_bundle(value) and type(value) not in _pytree.SUPPORTED_NODES:
            torch.export.register_dataclass(type(value))


_NO_CACHE = ("torch._dynamo.config", "fake_tensor_cache_enabled", False)
_NO_STACKS = ("torch.fx.config", "do_not_emit_stack_traces", True)
"""The Python stack of each operation of a graph is left out, which nothing here reads."""


@contextmanager
def changed(module: str, name: str, value: object) -> Iterator[None]:
    """Change a setting of torch; nothing where a release has no setting of that name.

    Each of them saves time alone: without it a trace takes longer, and is the same.
    """
    try:
        config = importlib.import_module(module)
        before = getattr(config, name)
    except (ImportError, AttributeError):
        yield
        return
    setattr(config, name, value)
    try:
        yield
    finally:
        setattr(config, name, before)


def keep_patches() -> None:
    """Let exporters make each of their changes to a class once, and not for each model.

    To make one, they read the source of the method that it takes the place of.
    """
    from transformers.exporters import utils

    for backend, rows in utils._PATCHES.items():
        utils._PATCHES[backend] = [
            (place, name, functools.cache(make)) for place, name, make in rows
        ]


def _refuse(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("the device asked the model on the CPU")


def complete(model: Any, inputs: Inputs) -> Inputs:
    """Return inputs with what a model would derive from their values, where that cannot be traced.

    Grids of images become positions and lengths; the model takes both forms.
    """
    from transformers.exporters.utils import precompute_export_inputs

    completed = {n: v.clone() if isinstance(v, torch.Tensor) else v for n, v in inputs.items()}
    with torch.no_grad():
        precompute_export_inputs(model, completed)
    return completed


def find_dims(traced: Inputs, second: Inputs) -> Dims:
    """Return the dimensions in which two sets of inputs differ, as what may change."""
    return {name: _dims(value, second.get(name)) for name, value in traced.items()}


def _dims(one: Any, other: Any) -> Any:
    if isinstance(one, torch.Tensor):
        sizes = other.shape if isinstance(other, torch.Tensor) else one.shape
        pairs = enumerate(zip(one.shape, sizes, strict=False))
        return {place: torch.export.Dim.AUTO for place, (here, there) in pairs if here != there}
    if isinstance(one, (list, tuple)):
        others = other if isinstance(other, (list, tuple)) and len(other) == len(one) else one
        return type(one)(_dims(a, b) for a, b in zip(one, others, strict=True))
    if is_bundle(one):
        others = vars(other) if type(other) is type(one) else vars(one)
        return [_dims(value, others[name]) for name, value in vars(one).items()]
    return None
