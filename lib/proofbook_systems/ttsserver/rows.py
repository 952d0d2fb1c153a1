"""Run one row of the matrix: ask for the speech, follow it, fetch the audio, judge it.

Every fault ends in the row's result. :mod:`recovery` finds out which state the server is left in.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from proofbook_systems.serving.memory import resident_memory
from proofbook_systems.serving.ports import is_free
from proofbook_systems.ttsserver.answers import Spoken
from proofbook_systems.ttsserver.audio_checks import find_faults
from proofbook_systems.ttsserver.client import ServerError, SpeechClient
from proofbook_systems.ttsserver.contract import HistoryEntry, SpeechRequest
from proofbook_systems.ttsserver.event_stream import Followed, follow
from proofbook_systems.ttsserver.matrix import CLONED, DEFAULT, NO_MODEL, Row
from proofbook_systems.ttsserver.server import SpeechServer
from proofbook_systems.ttsserver.voices import Voices

__all__ = ["RowOptions", "RowResult", "run_row", "seconds_to_first_audio", "speech_request"]

_TAIL = 100
_EXIT_SECONDS = 4.0
"""Within which it is told that a server whose port is free has ended."""
_REASONS = {"not_found": "the server no longer knows the generation"}
_NO_REASON = "the server says 'failed' and gives no reason"


@dataclass(frozen=True, kw_only=True)
class RowOptions:
    """What all rows have in common."""

    text: str
    language: str
    seed: int
    normalize: bool
    timeout_cached: float
    """Seconds for a row whose model is there."""
    timeout_download: float
    """Seconds for any other."""
    duration_tolerance: float
    """Seconds."""
    audio_folder: Path
    quietest: float = -50.0
    """dBFS that the audio must reach."""
    most_silence: float = 0.9
    """Share of the audio that may be silent."""
    audio_limits: Mapping[str, float] = field(default_factory=dict)
    """Further limits that are not the usual ones, by name."""
    speed: float | None = None
    """1 is the usual speed; None says nothing of it."""
    key: str = ""
    """What the server asks for before it speaks."""


@dataclass(kw_only=True)
class RowResult:
    """How a row ended."""

    row: Row
    status: Literal["passed", "failed", "timeout"] = "failed"
    generation_id: str | None = None
    was_cached: bool | None = None
    """None where the server does not list the model."""
    elapsed_seconds: float = 0.0
    """From asking to the audio in hand, and judged."""
    answered_after: float | None = None
    """Seconds from asking to the whole audio; None where it was followed by its events."""
    audio_duration: float | None = None
    """Seconds that were decoded."""
    audio_path: Path | None = None
    audible: bool = False
    """Whether there is audio that can be played, right or wrong."""
    error: str | None = None
    server_log_tail: str | None = None
    """The server's last lines, where the row did not pass."""
    notes: list[str] = field(default_factory=list)
    """What else happened, such as a stream that was opened again, or a restart."""
    over: bool = False
    """Whether the server itself said that it is done with the row."""
    may_have_waited: bool = False
    """Whether it may have spent its time behind what another row had left in the queue."""
    frozen: str = ""
    """How the server did not answer when its time was over; empty where it did."""
    wrong_name: str = ""
    """How the answer's content type contradicts the audio."""
    refused: bool = False
    """Whether the server did not take it at all, and said so."""
    run_again: bool = False
    """Whether this is the second time, on a fresh server."""
    paid_for: str = ""
    """The first time's failure, where a fresh server did better: not the row's own."""
    server_seconds: float | None = None
    """What the server says it took, where it does."""
    noticed_after: float | None = None
    """Seconds between the server's end and ours, where it tells its own."""
    memory: int = 0
    """Bytes that the server's processes held after the row."""

    @property
    def seconds_to_audio(self) -> float:
        """From asking to the whole audio in hand; with judging it, where that is not known."""
        return self.elapsed_seconds if self.answered_after is None else self.answered_after

    @property
    def passed(self) -> bool:
        """Whether a user would have heard what was asked for."""
        return self.status == "passed"

    @property
    def verdict(self) -> str:
        """``passed``, or how it ended and why."""
        return self.status if self.passed else f"{self.status}: {self.error}"


def run_row(server: SpeechServer, row: Row, voices: Voices, options: RowOptions) -> RowResult:
    """Have the server speak one row, and judge the audio."""
    result = RowResult(row=row)
    started = time.monotonic()
    try:
        _speak(server, voices, options, result)
    except ServerError as error:
        _take_fault(server, error, result)
    result.elapsed_seconds = time.monotonic() - started
    if not result.passed:
        result.server_log_tail = server.tail(_TAIL)
    result.memory = resident_memory(server)
    return result


def speech_request(row: Row, options: RowOptions, profile: str = "") -> SpeechRequest:
    """Return what is asked for a row."""
    return SpeechRequest(
        profile=profile, text=row.text or options.text,
        voice="" if row.voice in (CLONED, DEFAULT) else row.voice,
        language=row.language or options.language,
        model="" if row.engine == NO_MODEL else row.engine, model_size=row.model_size,
        seed=options.seed, normalize=options.normalize, speed=options.speed, key=options.key,
    )  # fmt: skip


def seconds_to_first_audio(results: Sequence[RowResult]) -> float | None:
    """Return the seconds from the first request to the first audio in hand; None if there is none.

    Restarts between rows are not counted.
    """
    total = 0.0
    for result in results:
        total += result.elapsed_seconds
        if result.audible:
            return total
    return None


