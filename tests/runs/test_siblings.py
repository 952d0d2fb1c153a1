"""A job reads what is beside its runbook, and what it writes stays with the job."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from proofbook.runs import siblings as module
from proofbook.runs.siblings import bring_siblings, siblings


@pytest.fixture
def runbook(tmp_path: Path) -> Path:
    folder = tmp_path / "runbooks" / "mine"
    folder.mkdir(parents=True)
    (folder / "check.ipynb").write_text("{}")
    return folder / "check.ipynb"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def test_files_and_folders_are_copied_and_may_be_changed(runbook: Path, work: Path) -> None:
    (runbook.parent / "helper_mod.py").write_text("x = 1")
    (runbook.parent / "data" / "deep").mkdir(parents=True)
    (runbook.parent / "data" / "deep" / "a.csv").write_text("1,2")
    notes: list[str] = []
    with siblings(runbook, work, notes.append) as written:
        assert notes == ["brought from beside the runbook: data, helper_mod.py\n"]
        assert (work / "helper_mod.py").read_text() == "x = 1"
        assert (work / "data" / "deep" / "a.csv").read_text() == "1,2"
        (work / "data" / "deep" / "a.csv").write_text("changed")
        (work / "data" / "b.csv").write_text("new")
    assert written == []
    assert (runbook.parent / "data" / "deep" / "a.csv").read_text() == "1,2"
    assert sorted(p.name for p in (runbook.parent / "data").iterdir()) == ["deep"]
    assert (work / "helper_mod.py").exists(), "the code that a job ran stays with its record"


def test_secrets_caches_and_other_runbooks_are_left_out(runbook: Path, work: Path) -> None:
    for name in (".env", "README.md", "other.ipynb", "__pycache__/a.pyc", "sub/deep/third.ipynb",
                 ".ipynb_checkpoints/check.ipynb", "kept/.env", "kept/a.txt"):  # fmt: skip
        path = runbook.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    os.mkfifo(runbook.parent / "pipe")
    (runbook.parent / "nowhere").symlink_to("gone")
    bring_siblings(runbook, work)
    assert sorted(p.relative_to(work).as_posix() for p in work.rglob("*")) == ["kept", "kept/a.txt"]


def test_what_the_job_has_already_is_kept(runbook: Path, work: Path) -> None:
    (runbook.parent / "a.txt").write_text("theirs")
    (work / "a.txt").write_text("mine")
    assert bring_siblings(runbook, work) == []
    assert (work / "a.txt").read_text() == "mine"


@pytest.mark.parametrize("kind", ["file", "folder", "many files", "linked folder", "inner link"])
def test_much_is_linked_while_the_job_runs(
    runbook: Path, work: Path, monkeypatch: pytest.MonkeyPatch, kind: str, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "_MOST_COPIED", 10)
    monkeypatch.setattr(module, "_MOST_FILES", 3)
    source = runbook.parent / "data"
    if kind == "file":
        source.write_text("x" * 11)
    elif kind == "linked folder":
        (tmp_path / "elsewhere").mkdir()
        source.symlink_to(tmp_path / "elsewhere")
    else:
        source.mkdir()
        for number in range({"folder": 2, "many files": 5, "inner link": 0}[kind]):
            (source / str(number)).write_text("x" * (6 if kind == "folder" else 1))
        if kind == "inner link":
            (source / "far").symlink_to(tmp_path)
    with siblings(runbook, work) as written:
        assert (work / "data").is_symlink()
        assert (work / "data").resolve() == source.resolve()
    assert not os.path.lexists(work / "data")
    assert source.exists() and written == []


def test_a_file_that_was_written_through_its_link_is_named(
    runbook: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_COPIED", 1)
    for name in ("clip.wav", "read.wav", "replaced.wav"):
        (runbook.parent / name).write_text("theirs")
    with siblings(runbook, work) as written:
        (work / "clip.wav").write_text("job's own")
        (work / "new").write_text("job's own")
        (work / "new").replace(work / "replaced.wav")
    assert written == [runbook.parent / "clip.wav"]
    assert (work / "replaced.wav").read_text() == "job's own"


def test_a_large_copy_goes_unless_the_job_changed_it(
    runbook: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_KEPT", 3)
    for name in ("read.bin", "changed.bin"):
        (runbook.parent / name).write_text("long")
    with siblings(runbook, work) as written:
        (work / "changed.bin").write_text("longer")
    assert written == []
    assert [p.name for p in work.iterdir()] == ["changed.bin"]


def test_links_go_though_the_job_raised(
    runbook: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_COPIED", 1)
    (runbook.parent / "clip.wav").write_text("theirs")
    with pytest.raises(KeyError), siblings(runbook, work):
        raise KeyError
    assert list(work.iterdir()) == []


def test_where_links_cannot_be_made_much_is_copied(
    runbook: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError("a privilege is not held")

    monkeypatch.setattr(module, "_MOST_COPIED", 1)
    monkeypatch.setattr(Path, "symlink_to", refuse)
    (runbook.parent / "clip.wav").write_text("theirs")
    bring_siblings(runbook, work)
    assert not (work / "clip.wav").is_symlink() and (work / "clip.wav").read_text() == "theirs"


def test_what_cannot_be_copied_is_linked(
    runbook: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        Path(target).write_text("half")
        raise PermissionError("not yours")

    monkeypatch.setattr(module.shutil, "copy2", refuse)
    (runbook.parent / "a.txt").write_text("theirs")
    bring_siblings(runbook, work)
    assert (work / "a.txt").is_symlink() and (work / "a.txt").read_text() == "theirs"


def test_who_works_on_the_files_themselves_has_the_code_linked(runbook: Path, work: Path) -> None:
    for name in ("a.txt", "code.py", "data/a.txt", "package/code.py"):
        (runbook.parent / name).parent.mkdir(exist_ok=True)
        (runbook.parent / name).write_text("x")
    brought = bring_siblings(runbook, work, linked=True)
    assert [path.name for path in brought] == ["a.txt", "code.py", "data", "package"]
    assert [path.name for path in brought if path.is_symlink()] == ["code.py", "package"]


@pytest.mark.parametrize(
    ("most_bytes", "most_files", "is_linked"),
    [(10, 3, False), (9, 3, True), (10, 2, False), (10, 1, True)],
)
def test_a_folder_is_copied_up_to_its_bounds(
    runbook: Path,
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    most_bytes: int,
    most_files: int,
    is_linked: bool,
) -> None:
    monkeypatch.setattr(module, "_MOST_COPIED", most_bytes)
    monkeypatch.setattr(module, "_MOST_FILES", most_files)
    (runbook.parent / "data").mkdir()
    for name in ("a", "b"):
        (runbook.parent / "data" / name).write_bytes(b"12345")
    bring_siblings(runbook, work)
    assert (work / "data").is_symlink() is is_linked


@pytest.mark.parametrize(("size", "is_linked"), [(10, False), (11, True)])
def test_a_file_is_copied_up_to_its_bound(
    runbook: Path, work: Path, monkeypatch: pytest.MonkeyPatch, size: int, is_linked: bool
) -> None:
    monkeypatch.setattr(module, "_MOST_COPIED", 10)
    (runbook.parent / "a").write_bytes(bytes(size))
    bring_siblings(runbook, work)
    assert (work / "a").is_symlink() is is_linked


def test_a_folder_that_holds_a_link_before_other_files_is_linked(runbook: Path, work: Path) -> None:
    (runbook.parent / "data" / "deep").mkdir(parents=True)
    (runbook.parent / "data" / "link").symlink_to("deep")
    for number in range(5):
        (runbook.parent / "data" / "deep" / str(number)).touch()
    bring_siblings(runbook, work)
    assert (work / "data").is_symlink()


def test_caches_within_a_folder_are_left_out(runbook: Path, work: Path) -> None:
    for name in ("__pycache__", ".hidden", "deep/__pycache__"):
        (runbook.parent / "data" / name).mkdir(parents=True)
    bring_siblings(runbook, work)
    assert sorted(p.name for p in (work / "data").rglob("*")) == ["deep"]


@pytest.mark.parametrize(("size", "is_kept"), [(10, True), (11, False)])
def test_a_large_copy_that_the_job_did_not_change_is_taken_away(
    runbook: Path, work: Path, monkeypatch: pytest.MonkeyPatch, size: int, is_kept: bool
) -> None:
    monkeypatch.setattr(module, "_MOST_KEPT", 10)
    (runbook.parent / "data").mkdir()
    (runbook.parent / "data" / "a").write_bytes(bytes(size))
    (runbook.parent / "b").write_bytes(bytes(size))
    with siblings(runbook, work):
        assert (work / "data" / "a").exists()
    assert (work / "data" / "a").exists() is (work / "b").exists() is is_kept
