"""Every forgery of a signed run is found, and called by its own word; no move of it is one."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from forging import (
    ANNS,
    BENS,
    STRANGERS,
    Entries,
    append,
    change,
    edit_log,
    entries_of,
    seal_now,
    write_log,
)
from reviewed_run import ANN, BEN, answer_to, approve_all, make_run, session_of

from proofbook.errors import UsageError
from proofbook.records import Resumption, now
from proofbook.report import write_report
from proofbook.runs.folder import RunFolder
from proofbook.signoff.anchors import compare_with, read_anchor
from proofbook.signoff.log import SignoffLog
from proofbook.signoff.sealing import seal_run
from proofbook.signoff.signers import parse_signers
from proofbook.signoff.signing import export_all, public_line
from proofbook.signoff.trust import Trust
from proofbook.signoff.verification import Verification, verify_run

SIGNERS = f"""
# who may answer
Ann namespaces="proofbook,proofbook:art director" {public_line(ANNS)} ann@example.org
Ben {public_line(BENS)}
"""
TRUST = Trust(signers=parse_signers(SIGNERS), file=Path("allowed_signers"))
RUN = "20260304-090000-demo-aaaa"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that Ann approved and signed."""
    outputs = tmp_path_factory.mktemp("original") / "outputs"
    write_report(signed_run(outputs, RUN), trust=TRUST)
    return outputs


def signed_run(outputs: Path, name: str) -> RunFolder:
    run = make_run(outputs, name)
    seal_run(run, session_of(run).log, name)
    approve_all(run, key=ANNS, trust=TRUST)
    return run


@pytest.fixture
def run(original: Path, tmp_path: Path) -> RunFolder:
    shutil.copytree(original, tmp_path / "outputs")
    return RunFolder(tmp_path / "outputs" / RUN)


def verify(run: RunFolder, kept: str = "") -> Verification:
    log = run.path / "signoffs.jsonl"
    entries = read_anchor(kept, log, log.parent) if kept else []
    return verify_run(run, trust=TRUST, anchored=lambda state: compare_with(entries, state))


def test_what_was_not_forged_is_approved(run: RunFolder) -> None:
    found = verify(run)
    assert (found.verdict, found.reasons) == ("approved", ())


Deed = Callable[[RunFolder], object]


def media(run: RunFolder, suffix: str) -> Path:
    return sorted(run.media.glob(f"*{suffix}"))[0]


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def set_field(number: int, *keys: str, value: Any) -> Callable[[Entries], None]:
    def edit(entries: Entries) -> None:
        place = entries[number]
        for key in keys[:-1]:
            place = place[key]
        assert place[keys[-1]] != value
        place[keys[-1]] = value

    return edit


def strip(entries: Entries) -> None:
    for entry in entries[1:]:
        entry["signature"] = None


def link_to_copy(run: RunFolder, path: Path) -> None:
    elsewhere = run.path.parent.parent / "elsewhere"
    shutil.move(path, elsewhere)
    path.symlink_to(elsewhere)


def resealed(run: RunFolder) -> None:
    run.job("clip").log.write_text("another")
    append(run, seal_now(run))


def resealed_as_resumed(run: RunFolder) -> None:
    run.job("clip").log.write_text("another")
    info = run.read_info()
    run.write_info(info.model_copy(update={"resumed": (Resumption(),)}))
    append(run, {**seal_now(run), "time": now().isoformat().replace("+00:00", "Z")})


def sealed_anew_from_the_start(run: RunFolder) -> None:
    run.job("clip").log.write_text("another")
    seal = seal_now(run)
    edit_log(run, lambda entries: entries.__setitem__(0, seal))


ACCEPTANCE = {
    "schema_version": 1, "kind": "acceptance", "id": "a" * 32, "run": RUN, "comment": "fine",
    "reviewer": {"name": "Ann", "role": "", "identified_by": "declared"}, "signature": None,
}  # fmt: skip


