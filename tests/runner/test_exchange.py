"""Files between machines and the run: what arrives, and what a stranger gets."""

from __future__ import annotations

import pickle
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from waiting import wait_for

from proofbook.errors import ProofbookError
from proofbook.fingerprints import content_of
from proofbook.runner.executors.cluster.exchange import (
    DIRECT,
    Exchange,
    Line,
    bring,
    fetched,
    listen,
)
from proofbook.runner.executors.cluster.wire import Wire
from proofbook.runner.executors.pieces import Piece, pieces_of, write_pieces
from proofbook.runner.executors.protocol import InfrastructureFault


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    exchange = Exchange("127.0.0.1")
    yield exchange
    exchange.close()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder with a file of several pieces, an empty one, a link, and a name that is no UTF-8."""
    model = tmp_path / "model"
    (model / "deep").mkdir(parents=True)
    (model / "deep" / "w").write_bytes(b"weights" * 100)
    (model / "deep" / "w").chmod(0o640)
    (model / "empty").touch()
    (model / "latest").symlink_to("deep/w")
    (model / "caf\udce9").write_text("latin")
    return model


@pytest.fixture
def there(tmp_path: Path) -> Path:
    (tmp_path / "there").mkdir()
    return tmp_path / "there"


def test_what_is_brought_is_what_was_there(exchange: Exchange, model: Path, there: Path) -> None:
    with exchange.taking(there) as line:
        assert bring(pickle.loads(pickle.dumps(line)), pieces_of(model, largest=64))
    assert content_of(there / "model") == content_of(model)
    assert (there / "model" / "latest").readlink() == Path("deep/w")
    assert (there / "model" / "deep" / "w").stat().st_mode & 0o777 == 0o640


def test_what_is_offered_is_fetched_by_many_at_a_time(
    exchange: Exchange, model: Path, there: Path
) -> None:
    line = exchange.offer(model)
    assert exchange.offer(model) is line
    both = [fetched(line), fetched(line)]
    for number, pieces in enumerate(both):
        assert pieces is not None
        for bundle in pieces:
            write_pieces(there / str(number), bundle)
        assert content_of(there / str(number) / "model") == content_of(model)


def test_a_stranger_who_calls_gets_nothing(exchange: Exchange, model: Path, there: Path) -> None:
    offered = exchange.offer(model)
    assert fetched(replace(offered, key=bytes(32))) is None
    assert fetched(replace(offered, name=bytes(16))) is None
    with exchange.taking(there) as line:
        assert not bring(replace(line, key=offered.key), never())
        with socket.create_connection((line.host, line.port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nAccept: */*\r\n\r\n" * 4)
            while connection.recv(4096):  # the other end's greeting, and then its end
                pass
    assert list(there.iterdir()) == []


def test_a_stranger_who_answers_is_told_nothing(exchange: Exchange, model: Path) -> None:
    other = Exchange("127.0.0.1")  # as where two networks use the same addresses
    line = exchange.offer(model)
    elsewhere = replace(line, port=other.offer(model).port)
    assert not bring(elsewhere, never())
    other.close()
    assert not bring(elsewhere, never())  # nobody listens
    assert not bring(None, never())
    assert "key" not in repr(line)


def test_a_line_that_has_ended_is_nobody_s(exchange: Exchange, model: Path, there: Path) -> None:
    with exchange.taking(there) as line:
        pass
    assert not bring(line, never())
    offered = exchange.offer(model)
    exchange.close()
    assert fetched(offered) is None


def test_an_attempt_that_is_given_up_brings_nothing_more(exchange: Exchange, there: Path) -> None:
    faults: list[Exception] = []
    goes_on, ended = threading.Event(), threading.Event()

    def bundles() -> Iterator[list[Piece]]:
        yield [piece("first", 10**6)]  # more than is gathered before it is sent
        goes_on.wait()
        for number in range(100):
            yield [piece(f"late-{number}")]

    def attempt() -> None:
        try:
            bring(line, bundles())
        except InfrastructureFault as error:
            faults.append(error)
        ended.set()

    with exchange.taking(there) as line:
        threading.Thread(target=attempt).start()
        wait_for((there / "first").exists)
    goes_on.set()
    ended.wait()
    assert [path.name for path in there.iterdir()] == ["first"]
    assert len(faults) == 1


def test_what_cannot_be_written_is_told_at_both_ends(exchange: Exchange, there: Path) -> None:
    with (
        pytest.raises(ProofbookError, match="leaves its folder"),
        exchange.taking(there) as line,
    ):
        with pytest.raises(InfrastructureFault):
            bring(line, [[piece("../outside")]])
        raise RuntimeError("what Ray says of it")
    assert not (there.parent / "outside").exists()


def test_a_machine_that_is_gone_in_the_middle_is_a_fault_of_the_way(
    exchange: Exchange, model: Path
) -> None:
    (model / "large").write_bytes(bytes(40_000_000))  # more than connections keep
    pieces = fetched(exchange.offer(model))
    assert pieces is not None
    next(pieces)
    exchange.close()
    with pytest.raises(InfrastructureFault, match="the connection between its machine and the run"):
        list(pieces)


def test_a_file_that_cannot_be_read_is_no_fault_of_the_way(exchange: Exchange, there: Path) -> None:
    with (
        exchange.taking(there) as line,
        pytest.raises(FileNotFoundError),
    ):
        bring(line, pieces_of(there / "nowhere"))


def test_more_than_a_piece_may_be_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        other = socket.create_connection(server.getsockname())
        with other, Wire(server.accept()[0]) as wire:
            other.sendall(b"\xff\xff\xff\xff")
            with pytest.raises(InfrastructureFault, match="sends what no machine"):
                next(wire.receive())


def test_a_machine_without_that_address_does_not_listen() -> None:
    assert listen("192.0.2.1") is None  # kept for documentation, see RFC 5737
    assert listen("127.0.0.1", {DIRECT: "off"}) is None


def piece(path: str, size: int = 5) -> Piece:
    return Piece(path=path, mode=0o100600, data=np.zeros(size, np.uint8))


def never() -> Iterator[list[Piece]]:
    raise AssertionError("nothing is read for who does not reach the run")
    yield


def test_no_line_shows_its_key() -> None:
    line = Line(host="127.0.0.1", port=1, name=b"n", key=b"secret")
    assert "secret" not in repr(line)
