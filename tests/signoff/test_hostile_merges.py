"""What somebody sends so that a merge accepts what nobody has approved, or never ends."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from forging import ANNS, BENS, STRANGERS, edit_log, write_log
from reviewed_run import ANN, BEN, answer_to, make_run, session_of

from proofbook.merging import receiving
from proofbook.merging.merge import Merged, merge_runs
from proofbook.records.run import Resumption
from proofbook.runs.folder import RunFolder
from proofbook.signoff.entries import FIRST, Reviewer, canonical, line_hash
from proofbook.signoff.log import SignoffLog
from proofbook.signoff.sealing import seal_run, sealed_name
from proofbook.signoff.signers import parse_signers
from proofbook.signoff.signing import public_line
from proofbook.signoff.trust import EVERYBODY, Trust
from proofbook.signoff.verification import verify_run

RUN = "20260304-090000-demo-aaaa"
LISTED = Trust(
    signers=parse_signers(
        f'Ann namespaces="proofbook,proofbook:art director" {public_line(ANNS)}\n'
        f'Ann namespaces="proofbook,proofbook:art director" {public_line(STRANGERS)}\n'
        f"Ben {public_line(BENS)}\n"
    ),
    file=Path("allowed_signers"),
)
ASKED = (("clip", "good"), ("scored", "scores"), ("looks", "picture-good"))


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path / "here"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A run that is sealed."""
    run = make_run(tmp_path / "there")
    session_of(run).seal()
    return tmp_path / "there"


def merge(there: Path, here: Path, trust: Trust = LISTED) -> Merged:
    return merge_runs([there], here, trust)


def verdict(outputs: Path) -> str:
    return verify_run(RunFolder(outputs / RUN), trust=LISTED).verdict


def answer(outputs: Path, who: Reviewer, verdict: str = "approved", **more: object) -> None:
    run = RunFolder(outputs / RUN)
    jobs = more.pop("asked", ASKED)
    assert isinstance(jobs, tuple)
    for job, question in jobs:
        session_of(run, **more).answer(answer_to(run, job, question, verdict, comment="x"), who)


def test_no_stranger_s_answer_takes_a_rejection_back(there: Path, here: Path) -> None:
    merge(there, here)
    answer(here, ANN, key=ANNS)
    answer(here, BEN, "rejected", key=BENS, asked=ASKED[:1])
    rejection = SignoffLog(here / RUN, RUN).read().answers[-1]
    answer(there, Reviewer(name="Guest"), "rejected", asked=ASKED[:1])
    edit_log(
        RunFolder(there / RUN),
        lambda entries: entries[-1].update(supersedes=[entries[-1]["id"], rejection.id]),
    )
    assert merge(there, here).disagreements
    questions = verify_run(RunFolder(here / RUN), trust=LISTED)
    assert questions.verdict == "rejected"


def resume(run: RunFolder, head: str) -> None:
    (run.job("clip").path / "late.txt").write_text("a later attempt")
    resumed = (Resumption(time=run.read_info().started, log_head=head),)
    run.write_info(run.read_info().model_copy(update={"resumed": resumed}))


def test_an_answer_that_is_stale_there_is_stale_here(
    there: Path, here: Path, tmp_path: Path
) -> None:
    run, bare = RunFolder(there / RUN), tmp_path / "bare"
    head = SignoffLog(run.path, RUN).read().hashes[-1]
    answer(there, ANN, key=ANNS)
    resume(run, head)
    seal_run(run, session_of(run).log, RUN)
    shutil.copytree(there, bare)
    for path in (bare / RUN).glob("signoffs.*"):
        path.unlink()
    merge(bare, here)
    assert merge(there, here).answered
    assert verdict(there) == verdict(here) == "stale"