def accepted(folder: RunFolder, key: Any = None, **more: Any) -> dict[str, Any]:
    """Change the log of a job, and accept that."""
    folder.job("clip").log.write_text("another")
    files = {"jobs/clip/output.log": seal_now(folder)["files"]["jobs/clip/output.log"]}
    values = {**ACCEPTANCE, "time": entries_of(folder)[-1]["time"], "files": files, **more}
    append(folder, values, key)
    return values


def changed_after_acceptance(run: RunFolder) -> None:
    accepted(run, ANNS)
    run.job("clip").log.write_text("a third")


def another_file_accepted(run: RunFolder) -> None:
    accepted(run, ANNS)
    entries = entries_of(run)
    change(run.job("clip").outcome)
    path = "jobs/clip/outcome.json"
    entries[-1]["files"][path] = seal_now(run)["files"][path]
    write_log(run, entries)


def rejected_by_ann(run: RunFolder) -> None:
    session = session_of(run, key=ANNS, trust=TRUST)
    session.answer(answer_to(run, "clip", "good", "rejected", comment="hiss"), ANN)


def superseded_by_a_stranger(run: RunFolder) -> None:
    rejected_by_ann(run)
    rejection = entries_of(run)[-1]
    approval = {**entries_of(run)[1], "id": "b" * 32, "supersedes": [rejection["id"]]}
    append(run, {**approval, "time": rejection["time"]}, STRANGERS)


def rejection_turned_round(run: RunFolder) -> None:
    rejected_by_ann(run)
    edit = {"verdict": "approved", "signature": None}
    edit_log(run, lambda entries: entries[-1].update(edit))


def dated(moment: datetime) -> Deed:
    text = moment.isoformat().replace("+00:00", "Z")
    return lambda run: edit_log(run, set_field(1, "time", value=text), ANNS)


def cut_off(run: RunFolder, *, with_head: bool) -> None:
    entries = entries_of(run)[:-1]
    head = (run.path / "signoffs.head").read_bytes()
    write_log(run, entries)
    if not with_head:
        (run.path / "signoffs.head").write_bytes(head)


def log_of_the_other(run: RunFolder) -> None:
    other = signed_run(run.path.parent, "20260304-100000-demo-bbbb")
    for name in ("signoffs.jsonl", "signoffs.head"):
        shutil.copy(other.path / name, run.path / name)


def other_as_this(run: RunFolder) -> None:
    other = signed_run(run.path.parent, "20260304-100000-demo-bbbb")
    for name in ("jobs", "media", "run.json"):
        path = run.path / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.move(other.path / name, path)


