"""Account for what running jobs occupy, so that it is never more than there is.

Amounts are exact fractions: ten shares of 0.1 make one GPU. Knows nothing about the order of jobs,
nor how a job is confined to its part.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from proofbook.resources import Resources

__all__ = ["Allocation", "Capacity", "Pool", "Request"]


class Request(NamedTuple):
    """What one job occupies in addition to its slot."""

    cpus: Fraction
    gpus: Fraction
    memory_gb: Fraction


class Allocation(NamedTuple):
    """What a running job occupies."""

    request: Request
    gpus: tuple[str, ...] = ()
    """Its GPUs, by the names that :class:`Capacity` gives them."""


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """What an executor has for all running jobs together."""

    slots: int
    """The most jobs at a time."""
    cpus: int
    memory_gb: float
    gpus: tuple[str, ...] = ()
    """Each GPU by a name that ``CUDA_VISIBLE_DEVICES`` takes: an index or a UUID."""
    gpu_problem: str = ""
    """Why there are no GPUs, where there are none."""

    def request(self, resources: Resources) -> Request:
        """Return what a job with these resources occupies; without ``cpus``, one slot's share."""
        share = Fraction(self.cpus, self.slots)
        return Request(
            cpus=share if resources.cpus is None else Fraction(resources.cpus),
            gpus=_exact(resources.gpus),
            memory_gb=_exact(resources.memory_gb),
        )

    def lacking(self, resources: Resources) -> dict[str, str]:
        """Return a sentence for each resource of which there is never enough, by its name."""
        amounts = {
            "cpus": (resources.cpus or 0, self.cpus),
            "gpus": (resources.gpus, len(self.gpus)),
            "memory_gb": (resources.memory_gb, round(self.memory_gb, 1)),
        }
        why = f" ({self.gpu_problem})" if self.gpu_problem else ""
        return {
            name: f"needs {wanted:g} {name}, found {available:g}{why if name == 'gpus' else ''}"
            for name, (wanted, available) in amounts.items()
            if wanted > available
        }


class Pool:
    """What is free of a capacity."""

    def __init__(self, capacity: Capacity) -> None:
        self._slots = capacity.slots
        self._cpus = Fraction(capacity.cpus)
        self._memory_gb = _exact(capacity.memory_gb)
        self._gpus = dict.fromkeys(capacity.gpus, Fraction(1))

    @property
    def full(self) -> bool:
        """Whether no further job may run, however small."""
        return self._slots == 0

    def find(self, request: Request) -> Allocation | None:
        """Return what would serve a request now, or None; it is not taken yet."""
        if self.full or request.cpus > self._cpus or request.memory_gb > self._memory_gb:
            return None
        gpus = self._find_gpus(request.gpus)
        return None if gpus is None else Allocation(request, gpus)

    def take(self, allocation: Allocation) -> None:
        """Take what :meth:`find` has returned."""
        self._add(allocation, -1)

    def give_back(self, allocation: Allocation) -> None:
        """Free what was taken."""
        self._add(allocation, +1)

    def _add(self, allocation: Allocation, sign: int) -> None:
        request, gpus = allocation
        self._slots += sign
        self._cpus += sign * request.cpus
        self._memory_gb += sign * request.memory_gb
        for gpu in gpus:
            self._gpus[gpu] += sign * min(request.gpus, Fraction(1))

    def _find_gpus(self, wanted: Fraction) -> tuple[str, ...] | None:
        if 0 < wanted < 1:
            # The fullest that still has room, so that whole ones stay free.
            fitting = [gpu for gpu, free in self._gpus.items() if free >= wanted]
            return (min(fitting, key=self._gpus.__getitem__),) if fitting else None
        whole = [gpu for gpu, free in self._gpus.items() if free == 1]
        return tuple(whole[: int(wanted)]) if len(whole) >= wanted else None


def _exact(amount: float) -> Fraction:
    """Return the number that was written: 0.1 is a tenth, not its nearest binary fraction."""
    return Fraction(str(amount))
