"""OpenVINO on the CPU, in float32: its own default rounds to 16 bits where the hardware can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from proofbook_systems.models.devices.device import Dims, Program, name_absent
from proofbook_systems.models.devices.exported import ExportedProgram, export_with
from proofbook_systems.models.devices.traced import TracedProgram, trace
from proofbook_systems.models.inputs import Inputs

__all__ = ["OpenVINO"]

_SETTINGS = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}


@dataclass(frozen=True, kw_only=True)
class OpenVINO:
    """OpenVINO's CPU plugin."""

    traced: bool = False
    """Whether the model comes as a traced ONNX graph."""
    precision: str = "float32"

    def missing(self) -> str:
        """Return which package is not installed."""
        return name_absent("openvino", *(("onnx",) if self.traced else ()))

    def export(self, model: Any, inputs: Inputs, dims: Dims | None) -> Any:
        """Return the model in OpenVINO's form."""
        if self.traced:
            return trace(model, inputs)
        from transformers.exporters.exporter_openvino import OpenVINOExporter

        return export_with(OpenVINOExporter(), model, inputs, dims)

    def compile(self, exported: Any) -> Program:
        """Return what was compiled for the CPU."""
        if self.traced:
            return self._compile_traced(exported)
        opened = exported.to("cpu", config=_SETTINGS)
        runner = next(iter(opened.runners.values()))
        return ExportedProgram(model=opened, where=_where(runner.compiled_model))

    def _compile_traced(self, exported: Any) -> TracedProgram:
        import openvino

        core = openvino.Core()
        compiled = core.compile_model(core.read_model(exported.graph, b""), "CPU", _SETTINGS)
        return TracedProgram(
            outputs=exported.outputs,
            accepted=frozenset(name for port in compiled.inputs for name in port.get_names()),
            run=lambda feed: [compiled(feed)[port] for port in compiled.outputs],
            where=_where(compiled),
        )


def _where(compiled: Any) -> str:
    return f"OpenVINO {', '.join(compiled.get_property('EXECUTION_DEVICES'))}"