FILES: dict[str, tuple[Deed, str]] = {
    "a log of a job": (lambda run: run.job("clip").log.write_text("fine"), "changed"),
    "a record": (lambda run: change(run.job("clip").records), "changed"),
    "a notebook": (lambda run: run.job("clip").notebook.write_text("{}"), "changed"),
    "an outcome": (lambda run: change(run.job("clip").outcome), "changed"),
    "a clip": (lambda run: change(media(run, ".wav")), "changed"),
    "a picture of a clip": (lambda run: change(media(run, ".png")), "changed"),
    "run.json": (lambda run: replace(run.info_file, "demo", "demi"), "changed"),
    "a question's words": (
        lambda run: replace(run.job("clip").records, "Is it good?", "Is it loud?"), "changed"),
    "a question's role": (
        lambda run: replace(run.job("looks").records, "art director", ""), "changed"),
    "a question that must be answered": (
        lambda run: replace(run.job("clip").records, '"required":true', '"required":false'),
        "changed"),
    "a job left out of the plan": (
        lambda run: run.write_info(run.read_info().model_copy(
            update={"plan": run.read_info().plan[:2]})), "changed"),
    "a clip that is gone": (lambda run: media(run, ".wav").unlink(), "gone"),
    "a job that is gone": (lambda run: shutil.rmtree(run.job("looks").path), "gone"),
    "the report": (lambda run: change(run.report / "index.html"), "report"),
    "the report's seal": (lambda run: (run.report / "seal.json").unlink(), "report"),
    "the report's seal, unreadable": (
        lambda run: (run.report / "seal.json").write_text("[" * 5000), "report"),
}  # fmt: skip
LINKS: dict[str, tuple[Deed, str]] = {
    "media": (lambda run: link_to_copy(run, run.media), "gone"),
    "a clip": (lambda run: link_to_copy(run, media(run, ".wav")), "changed"),
    "a job": (lambda run: link_to_copy(run, run.job("clip").path), "gone"),
    "records": (lambda run: link_to_copy(run, run.job("clip").records), "changed"),
    "a page of the report": (lambda run: link_to_copy(run, run.report / "index.html"), "report"),
}
SEALS: dict[str, tuple[Deed, str]] = {
    "sealed again": (resealed, "sealed again"),
    "sealed again, as if resumed": (resealed_as_resumed, "stale"),
    "sealed anew from the start": (sealed_anew_from_the_start, "broken signature"),
    "accepted by nobody's signature": (accepted, "changed"),
    "accepted by a stranger": (lambda run: accepted(run, STRANGERS), "changed"),
    "accepted under another's name": (lambda run: accepted(run, BENS), "changed"),
    "accepted in another run": (lambda run: accepted(run, ANNS, run="another"), "other run"),
    "changed after it was accepted": (changed_after_acceptance, "changed"),
    "more accepted than was signed": (another_file_accepted, "broken signature"),
}
CUTS: dict[str, tuple[Deed, str]] = {
    "the last line": (lambda run: cut_off(run, with_head=False), "cut off"),
    "a line between": (lambda run: edit_log(run, lambda e: e.pop(2)), "broken signature"),
    "the log": (lambda run: (run.path / "signoffs.jsonl").unlink(), "cut off"),
    "the head": (lambda run: (run.path / "signoffs.head").unlink(), "head"),
    "the head's number": (
        lambda run: (run.path / "signoffs.head").write_text('{"number":Infinity}'), "head"),
    "the head in brackets": (
        lambda run: (run.path / "signoffs.head").write_text("[" * 100_000), "head"),
    "a line repeated": (lambda run: append(run, entries_of(run)[-1]), "copy"),
    "two lines exchanged": (
        lambda run: edit_log(run, lambda e: e.__setitem__(slice(1, 3), [e[2], e[1]])),
        "broken signature"),
    "spaces in a line": (
        lambda run: replace(run.path / "signoffs.jsonl", '"kind":"seal"', '"kind": "seal"'),
        "rewritten"),
    "no entry": (
        lambda run: replace(run.path / "signoffs.jsonl", '"seal"', '"sael"'), "unreadable"),
    "the log of another run": (log_of_the_other, "other run"),
    "another run in its place": (other_as_this, "other run"),
}  # fmt: skip
SIGNATURES: dict[str, tuple[Deed, str]] = {
    "signed anew by a stranger": (lambda run: edit_log(run, len, STRANGERS), "unknown key"),
    "signed anew by Ben": (lambda run: edit_log(run, len, BENS), "another name"),
    "no longer signed": (lambda run: edit_log(run, strip), "unsigned"),
    "a rejection that became an approval": (rejection_turned_round, "unsigned"),
    "a rejection taken back by a stranger": (superseded_by_a_stranger, "rejected"),
    "a role that Ben has not": (
        lambda run: edit_log(run, set_field(3, "reviewer", "name", value="Ben"), BENS),
        "role not held"),
    "without the role": (
        lambda run: edit_log(run, set_field(3, "reviewer", "role", value=""), ANNS), "pending"),
    "dated before the run": (dated(datetime(2026, 3, 4, 8, tzinfo=UTC)), "back-dated"),
    "dated before the entry before": (dated(now() - timedelta(days=1)), "back-dated"),
    "dated tomorrow": (dated(now() + timedelta(days=1)), "of the future"),
}  # fmt: skip
_FIELDS: list[tuple[tuple[str, ...], Any]] = [
    (("verdict",), "waived"), (("comment",), "superb"), (("scores",), {"melody": 5}),
    (("comparison",), {"form": "ab", "approved_sha256": "0" * 64, "preferred": "this",
                       "trials": 0, "correct": 0}),
    (("blind",), True), (("seconds_played",), {}), (("supersedes",), ["f" * 32]),
    (("expires",), "2099-01-01T00:00:00Z"), (("time",), "2026-11-01T00:00:00Z"),
    (("id",), "e" * 32), (("meaning",), "I saw it"), (("reviewer", "name"), "Ben"),
    (("reviewer", "role"), "lead"), (("reviewer", "identified_by"), "passport"),
    (("binding", "job"), "scored"), (("binding", "question"), "scores"),
    (("binding", "subjects"), []), (("binding", "notebook_sha256"), "0" * 64),
    (("binding", "parameters_sha256"), "0" * 64), (("binding", "checks_sha256"), "0" * 64),
    (("binding", "question_sha256"), "0" * 64), (("binding", "plan_sha256"), "0" * 64),
]  # fmt: skip
EVERY_FIELD: dict[str, tuple[Deed, str]] = {
    f"the answer's {'.'.join(keys)}": (
        lambda run, keys=keys, value=value: edit_log(run, set_field(1, *keys, value=value)),
        "broken signature",
    )
    for keys, value in _FIELDS
}
CATALOGUE = {
    f"{group}: {name}": deed
    for group, deeds in (("files", FILES), ("links", LINKS), ("seals", SEALS), ("cuts", CUTS),
                         ("signatures", SIGNATURES), ("fields", EVERY_FIELD))
    for name, deed in deeds.items()
}  # fmt: skip


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_forgery_is_called_by_its_word(run: RunFolder, name: str) -> None:
    forge, word = CATALOGUE[name]
    forge(run)
    found = verify(run)
    assert found.verdict not in ("approved", "passed", "waived")
    assert word in {reason.word for reason in found.reasons}, found.reasons


