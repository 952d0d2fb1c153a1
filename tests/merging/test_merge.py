"""Runs of other machines are taken in whole, once, and nothing that they say is believed."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from reviewed_run import ANN, BEN, answer_to, make_run, session_of
from unprivileged import without_rights

from proofbook.errors import UsageError
from proofbook.merging.histories import read_history
from proofbook.merging.merge import Merged, merge_runs
from proofbook.report import write_report
from proofbook.runs.folder import RunFolder
from proofbook.signoff.anchors import compare_with
from proofbook.signoff.entries import FIRST, Reviewer, canonical, line_hash
from proofbook.signoff.log import SignoffLog
from proofbook.signoff.signers import parse_signers
from proofbook.signoff.signing import export_all, public_line
from proofbook.signoff.trust import EVERYBODY, Trust
from proofbook.signoff.verification import verify_run

ANNS, BENS, STRANGERS = (
    Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2, 3)
)
LISTED = Trust(
    signers=parse_signers(
        f'Ann namespaces="proofbook,proofbook:art director" {public_line(ANNS)}\n'
        f"Ben {public_line(BENS)}\n"
    ),
    file=Path("allowed_signers"),
)
RUN = "20260304-090000-demo-aaaa"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path / "here"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody has sealed."""
    return make_run(tmp_path_factory.mktemp("original")).path


def unsealed(original: Path, outputs: Path, name: str = RUN) -> RunFolder:
    shutil.copytree(original, outputs / name)
    run = RunFolder(outputs / name)
    run.write_info(run.read_info().model_copy(update={"run_id": name}))
    return run


@pytest.fixture
def there(original: Path, tmp_path: Path) -> Path:
    """The runs of another machine: one, sealed."""
    outputs = tmp_path / "there"
    session_of(unsealed(original, outputs)).seal()
    return outputs


def merge(there: Path, here: Path, trust: Trust = EVERYBODY) -> Merged:
    return merge_runs([there], here, trust)


def answer(
    outputs: Path,
    who: Reviewer,
    verdict: str = "approved",
    key: Ed25519PrivateKey | None = None,
    job: str = "clip",
    question: str = "good",
) -> None:
    run = RunFolder(outputs / RUN)
    session_of(run, key=key).answer(answer_to(run, job, question, verdict, comment="x"), who)


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder but locks, and the index, whose pages SQLite orders."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock" and path.name != "history.sqlite"
    }


def statuses(outputs: Path, trust: Trust = EVERYBODY) -> tuple[str, list[str]]:
    verification = verify_run(RunFolder(outputs / RUN), trust=trust)
    return verification.verdict, [reason.word for reason in verification.reasons]


