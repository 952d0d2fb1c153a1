"""An expired token: it is refreshed once, and the next process uses the new one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from proofbook_systems.apis.faulty_server import Call
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.integrations.bench import Bench
from proofbook_systems.pipeline.integrations.messages import cause_fault
from proofbook_systems.pipeline.integrations.services import SERVICES
from proofbook_systems.pipeline.integrations.trials import Trial
from proofbook_systems.pipeline.workspace import Workspace

__all__ = ["judge_refresh"]

_NAME = "posting-token-refresh"
_WHY = "a token that is refreshed and not kept is refreshed by every process, until none is left"
_FREE_BOX = b"\0\0\0\x0cfreexxxx"
"""What an MP4 may have at its end without being another film to a player."""
_EXPIRED = {
    "error": {
        "message": "Error validating access token: Session has expired.", "code": 190,
        "type": "OAuthException", "error_subcode": 463, "fbtrace_id": "A1b2",
    }
}  # fmt: skip


def judge_refresh(bench: Bench) -> Finding:
    """Refuse the token once, as expired; then post again in another process, as the first one.

    Where the pipeline promises no refresh, an error that names the expired token is right.
    """
    workspace = bench.copy("posting", "expired")
    with bench.servers["posting"].open_lane() as lane:
        lane.plan([_expired()])
        first = bench.try_on(lane, SERVICES["posting"], workspace)
        if not bench.config.refreshes:
            return finding(_NAME, _told(first), why=_WHY)
        if first.run.code is None or not first.calls:
            return finding(_NAME, first.run.faults or ["no call was made"], why=_WHY)
        faults = _first_faults(first, bench.config.refresh_path)
        if faults:
            return finding(_NAME, faults, why=_WHY)
        second = bench.try_on(
            lane, SERVICES["posting"], workspace, values=_another(workspace, bench)
        )
    if second.run.ended_well and not second.calls:
        untried = "the next process made no call, so which token it has is not seen"
        return finding(_NAME, [], why=_WHY, untried=untried)
    return finding(_NAME, _second_faults(first, second, bench.config.refresh_path), why=_WHY)


def _another(workspace: Workspace, bench: Bench) -> dict[str, str | Path]:
    """Return another film and caption: what was posted already may rightly be left alone."""
    film = workspace.path("video", bench.episode)
    other = film.with_name(f"{film.stem}-again{film.suffix}")
    other.write_bytes(film.read_bytes() + _FREE_BOX)
    return {"video": other, "caption": f"{bench.config.caption} Again."}


def _expired() -> dict[str, Any]:
    return {"kind": "status", "status": 401, "body": _EXPIRED, "content_type": "application/json"}


def _told(trial: Trial) -> list[str]:
    names = ("expired", "token", "190", "auth")
    if trial.run.ended_well:
        return ["post ended with code 0 though its token had expired and nothing refreshed it"]
    fault = cause_fault(trial.run.output, names)
    return [f"post {trial.run.words} (its token had expired): {fault}"] if fault else []


def _refreshes(trial: Trial, path: str) -> list[Call]:
    return [call for call in trial.calls if path in call.path]


def _first_faults(trial: Trial, path: str) -> list[str]:
    refreshes = _refreshes(trial, path)
    if not refreshes:
        told = trial.run.last_words
        return [f"the token had expired and nothing called {path}; post {trial.run.words}: {told}"]
    faults = []
    if len(refreshes) > 1:
        faults.append(f"the token was refreshed {len(refreshes)} times; once is enough")
    if not trial.run.ended_well:
        faults.append(f"with a refreshed token post {trial.run.words}: {trial.run.last_words}")
    elif not _later_tokens(trial, path):
        faults.append("after the refresh no call was made with another token")
    return faults


def _later_tokens(trial: Trial, path: str) -> set[str]:
    """Return hashes of the tokens after the refresh that were not there before."""
    number = max(call.number for call in _refreshes(trial, path))
    old = {call.token for call in trial.calls if call.number <= number}
    return {call.token for call in trial.calls if call.number > number} - old


def _second_faults(first: Trial, second: Trial, path: str) -> list[str]:
    faults = [f"the next process: {fault}" for fault in second.run.faults]
    if again := _refreshes(second, path):
        faults.append(f"the next process refreshed the token again, {len(again)} times")
    fresh = _later_tokens(first, path)
    used = {call.token for call in second.calls if path not in call.path and call.token}
    if second.calls and not used & fresh:
        faults.append("the next process used the old token: the new one was not kept")
    return faults