def test_no_field_of_an_answer_is_left_out(run: RunFolder) -> None:
    answer = entries_of(run)[1]
    fields = {(key,) for key in answer} | {
        (outer, key) for outer in ("reviewer", "binding") for key in answer[outer]
    }
    chain = {("number",), ("previous",), ("kind",), ("schema_version",), ("signature",),
             ("binding", "run"), ("reviewer",), ("binding",)}  # fmt: skip
    assert fields - chain == {keys for keys, _ in _FIELDS}


def test_the_catalogue_is_not_small() -> None:
    assert len(CATALOGUE) >= 60


def rolled_back(run: RunFolder) -> None:
    """Put back the log as it was before Ann rejected."""
    kept = [(run.path / name).read_bytes() for name in ("signoffs.jsonl", "signoffs.head")]
    rejected_by_ann(run)
    export(run)
    for name, data in zip(("signoffs.jsonl", "signoffs.head"), kept, strict=True):
        (run.path / name).write_bytes(data)


def export(run: RunFolder) -> Path:
    path = run.path.parent / "kept.jsonl"
    path.write_text(export_all(SignoffLog(run.path, RUN).read().entries))
    return path


def all_gone(run: RunFolder) -> None:
    export(run)
    for name in ("signoffs.jsonl", "signoffs.head"):
        (run.path / name).unlink()


def cut_with_head(run: RunFolder) -> None:
    export(run)
    cut_off(run, with_head=True)


def answered_anew(run: RunFolder) -> None:
    """Ann herself writes another history."""
    export(run)
    edit_log(run, set_field(1, "comment", value="another"), ANNS)


