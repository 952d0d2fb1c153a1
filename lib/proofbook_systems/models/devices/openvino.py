"""OpenVINO on the CPU, in float32: its own default rounds to 16 bits where the hardware can."""

from __future__ import annotations

from typing import Any

from proofbook_systems.models.devices.device import Dims, name_absent
from proofbook_systems.models.devices.exported import ExportedProgram, export_with
from proofbook_systems.models.inputs import Inputs

__all__ = ["OpenVINO"]

_SETTINGS = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}


class OpenVINO:
    """OpenVINO's CPU plugin."""

    precision = "float32"

    def missing(self) -> str:
        """Return which package is not installed."""
        return name_absent("openvino")

    def export(self, model: Any, inputs: Inputs, dims: Dims | None) -> Any:
        """Return the model in OpenVINO's form."""
        from transformers.exporters.exporter_openvino import OpenVINOExporter

        return export_with(OpenVINOExporter(), model, inputs, dims)

    def compile(self, exported: Any) -> ExportedProgram:
        """Return what was compiled for the CPU."""
        compiled = exported.to("cpu", config=_SETTINGS)
        runner = next(iter(compiled.runners.values()))
        devices = runner.compiled_model.get_property("EXECUTION_DEVICES")
        return ExportedProgram(model=compiled, where=f"OpenVINO {', '.join(devices)}")
