"""OpenVINO on the CPU, in float32: its own default rounds to 16 bits where the hardware can.

It is run without its telemetry, which calls a server and writes into the home folder.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, Literal

from proofbook_systems.models.devices.device import Dims, Program, name_absent
from proofbook_systems.models.devices.exported import ExportedProgram, export_with
from proofbook_systems.models.devices.traced import (
    ScriptedGraph,
    Traced,
    TracedProgram,
    script,
    trace,
)
from proofbook_systems.models.inputs import Inputs

__all__ = ["OpenVINO", "refuse_telemetry"]

_SETTINGS = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}


@dataclass(frozen=True, kw_only=True)
class OpenVINO:
    """OpenVINO's CPU plugin."""

    traced: Literal["", "torch", "onnx"] = ""
    """How the model comes where it is traced, and not exported."""
    precision: str = "float32"

    def missing(self) -> str:
        """Return which package is not installed."""
        return name_absent("openvino", *(("onnx",) if self.traced == "onnx" else ()))

    def export(self, model: Any, inputs: Inputs, dims: Dims | None) -> Any:
        """Return the model in a form that OpenVINO reads."""
        refuse_telemetry()
        if self.traced:
            return (script if self.traced == "torch" else trace)(model, inputs)
        from transformers.exporters.exporter_openvino import OpenVINOExporter

        return export_with(OpenVINOExporter(), model, inputs, dims)

    def compile(self, exported: Any) -> Program:
        """Return what was compiled for the CPU."""
        refuse_telemetry()
        if self.traced == "torch":
            return _compile_script(exported)
        if self.traced:
            return _compile_onnx(exported)
        opened = exported.to("cpu", config=_SETTINGS)
        runner = next(iter(opened.runners.values()))
        return ExportedProgram(model=opened, where=_where(runner.compiled_model))


def refuse_telemetry() -> None:
    """Let OpenVINO, once it is imported, find its package for telemetry not installed."""
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]


def _compile_script(scripted: ScriptedGraph) -> TracedProgram:
    import openvino

    tensors = scripted.tensors
    graph = openvino.convert_model(
        scripted.graph,
        example_input=tuple(tensors.values()),
        input=[openvino.PartialShape(list(value.shape)) for value in tensors.values()],
    )
    if len(graph.inputs) != len(tensors):
        raise ValueError(f"OpenVINO took {len(graph.inputs)} of {len(tensors)} inputs")
    compiled = openvino.Core().compile_model(graph, "CPU", _SETTINGS)
    return TracedProgram(
        outputs=scripted.outputs,
        accepted=frozenset(tensors),
        run=lambda feed: _answers(compiled, [feed[name] for name in tensors]),
        where=_where(compiled),
    )


def _compile_onnx(traced: Traced) -> TracedProgram:
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(core.read_model(traced.graph, b""), "CPU", _SETTINGS)
    return TracedProgram(
        outputs=traced.outputs,
        accepted=frozenset(name for port in compiled.inputs for name in port.get_names()),
        run=lambda feed: _answers(compiled, feed),
        where=_where(compiled),
    )


def _answers(compiled: Any, feed: Any) -> list[Any]:
    made = compiled(feed)
    return [made[port] for port in compiled.outputs]


def _where(compiled: Any) -> str:
    return f"OpenVINO {', '.join(compiled.get_property('EXECUTION_DEVICES'))}"
