"""Trace a model with real tensors, as a graph: for what transformers' exporters cannot take.

Everything that depends on values (loops over the images of a grid, lengths of sounds) is fixed as
it was for the traced inputs: the graph is right for their shapes and counts alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree

from proofbook_systems.models.inputs import Inputs
from proofbook_systems.models.outputs import Outputs, flatten

__all__ = ["ScriptedGraph", "Traced", "TracedProgram", "script", "trace"]

_OPSET = 18

Feed = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True, kw_only=True)
class Traced:
    """An ONNX graph, and the names of what it answers."""

    graph: bytes
    outputs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ScriptedGraph:
    """A graph of TorchScript, and what it takes and answers."""

    graph: Any
    tensors: dict[str, torch.Tensor]
    """What it was traced with, in the order that it takes."""
    outputs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TracedProgram:
    """A traced graph on its runtime."""

    outputs: tuple[str, ...]
    accepted: frozenset[str]
    """Inputs that are left in the graph."""
    run: Callable[[Feed], Sequence[np.ndarray[Any, Any]]]
    where: str

    def __call__(self, **inputs: Any) -> Outputs:
        """Return the answer by the paths of its tensors."""
        tensors, _ = _split(inputs)
        feed = {n: v.numpy() for n, v in tensors.items() if n in self.accepted}
        answers = self.run(feed)
        pairs = zip(self.outputs, answers, strict=True)
        return {name: torch.from_numpy(np.array(value)) for name, value in pairs}


class _Flat(torch.nn.Module):
    """A model that takes its tensors by place and answers with a row of tensors."""

    def __init__(self, model: Any, inputs: Inputs) -> None:
        super().__init__()
        self.model = model
        self.inputs = inputs
        self.outputs: tuple[str, ...] = ()

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        leaves, form = _pytree.tree_flatten(self.inputs)
        given = iter(tensors)
        leaves = [next(given) if isinstance(each, torch.Tensor) else each for each in leaves]
        answer = flatten(self.model(**_pytree.tree_unflatten(leaves, form)))
        self.outputs = tuple(answer)
        return tuple(value.clone() for value in answer.values())  # one tensor may have two names


def trace(model: Any, inputs: Inputs) -> Traced:
    """Return a model as the graph of what it computes for these inputs.

    Raises:
        Exception: Whatever the tracer has against the model.
    """
    flat = _Flat(model, dict(inputs))
    tensors, names = _split(inputs)
    with torch.no_grad(), TemporaryDirectory(prefix="proofbook-trace-") as folder:
        path = Path(folder, "model.onnx")
        torch.onnx.export(
            flat, tuple(tensors.values()), path, dynamo=False, input_names=names,
            opset_version=_OPSET, do_constant_folding=False,
        )  # fmt: skip
        return Traced(graph=path.read_bytes(), outputs=flat.outputs)


def script(model: Any, inputs: Inputs) -> ScriptedGraph:
    """Return a model as TorchScript of what it computes for these inputs, without its cache.

    Raises:
        Exception: Whatever the tracer has against the model.
    """
    for module in model.modules():
        if hasattr(getattr(module, "config", None), "use_cache"):
            module.config.use_cache = False  # a list of tensors that grows is no graph
    flat = _Flat(model, dict(inputs))
    tensors, _ = _split(inputs)
    with torch.no_grad():
        graph = torch.jit.trace(  # type: ignore[no-untyped-call]
            flat, tuple(tensors.values()), strict=False, check_trace=False
        )
    return ScriptedGraph(graph=graph, tensors=tensors, outputs=flat.outputs)


def _split(inputs: Inputs) -> tuple[dict[str, torch.Tensor], list[str]]:
    """Return the tensors of inputs, those in lists too, by names that a graph can have."""
    leaves, _ = _pytree.tree_flatten_with_path(dict(inputs))
    tensors = {
        "_".join(str(getattr(key, "key", getattr(key, "idx", key))) for key in path): value
        for path, value in leaves
        if isinstance(value, torch.Tensor)
    }
    return tensors, list(tensors)
