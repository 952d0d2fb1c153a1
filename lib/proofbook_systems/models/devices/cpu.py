"""The CPU with PyTorch alone: the model as a graph of ``torch.export``, without its Python code.

Every other exporter starts from such a graph: what fails here is no fault of theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from proofbook_systems.models.devices.device import Dims
from proofbook_systems.models.devices.exported import ExportedProgram, changed, export_with
from proofbook_systems.models.inputs import Inputs

__all__ = ["CPU"]


class CPU:
    """PyTorch's own graph, on the CPU."""

    precision = "float32"

    def missing(self) -> str:
        """Return nothing: PyTorch has a CPU."""
        return ""

    def export(self, model: Any, inputs: Inputs, dims: Dims | None) -> Any:
        """Return the model as a graph."""
        from transformers.exporters.exporter_dynamo import DynamoExporter

        with _bare_graphs():
            return export_with(DynamoExporter(), model, inputs, dims)

    def compile(self, exported: Any) -> ExportedProgram:
        """Return the graph, ready to run."""
        with _bare_graphs():
            return ExportedProgram(model=exported.to("cpu"), where="torch.export")


@contextmanager
def _bare_graphs() -> Iterator[None]:
    """Write the Python code of a graph only when it runs, and no notes that PyTorch does not read.

    Between two steps of an export a graph is written out ten times, and runs at the end; what notes
    the form of each of its tensors does so a second time. Exporters to other devices read both.
    """
    with _lazy_graphs(), changed(*_NO_NOTES):
        yield


_NO_NOTES = (
    "torch.fx.experimental.proxy_tensor",
    "_extract_tensor_metadata",
    lambda *_: None,
)


def _lazy_graphs() -> AbstractContextManager[None]:
    try:
        from torch.fx._lazy_graph_module import _use_lazy_graph_module
    except ImportError:  # a release that writes them in another way
        return nullcontext()
    lazily: AbstractContextManager[None] = _use_lazy_graph_module(True)
    return lazily
