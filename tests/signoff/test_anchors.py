"""What was kept of a log elsewhere shows what is missing from it, and what is another."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from proofbook.errors import UsageError
from proofbook.signoff import anchors
from proofbook.signoff.anchors import KeptEntries, compare_with, read_anchor
from proofbook.signoff.chain import Place
from proofbook.signoff.entries import Entry, canonical, line_hash, parse_entry
from proofbook.signoff.log import LogState
from proofbook.signoff.signing import export_all

ZEROS = "0" * 64
TIME = "2026-03-04T09:00:00Z"
SEAL = {
    "kind": "seal", "number": 0, "previous": ZEROS, "time": TIME, "run": "r",
    "files": {"a": [1, ZEROS]},
}  # fmt: skip
ANSWER = {
    "kind": "answer", "number": 1, "previous": ZEROS, "time": TIME, "id": "a" * 32,
    "reviewer": {"name": "Ann"}, "meaning": "good", "verdict": "approved",
    "binding": {"run": "r", "job": "clip", "question": "good", "notebook_sha256": "",
                "parameters_sha256": ZEROS, "checks_sha256": ZEROS},
}  # fmt: skip
ACCEPTANCE = {
    "kind": "acceptance", "number": 2, "previous": ZEROS, "time": TIME, "id": "b" * 32,
    "run": "r", "reviewer": {"name": "Ben"}, "files": {"a": [2, ZEROS]}, "comment": "x",
}  # fmt: skip
LINES = (SEAL, ANSWER, ACCEPTANCE)


def entries(*lines: dict[str, Any]) -> tuple[Entry, ...]:
    return tuple(parse_entry(json.dumps(line)) for line in lines)


def kept_in(path: Path, text: str) -> list[dict[str, Any]]:
    path.write_text(text)
    return read_anchor(str(path), path, path.parent)


def copy_of(*lines: dict[str, Any]) -> str:
    return "\n \n".join(canonical(line) for line in lines) + "\n"


def test_a_copy_of_the_log_is_the_log(tmp_path: Path) -> None:
    kept = kept_in(tmp_path / "kept", copy_of(*LINES))
    assert kept == list(LINES)
    assert compare_with(kept, LogState(entries(*LINES))) == []


def test_an_export_is_what_persons_have_said(tmp_path: Path) -> None:
    kept = kept_in(tmp_path / "kept", export_all(entries(*LINES)))
    assert [values["number"] for values in kept] == [1, 2]
    assert compare_with(kept, LogState(entries(*LINES))) == []


def test_what_is_gone_is_named_with_its_person(tmp_path: Path) -> None:
    kept = kept_in(tmp_path / "kept", copy_of(*LINES))
    assert compare_with(kept, LogState(entries(ACCEPTANCE))) == [
        ("rolled back", "entry 0, a seal, was kept and is gone"),
        ("rolled back", "entry 1, Ann, was kept and is gone"),
    ]


@pytest.mark.parametrize("form", ["copy", "export"])
def test_what_is_another_is_named_with_its_person(tmp_path: Path, form: str) -> None:
    text = copy_of(*LINES) if form == "copy" else export_all(entries(*LINES))
    kept = kept_in(tmp_path / "kept", text)
    others = ({**SEAL, "files": {}}, {**ANSWER, "comment": "ok"}, {**ACCEPTANCE, "comment": "y"})
    found = compare_with(kept, LogState(entries(*others)))
    problems = [
        ("replaced", "entry 0, a seal, is not the one that was kept"),
        ("replaced", "entry 1, Ann, is not the one that was kept"),
        ("replaced", "entry 2, Ben, is not the one that was kept"),
    ]
    assert found == (problems if form == "copy" else problems[1:])


def test_an_entry_in_the_place_of_another_kind_is_another(tmp_path: Path) -> None:
    kept = kept_in(tmp_path / "kept", copy_of(ANSWER))
    (problem,) = compare_with(kept, LogState(entries({**SEAL, "number": 1})))
    assert problem.word == "replaced"


def test_what_is_signed_anew_says_the_same(tmp_path: Path) -> None:
    signature = {"algorithm": "ed25519", "key": "k", "value": "v"}
    kept = kept_in(tmp_path / "kept", copy_of({**ANSWER, "signature": signature}))
    other = {**ANSWER, "signature": {**signature, "value": "w"}}
    assert compare_with(kept, LogState(entries(other))) == []


def payload(values: object) -> str:
    text = base64.b64encode(json.dumps({"predicate": values}).encode()).decode()
    return json.dumps({"payload": text})


@pytest.mark.parametrize(
    "line",
    [
        "{}", "1", "[" * 5000, '{"number":"1"}', '{"number":1.5}', '{"number":1,"reviewer":"Ann"}',
        '{"number":"1","reviewer":"Ann"}', '{"payload":1}', payload({}), payload({"number": "1"}),
        payload({"number": 1, "reviewer": []}), payload(ANSWER).replace(": \"", ": \"*", 1),
    ],
)  # fmt: skip
def test_one_line_that_is_no_entry_makes_it_no_anchor(tmp_path: Path, line: str) -> None:
    path = tmp_path / "kept"
    with pytest.raises(UsageError) as caught:
        kept_in(path, f"{canonical(ANSWER)}\n{line}\n")
    problem = "neither an export nor a copy of a sign-off log"
    assert str(caught.value) == f"--anchor {path}: {problem}"


def test_an_anchor_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_anchor(str(tmp_path / "none"), tmp_path / "log", tmp_path)
    assert str(caught.value) == f"--anchor {tmp_path / 'none'}: No such file or directory"


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log, in a folder of a repository that has a first state of it."""
    project = tmp_path / "project"
    path = project / "outputs" / "r" / "signoffs.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(copy_of(SEAL, ANSWER))
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "approved")):
        git(project, *words)
    path.write_text(copy_of(SEAL))
    return path


