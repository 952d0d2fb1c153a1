"""ONNX Runtime on the CPU."""

from __future__ import annotations

from typing import Any

from proofbook_systems.models.devices.device import Dims, name_absent
from proofbook_systems.models.devices.exported import ExportedProgram, export_with
from proofbook_systems.models.inputs import Inputs

__all__ = ["OnnxRuntime"]


class OnnxRuntime:
    """ONNX Runtime's CPU provider."""

    precision = "float32"

    def missing(self) -> str:
        """Return which package is not installed."""
        return name_absent("onnxruntime", "onnx", "onnxscript")

    def export(self, model: Any, inputs: Inputs, dims: Dims | None) -> Any:
        """Return the model as an ONNX graph."""
        from transformers.exporters.exporter_onnx import OnnxExporter

        return export_with(OnnxExporter(), model, inputs, dims)

    def compile(self, exported: Any) -> ExportedProgram:
        """Return a session on the CPU."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        opened = exported.to("cpu", session_options=options)
        runner = next(iter(opened.runners.values()))
        providers = ", ".join(runner.session.get_providers())
        return ExportedProgram(model=opened, where=f"ONNX Runtime {providers}")
