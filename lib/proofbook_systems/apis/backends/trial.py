"""Try the client on one backend after the other, several at a time; each ends with a result."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from proofbook.errors import SubjectError
from proofbook_systems.apis.backends.answers import core_action
from proofbook_systems.apis.backends.asking import Asker
from proofbook_systems.apis.backends.connection import try_connection
from proofbook_systems.apis.backends.findings import Finding, Group
from proofbook_systems.apis.backends.queueing import try_queue
from proofbook_systems.apis.backends.requests import try_requests
from proofbook_systems.apis.backends.retrying import try_retries
from proofbook_systems.apis.backends.specifics import try_specifics
from proofbook_systems.apis.client_process import ClientProcess
from proofbook_systems.apis.clients import ClientCommand
from proofbook_systems.apis.faulty_server import start_faulty_server
from proofbook_systems.apis.implementations import Implementation
from proofbook_systems.apis.protocols import no_keys
from proofbook_systems.apis.rows import Backend
from proofbook_systems.apis.servers import ServerFile
from proofbook_systems.apis.targets import NoKeyError, open_target

__all__ = ["BackendResult", "Trial", "fits", "try_all"]

_ALLOWED = {"all": ("REAL", "MOCK"), "real": ("REAL",), "mock": ("MOCK",)}


@dataclass(frozen=True, kw_only=True)
class BackendResult:
    """What became of one backend."""

    backend: Backend
    implementation: Implementation
    server: str = ""
    """Name and version, or address."""
    reason: str = ""
    """Why it is INCOMPLETE."""
    is_keyless: bool = False
    """Whether it is INCOMPLETE for want of a key alone."""
    findings: Sequence[Finding] = ()
    seconds: float = 0.0
    numbers: Mapping[str, float] = field(default_factory=dict)
    """Seconds of a plain request, and to the first token of a stream."""

    @property
    def faults(self) -> list[Finding]:
        """Claims that do not hold."""
        return [finding for finding in self.findings if finding.fault]

    @property
    def has_core(self) -> bool:
        """Whether what the backend is for works."""
        answers = [f for f in self.findings if (f.group, f.name) == ("connection", "answers")]
        return any(not finding.fault for finding in answers)

    @property
    def status(self) -> str:
        """``complete``, ``partial`` (a claim does not hold), or ``unavailable``."""
        if self.implementation == "INCOMPLETE":
            return "unavailable"
        return "partial" if self.faults else "complete"

    def of_group(self, group: Group) -> list[Finding]:
        """Return the findings of a group."""
        return [finding for finding in self.findings if finding.group == group]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """How backends are tried."""

    client: ClientCommand
    """The client under test."""
    options: Mapping[str, Any]
    """The client's own."""
    proxy: ServerFile | str
    """The server that counts and misbehaves."""
    folder: Path
    """For logs."""
    prompt: str
    timeout: float
    hold_seconds: float
    """How long each call is held up where calls must meet."""

    def run(self, backend: Backend) -> BackendResult:
        """Try one backend; what cannot be started or has no key makes it INCOMPLETE."""
        started = time.monotonic()
        try:
            result = self._run(backend)
        except SubjectError as error:
            result = BackendResult(
                backend=backend, implementation="INCOMPLETE", reason=str(error),
                is_keyless=isinstance(error, NoKeyError),
            )  # fmt: skip
        return replace(result, seconds=time.monotonic() - started)

    def _run(self, backend: Backend) -> BackendResult:
        with (
            open_target(backend, log=self._log(backend, "server")) as target,
            start_faulty_server(
                self.proxy, protocol=backend.api, upstream=target.base_url,
                log=self._log(backend, "proxy"),
            ) as proxy,
            ClientProcess(
                self.client, log=self._log(backend, "client"), environment=no_keys()
            ) as client,
        ):  # fmt: skip
            asker = Asker(
                client=client, proxy=proxy.lane, api=backend.api, key=target.key,
                base_url=proxy.lane.root + urlsplit(target.base_url).path, model=target.model,
                prompt=self.prompt, timeout=self.timeout, options=self.options,
                inputs=target.inputs,
            )  # fmt: skip
            findings = list(_try_groups(asker, self.hold_seconds, target.actions))
            findings = [_at(finding, proxy.lane.root, target.base_url) for finding in findings]
            fault = findings[0].fault
            if fault and not target.key:
                fault = f"{fault}; {backend.key_variable} is not set"
            return BackendResult(
                backend=backend, server=target.title, findings=findings, reason=fault,
                implementation="INCOMPLETE" if fault else target.implementation,
                numbers={} if fault else _measure(asker),
            )  # fmt: skip

    def _log(self, backend: Backend, what: str) -> Path:
        return self.folder / f"{backend.title}-{what}.log"


def try_all(trial: Trial, backends: Sequence[Backend], *, workers: int) -> Iterator[BackendResult]:
    """Yield the result of each backend as soon as it is there; ``workers`` are tried at a time.

    Raises:
        SubjectError: The client cannot be started: no backend is to blame.
    """
    trial.folder.mkdir(parents=True, exist_ok=True)
    with ClientProcess(trial.client, log=trial.folder / "client.log", environment=no_keys()):
        pass
    with ThreadPoolExecutor(workers) as pool:
        for future in as_completed([pool.submit(trial.run, backend) for backend in backends]):
            yield future.result()


def fits(kind: Implementation, wanted: str) -> bool:
    """Say whether a kind is one of those that were asked for: ``all``, ``real``, ``mock``.

    What is INCOMPLETE is none of them, and has a check of its own.
    """
    return kind == "INCOMPLETE" or kind in _ALLOWED[wanted]


def _try_groups(asker: Asker, hold: float, offered: tuple[str, ...]) -> Iterator[Finding]:
    """Yield the findings of all groups; those of the first alone where it has no answer."""
    connection = list(try_connection(asker))
    yield from connection
    if connection[0].fault:
        return
    yield from try_requests(asker)
    yield from try_queue(asker, hold)
    yield from try_retries(asker)
    yield from try_specifics(asker, offered)


def _measure(asker: Asker) -> dict[str, float]:
    numbers = {"request_seconds": asker.ask(core_action(asker.api)).outcome.seconds}
    if "stream" in asker.protocol.more:
        outcome = asker.ask("stream").outcome
        if outcome.deltas:
            numbers["ttft"] = outcome.deltas[0].at - outcome.started
    return numbers


def _at(finding: Finding, proxy: str, real: str) -> Finding:
    """Return a finding that names the server's own address, and not the proxy's."""
    server = urlsplit(real)
    return replace(
        finding, fault=finding.fault.replace(proxy, f"{server.scheme}://{server.netloc}")
    )
