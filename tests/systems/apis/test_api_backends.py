"""The five groups, on a right client, on right clients that look unusual, and on planted ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from proofbook_systems.apis.backends.asking import Asker
from proofbook_systems.apis.backends.connection import try_connection
from proofbook_systems.apis.backends.findings import Finding
from proofbook_systems.apis.backends.queueing import try_queue
from proofbook_systems.apis.backends.requests import try_requests
from proofbook_systems.apis.backends.retrying import try_retries
from proofbook_systems.apis.backends.specifics import try_specifics
from proofbook_systems.apis.client_process import ClientProcess
from proofbook_systems.apis.clients import find_client
from proofbook_systems.apis.faulty_server import FaultyServer, start_faulty_server
from proofbook_systems.apis.outcomes import Sent
from proofbook_systems.apis.protocols import no_keys
from proofbook_systems.apis.servers import find_server

PLANTS = Path(__file__).with_name("backend_plants.py")
RIGHT = Path(__file__).with_name("urllib_client.py")
GROUPS: dict[str, Callable[[Asker], Iterator[Finding]]] = {
    "connection": try_connection,
    "request": try_requests,
    "queue": lambda asker: try_queue(asker, asker.options.get("hold", 0.15)),
    "retry": try_retries,
    "specific": lambda asker: try_specifics(asker, ("chat",)),
}
BLOCKING = {"queue-cancelled-dropped", "queue-cancelled-frees"}
"""What cannot be tried on a client that blocks its caller."""
OPTIONS = {"max_concurrency": 3, "max_retries": 2}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyServer]:
    """The proxy before a server; both are Proofbook's, and know nothing of each other."""
    folder = tmp_path_factory.mktemp("servers")
    file = find_server("reference:faulty", "apis.faulty_server")
    with (
        start_faulty_server(file, protocol="openai_api", log=folder / "server.log") as server,
        start_faulty_server(
            file, protocol="openai_api", log=folder / "proxy.log", upstream=server.lane.root
        ) as proxy,
    ):
        yield replace(proxy, model=server.model)


@pytest.fixture
def run(proxy: FaultyServer, tmp_path: Path) -> Callable[[str, Sequence[str]], list[Finding]]:
    def run(client: str, groups: Sequence[str]) -> list[Finding]:
        with (
            ClientProcess(
                find_client(client), log=tmp_path / "client.log", environment=no_keys()
            ) as process,
            proxy.open_lane() as lane,
        ):
            asker = Asker(
                client=process, proxy=lane, api="openai_api", base_url=f"{lane.root}/v1",
                key="test-key", model=proxy.model, prompt="Say hello.",
                timeout=0.5 if "waits" in client else 20.0,
                options={**OPTIONS, **({"hold": 0.6} if "cancel" in client else {})},
            )  # fmt: skip
            return [finding for group in groups for finding in GROUPS[group](asker)]

    return run


def faults(findings: Sequence[Finding]) -> dict[str, str]:
    return {f"{f.group}-{f.name}": f.fault for f in findings if f.fault}


@pytest.mark.exhaustive(keep=1)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("client", "untried"),
    [
        (f"{RIGHT}:run", BLOCKING),
        (f"{PLANTS}:patient_async", {"queue-streams-counted", "specific-stream"}),
        (f"{PLANTS}:no_streams", {"queue-streams-counted", "specific-stream", *BLOCKING}),
        (f"{PLANTS}:no_usage", {"request-usage", *BLOCKING}),
        (f"{PLANTS}:letters", BLOCKING),
    ],
    ids=lambda value: value.rpartition(":")[2] if isinstance(value, str) else "",
)
def test_a_right_client_is_called_right(
    run: Callable[[str, Sequence[str]], list[Finding]], client: str, untried: set[str]
) -> None:
    findings = run(client, list(GROUPS))
    assert faults(findings) == {}
    told = {f"{f.group}-{f.name}" for f in findings if f.untried}
    beyond_chat = {"specific-completion", "specific-embeddings", "specific-models"}
    assert told == {*untried, *beyond_chat}


def test_reference_client_keeps_every_promise(
    run: Callable[[str, Sequence[str]], list[Finding]],
) -> None:
    findings = run("reference:client", ["connection", "request", "queue"])
    assert faults(findings) == {}
    assert "cancelled-dropped" in {finding.name for finding in findings}


@pytest.mark.exhaustive
def test_a_cancellation_that_a_busy_machine_delays_is_tried_again(
    run: Callable[[str, Sequence[str]], list[Finding]], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, late = ClientProcess.cancel, [1.0]

    def cancel(self: ClientProcess, sent: Sent) -> None:
        time.sleep(late.pop() if late else 0)  # its turn has come by then
        usual(self, sent)

    monkeypatch.setattr(ClientProcess, "cancel", cancel)
    assert faults(run("reference:client", ["queue"])) == {}
    assert late == []


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("plant", "group", "found"),
    [
        ("made_up", "connection", {"connection-no-server", "connection-wrong-key",
                                   "connection-no-key"}),
        ("waits_for_ever", "connection", {"connection-no-server"}),
        ("keeps_knocking", "connection", {"connection-wrong-key", "connection-no-key"}),
        ("asks_twice", "request", {"request-one-call"}),
        ("free_of_charge", "request", {"request-usage"}),
        ("any_model", "request", {"request-unknown-model"}),
        ("made_up", "request", {"request-unknown-model"}),
        ("mumbles", "request", {"request-unknown-model"}),
        ("unlimited", "queue", {"queue-limit-held", "queue-streams-counted"}),
        ("one_too_many", "queue", {"queue-limit-held", "queue-streams-counted"}),
        ("one_at_a_time", "queue", {"queue-limit-used"}),
        ("streams_uncounted", "queue", {"queue-streams-counted"}),
        ("loses_one", "queue", {"queue-all-answered"}),
        ("refuses_to_queue", "queue", {"queue-all-answered"}),
        ("frees_at_the_headers", "queue", {"queue-streams-counted"}),
        ("keeps_cancelled_places", "queue", {"queue-cancelled-frees"}),
        ("ignores_cancelling", "queue", {"queue-cancelled-dropped"}),
        ("gives_up", "retry", {"retry-passing-fault", "retry-reset", "retry-retry-after",
                               "retry-lasting-fault"}),
        ("once_more", "retry", {"retry-lasting-fault"}),
        ("once_less", "retry", {"retry-passing-fault", "retry-lasting-fault"}),
        ("impatient", "retry", {"retry-retry-after"}),
        ("stubborn", "retry", {"retry-not-retried"}),
        ("afraid_of_resets", "retry", {"retry-reset"}),
        ("sorry", "retry", {"retry-lasting-fault", "retry-not-retried"}),
        ("silent_stream", "specific", {"specific-stream"}),
    ],
)  # fmt: skip
def test_a_planted_defect_is_found(
    run: Callable[[str, Sequence[str]], list[Finding]], plant: str, group: str, found: set[str]
) -> None:
    assert found <= set(faults(run(f"{PLANTS}:{plant}", [group])))
