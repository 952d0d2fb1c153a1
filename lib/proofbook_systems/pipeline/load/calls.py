"""The calls that a pipeline under load makes to an API, seen by a proxy in front of its server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from proofbook.processes.placeholders import fill_command
from proofbook_systems.apis.faulty_server import Call, Lane, start_faulty_server
from proofbook_systems.apis.servers import find_server, start_server
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.load.config import LoadConfig
from proofbook_systems.pipeline.workspace import Workspace

__all__ = ["judge_calls", "most_within", "watched"]

_MINUTE = 60.0
_PROTOCOL = "openai_api"
"""Of the proxy's own errors, of which there are none here."""


@contextmanager
def watched(config: LoadConfig, workspace: Workspace) -> Iterator[tuple[Workspace, Lane | None]]:
    """Yield the workspace with the variables that point it at a proxy, and the proxy's log.

    Without a server the workspace is as it was, and there is no log.

    Raises:
        SubjectError: A server cannot be started.
    """
    if not config.server:
        yield workspace, None
        return
    server = find_server(config.server, "pipeline.server", "apis.server")
    proxy = find_server(config.proxy, "apis.faulty_server")
    logs: Path = workspace.logs
    with (
        start_server(server, log=logs / "server.log") as running,
        start_faulty_server(
            proxy, protocol=_PROTOCOL, log=logs / "proxy.log", upstream=running.url
        ) as seen,
    ):
        key = running.file.api_key if running.file else ""
        known = {"url": seen.lane.root, "key": key or f"pb-{secrets.token_hex(16)}"}
        variables = {
            name: fill_command([value], known, f"addresses.{name}")[0]
            for name, value in config.addresses.items()
        }
        yield workspace.with_environment(**variables), seen.lane


def judge_calls(calls: Sequence[Call], a_minute: int, is_watched: bool) -> list[Finding]:
    """Say whether the promised rate was kept, and whether calls were refused."""
    untried = "" if is_watched else "server is empty: no calls were seen"
    most = most_within([call.started for call in calls], _MINUTE)
    over = [f"{most} calls within one minute, of {a_minute}"] if 0 < a_minute < most else []
    refused = [call for call in calls if call.status is not None and call.status >= 400]
    return [
        finding("rate-kept", over, why="beyond the account's rate calls are refused, for all",
                untried=untried or ("" if a_minute else "calls_a_minute promises none")),
        finding("calls-answered", [f"{c.path} was answered with {c.status}" for c in refused],
                why="a call that is refused under load is a line without a voice",
                untried=untried or ("" if calls else "no call was made")),
    ]  # fmt: skip


def most_within(times: Sequence[float], seconds: float) -> int:
    """Return how many of the times lie within so many seconds of each other, at most."""
    ordered, first, most = sorted(times), 0, 0
    for last, moment in enumerate(ordered):
        while moment - ordered[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
