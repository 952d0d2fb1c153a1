"""Run all rows, strictly one after the other, so that none costs another.

After a row that did not pass, the server is brought into a state in which it can work: its queue
is cancelled, and where the server does not heed that, or has ended, it is started again. A row that
may have failed for its predecessor is run once more on a fresh server: one that does not pass right
after a row that did not, and one whose time ran out before the server began with it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from proofbook.errors import SubjectError
from proofbook_systems.ttsserver.client import ServerError
from proofbook_systems.ttsserver.contract import TERMINAL
from proofbook_systems.ttsserver.matrix import Row
from proofbook_systems.ttsserver.rows import RowOptions, RowResult, run_row
from proofbook_systems.ttsserver.server import VoiceboxServer
from proofbook_systems.ttsserver.voices import Voices

__all__ = ["RowOptions", "run_rows"]

_HEED_SECONDS = 5.0
"""How long the server may take to give up a cancelled generation."""
_PAUSE = 0.1


def run_rows(
    server: VoiceboxServer, rows: Sequence[Row], voices: Voices, options: RowOptions
) -> Iterator[RowResult]:
    """Run each row and yield its result as soon as it is there.

    Raises:
        SubjectError: The server was lost and does not come back.
    """
    suspect, fresh = False, True
    for row in rows:
        result = run_row(server, row, voices, options)
        if not result.passed and (suspect or (result.may_have_waited and not fresh)):
            _restart(server, voices, f"{row.name} may have paid for the row before it")
            result = _run_again(server, voices, options, result)
        restarted = not result.passed and _recover(server, voices, result)
        fresh, suspect = restarted, not result.passed and not restarted
        yield result


def _run_again(
    server: VoiceboxServer, voices: Voices, options: RowOptions, first: RowResult
) -> RowResult:
    result = run_row(server, first.row, voices, options)
    result.run_again = True
    result.notes.insert(0, f"run again on a fresh server; the first time: {first.error}")
    return result


def _recover(server: VoiceboxServer, voices: Voices, result: RowResult) -> bool:
    """Bring the server back after a row that did not pass; return whether it is fresh."""
    why = server.exited()
    if not why and not result.over:
        why = _free(server, result)
    if not why and not server.is_healthy():
        why = "the server does not say that it is healthy"
    if why:
        _restart(server, voices, f"after {result.row.name}: {why}")
        result.notes.append(f"the server was started again, as {why}")
    return bool(why)


def _free(server: VoiceboxServer, result: RowResult) -> str:
    """Cancel what the row has left in the queue; return why that failed, or nothing."""
    if result.generation_id is None:
        return "it is not known what the row has left in its queue"
    try:
        server.client.cancel(result.generation_id)
    except ServerError as error:
        return f"the row cannot be cancelled ({error})"
    started = time.monotonic()
    while time.monotonic() - started < _HEED_SECONDS:
        if _is_over(server, result.generation_id):
            result.notes.append(f"cancelled in {time.monotonic() - started:.1f} s")
            return ""
        time.sleep(_PAUSE)
    return f"the server did not heed the cancellation in {_HEED_SECONDS:g} s"


def _is_over(server: VoiceboxServer, generation_id: str) -> bool:
    """Ask the event stream, which begins with the present state."""
    try:
        for event in server.client.status_events(generation_id):
            return getattr(event, "status", "") in TERMINAL
    except ServerError:
        return False
    return False


def _restart(server: VoiceboxServer, voices: Voices, why: str) -> None:
    try:
        server.restart(why)
        voices.create(server.client)
    except SubjectError as error:
        raise SubjectError(f"the server does not come back ({why}): {error}") from error
