"""What a log is held against, as the words of a command name it; no run is looked at."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from authority import NOON, Authority, read_request
from made_entries import entry_of

from proofbook.errors import UsageError
from proofbook.records import RunInfo
from proofbook.review import anchoring
from proofbook.review.anchoring import find_anchor, timestamp
from proofbook.runs.folder import RunFolder
from proofbook.signoff.anchors import KeptEntries
from proofbook.signoff.certificates import AUTHORITIES_FILE, Authorities
from proofbook.signoff.entries import Seal
from proofbook.signoff.log import SignoffLog
from proofbook.signoff.timestamps import STAMPS_FILE, Stamp, StampedLog, read_stamps

CLOCKS, OTHER = Authority(), Authority(name="Others", seed=3)
STAMP = Stamp(token=base64.b64encode(b"0abc").decode())


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run with a log of one line; the current folder is of no project."""
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    made = RunFolder(folder)
    made.write_info(RunInfo(run_id="r", profile="demo", plan=(), verdict="passed"))
    SignoffLog(folder, "r").append(lambda number, before: entry_of(Seal, number, previous=before))
    return made


@pytest.fixture
def authorities(tmp_path: Path) -> Path:
    (tmp_path / "ca.pem").write_bytes(CLOCKS.pem)
    return tmp_path / "ca.pem"


def make_project(folder: Path, authority: Authority | None) -> None:
    for name in ("runbooks", "parameters"):
        (folder / name).mkdir()
    if authority is not None:
        (folder / AUTHORITIES_FILE).write_bytes(authority.pem)


def held(stamps: list[Stamp | None], run: str = "r", by: Authority = CLOCKS) -> StampedLog:
    return StampedLog(run=run, stamps=stamps, authorities=Authorities((by.root,)))


def test_nothing_is_held_against_a_log_unless_it_is_named(run: RunFolder) -> None:
    assert find_anchor("", run) == KeptEntries()
    (run.path / STAMPS_FILE).write_text("")
    words = "signoffs.timestamps was not looked at: hold the log against it with --anchor tsa"
    assert find_anchor("", run) == KeptEntries(unread=words)


def test_a_copy_of_a_log_is_read_as_one(run: RunFolder, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_bytes((run.path / "signoffs.jsonl").read_bytes())
    found = find_anchor(str(kept), run)
    assert isinstance(found, KeptEntries)
    assert [entry["kind"] for entry in found.entries] == ["seal"]


@pytest.mark.parametrize("anchor", ["git:HEAD", "git:tsa", "kept"])
def test_what_is_no_timestamp_is_looked_up_from_here(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, anchor: str
) -> None:
    asked: list[tuple[Any, ...]] = []

    def read_anchor(*where: Any) -> list[dict[str, Any]]:
        asked.append(where)
        return [{"number": 7}]

    monkeypatch.setattr(anchoring, "read_anchor", read_anchor)
    (run.path / "git:tsa").write_text(f"{STAMP.model_dump_json()}\n")
    assert find_anchor(anchor, run) == KeptEntries(entries=({"number": 7},))
    assert asked == [(anchor, run.path / "signoffs.jsonl", run.path)]


def test_timestamps_beside_the_log_are_held_against_it(run: RunFolder, authorities: Path) -> None:
    assert find_anchor("tsa", run, authorities) == held([])
    (run.path / STAMPS_FILE).write_text(f"{STAMP.model_dump_json()}\n*\n")
    assert find_anchor("tsa", run, authorities) == held([STAMP, None])
    run.info_file.write_text("{")
    assert find_anchor("tsa", run, authorities) == held([STAMP, None], "folder")


def test_timestamps_that_were_kept_are_held_against_it(
    run: RunFolder, authorities: Path, tmp_path: Path
) -> None:
    (tmp_path / "kept.tsr").write_bytes(STAMP.response)
    (run.path / STAMPS_FILE).write_text("*")
    assert find_anchor(str(tmp_path / "kept.tsr"), run, authorities) == held([STAMP])


def test_the_project_says_whose_timestamps_count_unless_a_file_is_given(
    run: RunFolder, authorities: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        find_anchor("tsa", run)
    assert str(caught.value) == (
        "--anchor tsa: give --tsa-ca FILE, the certificates of the authorities whose timestamps "
        "count, or put them beside runbooks/ as timestamp_authorities.pem"
    )
    make_project(tmp_path, None)
    with pytest.raises(UsageError, match="--anchor tsa: give --tsa-ca FILE"):
        find_anchor("tsa", run)
    (tmp_path / AUTHORITIES_FILE).write_bytes(OTHER.pem)
    assert find_anchor("tsa", run) == held([], by=OTHER)
    assert find_anchor("tsa", run, authorities) == held([])


def test_a_run_does_not_say_itself_whose_timestamps_count(run: RunFolder, tmp_path: Path) -> None:
    make_project(run.path, OTHER)
    with pytest.raises(UsageError, match="--anchor tsa: give --tsa-ca FILE"):
        find_anchor("tsa", run)
    make_project(tmp_path, CLOCKS)
    assert find_anchor("tsa", run) == held([])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses at which an authority was asked."""
    found: list[str] = []

    def ask_authority(url: str, request: bytes) -> bytes:
        found.append(url)
        return CLOCKS.stamp(*read_request(request), NOON)

    monkeypatch.setattr(anchoring, "ask_authority", ask_authority)
    return found


def test_a_log_is_stamped_and_where_the_token_is_said(
    run: RunFolder, authorities: Path, asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert timestamp(run, "http://clocks", authorities) == 0
    said = f"stamped up to entry 0: {run.path / STAMPS_FILE}; keep a copy elsewhere\n"
    assert capsys.readouterr() == (said, "")
    assert asked == ["http://clocks"]
    (made,) = read_stamps(run.path / STAMPS_FILE)
    assert made is not None
    assert (made.run, made.number) == ("r", 0)


def test_a_token_is_verified_by_those_whom_a_file_names(
    run: RunFolder, authorities: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[Any] = []

    def stamp_log(log: SignoffLog, ask: Any, by: Any) -> Stamp:
        named.append((log, by))
        return STAMP

    monkeypatch.setattr(anchoring, "stamp_log", stamp_log)
    timestamp(run, "http://clocks", authorities)
    timestamp(run, "http://clocks")
    log = SignoffLog(run.path, "r")
    assert named == [(log, Authorities((CLOCKS.root,))), (log, None)]


def test_whose_token_it_is_was_not_verified_where_nobody_says_whose_count(
    run: RunFolder, asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert timestamp(run, "http://others") == 0
    out, err = capsys.readouterr()
    assert err == "whose token it is was not verified: give --tsa-ca FILE\n"
    assert out.startswith("stamped up to entry 0: ")


def test_a_token_of_somebody_else_is_not_kept(
    run: RunFolder, asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    make_project(run.path.parent, OTHER)
    with pytest.raises(UsageError, match="cannot be used: unknown authority"):
        timestamp(run, "http://clocks")
    assert asked == ["http://clocks"]
    assert not (run.path / STAMPS_FILE).exists()
    assert capsys.readouterr() == ("", "")
