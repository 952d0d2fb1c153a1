"""What the torch of a project's interpreter sees of the GPUs.

Asked in a process of its own: this one stays without CUDA.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass

from proofbook_systems.environment.interpreters.interpreter import Interpreter

__all__ = ["TorchDevices", "inspect_torch"]

_TIMEOUT = 120.0
_ASK = """
import json, torch
count = torch.cuda.device_count() if torch.cuda.is_available() else 0
names = [torch.cuda.get_device_name(index) for index in range(count)]
print(json.dumps([str(torch.__version__), str(torch.version.cuda or ""), names]))
"""


@dataclass(frozen=True, kw_only=True)
class TorchDevices:
    """The installed torch and the CUDA devices it can use."""

    version: str = ""
    """Empty where it is not installed, or cannot be imported."""
    cuda_build: str = ""
    """CUDA version that torch was built for; empty for a CPU build."""
    names: tuple[str, ...] = ()
    """One name a usable device."""
    problem: str = ""
    """Why nothing can be said."""


def inspect_torch(interpreter: Interpreter, timeout: float = _TIMEOUT) -> TorchDevices:
    """Return what torch can use there; no devices where it is a CPU build or no GPU answers."""
    if "torch" not in interpreter.modules:
        return TorchDevices(problem="torch is not installed in the project's interpreter")
    try:
        done = subprocess.run(
            [interpreter.path, "-I", "-B", "-c", _ASK],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return TorchDevices(problem=f"torch did not answer within {timeout:g} s")
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return TorchDevices(problem=f"torch cannot be imported: {last}")
    version, build, names = json.loads(done.stdout.splitlines()[-1])
    return TorchDevices(version=version, cuda_build=build, names=tuple(names))