def _take_fault(server: SpeechServer, error: ServerError, result: RowResult) -> None:
    unanswered = error.status is None and not error.late
    if unanswered and is_free(server.port):
        server.await_end(_EXIT_SECONDS)  # that it has ended is told a moment later
    how = server.exited()
    result.status = "timeout" if error.late and not how else "failed"
    result.error = how or str(error)
    if error.status is not None and result.generation_id is None:
        result.over = result.refused = True


def _speak(server: SpeechServer, voices: Voices, options: RowOptions, result: RowResult) -> None:
    client, row = server.client, result.row
    result.was_cached = _is_cached(client, result)
    timeout = options.timeout_cached if result.was_cached else options.timeout_download
    request = speech_request(row, options, voices.profile_id(row))
    started = time.monotonic()
    if client.contract.job is None:
        spoken = client.speak(request, timeout=timeout)
        result.answered_after = time.monotonic() - started
        result.over = True
        _judge_audio(spoken, None, options, result)
        return
    result.generation_id = client.generate(request, timeout=timeout)
    left = timeout - (time.monotonic() - started)
    followed = follow(client, result.generation_id, left, exited=server.exited)
    result.over = followed.end in ("completed", "failed", "not_found")
    _take_notes(followed, result)
    match followed.end:
        case "completed":
            _fetch_audio(client, followed, options, result)
        case "timeout":
            result.status, result.frozen = "timeout", server.find_freeze()
            result.may_have_waited = not _has_begun(client, followed, result)
            result.error = _describe_timeout(result.frozen, followed, timeout, result.was_cached)
        case _:
            result.error = _REASONS.get(followed.end) or followed.error or _NO_REASON


def _is_cached(client: SpeechClient, result: RowResult) -> bool | None:
    """Ask whether the row's model is there; a server that cannot say is asked for speech anyway."""
    try:
        return client.models().get(result.row.model_name)
    except ServerError as error:
        if error.status is None:
            raise
        result.notes.append(f"it is not known whether its model is there: {error}")
        return None


def _has_begun(client: SpeechClient, followed: Followed, result: RowResult) -> bool:
    """Say whether the server had begun with a row, as far as it tells."""
    if "loading_model" in followed.statuses:
        return True
    if result.frozen or result.generation_id is None:
        return False
    history = _history(client, result.generation_id)
    return history is not None and bool(history.started_at)


def _take_notes(followed: Followed, result: RowResult) -> None:
    if followed.reconnections:
        times = followed.reconnections
        result.notes.append(
            f"the status stream broke; it was opened again {times} times: {followed.problem}"
        )
    if followed.silences:
        times = followed.silences
        result.notes.append(f"the status stream was silent; it was opened again {times} times")


def _describe_timeout(frozen: str, followed: Followed, timeout: float, cached: bool | None) -> str:
    """Tell a server that is frozen from a row that is slow."""
    model = "is" if cached else "may not have been"
    last = followed.statuses[-1] if followed.statuses else "nothing"
    words = f"no result within {timeout:g} s (its model {model} there); "
    words += f"it last said {last}, {followed.silent_for:.1f} s before"
    if not followed.statuses and followed.problem:
        words = f"{followed.problem}: {words}"
    if frozen:
        return f"the server is frozen ({frozen}): {words}"
    return f"{words}; the server itself still answers"


def _fetch_audio(
    client: SpeechClient, followed: Followed, options: RowOptions, result: RowResult
) -> None:
    """Fetch and judge the audio; malformed events fail the row, too."""
    assert result.generation_id is not None
    history = _history(client, result.generation_id)
    if history is not None and history.completed_at is not None:
        result.noticed_after = followed.noticed_at - history.completed_at
        result.server_seconds = history.generation_seconds
    try:
        spoken = client.fetch_speech(result.generation_id)
    except ServerError as error:
        result.error = f"the server says 'completed' and gives no audio: {error}"
        return
    if followed.duration is None:
        result.notes.append("the server does not say how long the audio is")
    more = []
    if followed.malformed:
        count = len(followed.malformed)
        more = [f"{count} events of its status stream are not JSON: {followed.malformed[0]!r}"]
    _judge_audio(spoken, followed.duration, options, result, more)


def _judge_audio(
    spoken: Spoken,
    claimed: float | None,
    options: RowOptions,
    result: RowResult,
    more: Sequence[str] = (),
) -> None:
    """Judge the audio that a server gave, and say what else is wrong with the row."""
    result.audio_path = spoken.write(options.audio_folder / f"{result.row.name}.wav")
    faults, seconds = find_faults(
        result.audio_path, claimed, options.duration_tolerance,
        quietest=options.quietest, most_silence=options.most_silence,
        text=result.row.text or options.text, limits=options.audio_limits,
    )  # fmt: skip
    no_audio = spoken.find_fault()
    result.wrong_name = spoken.find_wrong_name()
    result.audible = seconds > 0
    result.audio_duration = seconds
    faults = [*([no_audio] if no_audio else faults), *more]
    result.status = "failed" if faults else "passed"
    result.error = "; ".join(faults) or None


def _history(client: SpeechClient, generation_id: str) -> HistoryEntry | None:
    """Return the entry in the history; None where there is none."""
    try:
        return client.history(generation_id)
    except ServerError:
        return None
