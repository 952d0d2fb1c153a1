"""Watch how much memory of its own this process takes while something runs.

Anonymous memory alone: pages of a mapped file can be dropped at any time and do not count.
"""

from __future__ import annotations

import threading
from types import TracebackType

from proofbook.processes import anonymous_memory

__all__ = ["AnonymousPeak", "load_libraries"]

_STEP_SECONDS = 0.002


class AnonymousPeak:
    """Samples the anonymous memory in the block, every two milliseconds."""

    def __init__(self) -> None:
        self.before = 0
        """Bytes when the block began."""
        self.highest = 0
        """Bytes at the highest sample."""
        self.known = anonymous_memory() is not None
        """Whether this system tells."""
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="memory", daemon=True)

    @property
    def added(self) -> int:
        """Bytes beyond what there was when the block began."""
        return self.highest - self.before

    def __enter__(self) -> AnonymousPeak:
        self.before = self.highest = anonymous_memory() or 0
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._note()
        self._done.set()
        self._thread.join()

    def _note(self) -> None:
        self.highest = max(self.highest, anonymous_memory() or 0)

    def _sample(self) -> None:
        while not self._done.wait(_STEP_SECONDS):
            self._note()


def load_libraries() -> None:
    """Import what loads a model, and let CUDA begin: a process takes that for itself, once.

    A kernel that was not forked warm would otherwise import torch while a model's memory is
    watched, and 450 MB of libraries would be called the model's.
    """
    import accelerate  # noqa: F401 - so that it is loaded
    import torch
    from transformers import (  # noqa: F401 - so that they are loaded
        AutoProcessor,
        MusicgenForConditionalGeneration,
        T5EncoderModel,
    )

    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        torch.zeros(1, device=f"cuda:{index}")