def test_runs_of_many_machines_are_in_one_folder_and_history(
    original: Path, there: Path, here: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    unsealed(original, other, "20260305-090000-demo-bbbb")
    merged = merge_runs([there, other / "20260305-090000-demo-bbbb"], here, EVERYBODY)
    assert (merged.added, merged.exit_code) == ([RUN, "20260305-090000-demo-bbbb"], 0)
    with sqlite3.connect(here / "history.sqlite") as database:
        rows = {run for (run,) in database.execute("select run from runs")}
    assert rows == set(merged.added)
    assert "demo-aaaa" in (here / "20260305-090000-demo-bbbb/report/index.html").read_text()
    assert verify_run(RunFolder(here / RUN)).verdict == "pending"


def test_a_second_merge_changes_nothing(there: Path, here: Path) -> None:
    answer(there, ANN)
    merge(there, here)
    before = snapshot(here)
    again = merge(there, here)
    assert (again.added, again.answered, again.unchanged) == ([], [], 1)
    assert snapshot(here) == before


def test_answers_of_two_machines_all_count(there: Path, here: Path) -> None:
    merge(there, here)
    answer(here, ANN, key=ANNS)
    answer(there, BEN, key=BENS, job="scored", question="scores")
    answer(there, ANN, key=ANNS, job="looks", question="picture-good")
    merged = merge(there, here, LISTED)
    assert merged.answered == [f"{RUN}: 2 answers of Ben, Ann"]
    assert (merged.exit_code, statuses(here, LISTED)) == (0, ("approved", []))
    before = snapshot(here)
    assert merge(there, here, LISTED).unchanged == 1
    assert snapshot(here) == before


def test_both_sides_can_merge_each_other_and_then_agree(there: Path, here: Path) -> None:
    merge(there, here)
    answer(here, ANN, key=ANNS)
    answer(there, BEN, key=BENS, job="scored", question="scores")
    assert merge(there, here).answered
    assert merge(here, there).answered
    answer(there, ANN, key=ANNS, job="looks", question="picture-good")
    assert merge(there, here).answered == [f"{RUN}: 1 answer of Ann"]
    assert merge(here, there).unchanged == merge(there, here).unchanged == 1
    assert statuses(here, LISTED) == statuses(there, LISTED) == ("approved", [])


def test_answers_of_a_third_machine_come_through_the_second(
    there: Path, here: Path, tmp_path: Path
) -> None:
    third = tmp_path / "third"
    merge(there, here)
    merge(there, third)
    answer(third, BEN, key=BENS)
    answer(there, ANN, key=ANNS, job="looks", question="picture-good")
    merge(third, there)
    answer(here, ANN, key=ANNS, job="scored", question="scores")
    merge(there, here)
    assert statuses(here, LISTED) == ("approved", [])
    assert merge(third, here).unchanged == 1


def test_what_two_persons_judge_differently_is_said_and_not_green(there: Path, here: Path) -> None:
    merge(there, here)
    answer(here, ANN)
    answer(there, BEN, "rejected")
    for _ in range(2):
        merged = merge(there, here)
        assert merged.disagreements == [f"{RUN}: clip, good: Ann: approved, Ben: rejected"]
        assert merged.exit_code == 1
    assert statuses(here)[0] == "rejected"


def test_a_run_with_other_bytes_is_kept_apart(there: Path, here: Path) -> None:
    merge(there, here)
    shutil.rmtree(there)
    session_of(make_run(there, words="other\nwords\n")).seal()
    before = snapshot(here)
    merged = merge(there, here)
    (line,) = merged.disagreements
    assert line.startswith(f"{RUN}: other bytes: jobs/clip/records.jsonl; ")
    assert snapshot(here) == before


def test_a_run_that_nobody_had_sealed_is_sealed_with_its_answers(
    original: Path, here: Path, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    unsealed(original, there)
    merge(there, here)
    answer(there, ANN)
    assert merge(there, here).answered == [f"{RUN}: 1 answer of Ann"]
    assert "clip" not in str(verify_run(RunFolder(here / RUN)).reasons)


def _tamper(run: Path) -> None:
    (run / "jobs/clip/output.log").write_text("all good")


def _link_out(run: Path) -> None:
    (run / "jobs/clip/secrets").symlink_to("/etc")


def _link_up(run: Path) -> None:
    (run / "jobs/clip/up").symlink_to("../../../..")


def _own_link(run: Path) -> None:
    (run / "run.json").rename(run.parent / "elsewhere")
    (run / "run.json").symlink_to("../elsewhere")


def _name_away(run: Path) -> None:
    values = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**values, "run_id": "../../away"}))


def _job_away(run: Path) -> None:
    values = json.loads((run / "run.json").read_text())
    values["plan"][0]["id"] = "../../../away"
    (run / "run.json").write_text(json.dumps(values))


def _pipe(run: Path) -> None:
    os.mkfifo(run / "jobs/clip/pipe")


def _no_json(run: Path) -> None:
    (run / "run.json").write_text("[" * 100_000)


@pytest.mark.parametrize(
    ("forge", "sealed", "why"),
    [
        (_tamper, True, "jobs/clip/output.log has been changed"),
        (_link_out, False, "jobs/clip/secrets is a link that leads out of the run, to /etc"),
        (_link_up, False, "jobs/clip/up is a link that leads out of the run"),
        (_own_link, False, "is a link, and a run's own files never are"),
        (_name_away, False, "'../../away' is no name of a run or of a job"),
        (_job_away, False, "'../../../away' is no name of a run or of a job"),
        (_pipe, False, "jobs/clip/pipe is neither a file nor a folder"),
        (_no_json, False, "cannot be read"),
    ],
)
def test_a_hostile_run_is_refused_and_hides_no_other(
    forge: Callable[[Path], object],
    sealed: bool,
    why: str,
    original: Path,
    here: Path,
    tmp_path: Path,
) -> None:
    there = tmp_path / "there"
    run = unsealed(original, there)
    if sealed:
        session_of(run).seal()
    other = there / "20260305-090000-demo-bbbb"
    other.mkdir()
    (other / "run.json").write_text(
        run.read_info().model_copy(update={"run_id": other.name, "plan": ()}).model_dump_json()
    )
    forge(run.path)
    merged = merge(there, here)
    (line,) = merged.refused
    assert line.startswith(f"{RUN}: ")
    assert why in line
    assert merged.exit_code == 1
    assert merged.added == ["20260305-090000-demo-bbbb"]
    assert sorted(p.name for p in here.iterdir() if p.is_dir()) == merged.added


