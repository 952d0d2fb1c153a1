"""What a machine fetches is what was sent, and half of it is never taken for the whole."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from waiting import wait_for

from proofbook.fingerprints import content_of
from proofbook.runner.executors.cluster import fetching as fetchings
from proofbook.runner.executors.cluster.faults import NotStarted
from proofbook.runner.executors.cluster.fetching import Fetching, Sent
from proofbook.runner.executors.landing import leave_mark
from proofbook.runner.executors.pieces import Piece, pieces_of
from proofbook.runner.executors.protocol import InfrastructureFault

Fetch = Callable[..., Fetching]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder, in which a job has left a model."""
    model = tmp_path / "run" / "jobs" / "make" / "model"
    (model / "deep").mkdir(parents=True)
    (model / "deep" / "w").write_bytes(b"weights" * 100)
    (model / "config").write_text("{}")
    (model / "latest").symlink_to("deep/w")
    (tmp_path / "run" / "brought").mkdir()
    return tmp_path / "run"


@pytest.fixture
def fetching(run: Path, tmp_path: Path) -> Fetching:
    """What a machine fetches with that does not see the run's folder."""
    (tmp_path / "node").mkdir()
    mark = replace(leave_mark(run / "brought"), word="of another machine")
    return Fetching(folder=tmp_path / "node", store=None, mark=mark, is_cancelled=lambda: False)


@pytest.fixture
def sent(run: Path, monkeypatch: pytest.MonkeyPatch) -> Sent:
    """The model, which arrives in pieces of some bytes."""
    model = run / "jobs" / "make" / "model"

    def bundles(_: Fetching, sent: Sent) -> Iterator[list[Piece]]:
        for bundle in pieces_of(Path(sent.name), largest=64):
            yield from ([piece] for piece in bundle)

    monkeypatch.setattr(Fetching, "_bundles", bundles)
    return Sent(name=str(model), digest="input-1", content=content_of(model))


def kept(fetching: Fetching) -> list[Path]:
    """Return what a machine keeps, but for locks."""
    received = fetching.folder / "received"
    return [path for path in received.glob("*") if path.suffix != ".lock"]


def test_what_was_sent_arrives_once(fetching: Fetching, sent: Sent) -> None:
    there = fetching.input(sent)
    assert there.is_relative_to(fetching.folder)
    assert content_of(there) == sent.content
    assert (there / "latest").is_symlink()
    (there / "deep" / "w").write_text("changed by a job")
    assert fetching.input(sent) == there
    assert len(kept(fetching)) == 1


def test_a_machine_that_sees_the_run_s_folder_fetches_nothing(
    fetching: Fetching, sent: Sent, run: Path
) -> None:
    here = replace(fetching, mark=leave_mark(run / "brought"))
    assert here.input(sent) == Path(sent.name)
    assert not (fetching.folder / "received").exists()


def test_an_output_outside_of_the_run_is_fetched_though_the_run_is_seen(
    fetching: Fetching, sent: Sent, run: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "data"
    outside.write_bytes(b"data")
    here = replace(fetching, mark=leave_mark(run / "brought"))
    other = Sent(name=str(outside), digest="input-2", content=content_of(outside))
    assert here.input(other).is_relative_to(fetching.folder)


def test_other_bytes_than_were_sent_are_a_fault_and_are_not_kept(
    fetching: Fetching, sent: Sent
) -> None:
    Path(sent.name, "deep", "w").write_bytes(b"weighty" * 100)
    with pytest.raises(InfrastructureFault, match="arrived with other bytes"):
        fetching.input(sent)
    assert kept(fetching) == []


def test_a_run_that_is_cancelled_while_files_travel_leaves_no_half(
    fetching: Fetching, sent: Sent
) -> None:
    asked: list[int] = []

    def after_a_piece() -> bool:
        asked.append(len(kept(fetching)))
        return len(asked) == 2

    with pytest.raises(NotStarted, match="cancelled"):
        replace(fetching, is_cancelled=after_a_piece).fetch(sent)
    assert asked[-1] == 1  # it had begun
    assert kept(fetching) == []
    assert content_of(fetching.input(sent)) == sent.content  # whoever comes next begins anew


def test_two_attempts_of_one_machine_fetch_once(
    fetching: Fetching, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetchings, "_LOOK_EVERY", 0.001)
    (fetching.folder / "received").mkdir()
    waits = threading.Event()

    def waiting() -> bool:
        waits.set()
        return False

    with (fetching.folder / "received" / "input-1.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        second = replace(fetching, is_cancelled=waiting)
        thread = threading.Thread(target=second.fetch, args=(sent,))
        thread.start()
        wait_for(waits.is_set)
        assert kept(fetching) == []
    thread.join()
    assert [path.name for path in kept(fetching)] == ["input-1"]