def test_a_commit_has_the_log_as_it_was(log: Path, tmp_path: Path) -> None:
    for start in (tmp_path / "project", log.parent):
        kept = read_anchor("git:HEAD", log, start)
        assert kept == [SEAL, ANSWER]
        assert compare_with(kept, LogState(entries(SEAL))) == [
            ("rolled back", "entry 1, Ann, was kept and is gone")
        ]


def test_a_repository_in_the_run_says_nothing(log: Path, tmp_path: Path) -> None:
    """It is the forger's: what it has is what the run has, and reading it may run a command."""
    run, ran = log.parent, tmp_path / "ran"
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "forged")):
        git(run, *words)
    (run / ".git" / "objects").rename(run / "objects")  # git would have to fetch them
    (run / ".git" / "objects").mkdir()
    for name, value in (
        ("core.repositoryformatversion", "1"), ("extensions.partialClone", "origin"),
        ("remote.origin.url", str(run)), ("remote.origin.promisor", "true"),
        ("remote.origin.uploadpack", f"touch {ran};"),
    ):  # fmt: skip
        git(run, "config", name, value)
    (run / "jobs").mkdir()
    for start in (run, run / "jobs"):
        assert read_anchor("git:HEAD", log, start) == [SEAL, ANSWER]
    assert not ran.exists()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("fatal: not a git repository (or any parent up to mount point /)\n"
         "Stopping at filesystem boundary (GIT_DISCOVERY_ACROSS_FILESYSTEM not set).\n",
         "fatal: not a git repository (or any parent up to mount point /)"),
        ("warning: unable to access '/root/.gitconfig'\nfatal: bad revision 'x'",
         "fatal: bad revision 'x'"),
        ("error: one\nerror: two\n", "error: two"),
        ("\n", "git failed"),
    ],
)  # fmt: skip
def test_of_what_git_says_the_reason_is_taken_and_no_advice(said: str, reason: str) -> None:
    assert anchors._reason(said) == reason


def test_what_git_says_is_one_line(log: Path, tmp_path: Path) -> None:
    for revision, problem in (
        ("nothing", r"^--anchor git: fatal: .*nothing"),
        ("-p", r"^--anchor git:-p: not a revision$"),
        ("--textconv", r"^--anchor git:--textconv: not a revision$"),
    ):
        with pytest.raises(UsageError, match=problem):
            read_anchor(f"git:{revision}", log, log.parent)
    (tmp_path / "else").mkdir()
    with pytest.raises(UsageError, match=r"^--anchor git: .*not a git repository"):
        read_anchor("git:HEAD", log, tmp_path / "else")
    other = tmp_path / "else" / "signoffs.jsonl"
    with pytest.raises(UsageError) as caught:
        read_anchor("git:HEAD", other, log.parent)
    where = f"{other} is not in the repository {tmp_path / 'project'}"
    assert str(caught.value) == f"--anchor git:HEAD: {where}"


def test_a_git_that_is_not_there_or_says_nothing_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / "git"
    monkeypatch.setattr(anchors, "_SECONDS", 0.05)
    for script, problem in (
        ("", r"^--anchor git: git cannot be used: .*No such file"),
        ("exit 1", r"^--anchor git: git failed$"),
        ("printf 'warning: a\\nfatal: b\\n\\n' >&2; exit 1", r"^--anchor git: fatal: b$"),
        ("exec /bin/sleep 5", r"^--anchor git: git cannot be used: .*timed out"),
    ):
        if script:
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o755)
        with pytest.raises(UsageError, match=problem):
            read_anchor("git:HEAD", tmp_path / "log", tmp_path)


def test_git_is_given_less_than_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(words: list[str], *, timeout: float, **_: object) -> None:
        assert 10 <= timeout <= 60
        raise subprocess.TimeoutExpired(words, timeout)

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(UsageError, match=r"git cannot be used: .* timed out"):
        read_anchor("git:HEAD", tmp_path / "log", tmp_path)


def test_what_is_kept_says_what_is_missing_and_what_was_not_looked_at() -> None:
    kept = KeptEntries(entries=(SEAL, ANSWER), unread="signoffs.timestamps was not looked at")
    log = LogState(entries(SEAL))
    assert kept.problems(log) == [("rolled back", "entry 1, Ann, was kept and is gone")]
    assert kept.notes(log) == ["signoffs.timestamps was not looked at"]
    assert (KeptEntries().problems(log), KeptEntries().notes(log)) == ([], [])


def test_a_merge_that_was_kept_may_be_known_by_its_hash_alone() -> None:
    branch = {"fork": ZEROS, "lines": [canonical(ANSWER)], "merges": {}}
    merge = {"kind": "merge", "number": 1, "previous": ZEROS, "time": TIME, "run": "r",
             "schema_version": 1, "branches": [branch]}  # fmt: skip
    known = {line_hash(canonical(merge)): Place(1, None)}
    assert compare_with([merge], LogState(entries(SEAL), known=known)) == []
    gone = [("rolled back", "entry 1, a seal, was kept and is gone")]
    assert compare_with([merge], LogState(entries(SEAL))) == gone
    answer = line_hash(canonical(ANSWER))
    assert compare_with([ANSWER], LogState(entries(SEAL), known={answer: Place(1, None)})) == [
        ("rolled back", "entry 1, Ann, was kept and is gone")
    ]
