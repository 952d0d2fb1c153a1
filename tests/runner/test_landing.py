"""Large files of an attempt are moved where its machine sees the run's folder, and only there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from simulation import job

from proofbook.processes import TemporaryFolder
from proofbook.records import Node
from proofbook.runner.executors import landing as landings
from proofbook.runner.executors.landing import Landing, Mark, leave_mark
from proofbook.runner.executors.pieces import Piece, write_pieces
from proofbook.runner.executors.protocol import JobSpec
from proofbook.runner.executors.visiting import Visit

LARGE = b"large" * 10


@pytest.fixture(autouse=True)
def a_few_bytes_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landings, "_LEAST", len(LARGE))


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    (tmp_path / "brought" / "a").mkdir(parents=True)
    return Landing(folder=tmp_path / "brought" / "a", mark=leave_mark(tmp_path / "brought"))


@pytest.fixture
def visit(tmp_path: Path) -> Visit:
    """An attempt that has left a large file, a small one and links, some of which lead out."""
    visit = Visit(
        spec=JobSpec(
            run_id="run", job=job("make"), notebook="{}", notebook_sha256="0" * 64,
            notebook_path="/one.ipynb",
        ),
        folder=tmp_path / "there" / "run", run_path="/run", runbook=tmp_path / "one.ipynb",
        inputs={}, environment={}, node=Node(name="there", environment={}, hardware={}),
    )  # fmt: skip
    work = visit.run.job("make").work
    work.mkdir(parents=True)
    (tmp_path / "user").mkdir()
    (tmp_path / "user" / "data").write_bytes(LARGE)
    (work / "model").mkdir()
    (work / "model" / "w").write_bytes(LARGE)
    (work / "model" / "w").chmod(0o640)
    (work / "small").write_bytes(b"small")
    (work / "data").symlink_to(tmp_path / "user")
    (work / "z-odd").symlink_to(work / "model" / "w")  # absolute, and so sent as what it leads to
    (work / "latest").symlink_to("model")
    os.link(tmp_path / "user" / "data", work / "shared")
    return visit


def brought(visit: Visit, landing: Landing, *, seen: bool) -> list[Piece]:
    """Bring an attempt's files into its landing; return the pieces that were sent."""
    sent = []
    for bundle in visit.results(landing if seen else None):
        sent += bundle
        write_pieces(landing.folder, bundle)
    return sent


@pytest.mark.parametrize("seen", [True, False])
def test_the_same_tree_arrives_on_either_way(seen: bool, visit: Visit, landing: Landing) -> None:
    user = visit.folder.parents[1] / "user" / "data"
    sent = [piece.path for piece in brought(visit, landing, seen=seen)]
    work = landing.folder / "jobs" / "make" / "work"
    large = ("model/w", "z-odd", "data/data", "shared")
    assert {name: (work / name).read_bytes() for name in large} == dict.fromkeys(large, LARGE)
    assert (work / "small").read_bytes() == b"small"
    assert (work / "latest").readlink() == Path("model")
    assert (work / "model" / "w").stat().st_mode & 0o777 == 0o640
    assert ("jobs/make/work/model/w" in sent) != seen
    assert user.read_bytes() == LARGE  # a file of somebody else is not moved
    assert (work / "shared").stat().st_nlink == 1


def test_what_cannot_be_moved_is_sent(
    visit: Visit, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(landings.shutil, "move", refuse)
    brought(visit, landing, seen=True)
    assert (landing.folder / "jobs/make/work/model/w").read_bytes() == LARGE
    parts = [piece for bundle in visit.results(landing, largest=7) for piece in bundle]
    assert max(piece.data.nbytes for piece in parts) == 7


def test_nothing_lands_where_an_attempt_was_given_up(
    visit: Visit, landing: Landing, tmp_path: Path
) -> None:
    landing.folder.rmdir()
    work = visit.run.job("make").work
    assert not landing.take(work / "model" / "w", "jobs/make/work/model/w")
    assert not landing.folder.exists()
    assert (work / "model" / "w").read_bytes() == LARGE


def test_a_mark_is_seen_where_it_was_left_and_nowhere_else(landing: Landing) -> None:
    mark = landing.mark
    assert mark.is_seen()
    assert not Mark(path=mark.path, word="of another run").is_seen()
    assert mark.word not in repr(mark)
    mark.path.unlink()
    assert not mark.is_seen()
    mark.path.write_bytes(b"\xff\xfe")
    assert not mark.is_seen()


def test_another_user_s_run_is_not_seen(landing: Landing, monkeypatch: pytest.MonkeyPatch) -> None:
    other = os.geteuid() + 1
    monkeypatch.setattr(landings.os, "geteuid", lambda: other)
    assert not landing.mark.is_seen()


def test_a_file_lands_on_another_file_system(landing: Landing) -> None:
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("needs another file system: /dev/shm")
    with TemporaryFolder("landing-", Path("/dev/shm")) as elsewhere:
        (elsewhere.path / "w").write_bytes(LARGE)
        assert landing.take(elsewhere.path / "w", "jobs/make/work/w")
        assert not (elsewhere.path / "w").exists()
    assert (landing.folder / "jobs/make/work/w").read_bytes() == LARGE


def test_only_a_large_file_of_the_attempt_s_own_folder_is_taken(
    tmp_path: Path, landing: Landing
) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    for folder in (own, other):
        folder.mkdir()
        (folder / "large").write_bytes(LARGE)
    (own / "small").write_bytes(LARGE[1:])
    (own / "link").symlink_to("large")
    (own / "out").symlink_to(other)
    os.mkfifo(own / "pipe")
    names = ("large", "small", "link", "out/large", "pipe", ".")
    assert [name for name in names if landing.takes(own / name, own)] == ["large"]
    assert not landing.takes(other / "large", own)
    os.link(own / "large", own / "twin")
    assert not landing.takes(own / "large", own)


def test_a_person_may_keep_the_shared_disk_out_of_use(tmp_path: Path) -> None:
    mark = leave_mark(tmp_path, {landings.SHARED_DISK: "off"})
    assert not mark.is_seen()
    assert list(tmp_path.iterdir()) == []
    marks = [leave_mark(tmp_path, {}) for _ in range(2)]
    assert [each.is_seen() for each in marks] == [False, True]
    assert len(marks[0].word) >= 32
