"""Stop when asked: what is being computed is finished and saved, and then the training ends."""

from __future__ import annotations

import os
import signal
from types import FrameType, TracebackType
from typing import Any, Self

__all__ = ["Stopping"]


class Stopping:
    """While its context lasts, the first SIGINT or SIGTERM is noted; a second one ends at once."""

    def __init__(self) -> None:
        self.signum = 0
        """The signal that asked to stop; 0 if none has."""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for signum in (signal.SIGINT, signal.SIGTERM):
            self._before[signum] = signal.signal(signum, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def __bool__(self) -> bool:
        return bool(self.signum)

    @property
    def exit_code(self) -> int:
        """What a shell would say of a process that the signal ended."""
        return 128 + self.signum

    def _note(self, signum: int, _frame: FrameType | None) -> None:
        if self.signum:
            os._exit(128 + signum)
        self.signum = signum
