"""What arrives is written as it came, and a hash is never that of other bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from proofbook import fingerprints
from proofbook.errors import ProofbookError
from proofbook.fingerprints import content_of, known_content
from proofbook.runner.executors.arrival import Arrival
from proofbook.runner.executors.pieces import Piece, pieces_of


def piece(data: bytes, offset: int = 0, path: str = "w") -> Piece:
    array = np.frombuffer(data, np.uint8)
    return Piece(path=path, mode=0o100600, offset=offset, data=array)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """The files that :func:`known_content` reads."""
    read: list[Path] = []
    usual = fingerprints.hash_file

    def hash_file(path: Path) -> str:
        read.append(path)
        return usual(path)

    monkeypatch.setattr(fingerprints, "hash_file", hash_file)
    return read


def test_what_arrived_is_not_read_again_to_be_hashed(tmp_path: Path, reads: list[Path]) -> None:
    model, there = tmp_path / "model", tmp_path / "brought" / "job"
    (model / "deep").mkdir(parents=True)
    (model / "deep" / "w").write_bytes(b"weights" * 50)
    (model / "empty").touch()
    there.mkdir(parents=True)
    with Arrival(there) as arrival:
        for bundle in pieces_of(model, largest=64):
            arrival.take(bundle)
    arrival.note()
    there.rename(tmp_path / "job")  # as a run takes it in
    assert known_content(tmp_path / "job" / "model") == content_of(model)
    assert reads == []
    os.utime(tmp_path / "job" / "model" / "deep" / "w", ns=(1, 1))
    assert known_content(tmp_path / "job" / "model") == content_of(model)
    assert reads == [tmp_path / "job" / "model" / "deep" / "w"]


@pytest.mark.parametrize(
    ("pieces", "found"),
    [
        ([piece(b"abc"), piece(b"def", 3)], b"abcdef"),
        ([piece(b"abc"), piece(b"xyz", 1)], b"axyz"),
        ([piece(b"abc"), piece(b"x", 1), piece(b"def", 3)], b"axcdef"),
        ([piece(b"abc"), piece(b"x", 9)], b"abc" + bytes(6) + b"x"),
        ([piece(b"abc"), piece(b"wy")], b"wy"),
    ],
)
def test_a_hash_is_that_of_the_bytes_that_are_there(
    pieces: list[Piece], found: bytes, tmp_path: Path
) -> None:
    with Arrival(tmp_path) as arrival:
        for each in pieces:
            arrival.take([each])
    arrival.note()
    assert (tmp_path / "w").read_bytes() == found
    assert arrival.hash_of(tmp_path / "w") == sha(found)
    assert known_content(tmp_path / "w").sha256 == sha(found)


def test_a_file_that_a_link_has_replaced_is_read(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"oth")
    with Arrival(tmp_path) as arrival:
        arrival.take([piece(b"abc")])
        arrival.take([Piece(path="w", mode=0o120777, link="other")])
    arrival.note()
    assert arrival.hash_of(tmp_path / "w") == sha(b"oth")


def test_what_cannot_be_written_is_raised_and_nothing_after_it_is_written(tmp_path: Path) -> None:
    with pytest.raises(ProofbookError, match="leaves its folder"), Arrival(tmp_path) as arrival:
        arrival.take([piece(b"abc", path="../outside")])
        for number in range(9):
            arrival.take([piece(b"abc", path=str(number))])
    assert not (tmp_path.parent / "outside").exists()
    assert len(list(tmp_path.iterdir())) < 9
