"""The commands around sign-off: one line where something is wrong, the right exit code, files."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from reviewed_run import ANN, answer_to, approve_all, make_run, session_of
from typer.testing import CliRunner

from proofbook.cli import app
from proofbook.errors import ProofbookError, UsageError
from proofbook.records import now
from proofbook.report import load_run, write_report
from proofbook.review.command import known_name, parse_until
from proofbook.runs.folder import RunFolder
from proofbook.signoff.importing import EXPORT_FORMAT
from proofbook.signoff.signing import public_line
from proofbook.signoff.verification import verify_run


@pytest.fixture
def call(run: RunFolder) -> Callable[..., tuple[int, str]]:
    """Return a function that runs a command on the outputs folder: exit code and output."""

    def go(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, [*words, "--outputs", str(run.path.parent)])
        if isinstance(done.exception, ProofbookError):
            return done.exception.exit_code, str(done.exception)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    return go


Call = Callable[..., tuple[int, str]]


def test_verify_answers_with_one_verdict_and_its_reasons(call: Call, run: RunFolder) -> None:
    session_of(run).seal()
    write_report(run)
    code, out = call("verify")
    assert code == 1
    assert out.startswith(
        f"? pending: {run.path.name}\n  pending: clip, good: nobody has answered\n"
    )
    approve_all(run)
    write_report(run)
    assert call("verify", "latest") == (
        0, f"✓ approved: {run.path.name}\n  note: not signed: 4 of 4 answers\n")  # fmt: skip
    code, out = call("verify", "--json")
    assert json.loads(out)["verdict"] == "approved"
    assert len(json.loads(out)["answers"]) == 4


def test_a_waiver_is_written_and_reads_as_waived(call: Call, run: RunFolder) -> None:
    approve_all(run)
    session_of(run).answer(answer_to(run, "clip", "good", "rejected"), ANN)
    words = ("waive", "latest", "clip", "good", "--reason", "demo only", "--until", "30d")
    code, out = call(*words, "--reviewer", "Ann", "--role", "art director")
    assert (code, out.startswith("waived until 20")) == (0, True)
    assert call("verify")[0] == 1
    assert call("verify", "--allow-waivers")[0] == 0
    assert load_run(run).verdict == "waived"


def test_a_waiver_needs_what_it_waives_and_an_end(call: Call) -> None:
    words = ["waive", "latest", "clip", "good", "--reason", "x", "--until"]
    assert call(*words, "soon") == (
        2, "--until soon: give days as 90d, or a date as 2026-12-31")  # fmt: skip
    words[3] = "check:audible"
    assert call(*words, "3d") == (2, "job clip asks no question 'check:audible'")


@pytest.mark.parametrize("text", ["0d", "2020-01-02", "2026-03-04"])
def test_until_is_to_come(text: str) -> None:
    with pytest.raises(UsageError, match="that has passed; give a day that is to come"):
        parse_until(text)


def test_until_is_days_or_a_date() -> None:
    assert parse_until("2099-01-02").isoformat() == "2099-01-02T00:00:00+00:00"
    with pytest.raises(UsageError, match="give days as 90d"):
        parse_until("99999999999d")
    assert timedelta(days=2) < parse_until("3d") - now() < timedelta(days=3, seconds=1)
    with pytest.raises(UsageError):
        parse_until("3 days")


def test_answers_are_exported_and_a_foreign_file_is_refused(
    call: Call, run: RunFolder, tmp_path: Path
) -> None:
    approve_all(run)
    code, out = call("signoff", "export")
    assert (code, len(out.splitlines())) == (0, 4)
    assert json.loads(out.splitlines()[0])["payloadType"] == "application/vnd.in-toto+json"
    call("signoff", "export", "latest", "--to", str(tmp_path / "x.jsonl"))
    assert (tmp_path / "x.jsonl").read_text() == out
    found: dict[str, Any] = {"format": EXPORT_FORMAT, "run": "x", "reviewer": "B", "answers": []}
    (tmp_path / "a.json").write_text(json.dumps(found))
    code, out = call("signoff", "import", str(tmp_path / "a.json"))
    assert (code, "belongs to run x, and this run is" in out) == (2, True)
    (tmp_path / "a.json").write_text(json.dumps({**found, "run": run.path.name}))
    code, out = call("signoff", "import", str(tmp_path / "a.json"))
    assert (code, out.startswith("0 answers taken from a.json; report: ")) == (0, True)


def test_a_key_signs_what_the_command_writes(call: Call, run: RunFolder, key_file: Path) -> None:
    words = ("waive", "latest", "clip", "good", "--reason", "x", "--until", "3d")
    assert call(*words, "--key", str(key_file), "--reviewer", "Ann")[0] == 0
    assert any(note.startswith("signed by Ann with SHA256:") for note in verify_run(run).notes)
    assert call(*words, "--key", str(run.info_file))[0] == 2


@pytest.fixture
def signers(key: Ed25519PrivateKey, tmp_path: Path) -> Path:
    """Says that the key is Ann's, and what she may answer for."""
    path = tmp_path / "allowed_signers"
    path.write_text(f'Ann namespaces="proofbook,proofbook:art director" {public_line(key)}\n')
    return path


