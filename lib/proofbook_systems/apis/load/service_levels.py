"""What is promised to users, and how much of the load was served within it (goodput)."""

from __future__ import annotations

from dataclasses import dataclass

from proofbook_systems.apis.load.rounds import Round
from proofbook_systems.apis.load.samples import Sample

__all__ = ["ServiceLevel"]


@dataclass(frozen=True, kw_only=True)
class ServiceLevel:
    """The promised bounds, in seconds; 0 promises nothing."""

    ttft: float = 0.0
    tpot: float = 0.0
    latency: float = 0.0

    def __str__(self) -> str:
        """Say the bounds in words."""
        names = {"TTFT": self.ttft, "TPOT": self.tpot, "end to end": self.latency}
        bounds = [f"{name} ≤ {bound:g} s" for name, bound in names.items() if bound]
        return ", ".join(bounds) or "an answer, however late"

    def is_kept(self, sample: Sample) -> bool:
        """Say whether a request was answered within all bounds.

        An answer that was not streamed has its first token at its end.
        """
        if sample.fault:
            return False
        first = sample.latency if sample.ttft is None else sample.ttft
        amounts = ((self.ttft, first), (self.tpot, sample.tpot), (self.latency, sample.latency))
        return all(not bound or amount is None or amount <= bound for bound, amount in amounts)

    def goodput(self, loaded: Round) -> float:
        """Return the requests a second that were answered within the bounds."""
        return sum(self.is_kept(sample) for sample in loaded.samples) / loaded.seconds
