"""A run that Ann approved and signed, and every way to forge it, with the word for it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

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
from reviewed_run import ANN, answer_to, approve_all, make_run, session_of, write_job

from proofbook.records import Check, Resumption, now
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


def signed_run(outputs: Path, name: str) -> RunFolder:
    run = make_run(outputs, name)
    check = Check(name="loud", status="passed", expected="<= 1", actual=0.5)
    info = run.read_info()
    plan = (*info.plan, write_job(run, "quiet", [check]))
    run.write_info(info.model_copy(update={"plan": plan}))
    for folder in (run.path / ".tool", run.job("clip").path / ".tool"):
        folder.mkdir()
        (folder / ".state").write_text("sealed where it is below the top")
    (run.job("clip").path / ".kept").write_text("a hidden file")
    seal_run(run, session_of(run).log, name)
    approve_all(run, key=ANNS, trust=TRUST)
    return run


def verify(run: RunFolder, kept: str = "") -> Verification:
    log = run.path / "signoffs.jsonl"
    entries = read_anchor(kept, log, log.parent) if kept else []
    return verify_run(run, trust=TRUST, anchored=lambda state: compare_with(entries, state))


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


def as_pipe(path: Path) -> None:
    """Put a pipe in the place of a file: who opens it waits for ever."""
    path.unlink()
    os.mkfifo(path)


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def resealed(run: RunFolder) -> None:
    run.job("clip").log.write_text("another")
    append(run, seal_now(run))


def resealed_as_resumed(run: RunFolder) -> None:
    run.job("clip").log.write_text("another")
    info = run.read_info()
    run.write_info(info.model_copy(update={"resumed": (Resumption(),)}))
    append(run, {**seal_now(run), "time": now().isoformat().replace("+00:00", "Z")})


def resumed(run: RunFolder, **more: object) -> None:
    """Say that the run was resumed where its log ended, and seal it as it is."""
    head = SignoffLog(run.path, run.path.name).read().hashes[-1]
    again = Resumption(log_head=head)
    run.write_info(run.read_info().model_copy(update={"resumed": (again,), **more}))
    append(run, {**seal_now(run), "time": now().isoformat().replace("+00:00", "Z")})


def unasked_job_resumed(run: RunFolder) -> None:
    replace(run.job("quiet").records, '"actual":0.5', '"actual":0.9')
    resumed(run)


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
    "a hidden file of a job": (lambda run: change(run.job("clip").path / ".kept"), "changed"),
    "a hidden file of a job that is gone": (
        lambda run: (run.job("clip").path / ".kept").unlink(), "gone"),
    "a hidden folder of a job": (
        lambda run: change(run.job("clip").path / ".tool" / ".state"), "changed"),
    "a hidden folder of a job that is gone": (
        lambda run: shutil.rmtree(run.job("clip").path / ".tool"), "gone"),
    "the report": (lambda run: change(run.report / "index.html"), "report"),
    "the report's seal": (lambda run: (run.report / "seal.json").unlink(), "report"),
    "the report's seal, unreadable": (
        lambda run: (run.report / "seal.json").write_text("[" * 5000), "report"),
}  # fmt: skip
LINKS: dict[str, tuple[Deed, str]] = {
    "media": (lambda run: link_to_copy(run, run.media), "gone"),
    "a clip": (lambda run: link_to_copy(run, media(run, ".wav")), "changed"),
    "a job": (lambda run: link_to_copy(run, run.job("clip").path), "gone"),
    "a hidden folder of a job": (
        lambda run: link_to_copy(run, run.job("clip").path / ".tool"),
        "gone",
    ),
    "records": (lambda run: link_to_copy(run, run.job("clip").records), "changed"),
    "a page of the report": (lambda run: link_to_copy(run, run.report / "index.html"), "report"),
}
PIPES: dict[str, tuple[Deed, str]] = {
    "run.json": (lambda run: as_pipe(run.info_file), "unreadable"),
    "records": (lambda run: as_pipe(run.job("clip").records), "gone"),
    "a notebook": (lambda run: as_pipe(run.job("clip").notebook), "gone"),
    "an outcome": (lambda run: as_pipe(run.job("clip").outcome), "gone"),
    "a log of a job": (lambda run: as_pipe(run.job("clip").log), "gone"),
    "a clip": (lambda run: as_pipe(media(run, ".wav")), "gone"),
    "the log": (lambda run: as_pipe(run.path / "signoffs.jsonl"), "unreadable"),
    "the log, as a folder": (lambda run: as_folder(run.path / "signoffs.jsonl"), "unreadable"),
    "the head": (lambda run: as_pipe(run.path / "signoffs.head"), "head"),
    "the head, as a folder": (lambda run: as_folder(run.path / "signoffs.head"), "head"),
    "the report's seal": (lambda run: as_pipe(run.report / "seal.json"), "report"),
    "a page of the report": (lambda run: as_pipe(run.report / "index.html"), "report"),
}
SEALS: dict[str, tuple[Deed, str]] = {
    "sealed again": (resealed, "sealed again"),
    "sealed again, as if resumed": (resealed_as_resumed, "stale"),
    "another commit, as if resumed": (lambda run: resumed(run, commit="b" * 40), "stale"),
    "another machine, as if resumed": (lambda run: resumed(run, machine="large"), "stale"),
    "a job that asks nothing, as if resumed": (unasked_job_resumed, "sealed again"),
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
FIELDS: list[tuple[tuple[str, ...], Any]] = [
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
    (("binding", "made_with_sha256"), "0" * 64),
]  # fmt: skip
EVERY_FIELD: dict[str, tuple[Deed, str]] = {
    f"the answer's {'.'.join(keys)}": (
        lambda run, keys=keys, value=value: edit_log(run, set_field(1, *keys, value=value)),
        "broken signature",
    )
    for keys, value in FIELDS
}
CATALOGUE = {
    f"{group}: {name}": deed
    for group, deeds in (("files", FILES), ("links", LINKS), ("pipes", PIPES), ("seals", SEALS),
                         ("cuts", CUTS),
                         ("signatures", SIGNATURES), ("fields", EVERY_FIELD))
    for name, deed in deeds.items()
}  # fmt: skip


def export(run: RunFolder) -> Path:
    """Keep an export of the log elsewhere."""
    path = run.path.parent / "kept.jsonl"
    path.write_text(export_all(SignoffLog(run.path, RUN).read().entries))
    return path


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)
