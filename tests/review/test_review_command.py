"""The commands around sign-off: one line where something is wrong, the right exit code, files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from reviewed_run import ANN, answer_to, approve_all, make_run, session_of
from typer.testing import CliRunner

from proofbook.cli import app
from proofbook.errors import ProofbookError, UsageError
from proofbook.records import now
from proofbook.report import load_run, write_report
from proofbook.review.command import parse_until
from proofbook.runs.folder import RunFolder
from proofbook.signoff.importing import EXPORT_FORMAT
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
    assert out.startswith(f"? pending: {run.path.name}\n  clip, good: nobody has answered\n")
    approve_all(run)
    write_report(run)
    assert call("verify", "latest") == (
        0, f"✓ approved: {run.path.name}\n  note: 4 of 4 answers are not signed\n")  # fmt: skip
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


def test_until_is_days_or_a_date() -> None:
    assert parse_until("2030-01-02").isoformat() == "2030-01-02T00:00:00+00:00"
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
