"""A whole session in one call: launch, voices, all rows, and the end. For benchmarks and tests."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from proofbook_systems.serving.launch import Launch
from proofbook_systems.ttsserver.contract_files import Contract
from proofbook_systems.ttsserver.matrix import Row
from proofbook_systems.ttsserver.recovery import run_rows
from proofbook_systems.ttsserver.rows import RowOptions, RowResult
from proofbook_systems.ttsserver.sample import VoiceSample
from proofbook_systems.ttsserver.server import SpeechServer
from proofbook_systems.ttsserver.voices import Voices

__all__ = ["Session", "speak_all"]


@dataclass(frozen=True, kw_only=True)
class Session:
    """What a session left."""

    results: list[RowResult]
    restarts: list[str]
    seconds: float
    """From before the launch to after the end of the last process."""

    @property
    def server_seconds(self) -> float:
        """What the server itself says that its rows took."""
        return sum(result.server_seconds or 0 for result in self.results)

    @property
    def latest_notice(self) -> float:
        """The longest time between the server's own end of a row and its being noticed."""
        return max(
            (r.noticed_after for r in self.results if r.noticed_after is not None), default=0
        )


def speak_all(
    launch: Launch,
    contract: Contract,
    rows: Sequence[Row],
    sample: VoiceSample | None,
    options: RowOptions,
) -> Session:
    """Run rows on a server of their own, from its launch to its end.

    Raises:
        SubjectError: The server cannot be started.
    """
    started = time.monotonic()
    with SpeechServer(launch, contract) as server:
        server.start()
        voices = Voices(rows, sample, options.language)
        voices.create(server.client)
        results = list(run_rows(server, rows, voices, options))
        restarts = server.restarts
    return Session(results=results, restarts=restarts, seconds=time.monotonic() - started)
