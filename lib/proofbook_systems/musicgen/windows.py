"""Cut a long clip into windows, as audiocraft does: models have learned from thirty seconds.

transformers itself would go on: its table of positions grows with the clip, to places where no
model has ever been.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["WINDOWS", "Windows"]


@dataclass(frozen=True, kw_only=True)
class Windows:
    """How a clip that is longer than a model can hear at once is generated."""

    seconds: float = 30.0
    """What the model hears at once."""
    stride: float = 18.0
    """How much each further window adds; the rest is the end of what there is, to go on from."""

    def plan(self, steps: int, frame_rate: int) -> Iterator[tuple[int, int]]:
        """Yield, window by window, the steps that it goes on from and those that it adds."""
        whole, stride = round(self.seconds * frame_rate), round(self.stride * frame_rate)
        first = min(steps, whole)
        yield 0, first
        for done in range(first, steps, stride):
            yield whole - stride, min(stride, steps - done)


WINDOWS = Windows()
"""Those of the published models."""