@pytest.mark.parametrize(
    ("deed", "word"),
    [(rolled_back, "rolled back"), (all_gone, "rolled back"), (cut_with_head, "rolled back"),
     (answered_anew, "replaced")],
)  # fmt: skip
def test_what_was_kept_elsewhere_shows_what_is_missing(
    run: RunFolder, deed: Deed, word: str
) -> None:
    deed(run)
    found = verify(run, str(run.path.parent / "kept.jsonl"))
    assert found.verdict == "tampered"
    assert word in {reason.word for reason in found.reasons}


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def test_a_commit_shows_what_is_missing(run: RunFolder) -> None:
    project = run.path.parent
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "approved")
    log = run.path / "signoffs.jsonl"
    kept = read_anchor("git:HEAD", log, project)
    assert verify_run(run, anchored=lambda state: compare_with(kept, state)).verdict == "approved"
    cut_off(run, with_head=True)
    found = verify_run(run, anchored=lambda state: compare_with(kept, state))
    assert {reason.word for reason in found.reasons} >= {"rolled back"}
    with pytest.raises(UsageError, match="--anchor git: "):
        read_anchor("git:nothing", log, project)
    with pytest.raises(UsageError, match="not in the repository"):
        read_anchor("git:HEAD", Path("/else/signoffs.jsonl"), project)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"payload": "x"}', "x"])
def test_an_anchor_that_is_none_is_refused(run: RunFolder, tmp_path: Path, text: str) -> None:
    (tmp_path / "kept").write_text(text or "\x00")
    log = run.path / "signoffs.jsonl"
    with pytest.raises(UsageError, match="neither an export nor a copy"):
        read_anchor(str(tmp_path / "kept"), log, tmp_path)
    with pytest.raises(UsageError, match="No such file"):
        read_anchor(str(tmp_path / "none"), log, tmp_path)


def moved(run: RunFolder, target: Path) -> Path:
    return run.path.rename(target)


def copied(run: RunFolder, target: Path) -> Path:
    return shutil.copytree(run.path, target)


def copied_without_hidden_files(run: RunFolder, target: Path) -> Path:
    target.mkdir()
    shown = [str(path) for path in run.path.iterdir() if not path.name.startswith(".")]
    subprocess.run(["cp", "-r", *shown, str(target)], check=True)
    return target


def zipped(run: RunFolder, target: Path) -> Path:
    shutil.make_archive(str(target) + "-packed", "zip", run.path)
    shutil.unpack_archive(f"{target}-packed.zip", target)
    return target


def cloned(run: RunFolder, target: Path) -> Path:
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "run")):
        git(run.path, *words)
    git(target.parent, "clone", "-q", str(run.path), str(target))
    return target


def with_notes(run: RunFolder, target: Path) -> Path:
    for name in ("notes.txt", ".DS_Store", "jobs/clip/notes.txt"):
        (run.path / name).write_text("mine")
    return run.path


def reported_again(run: RunFolder, target: Path) -> Path:
    write_report(run, trust=TRUST)
    return run.path


def answered_again(run: RunFolder, target: Path) -> Path:
    session = session_of(run, key=BENS, trust=TRUST)
    session.seal()
    session.answer(answer_to(run, "clip", "good", comment="me too"), BEN)
    return run.path


def accepted_by_ann(run: RunFolder, target: Path) -> Path:
    run.job("clip").log.write_text("another")
    session = session_of(run, key=ANNS, trust=TRUST)
    session.accept_changes(["jobs/clip/output.log"], ANN, "a secret was blackened")
    return run.path


@pytest.mark.parametrize(
    "move",
    [moved, copied, copied_without_hidden_files, zipped, cloned, with_notes, reported_again,
     answered_again, accepted_by_ann],
)  # fmt: skip
def test_no_alarm_is_false(
    run: RunFolder, tmp_path: Path, move: Callable[[RunFolder, Path], Path]
) -> None:
    kept = export(run)
    place = RunFolder(move(run, tmp_path / "there"))
    found = verify(place, str(kept))
    assert (found.verdict, found.reasons) == ("approved", ())


def test_the_words_of_a_run_are_json(run: RunFolder) -> None:
    assert json.loads(export(run).read_text().splitlines()[0])["payloadType"].startswith("appl")