def test_a_signers_file_says_whose_answers_count(
    call: Call, run: RunFolder, key: Ed25519PrivateKey, signers: Path
) -> None:
    session_of(run).seal()
    approve_all(run)
    write_report(run)
    assert call("verify")[0] == 0
    code, out = call("verify", "--require-signed")
    assert (code, out.count("unsigned: ")) == (1, 3)
    approve_all(run, key=key)
    assert call("verify", "--require-signed")[0] == 0
    assert call("verify", "--signers", str(signers))[0] == 0
    signers.write_text(signers.read_text().replace("Ann", "Eve"))
    code, out = call("verify", "--signers", str(signers))
    assert (code, out.startswith("? untrusted: ")) == (1, True)
    assert "another name: clip, good: Ann approved it, but it is signed with SHA256:" in out
    assert call("verify", "--signers", str(run.info_file))[0] == 2


def test_what_is_run_in_a_run_does_not_take_its_word(
    call: Call, run: RunFolder, key: Ed25519PrivateKey, signers: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    session_of(run).seal()
    approve_all(run, key=key)
    write_report(run)
    for folder in (run.path, run.path.parents[1]):
        for name in ("runbooks", "parameters"):
            (folder / name).mkdir(exist_ok=True)
    listed = signers.read_text()
    (run.path / "allowed_signers").write_text(listed)
    (run.path.parents[1] / "allowed_signers").write_text(listed.replace("Ann", "Eve"))
    for here in (run.path, run.path / "jobs" / "clip"):
        monkeypatch.chdir(here)
        code, out = call("verify", str(run.path))
        assert (code, out.startswith("? untrusted: ")) == (1, True)
        waiver = ("waive", str(run.path), "clip", "good", "--reason", "x", "--until", "3d")
        assert call(*waiver, "--reviewer", "Ann") == (
            2, "clip, good: answers must be signed here; give --key"
        )  # fmt: skip


def test_a_change_is_accepted_by_a_signature_and_by_name(
    call: Call, run: RunFolder, key_file: Path, signers: Path
) -> None:
    session_of(run).seal()
    approve_all(run)
    write_report(run)
    run.job("clip").log.write_text("blackened")
    assert "changed: jobs/clip/output.log has been changed" in call("verify")[1]
    words = ("signoff", "accept", "jobs/clip/output.log", "--reason", "a secret", "--reviewer")
    assert call(*words, "Ann") == (2, "only a signed entry accepts a change: give --key")
    keyed = ("--key", str(key_file), "--signers", str(signers))
    assert call(*words, "Ben", *keyed) == (2, "cannot accept a change: that key is not Ben's")
    other = ("signoff", "accept", "run.json", "--reason", "x", "--reviewer", "Ann")
    code, out = call(*other, *keyed)
    assert (code, out) == (2, "run.json is as it was sealed, or never was: nothing to accept")
    assert call(*words, "Ann", *keyed) == (0, "Ann accepted jobs/clip/output.log as they are now\n")
    code, out = call("verify")
    assert (code, "Ann accepted jobs/clip/output.log as they are: a secret" in out) == (0, True)
    run.job("clip").log.write_text("another")
    assert call("verify")[0] == 1


def test_what_was_exported_shows_what_was_cut_off(
    call: Call, run: RunFolder, tmp_path: Path
) -> None:
    session_of(run).seal()
    approve_all(run)
    write_report(run)
    call("signoff", "export", "latest", "--to", str(tmp_path / "kept.jsonl"))
    assert call("verify", "--anchor", str(tmp_path / "kept.jsonl"))[0] == 0
    for name in ("signoffs.jsonl", "signoffs.head"):
        (run.path / name).unlink()
    code, out = call("verify", "--anchor", str(tmp_path / "kept.jsonl"))
    assert (code, out.startswith("✗ tampered: ")) == (1, True)
    assert "rolled back: entry 1, Ann, was kept and is gone" in out
    assert call("verify", "--anchor", str(tmp_path / "none"))[0] == 2


def test_nothing_of_a_run_is_obeyed_by_a_terminal(call: Call, tmp_path: Path) -> None:
    run = make_run(tmp_path / "other", broken=True)
    path = run.job("clip").outcome
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "cause": "\x1b]0;owned\x07\u202e\u200b"}))
    code, out = call("verify", str(run.path))
    assert code == 1
    assert r"\x1b]0;owned\x07\u202e\u200b" in out
    assert out.replace("\n", "").isprintable()


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("name", ["media", "report", "jobs", "jobs/clip", "jobs/clip/output.log"])
def test_a_run_whose_files_are_links_is_refused(
    call: Call, run: RunFolder, tmp_path: Path, name: str
) -> None:
    write_report(run)
    (run.path / name).rename(tmp_path / "elsewhere")
    (run.path / name).symlink_to(tmp_path / "elsewhere")
    for command in ("report", "verify"):
        code, out = call(command, str(run.path))
        assert (code, out) == (2, f"{run.path / name} is a link, and a run's own files never are")


