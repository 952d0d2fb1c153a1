"""Servers under load: right ones are called right, and each defect is found by its check."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from loaded_servers import LoadedServer

from proofbook.errors import SubjectError
from proofbook_systems.apis.clients import find_client
from proofbook_systems.apis.load import judging
from proofbook_systems.apis.load.asking import Loader
from proofbook_systems.apis.load.rounds import Round
from proofbook_systems.apis.load.samples import Sample
from proofbook_systems.apis.load.service_levels import ServiceLevel

CLIENT = Path(__file__).with_name("urllib_client.py")
TOLERANT = ServiceLevel()


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Loader]]:
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    loaders: list[Loader] = []

    def make(server: str, **changes: Any) -> Loader:
        fields: dict[str, Any] = {
            "client": find_client(f"{CLIENT}:run"), "options": {"max_retries": 0,
            "max_concurrency": 99}, "api": "openai_api", "server": server, "model": "m", "key": "",
            "prompt": "Say", "max_tokens": 9, "stream": False, "timeout": 120.0, "folder": tmp_path,
        }  # fmt: skip
        loaders.append(Loader(**{**fields, **changes}))
        return loaders[-1]

    yield make
    for loader in loaders:
        loader.stop()


@pytest.fixture
def serve() -> Iterator[Callable[[str], LoadedServer]]:
    servers: list[LoadedServer] = []

    def start(defect: str = "") -> LoadedServer:
        servers.append(LoadedServer(defect))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def try_load(loader: Loader) -> tuple[Sample, Round, Sample]:
    loader.start()
    alone = loader.ask_alone(1)
    (loaded,) = loader.closed([4], 12)
    return alone, loaded, loader.ask_alone(0)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_server_that_stands_load_is_called_right(
    load: Callable[..., Loader], serve: Callable[..., LoadedServer], stream: bool
) -> None:
    server = serve()
    loader = load(server.url, stream=stream)
    alone, loaded, after = try_load(loader)
    assert [alone.fault, after.fault, judging.find_lost(loaded)] == ["", "", ""]
    assert (loaded.error_share, judging.find_crossed(loaded)) == (0.0, [])
    assert judging.kept_share(loaded, TOLERANT) == 1.0
    assert all(bool(sample.pieces) is stream for sample in loaded.samples)
    assert server.served == 2 + 12 + 1  # nothing is asked twice, and nothing beside


def test_requests_that_arrive_at_a_rate_are_all_answered(
    load: Callable[..., Loader], serve: Callable[..., LoadedServer]
) -> None:
    loader = load(serve().url)
    assert loader.start().startswith("REAL http://127.0.0.1:")
    (loaded,) = loader.open([100.0], 10, seed=3)
    assert (judging.find_lost(loaded), judging.find_crossed(loaded)) == ("", [])


def test_crossed_answers_are_found(
    load: Callable[..., Loader], serve: Callable[..., LoadedServer]
) -> None:
    alone, loaded, _ = try_load(load(serve("crossed").url))
    assert alone.fault == ""
    crossed = judging.find_crossed(loaded)
    assert crossed
    assert all(" was answered with that of " in words for words in crossed)


def test_answers_of_nothing_are_found(
    load: Callable[..., Loader], serve: Callable[..., LoadedServer]
) -> None:
    _, loaded, _ = try_load(load(serve("silent").url))
    assert "answers are empty and say so nowhere" in judging.find_lost(loaded)


def test_a_server_that_refuses_under_load_has_errors(
    load: Callable[..., Loader], serve: Callable[..., LoadedServer]
) -> None:
    _, loaded, after = try_load(load(serve("refuses").url))
    assert loaded.error_share > 0
    assert "503" in loaded.faults[0]
    assert after.fault == ""


@pytest.mark.exhaustive
def test_a_server_that_answers_one_by_one_misses_what_was_promised(
    load: Callable[..., Loader], serve: Callable[..., LoadedServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loaded_servers.SECONDS", 0.2)
    _, loaded, _ = try_load(load(serve("one by one").url))
    assert judging.kept_share(loaded, ServiceLevel(latency=0.5)) < 0.5
    assert loaded.error_share == 0.0


@pytest.mark.exhaustive
def test_a_server_that_loses_its_places_does_not_answer_afterwards(
    load: Callable[..., Loader], serve: Callable[..., LoadedServer]
) -> None:
    alone, loaded, after = try_load(load(serve("leaks").url, timeout=3.0))
    assert alone.fault == ""
    assert loaded.error_share > 0
    assert after.fault


def test_a_missing_key_is_told_before_anything_is_sent(
    load: Callable[..., Loader], serve: Callable[..., LoadedServer]
) -> None:
    server = serve()
    with pytest.raises(SubjectError, match="set the environment variable MY_KEY"):
        load(server.url, key="MY_KEY").start()
    assert server.served == 0
