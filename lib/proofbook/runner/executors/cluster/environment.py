"""The environment that kernels get on a machine of a cluster: the machine's, without Ray's part.

A Ray worker differs from the shell that its node was started from, and no kernel is warm whose
environment differs from its forkserver's.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["without_ray"]

_RAYS = ("SPT_NOENV", "OMP_NUM_THREADS")
_BREAKPOINT = "PYTHONBREAKPOINT"


def without_ray(environment: Mapping[str, str]) -> dict[str, str]:
    """Return a worker's environment without what Ray has put into it."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith("RAY_")
        and name not in _RAYS
        and not (name == _BREAKPOINT and value.startswith("ray."))
    }
