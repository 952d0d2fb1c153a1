"""What this machine has for the jobs of a run."""

from __future__ import annotations

import os
from collections.abc import Mapping

from proofbook.hardware import cores, find_gpus, memory
from proofbook.runner.capacity import Capacity

__all__ = ["machine_capacity"]


def machine_capacity(
    slots: int, *, with_gpus: bool, environ: Mapping[str, str] | None = None
) -> Capacity:
    """Return what this process may use of its machine.

    Args:
        slots: The most jobs at a time.
        with_gpus: Whether to look for GPUs; ``nvidia-smi`` may take seconds to answer.
        environ: Default: this process's environment.
    """
    environ = os.environ if environ is None else environ
    gpus, problem = _visible_gpus(environ) if with_gpus else ((), "")
    return Capacity(
        slots=slots,
        cpus=cores(),
        memory_gb=memory().total_gb,
        gpus=gpus,
        gpu_problem=problem,
    )


def _visible_gpus(environ: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    """Return the names of the GPUs, and why there are none."""
    search = find_gpus(environ)
    setting = environ.get("CUDA_VISIBLE_DEVICES")
    if setting is None:
        return tuple(str(gpu.index) for gpu in search.gpus), search.problem
    # As they are written there: only CUDA knows what its indices mean on this machine.
    entries = [entry.strip() for entry in setting.split(",")]
    named = {gpu.uuid: entry for gpu, entry in zip(search.gpus, entries, strict=False)}
    return tuple(named.values()), search.problem
