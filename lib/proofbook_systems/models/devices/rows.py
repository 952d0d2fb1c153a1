"""The devices that can be asked for, each with its rows, and what became of a model on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from proofbook_systems.models.devices.cpu import CPU
from proofbook_systems.models.devices.cuda import CUDA
from proofbook_systems.models.devices.device import Device
from proofbook_systems.models.devices.isolation import Limits
from proofbook_systems.models.devices.onnxruntime import OnnxRuntime
from proofbook_systems.models.devices.openvino import OpenVINO
from proofbook_systems.models.devices.trying import Sample, try_device
from proofbook_systems.models.findings import DeviceVerdict, Finding

__all__ = ["ROWS", "judge_export", "try_devices"]

ROWS: dict[str, dict[str, tuple[Device, ...]]] = {
    "cpu": {"cpu": (CPU(),)},
    "cuda": {"cuda": (CUDA(),), "cuda-bf16": (CUDA(precision="bfloat16"),)},
    "openvino": {"openvino": (OpenVINO(), OpenVINO(traced="torch"), OpenVINO(traced="onnx"))},
    "onnxruntime": {"onnxruntime": (OnnxRuntime(), OnnxRuntime(traced=True))},
}
"""Each device's rows by the name that is asked for, and the ways to it, tried in turn."""


def try_devices(
    names: Sequence[str],
    sample: Sample,
    limits: Limits,
    tell: Callable[[str], None],
    fault: str = "",
) -> list[DeviceVerdict]:
    """Return the verdict of each row of the devices; ``tell`` hears which row begins."""
    verdicts = []
    for name in names:
        for row, ways in ROWS[name].items():
            tell(row)
            verdicts.append(try_device(row, ways, sample, limits, fault))
    return verdicts


def judge_export(verdict: DeviceVerdict) -> Finding:
    """Return whether PyTorch's own graph of a model answers as the model does, in any one shape."""
    lost = [each for each in verdict.failed if each.check != "other-shape"]
    reason = f"{lost[0].check}: {lost[0].reason}" if lost else ""
    if not lost and verdict.status_of("match") != "passed":
        why_not = verdict.skipped or "no answer of its graph was compared"
        return Finding(check="export", status="skipped", reason=why_not)
    return Finding(check="export", status="failed" if lost else "passed", reason=reason)
