"""ONNX Runtime on the CPU."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from proofbook_systems.models.devices.device import Dims, Program, name_absent
from proofbook_systems.models.devices.exported import ExportedProgram, export_with
from proofbook_systems.models.devices.traced import TracedProgram, trace
from proofbook_systems.models.inputs import Inputs

__all__ = ["OnnxRuntime", "keep_registry"]


@dataclass(frozen=True, kw_only=True)
class OnnxRuntime:
    """ONNX Runtime's CPU provider."""

    traced: bool = False
    """Whether the graph is traced, and not exported."""
    precision: str = "float32"

    def missing(self) -> str:
        """Return which package is not installed."""
        return name_absent("onnxruntime", "onnx", *(() if self.traced else ("onnxscript",)))

    def export(self, model: Any, inputs: Inputs, dims: Dims | None) -> Any:
        """Return the model as an ONNX graph."""
        if self.traced:
            return trace(model, inputs)
        from transformers.exporters.exporter_onnx import OnnxExporter

        return export_with(OnnxExporter(), model, inputs, dims)

    def compile(self, exported: Any) -> Program:
        """Return a session on the CPU."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        if self.traced:
            session = onnxruntime.InferenceSession(
                exported.graph, options, providers=["CPUExecutionProvider"]
            )
            return TracedProgram(
                outputs=exported.outputs,
                accepted=frozenset(each.name for each in session.get_inputs()),
                run=lambda feed: session.run(None, feed),
                where=_where(session),
            )
        opened = exported.to("cpu", session_options=options)
        return ExportedProgram(
            model=opened, where=_where(next(iter(opened.runners.values())).session)
        )


def keep_registry() -> None:
    """Let torch read its table of ONNX functions once, and hand out copies of it.

    The table is the same for each model; what an exporter adds to it is in its own copy.
    """
    from torch.onnx._constants import ONNX_DEFAULT_OPSET
    from torch.onnx._internal.exporter import _registration

    kind = _registration.ONNXRegistry
    read = functools.cache(kind.from_torchlib)

    def from_torchlib(opset_version: int = ONNX_DEFAULT_OPSET) -> Any:
        whole, handed = read(opset_version), kind()
        handed._opset_version = whole._opset_version
        handed.functions = {name: list(rows) for name, rows in whole.functions.items()}
        return handed

    kind.from_torchlib = staticmethod(from_torchlib)  # type: ignore[method-assign]
    from_torchlib()


def _where(session: Any) -> str:
    return f"ONNX Runtime {', '.join(session.get_providers())}"