@pytest.mark.parametrize(("kind", "make"), [("a folder", Path.mkdir), ("a pipe", os.mkfifo)])
def test_a_lock_that_is_no_file_keeps_nobody_from_verifying_and_is_told_who_writes(
    call: Call, run: RunFolder, kind: str, make: Callable[[Path], None]
) -> None:
    approve_all(run)
    lock = run.path / ".signoffs.lock"
    lock.unlink(missing_ok=True)
    make(lock)
    assert call("verify", run.path.name)[0] == 0
    code, out = call("waive", "clip", "good", "--reason", "x", "--until", "9d", "--reviewer", "Ann")
    assert (code, out) == (2, f"{lock} is {kind}, and a lock is a plain file: remove it")


def test_baselines_are_listed_and_shown(call: Call, run: RunFolder) -> None:
    assert call("baseline", "list") == (0, "nothing has been approved yet\n")
    approve_all(run)
    code, out = call("baseline", "list")
    assert (code, [line.split()[1] for line in out.splitlines()]) == (
        0, ["clip", "picture", "story", "other"])  # fmt: skip
    code, out = call("baseline", "show", "clip/clip")
    assert (code, json.loads(out)["answer"]["reviewer"]["name"]) == (0, "Ann")
    code, out = call("baseline", "show", "clap")
    assert (code, out) == (
        2, "no approved take is called 'clap'; see them: proofbook baseline list")  # fmt: skip


def test_a_report_in_one_file_says_what_is_left_out(
    call: Call, run: RunFolder, tmp_path: Path
) -> None:
    target = tmp_path / "all.html"
    code, out = call("report", run.path.name, "--single-file", str(target))
    assert (code, "not in it" in out) == (0, False)
    code, out = call("report", run.path.name, "--single-file", str(target), "--budget", "0.01")
    assert (code, "it would be larger than 0.01 MB" in out) == (0, True)
    assert re.search(r"\d+ media files are not in it \(\d+ of jobs with open questions", out)


def test_a_folder_that_is_no_run_is_one_line(call: Call, tmp_path: Path) -> None:
    assert call("verify", str(tmp_path))[0] == 2
    empty = tmp_path / "none"
    empty.mkdir()
    broken = make_run(tmp_path / "o")
    broken.info_file.write_text("{")
    approved = verify_run
    with pytest.raises(ProofbookError):
        approved(broken)


def test_a_git_that_is_late_leaves_the_name_of_the_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def late(words: list[str], **options: object) -> None:
        raise subprocess.TimeoutExpired(words, 30)

    monkeypatch.setattr(subprocess, "run", late)
    monkeypatch.setenv("USER", "ann")
    assert known_name() == "ann"
