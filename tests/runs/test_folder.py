"""Nothing is ever half written, and what is torn is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from proofbook.errors import RunFolderError
from proofbook.files import append_line, atomic_write, hash_file
from proofbook.records import Begin, Check, Outcome, RunInfo
from proofbook.runs.folder import RunFolder, read_records
from proofbook.runs.media_store import store_media
from proofbook.runs.redaction import Redactor


def test_a_torn_last_line_is_ended_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    append_line(path, Begin(runbook="a/b").model_dump_json())
    with path.open("a") as file:
        file.write('{"kind": "check", "na')
    append_line(path, Check(name="one", status="passed").model_dump_json())
    records, unreadable = read_records(path)
    assert [r.kind for r in records] == ["begin", "check"]
    assert unreadable == 1


def test_each_line_that_cannot_be_read_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    begin = Begin(runbook="a/b")
    path.write_text(f"{{\n{begin.model_dump_json()}\n \n[]\n")
    assert read_records(path) == ([begin], 2)
    assert read_records(tmp_path) == ([], 1)


def test_a_file_is_written_without_the_secrets_that_its_writer_knows(tmp_path: Path) -> None:
    redact = Redactor({"Zq81xyzw42": "A_TOKEN"})
    run = RunFolder(tmp_path)
    run.job("a").path.mkdir(parents=True)
    outcome = Outcome(job="a", runbook="a/b", cause="Zq81xyzw42")
    run.job("a").write_outcome(outcome, redact)
    found = run.job("a").read_outcome()
    assert found is not None and found.cause == "[redacted:A_TOKEN]"
    info = RunInfo(run_id="1", profile="tiny", plan=(), profile_path="Zq81xyzw42.yaml")
    run.write_info(info, redact)
    assert run.read_info().profile_path == "[redacted:A_TOKEN].yaml"


def test_a_person_can_read_what_is_written(tmp_path: Path) -> None:
    RunFolder(tmp_path).write_info(RunInfo(run_id="1", profile="klänge", plan=()))
    assert '{\n "schema_version": 1,\n "run_id": "1",\n "profile": "klänge",\n' in (
        RunFolder(tmp_path).info_file.read_text(encoding="utf-8")
    )


def test_a_missing_file_holds_no_records(tmp_path: Path) -> None:
    assert read_records(tmp_path / "records.jsonl") == ([], 0)


def test_media_are_kept_once_and_read_only(tmp_path: Path) -> None:
    source = tmp_path / "clip.wav"
    source.write_bytes(b"RIFF")
    media = tmp_path / "media"
    first, second = store_media(media, source, ".wav"), store_media(media, b"RIFF", ".wav")
    assert first == second
    assert [p.name for p in media.iterdir()] == [first.filename]
    stored = media / first.filename
    assert hash_file(stored) == first.sha256
    assert (first.size, first.media_type, stored.stat().st_mode & 0o222) == (4, "audio/wav", 0)


def test_what_has_no_known_type_is_a_stream_of_bytes(tmp_path: Path) -> None:
    stored = store_media(tmp_path / "deep" / "media", b"x", ".xyz")
    assert stored.media_type == "application/octet-stream"
    assert (tmp_path / "deep" / "media" / stored.filename).read_bytes() == b"x"


def test_a_run_whose_own_files_are_links_is_refused(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    (run.path / "jobs" / "a").mkdir(parents=True)
    run.refuse_links()
    files = ("notebook.ipynb", "records.jsonl", "outcome.json", "output.log")
    own = ["run.json", "media", "report", "signoffs.jsonl", "jobs/b"]
    own += [f"jobs/a/{name}" for name in files]
    for name in own:
        (run.path / name).symlink_to(tmp_path)
        with pytest.raises(RunFolderError, match=f"{run.path / name} is a link, and a run's own"):
            run.refuse_links()
        (run.path / name).unlink()
    run.refuse_links()


def test_a_source_that_changes_later_changes_nothing(tmp_path: Path) -> None:
    source = tmp_path / "clip.wav"
    source.write_bytes(b"RIFF")
    stored = store_media(tmp_path / "media", source, ".wav")
    source.write_bytes(b"else")
    assert (tmp_path / "media" / stored.filename).read_bytes() == b"RIFF"


def test_a_failed_store_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        store_media(tmp_path / "media", tmp_path / "none.wav", ".wav")
    assert list((tmp_path / "media").iterdir()) == []


def test_an_outcome_survives_a_round_trip(tmp_path: Path) -> None:
    job = RunFolder(tmp_path).job("a")
    job.path.mkdir(parents=True)
    assert job.read_outcome() is None
    job.write_outcome(Outcome(job="a", runbook="demo/one"))
    found = job.read_outcome()
    assert found is not None and found.status == "incomplete"
    atomic_write(job.outcome, "{")
    assert job.read_outcome() is None


def test_what_an_earlier_attempt_left_is_kept(tmp_path: Path) -> None:
    job = RunFolder(tmp_path).job("a")
    job.path.mkdir(parents=True)
    for text in ("first", "second"):
        job.set_aside()
        job.log.write_text(text)
    job.set_aside()
    kept = [(job.path / "attempts" / str(n) / "output.log").read_text() for n in (1, 2)]
    assert kept == ["first", "second"]
    assert [p.name for p in job.path.iterdir()] == ["attempts"]


def test_a_folder_that_is_no_run_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="is not a run"):
        RunFolder(tmp_path).read_info()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "Invalid JSON: EOF"), ("{", "Invalid JSON: EOF"), ("[]", "Input should be an object"),
        ('{"run_id": 1}', "run_id: Input should be a valid string"), ("\x00", "Invalid JSON: "),
        ('{"run_id": "1", "profile": "t", "plan": [{"id": 3}]}', "plan.0.id: Input should be a"),
    ],
)  # fmt: skip
def test_a_run_json_that_cannot_be_read_says_where_and_why(
    tmp_path: Path, content: str, why: str
) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(RunFolderError, match=rf"run\.json cannot be read: {why}") as caught:
        RunFolder(tmp_path).read_info()
    assert "\n" not in str(caught.value)


def test_a_run_json_that_is_a_folder_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "run.json").mkdir()
    with pytest.raises(RunFolderError, match="cannot be read: Is a directory"):
        RunFolder(tmp_path).read_info()


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_what_is_written_has_the_mode_that_the_user_wants(
    tmp_path: Path, mask: int, mode: int
) -> None:
    before = os.umask(mask)
    try:
        atomic_write(tmp_path / "x", "text")
        stored = store_media(tmp_path / "media", b"text", ".txt")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == mode
    assert (tmp_path / "media" / stored.filename).stat().st_mode & 0o777 == mode & 0o444
    assert sorted(path.name for path in tmp_path.iterdir()) == ["media", "x"]
