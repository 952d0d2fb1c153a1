"""A cached folder is built once, checked at every use, and never seen half-built."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import HANG, wait_for

from proofbook.caching import cache_root, cached_folder, is_whole


class Builder:
    def __init__(self, content: str = "content") -> None:
        self.calls, self.content = 0, content

    def __call__(self, folder: Path) -> None:
        self.calls += 1
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text(self.content)


def test_a_folder_is_built_once(tmp_path: Path):
    build = Builder()
    first = cached_folder(tmp_path, "a", {"size": 1}, build)
    assert cached_folder(tmp_path, "a", {"size": 1}, build) == first
    assert (build.calls, (first / "deep" / "file").read_text()) == (1, "content")


def test_another_recipe_is_another_folder(tmp_path: Path):
    build = Builder()
    assert cached_folder(tmp_path, "a", {"n": 1}, build) != cached_folder(
        tmp_path, "a", {"n": 2}, build
    )


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove", "add", "manifest", "empty"])
def test_a_broken_folder_is_built_anew(tmp_path: Path, damage: str):
    build = Builder()
    place = cached_folder(tmp_path, "a", {}, build)
    file, manifest = place / "deep" / "file", place / "manifest.sha256.json"
    {
        "truncate": lambda: file.write_text("cont"),
        "flip": lambda: file.write_text("cOntent"),
        "remove": file.unlink,
        "add": lambda: (place / "stray").touch(),
        "manifest": lambda: manifest.write_text("{"),
        "empty": lambda: manifest.write_text("{}"),
    }[damage]()
    assert not is_whole(place)
    assert cached_folder(tmp_path, "a", {}, build) == place
    assert build.calls == 2
    assert is_whole(place)


def test_a_build_that_fails_leaves_nothing_that_counts(tmp_path: Path):
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        cached_folder(tmp_path, "a", {}, fail)
    place = cached_folder(tmp_path, "a", {}, Builder())
    assert is_whole(place)
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == [place.name]


SLOW_BUILD = """
import sys, time
from pathlib import Path
from proofbook.caching import cached_folder
def build(folder):
    (Path(sys.argv[1]) / "builds").open("a").write("x")
    (folder / "file").write_text("half")
    time.sleep(float(sys.argv[2]))
    (folder / "file").write_text("whole")
print((cached_folder(Path(sys.argv[1]), "a", {}, build) / "file").read_text())
"""


def start(root: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SLOW_BUILD, str(root), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_at_once_build_once(tmp_path: Path):
    both = [start(tmp_path, 0.5), start(tmp_path, 0.5)]
    assert [process.communicate(timeout=HANG)[0].strip() for process in both] == ["whole", "whole"]
    assert (tmp_path / "builds").read_text() == "x"


def test_a_killed_builder_is_cleaned_up_after(tmp_path: Path):
    killed = start(tmp_path, 60)
    wait_for((tmp_path / "builds").exists)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    next_one = start(tmp_path, 0)
    assert next_one.communicate(timeout=HANG)[0].strip() == "whole"
    assert len([p for p in tmp_path.iterdir() if p.is_dir()]) == 1


def test_the_root_is_chosen_by_the_environment(tmp_path: Path):
    assert cache_root({"PROOFBOOK_CACHE": str(tmp_path)}) == tmp_path
    assert cache_root({}) == Path.home() / ".cache" / "proofbook"


def test_the_manifest_lists_every_file(tmp_path: Path):
    place = cached_folder(tmp_path, "a", {}, Builder())
    assert list(json.loads((place / "manifest.sha256.json").read_text())) == ["deep/file"]
