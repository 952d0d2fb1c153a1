"""A notebook is saved where papermill would save it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from papermill.iorw import local_file_io_cwd, papermill_io

from proofbook.runner.destinations import find_destination
from proofbook.runner.recording import write_nowhere


class Store:
    """A handler of papermill's that keeps what is written."""

    def __init__(self) -> None:
        self.written: dict[str, str] = {}

    def write(self, text: str, path: str) -> None:
        self.written[path] = text


@pytest.fixture
def store() -> Iterator[Store]:
    """A handler that is registered for ``store://``."""
    handlers = list(papermill_io._handlers)
    store = Store()
    papermill_io.register("store://", store)
    yield store
    papermill_io._handlers = handlers


def test_a_registered_scheme_is_written_by_its_handler(store: Store) -> None:
    destination = find_destination("store://bucket/out.ipynb")
    destination.write("text", sync=True)
    assert store.written == {"store://bucket/out.ipynb": "text"}
    assert not destination.is_local


@pytest.mark.parametrize("path", ["s3://b/o.ipynb", "gs://b/o.ipynb", "abs://b/o.ipynb", "-"])
def test_papermills_own_schemes_are_not_local(path: str) -> None:
    assert not find_destination(path).is_local


def test_no_path_saves_nowhere() -> None:
    assert find_destination(None).write is write_nowhere


def test_a_local_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.ipynb"
    destination = find_destination(str(path))
    destination.write("one", sync=False)
    before = path.stat().st_ino
    destination.write("two", sync=True)
    assert path.read_text() == "two"
    assert path.stat().st_ino != before
    assert destination.is_local


def test_a_relative_path_is_where_papermill_was_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called, other = tmp_path / "called", tmp_path / "other"
    called.mkdir()
    other.mkdir()
    monkeypatch.chdir(called)
    with local_file_io_cwd():
        os.chdir(other)
        find_destination("out.ipynb").write("text", sync=True)
    assert (called / "out.ipynb").read_text() == "text"
    assert list(other.iterdir()) == []


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target.ipynb", tmp_path / "link.ipynb"
    target.write_text("old")
    link.symlink_to(target)
    find_destination(str(link)).write("new", sync=True)
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_what_is_no_file_is_written_by_papermill(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.ipynb")
    assert not find_destination(str(tmp_path / "pipe.ipynb")).is_local
    assert not find_destination("/dev/stdout").is_local
