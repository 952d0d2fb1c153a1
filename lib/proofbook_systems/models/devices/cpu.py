"""The CPU with PyTorch alone: the model as a graph of ``torch.export``, without its Python code.

Every other exporter starts from such a graph: what fails here is no fault of theirs.
"""

from __future__ import annotations

from typing import Any

from proofbook_systems.models.devices.device import Dims
from proofbook_systems.models.devices.exported import ExportedProgram, export_with
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

        return export_with(DynamoExporter(), model, inputs, dims)

    def compile(self, exported: Any) -> ExportedProgram:
        """Return the graph, ready to run."""
        return ExportedProgram(model=exported.to("cpu"), where="torch.export")