@pytest.mark.parametrize(
    ("place", "mode"), [("", 0), ("", 0o600), ("jobs/clip", 0o600), ("jobs/clip/output.log", 0)]
)
def test_a_run_that_nobody_may_read_is_refused_by_name(
    place: str, mode: int, there: Path, here: Path
) -> None:
    with without_rights(there / RUN / place, mode):
        merged = merge(there, here)
    (line,) = merged.refused
    assert line.startswith(f"{RUN}: ")
    assert "Permission denied" in line
    assert (merged.added, merged.exit_code) == ([], 1)


def test_links_within_a_run_and_odd_names_stay_as_they_are(
    original: Path, here: Path, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    run = unsealed(original, there)
    work = run.job("clip").path / "work"
    work.mkdir()
    (work / "step 1\n\udcff.bin").write_bytes(b"")
    (work / "empty").mkdir()
    (work / "latest").symlink_to("step 1\n\udcff.bin")
    (work / "by-path").symlink_to(run.path / "jobs/clip/work/empty")
    session_of(run).seal()
    assert merge(there, here).exit_code == 0
    assert (here / RUN / "jobs/clip/work/empty").is_dir()
    assert merge(there, here).unchanged == 1
    assert statuses(here) == statuses(there)


def test_what_was_not_sealed_is_left_out(there: Path, here: Path) -> None:
    (there / RUN / "jobs/clip/planted.html").write_text("<script>")
    (there / RUN / "report").mkdir()
    (there / RUN / "report/index.html").write_text("approved by everybody")
    merged = merge(there, here)
    assert merged.notes == [f"{RUN}: not sealed, left out: jobs/clip/planted.html"]
    assert not (here / RUN / "jobs/clip/planted.html").exists()
    assert "approved by everybody" not in (here / RUN / "report/index.html").read_text()


def test_a_forged_signature_is_refused(there: Path, here: Path) -> None:
    merge(there, here)
    answer(there, ANN, key=ANNS)
    log = SignoffLog(there / RUN, RUN)
    *lines, last = log.path.read_text().splitlines()
    forged = canonical({**json.loads(last), "comment": "and ship it"})
    log.path.write_text("".join(f"{line}\n" for line in (*lines, forged)))
    log.head.write_text(canonical({"number": 1, "sha256": line_hash(forged)}) + "\n")
    before = snapshot(here)
    merged = merge(there, here)
    assert "its signature does not fit what it says" in merged.refused[0]
    assert snapshot(here) == before


@pytest.mark.parametrize(
    ("key", "trust", "why"),
    [
        (STRANGERS, LISTED, "allowed_signers does not list that key"),
        (BENS, LISTED, "that key is not Ann's"),
        (None, LISTED, "it is not signed"),
        (STRANGERS, EVERYBODY, "that name signs with another key here"),
        (None, EVERYBODY, "that name signs with another key here"),
    ],
)
def test_nobody_approves_in_another_person_s_name(
    key: Ed25519PrivateKey | None, trust: Trust, why: str, there: Path, here: Path
) -> None:
    merge(there, here)
    answer(here, ANN, key=ANNS)
    answer(there, ANN, key=key, job="scored", question="scores")
    before = snapshot(here)
    (line,) = merge(there, here, trust).refused
    assert line.startswith(f"{RUN}: scored, scores: Ann approved it, but ")
    assert why in line
    assert snapshot(here) == before


def test_anybody_s_rejection_is_taken_in(there: Path, here: Path) -> None:
    merge(there, here)
    answer(here, ANN, key=ANNS)
    answer(there, Reviewer(name="Guest"), "rejected")
    merged = merge(there, here, LISTED)
    assert merged.disagreements == [f"{RUN}: clip, good: Ann: approved, Guest: rejected"]
    assert statuses(here, LISTED)[0] == "rejected"


def _drop_line(entry: dict[str, Any]) -> None:
    entry["branches"][0]["lines"] = entry["branches"][0]["lines"][1:]


def _change_line(entry: dict[str, Any]) -> None:
    entry["branches"][0]["lines"][0] = entry["branches"][0]["lines"][0].replace(
        "approved", "waived", 1
    )


def _move_fork(entry: dict[str, Any]) -> None:
    entry["branches"][0]["fork"] = FIRST


def _twice(entry: dict[str, Any]) -> None:
    entry["branches"][0]["lines"] *= 2


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("forge", [_drop_line, _change_line, _move_fork, _twice])
def test_lines_that_were_merged_cannot_be_changed(
    forge: Callable[[dict[str, Any]], object], there: Path, here: Path
) -> None:
    merge(there, here)
    for job, question in (("clip", "good"), ("scored", "scores")):
        answer(there, BEN, key=BENS, job=job, question=question)
    merge(there, here)
    log = SignoffLog(here / RUN, RUN)
    *lines, last = log.path.read_text().splitlines()
    entry = json.loads(last)
    forge(entry)
    forged = canonical(entry)
    log.path.write_text("".join(f"{line}\n" for line in (*lines, forged)))
    log.head.write_text(canonical({"number": len(lines), "sha256": line_hash(forged)}) + "\n")
    assert statuses(here)[0] == "tampered"


def test_merged_answers_are_exported_and_fit_what_was_kept_elsewhere(
    there: Path, here: Path
) -> None:
    merge(there, here)
    answer(here, ANN, key=ANNS)
    answer(there, BEN, key=BENS, job="scored", question="scores")
    kept = [json.loads(line) for line in (there / RUN / "signoffs.jsonl").read_text().splitlines()]
    merge(there, here)
    state = SignoffLog(here / RUN, RUN).read()
    assert compare_with(kept, state) == []
    assert len(export_all(state.entries).splitlines()) == 2
    other = [{**entry, "time": "2026-01-01T00:00:00Z"} for entry in kept[1:]]
    assert [problem.word for problem in compare_with(other, state)] == ["replaced"]


def test_a_run_that_is_resumed_later_makes_merged_answers_stale(there: Path, here: Path) -> None:
    merge(there, here)
    for job, question in (("scored", "scores"), ("looks", "picture-good"), ("clip", "good")):
        answer(there, ANN, job=job, question=question)
    merge(there, here)
    run = RunFolder(here / RUN)
    assert statuses(here) == ("approved", [])
    (run.job("clip").path / "late.txt").write_text("a later attempt")
    session = session_of(run)
    from proofbook.signoff.sealing import seal_run

    seal_run(run, session.log, RUN)
    assert "stale" in statuses(here)[1]


def test_a_history_that_says_otherwise_is_named(there: Path, here: Path) -> None:
    write_report(RunFolder(there / RUN))
    with sqlite3.connect(there / "history.sqlite") as database:
        database.execute("update results set state = 'bad' where key like 'check%clip%'")
        database.execute("update results set value = 99 where key like 'metric%clip%'")
    merged = merge(there, here)
    (line,) = merged.disagreements
    assert line.startswith(f"{RUN}: other results: clip, audible: bad there, good by its files; ")
    assert "clip, speed, {}: 99 there, 41.2 by its files" in line


def test_a_true_history_agrees(there: Path, here: Path) -> None:
    write_report(RunFolder(there / RUN))
    assert read_history(there).knows(RUN)
    assert merge(there, here).exit_code == 0


@pytest.mark.parametrize(
    "script",
    [
        "create view results as with recursive n(i) as (select 1 union all select i + 1 from n) "
        "select i as run, i as key, i as revision, i as state, i as value from n",
        "create table results (run)",
        "",
    ],
)
def test_a_hostile_history_is_not_read(script: str, there: Path, here: Path) -> None:
    with sqlite3.connect(there / "history.sqlite") as database:
        database.executescript(f"{script}; pragma user_version = 3;")
    merged = merge(there, here)
    assert "is not compared" in merged.notes[0]
    assert merged.added == [RUN]


def test_nothing_is_left_of_a_merge_that_was_killed(there: Path, here: Path) -> None:
    merge(there, here)
    (here / RUN / "report/index.html").unlink()
    half = here / ".merge-dead" / RUN
    half.mkdir(parents=True)
    (half / "run.json").write_text("{")
    assert merge(there, here).unchanged == 1
    assert not half.exists()
    assert (here / RUN / "report/index.html").is_file()


def test_what_is_no_run_is_one_line(there: Path, here: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is neither a run nor a folder of runs"):
        merge(tmp_path / "nowhere", here)
    with pytest.raises(UsageError, match="is the folder that is merged into"):
        merge(there, there)


@pytest.mark.exhaustive
def test_the_command_says_what_disagrees_and_ends_in_its_code(there: Path, here: Path) -> None:
    command = [sys.executable, "-m", "proofbook", "runs", "merge", str(there), "--into", str(here)]
    added = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (added.returncode, added.stderr) == (0, "")
    assert added.stdout.splitlines()[0] == f"added     {RUN}"
    answer(here, ANN)
    answer(there, BEN, "rejected")
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert again.stderr == f"disagrees {RUN}: clip, good: Ann: approved, Ben: rejected\n"
    nothing = subprocess.run(
        [*command[:5], "/nowhere", *command[6:]], capture_output=True, text=True, check=False
    )
    assert (nothing.returncode, nothing.stderr.count("\n")) == (2, 1)