@pytest.mark.parametrize("outline", ["", "{}", '{"branches":[]}', "[" * 9999])
def test_no_line_is_left_out_but_one_that_merged_others(
    outline: str, there: Path, tmp_path: Path
) -> None:
    run = RunFolder(there / RUN)
    answer(there, BEN, key=BENS, asked=ASKED[:1])
    answer(there, ANN, key=ANNS)
    lines = SignoffLog(run.path, RUN).path.read_text().splitlines()
    seal = json.loads(lines[0])
    left_out = line_hash(lines[1])
    branch = {
        "fork": FIRST,
        "lines": [
            canonical({**seal, "run": RUN, "time": "2026-03-05T00:00:00Z"}),
            left_out,
            *lines[2:],
        ],
        "merges": {left_out: outline} if outline else {},
    }
    write_log(run, [seal, {"kind": "merge", "run": RUN, "branches": [branch], "schema_version": 1,
                           "time": json.loads(lines[-1])["time"]}])  # fmt: skip
    (line,) = merge(there, tmp_path / "here").refused
    assert "has merged a line that is left out" in line


def test_a_person_may_have_two_keys(there: Path, here: Path) -> None:
    merge(there, here)
    answer(here, ANN, key=ANNS, asked=ASKED[:1])
    answer(there, ANN, key=STRANGERS, asked=ASKED[1:])
    assert merge(there, here).answered
    assert verdict(here) == "approved"


@pytest.mark.parametrize("name", ["ann", "\uff21NN"])
def test_a_name_in_other_letters_is_the_same_name(name: str, there: Path, here: Path) -> None:
    merge(there, here)
    answer(here, ANN, key=ANNS, asked=ASKED[:1])
    answer(there, Reviewer(name=name), asked=ASKED[1:2])
    (line,) = merge(there, here, EVERYBODY).refused
    assert "that name signs with another key here" in line


def _called(name: str) -> Callable[[Path], None]:
    def forge(run: Path) -> None:
        values = json.loads((run / "run.json").read_text())
        (run / "run.json").write_text(json.dumps({**values, "run_id": name}))

    return forge


def _pipe(name: str) -> Callable[[Path], None]:
    def forge(run: Path) -> None:
        (run / name).unlink(missing_ok=True)
        os.mkfifo(run / name)

    return forge


def _link(run: Path) -> None:
    (run / "jobs/clip/out").symlink_to(f"/home/{RUN}/secret")


@pytest.mark.parametrize(
    ("forge", "why"),
    [
        (_called("history.sqlite-journal"), "is no name of a run"),
        (_called("etc"), "is no name of a run"),
        (_called("20260304-090000-\u202eaaaa"), "is no name of a run"),
        (_called("99991231-235959-demo-aaaa"), "of the future"),
        (_pipe("run.json"), "run.json is no file"),
        (_pipe("signoffs.jsonl"), "signoffs.jsonl is no file"),
        (_pipe("signoffs.head"), "signoffs.head is no file"),
        (_link, "is a link that leads out of the run"),
    ],
)
def test_what_would_harm_the_folder_is_refused(
    forge: Callable[[Path], None], why: str, here: Path, tmp_path: Path
) -> None:
    forge(make_run(tmp_path / "there").path)
    (line,) = merge(tmp_path / "there", here).refused
    assert why in line


def test_a_profile_may_be_called_anything(here: Path, tmp_path: Path) -> None:
    name = "20260304-090000-mein Profil ä-aaaa"
    make_run(tmp_path / "there", name)
    assert merge(tmp_path / "there", here).added == [name]


def test_a_folder_that_becomes_a_link_leads_nowhere(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(tmp_path / "there")
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "output.log").write_text("a key")

    def swap(path: Path, folder: Path) -> str:
        name = sealed_name(path, folder)
        if name == "jobs/clip/output.log" and not path.parent.is_symlink():
            path.parent.rename(tmp_path / "aside")
            path.parent.symlink_to(secret)
        return name

    monkeypatch.setattr(receiving, "sealed_name", swap)
    copied = tmp_path / "copied"
    list(receiving._copy(run.path, copied, None))
    assert (copied / "jobs/clip/output.log").read_text() == "loading\ndone\n"
