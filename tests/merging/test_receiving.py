"""A run is copied file by file: what is sealed, as it was, and nothing by way of a link."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from small_runs import RUN, make, sealed

from proofbook.errors import RunFolderError
from proofbook.merging import receiving
from proofbook.merging.receiving import receive
from proofbook.records import PlannedJob, RunInfo, now
from proofbook.runs.folder import RunFolder
from proofbook.signoff.entries import Acceptance, Entry, Reviewer, canonical, parse_entry
from proofbook.signoff.log import SignoffLog
from proofbook.signoff.sealing import list_files, seal_run
from proofbook.signoff.signing import sign
from proofbook.signoff.trust import EVERYBODY

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return make(tmp_path / "there")


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def test_a_sealed_run_is_copied_with_its_log_and_the_rest_is_named(
    run: RunFolder, parent: Path
) -> None:
    folder = run.job("clip").path
    (folder / "sub").mkdir()
    (folder / "sub" / "own.bin").write_bytes(b"x")
    (folder / "sub" / ".hidden").write_bytes(b"y")
    sealed(run)
    for name in ("signoffs.timestamps", "late.txt", ".lock"):
        (run.path / name).write_text("")
    for name in (".ipynb_checkpoints", "__pycache__"):
        (folder / name).mkdir()
        (folder / name / "a").write_text("")
    (folder / "sub" / "late.bin").write_bytes(b"z")
    received = receive(run.path, parent, EVERYBODY)
    assert received.left_out == ("late.txt", "jobs/clip/sub/late.bin")
    copied = {p.relative_to(parent).as_posix() for p in parent.rglob("*") if p.is_file()}
    names = ("run.json", "signoffs.jsonl", "signoffs.head", "signoffs.timestamps",
             "jobs/clip/output.log", "jobs/clip/sub/own.bin", "jobs/clip/sub/.hidden")  # fmt: skip
    assert copied == {f"{RUN}/{name}" for name in names}
    assert (received.run.path, received.info) == (parent / RUN, run.read_info())


def test_an_unsealed_run_is_copied_but_for_its_report(run: RunFolder, parent: Path) -> None:
    run.report.mkdir()
    (run.report / "index.html").write_text("")
    (run.path / ".cache").mkdir()
    (run.job("clip").path / "report").mkdir()
    (run.job("clip").path / "report" / "a").write_text("")
    received = receive(run.path, parent, EVERYBODY)
    assert received.left_out == ()
    assert sorted(p.name for p in (parent / RUN).iterdir()) == ["jobs", "run.json"]
    assert (parent / RUN / "jobs/clip/report/a").exists()


def test_a_file_keeps_its_mode_and_times(run: RunFolder, parent: Path) -> None:
    log = run.job("clip").log
    log.chmod(0o4750)
    os.utime(log, ns=(1_000_000_000, 2_000_000_001))
    receive(run.path, parent, EVERYBODY)
    status = (parent / RUN / "jobs/clip/output.log").stat()
    assert stat.S_IMODE(status.st_mode) == 0o750
    assert status.st_mtime_ns == 2_000_000_001


def test_a_run_that_is_a_link_or_holds_its_own_as_links_is_refused(
    run: RunFolder, parent: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(run.path)
    with pytest.raises(RunFolderError, match=r"^it is a link$"):
        receive(tmp_path / "link", parent, EVERYBODY)
    (run.path / "media").symlink_to("/etc")
    with pytest.raises(RunFolderError, match="media is a link, and"):
        receive(run.path, parent, EVERYBODY)
    assert list(parent.iterdir()) == []


@pytest.mark.parametrize("name", ["signoffs.jsonl", "signoffs.head", "signoffs.timestamps"])
def test_a_log_that_is_a_link_is_not_read(run: RunFolder, parent: Path, name: str) -> None:
    (run.path / name).symlink_to("/etc/hosts")
    with pytest.raises(RunFolderError):
        receive(run.path, parent, EVERYBODY)


@pytest.mark.parametrize(
    "name", ["run.json", "signoffs.jsonl", "signoffs.head", "signoffs.timestamps"]
)
@pytest.mark.parametrize("make_it", [os.mkfifo, os.mkdir])
def test_what_is_read_first_must_be_a_file(
    run: RunFolder, parent: Path, name: str, make_it: Any
) -> None:
    (run.path / name).unlink(missing_ok=True)
    make_it(run.path / name)
    with pytest.raises(RunFolderError) as caught:
        receive(run.path, parent, EVERYBODY)
    assert str(caught.value) == f"{name} is no file"
    assert list(parent.iterdir()) == []


@pytest.mark.parametrize("name", ["run.json", "signoffs.head"])
def test_no_link_is_read_first_that_came_meanwhile(
    run: RunFolder, tmp_path: Path, name: str
) -> None:
    (tmp_path / "elsewhere").write_text("{}")
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunFolderError, match=rf"^{name} is no file$"):
        receiving._refuse_others(run.path)


def test_a_clock_may_be_a_day_ahead_to_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = now()
    monkeypatch.setattr(receiving, "now", lambda: moment)
    test_a_run_is_called_as_runs_are(_name(moment + timedelta(days=1)), "")
    late = _name(moment + timedelta(days=1, seconds=1))
    test_a_run_is_called_as_runs_are(late, "its name is of the future")


def test_a_pipe_among_the_files_is_refused(run: RunFolder, parent: Path) -> None:
    os.mkfifo(run.job("clip").path / "pipe")
    with pytest.raises(RunFolderError) as caught:
        receive(run.path, parent, EVERYBODY)
    assert str(caught.value) == "jobs/clip/pipe is neither a file nor a folder"


def test_a_run_is_copied_under_its_own_name_alone(tmp_path: Path, parent: Path) -> None:
    run = make(tmp_path / "there")
    moved = run.path.rename(tmp_path / "there" / "as somebody called it")
    received = receive(moved, parent, EVERYBODY)
    assert (received.run.path, received.info.run_id) == (parent / RUN, RUN)
    info = RunFolder(moved).read_info().model_copy(update={"run_id": "etc"})
    RunFolder(moved).write_info(info)
    with pytest.raises(RunFolderError, match=r"^'etc' is no name of a run or of a job$"):
        receive(moved, parent, EVERYBODY)


def test_the_log_of_another_run_is_refused(run: RunFolder, parent: Path) -> None:
    seal_run(run, SignoffLog(run.path, "another"), "another")
    with pytest.raises(RunFolderError, match="belongs to run another"):
        receive(run.path, parent, EVERYBODY)


@pytest.mark.parametrize(
    ("links", "problem"),
    [
        ({"a": "output.log", "b": "../clip/output.log", "c": "none", "sub": "."}, ""),
        ({"own": f"/elsewhere/{RUN}/jobs/clip/output.log"}, ""),
        ({"own": f"/{RUN}/jobs/clip/../clip/output.log"}, ""),
        ({"own": f"/a/{RUN}/b/{RUN}/run.json"}, ""),
        ({"out": f"/elsewhere/{RUN}/none"}, f"to /elsewhere/{RUN}/none"),
        ({"out": f"elsewhere/../../../../{RUN}x/run.json"}, "leads out of the run"),
        ({"out": "../../.."}, "jobs/clip/out is a link that leads out of the run, to ../../.."),
        ({"out": "/etc/hosts"}, "to /etc/hosts"),
        ({"out": "../../../else"}, "to ../../../else"),
        ({"up": "../.."}, "to ../.."),
    ],
)
def test_a_link_stays_where_it_leads_within_the_run(
    run: RunFolder, parent: Path, links: dict[str, str], problem: str
) -> None:
    folder = run.job("clip").path
    for name, to in links.items():
        (folder / name).symlink_to(to)
    if problem:
        with pytest.raises(RunFolderError) as caught:
            receive(run.path, parent, EVERYBODY)
        assert str(caught.value).endswith(problem) or problem in str(caught.value)
        return
    receive(run.path, parent, EVERYBODY)
    copied = parent / RUN / "jobs" / "clip"
    assert {name: str((copied / name).readlink()) for name in links} == links


def test_a_folder_that_cannot_be_read_is_no_empty_one(
    run: RunFolder, parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(top: Path, onerror: Any = None) -> Any:
        if onerror is not None:
            onerror(PermissionError(13, "Permission denied", "jobs"))
        yield from ()

    monkeypatch.setattr(receiving.os, "fwalk", unreadable)
    with pytest.raises(PermissionError):
        list(receiving._copy(run.path, parent / RUN, None))


def test_what_takes_a_file_s_place_while_it_is_copied_is_not_read(
    run: RunFolder, parent: Path
) -> None:
    folder = os.open(run.job("clip").path, os.O_RDONLY)
    try:
        (run.job("clip").path / "link").symlink_to("output.log")
        with pytest.raises(OSError, match="symbolic link"):
            receiving._copy_file("link", folder, parent / "a")
        os.mkfifo(run.job("clip").path / "pipe")
        with pytest.raises(RunFolderError, match=r"^pipe is no file any more$"):
            receiving._copy_file("pipe", folder, parent / "b")
    finally:
        os.close(folder)


def test_a_run_that_goes_on_while_it_is_copied_is_refused(
    run: RunFolder, parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = receiving._copy

    def slowly(source: Path, target: Path, names: Collection[str] | None) -> Any:
        yield from copy(source, target, names)
        run.job("clip").log.write_text("more\n")

    monkeypatch.setattr(receiving, "_copy", slowly)
    with pytest.raises(RunFolderError, match=r"output\.log has been changed while it was copied"):
        receive(run.path, parent, EVERYBODY)


def test_a_link_that_came_while_it_was_copied_is_refused(
    run: RunFolder, parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = receiving._copy

    def late(source: Path, target: Path, names: Collection[str] | None) -> Any:
        run.job("clip").records.symlink_to("output.log")
        return copy(source, target, names)

    monkeypatch.setattr(receiving, "_copy", late)
    with pytest.raises(RunFolderError) as caught:
        receive(run.path, parent, EVERYBODY)
    link = parent / RUN / "jobs" / "clip" / "records.jsonl"
    assert str(caught.value) == f"{link} is a link, and a run's own files never are"


def test_what_a_person_has_accepted_is_taken_in(run: RunFolder, parent: Path) -> None:
    sealed(run).job("clip").log.write_text("all good")
    files = {"jobs/clip/output.log": list_files(run.path).files["jobs/clip/output.log"]}

    def accepted(number: int, before: str) -> Entry:
        made = Acceptance(
            number=number, previous=before, id="a" * 32, run=RUN, files=files, comment="x",
            reviewer=Reviewer(name="Ann"),
        )  # fmt: skip
        return parse_entry(canonical(sign(made, KEY)))

    SignoffLog(run.path, RUN).append(accepted)
    assert receive(run.path, parent, EVERYBODY).left_out == ()
    assert (parent / RUN / "jobs/clip/output.log").read_text() == "all good"


def test_a_run_that_was_sealed_again_by_itself_is_refused(run: RunFolder, parent: Path) -> None:
    sealed(sealed(run))
    with pytest.raises(RunFolderError) as caught:
        receive(run.path, parent, EVERYBODY)
    words = "entry 1 seals the run again, and no run was resumed before it"
    assert str(caught.value) == words


def test_a_sealed_run_that_was_changed_is_refused(run: RunFolder, parent: Path) -> None:
    sealed(run).job("clip").log.write_text("all good")
    with pytest.raises(RunFolderError, match=r"^jobs/clip/output\.log has been changed$"):
        receive(run.path, parent, EVERYBODY)


def _name(moment: Any, rest: str = "demo-aaaa") -> str:
    return f"{moment:%Y%m%d-%H%M%S}-{rest}"


LONG = 255 - len("20260304-090000-")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (RUN, ""),
        ("20260304-090000-" + "a" * 180, ""),
        ("20260304-090000-" + "a" * 181, "is no name of a run"),
        ("20260304-090000-" + "ä" * 119 + "a", ""),
        ("20260304-090000-" + "ä" * 120, "is no name of a run"),
        ("20260304-090000-", "is no name of a run"), ("x20260304-090000-a", "is no name of a run"),
        ("20260304-090000-a\u200b", "is no name of a run"), ("20260304-090000-a/b", "is no name"),
        ("20260304-90000-a", "is no name of a run"), ("report", "is no name of a run"),
    ],
)  # fmt: skip
def test_a_run_is_called_as_runs_are(name: str, problem: str) -> None:
    info = RunInfo(run_id=name, profile="demo", plan=(), verdict="passed")
    if not problem:
        receiving._refuse_names(info)
        return
    with pytest.raises(RunFolderError, match=problem):
        receiving._refuse_names(info)


@pytest.mark.parametrize(
    ("ahead", "problem"),
    [(0, ""), (23, ""), (25, "its name is of the future")],
)
def test_a_run_is_not_of_the_future(ahead: int, problem: str) -> None:
    test_a_run_is_called_as_runs_are(_name(now() + timedelta(hours=ahead)), problem)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("clip", True), ("_a.b+c=@~-1", True), ("a" * 200, True), ("a" * 201, False), ("", False),
     (".hidden", False), ("-a", False), ("a/b", False), ("..", False), ("ä", False)],
)  # fmt: skip
def test_a_job_is_called_as_jobs_are(name: str, is_one: bool) -> None:
    plan = tuple(PlannedJob(id=each, runbook="a", timeout=9) for each in ("fine", name))
    info = RunInfo(run_id=RUN, profile="demo", plan=plan, verdict="passed")
    if is_one:
        receiving._refuse_names(info)
        return
    with pytest.raises(RunFolderError) as caught:
        receiving._refuse_names(info)
    assert str(caught.value) == f"{name!r} is no name of a run or of a job"
