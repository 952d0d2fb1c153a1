"""What a merge does with each run, and what it says: runs of one file each, no report drawn."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from small_runs import RUN, make, sealed

from proofbook.errors import UsageError
from proofbook.merging import histories
from proofbook.merging import merge as module
from proofbook.merging.merge import Merged, describe, merge_runs
from proofbook.records.run import Resumption
from proofbook.report.index import Result
from proofbook.runs.folder import RunFolder
from proofbook.signoff.entries import FIRST, Answer, Binding, Reviewer
from proofbook.signoff.log import SignoffLog
from proofbook.signoff.signers import parse_signers
from proofbook.signoff.signing import public_line
from proofbook.signoff.trust import EVERYBODY, Trust

LATER = "20260305-090000-demo-bbbb"
CATS = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LISTED = Trust(signers=parse_signers(f"Cat {public_line(CATS)}\n"), file=Path("signers"))


class Staging:
    """A temporary folder without a guard's process."""

    def __init__(self, prefix: str, parent: Path) -> None:
        self.path = parent / f"{prefix}1"

    def __enter__(self) -> Staging:
        self.path.mkdir()
        return self

    def __exit__(self, *error: object) -> None:
        shutil.rmtree(self.path)


class Reported(NamedTuple):
    """For what a report was written."""

    run: Path
    trust: Trust
    outputs: Path


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[Reported]:
    """Every report that was written; of each there is no more than a page."""
    written: list[Reported] = []

    def write_report(run: RunFolder, *, trust: Trust, outputs: Path) -> None:
        written.append(Reported(run.path, trust, outputs))
        run.report.mkdir(exist_ok=True)
        (run.report / "index.html").write_text("")

    monkeypatch.setattr(module, "write_report", write_report)
    monkeypatch.setattr(module, "TemporaryFolder", Staging)
    return written


@pytest.fixture
def here(tmp_path: Path, reported: list[Reported]) -> Path:
    return tmp_path / "here"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return tmp_path / "there"


def merge(here: Path, *sources: Path, trust: Trust = EVERYBODY) -> Merged:
    return merge_runs(sources, here, trust)


def answer(
    outputs: Path, id: int, who: str, run: str = RUN, question: str = "good",
    verdict: Any = "approved",
) -> None:  # fmt: skip
    """Append an answer to the log of a run."""
    binding = Binding(run=run, job="clip", question=question, notebook_sha256="",
                      parameters_sha256=FIRST, checks_sha256=FIRST)  # fmt: skip
    SignoffLog(outputs / run, run).append(
        lambda number, before: Answer(
            number=number, previous=before, id=f"{id:032x}", reviewer=Reviewer(name=who),
            meaning="", verdict=verdict, binding=binding,
        )
    )  # fmt: skip


def copy(there: Path, here: Path, name: str = RUN) -> None:
    shutil.copytree(there / name, here / name)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_run_is_reported_before_others_find_it(
    here: Path, there: Path, reported: list[Reported]
) -> None:
    sealed(make(there))
    merged = merge(here, there, trust=LISTED)
    assert merged == Merged(added=[RUN])
    assert reported == [Reported(here / ".merge-1" / RUN, LISTED, here)]
    assert names(here) == {RUN, ".merge.lock"}
    assert (here / RUN / "report" / "index.html").is_file()


def test_runs_are_taken_in_in_their_order_from_folders_and_by_themselves(
    tmp_path: Path, reported: list[Reported]
) -> None:
    other, there = tmp_path / "other", tmp_path / "there"
    for outputs, name in ((there, LATER), (there, RUN), (other, "20260306-090000-demo-cccc")):
        make(outputs, name)
    (there / "notes").mkdir()
    into = tmp_path / "new" / "outputs"
    merged = merge_runs([there, other / "20260306-090000-demo-cccc"], into, EVERYBODY)
    assert merged.added == [RUN, LATER, "20260306-090000-demo-cccc"]
    again = merge_runs([there, other], into, EVERYBODY)
    assert (again.added, again.unchanged, again.exit_code) == ([], 3, 0)
    assert len(reported) == 3
    assert merge_runs([into / RUN], into, EVERYBODY) == Merged(unchanged=1)


def test_the_folder_for_runs_is_made(there: Path, tmp_path: Path, reported: list[Reported]) -> None:
    make(there)
    assert merge(tmp_path / "new" / "outputs", there).added == [RUN]


@pytest.mark.parametrize(("count", "more"), [(3, ""), (4, " and 1 more"), (6, " and 3 more")])
def test_what_is_left_out_is_named_up_to_three(
    here: Path, there: Path, count: int, more: str
) -> None:
    run = sealed(make(there))
    for number in range(count):
        (run.path / f"late{number}").write_text("")
    (line,) = merge(here, there).notes
    assert line == f"{RUN}: not sealed, left out: late0; late1; late2{more}"


def test_nothing_is_overwritten_that_is_no_run(here: Path, there: Path) -> None:
    make(there)
    (here / RUN).mkdir(parents=True)
    (here / RUN / "mine").write_text("x")
    merged = merge(here, there)
    assert merged == Merged(refused=[f"{RUN}: {here / RUN} is something else than a run"])
    assert (merged.exit_code, names(here / RUN)) == (1, {"mine"})


@pytest.mark.parametrize(
    ("own", "theirs", "words"),
    [
        (0, 0, ""), (1, 1, ""), (0, 1, "; resumed there since"), (1, 0, "; resumed here since"),
        (2, 3, "; resumed there since"), (3, 1, "; resumed here since"),
    ],
)  # fmt: skip
def test_other_bytes_are_named_and_where_the_run_went_on(
    here: Path, there: Path, reported: list[Reported], own: int, theirs: int, words: str
) -> None:
    for outputs, count in ((here, own), (there, theirs)):
        run = make(outputs)
        (run.path / f"of {outputs.name}").write_text("")
        info = run.read_info()
        again = tuple(Resumption(time=info.started, log_head="") for _ in range(count))
        run.write_info(info.model_copy(update={"resumed": again, "profile": outputs.name}))
    merged = merge(here, there)
    names = "of here; of there; run.json"
    assert merged == Merged(disagreements=[f"{RUN}: other bytes{words}: {names}"])
    assert (merged.exit_code, reported) == (1, [])


def test_what_was_not_sealed_does_not_differ(here: Path, there: Path) -> None:
    sealed(make(there))
    copy(there, here)
    (here / RUN / "mine").write_text("x")
    assert merge(here, there).unchanged == 1
    for path in (there / RUN).glob("signoffs.*"):
        path.unlink()
    (there / RUN / "theirs").write_text("x")
    assert merge(here, there).unchanged == 1
    (there / RUN / "jobs" / "clip" / "output.log").write_text("another")
    assert merge(here, there).disagreements == [f"{RUN}: other bytes: jobs/clip/output.log"]


@pytest.mark.parametrize("error", [ValueError("no number"), RecursionError("no number")])
def test_a_run_of_which_no_report_can_be_made_is_refused(
    here: Path, there: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def write_report(run: RunFolder, **more: Any) -> None:
        raise error

    monkeypatch.setattr(module, "write_report", write_report)
    make(there)
    merged = merge(here, there)
    assert merged == Merged(refused=[f"{RUN}: its files cannot be read: no number"])
    assert names(here) == {".merge.lock"}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied", "/a/run.json"), "Permission denied (run.json)"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("odd"), "odd"),
    ],
)
def test_a_run_that_cannot_be_copied_hides_no_other(
    here: Path, there: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    make(there)
    make(there, LATER)
    receive = module.receive

    def failing(source: Path, parent: Path, trust: Trust) -> Any:
        if source.name == RUN:
            raise error
        return receive(source, parent, trust)

    monkeypatch.setattr(module, "receive", failing)
    assert merge(here, there) == Merged(added=[LATER], refused=[f"{RUN}: {words}"])


def test_where_nothing_can_be_kept_is_named(there: Path, tmp_path: Path) -> None:
    make(there)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as caught:
        merge(tmp_path / "file" / "here", there)
    assert str(caught.value) == f"cannot merge into {tmp_path / 'file' / 'here'}: Not a directory"


def test_what_holds_no_run_is_named(here: Path, there: Path, tmp_path: Path) -> None:
    make(there)
    for source in (tmp_path / "nowhere", there / RUN / "jobs"):
        with pytest.raises(UsageError) as caught:
            merge(here, there, source)
        assert str(caught.value) == f"{source} is neither a run nor a folder of runs"
    with pytest.raises(UsageError) as caught:
        merge(there, there)
    assert str(caught.value) == f"{there} is the folder that is merged into"
    assert not here.exists()


def test_what_was_answered_there_is_said_and_reported(
    here: Path, there: Path, reported: list[Reported]
) -> None:
    sealed(make(there))
    copy(there, here)
    for id, who, question in ((1, "Ben", "a"), (2, "Ann", "b"), (3, "Ben", "c")):
        answer(there, id, who, question=question)
    merged = merge(here, there, trust=EVERYBODY)
    assert merged == Merged(answered=[f"{RUN}: 3 answers of Ben, Ann"])
    assert reported == [Reported(here / RUN, EVERYBODY, here)]
    assert merge(here, there) == Merged(unchanged=1)
    assert len(reported) == 1


def test_timestamps_stay_where_they_were_made(here: Path, there: Path) -> None:
    sealed(make(there))
    copy(there, here)
    (there / RUN / "signoffs.timestamps").write_text("")
    assert merge(here, there) == Merged(unchanged=1)
    answer(there, 1, "Ben")
    assert merge(here, there).notes == [f"{RUN}: {there / RUN / 'signoffs.timestamps'} stays there"]
    (there / RUN / "signoffs.timestamps").unlink()
    answer(there, 2, "Ann")
    assert merge(here, there).notes == []


def test_persons_who_disagree_are_named_for_each_run(here: Path, there: Path) -> None:
    for name in (RUN, LATER):
        sealed(make(there, name))
        copy(there, here, name)
        answer(here, 1, "Ann", name)
        answer(there, 2, "Ben", name, verdict="rejected")
    lines = [f"{name}: clip, good: Ann: approved, Ben: rejected" for name in (RUN, LATER)]
    merged = merge(here, there)
    assert (merged.disagreements, merged.exit_code, len(merged.answered)) == (lines, 1, 2)
    assert merge(here, there) == Merged(disagreements=lines, unchanged=2)


def test_what_counts_for_nothing_here_is_refused(here: Path, there: Path) -> None:
    sealed(make(there))
    copy(there, here)
    answer(there, 1, "Ben")
    why = "clip, good: Ben approved it, but it is not signed"
    assert merge(here, there, trust=LISTED) == Merged(refused=[f"{RUN}: {why}"])


def test_a_log_that_is_a_link_is_not_written_to(here: Path, there: Path, tmp_path: Path) -> None:
    sealed(make(there))
    copy(there, here)
    answer(there, 1, "Ben")
    log = here / RUN / "signoffs.jsonl"
    log.rename(tmp_path / "elsewhere")
    log.symlink_to(tmp_path / "elsewhere")
    (line,) = merge(here, there).refused
    assert line == f"{RUN}: {log} is a link, and a run's own files never are"


def test_a_report_that_is_older_than_the_log_is_written_again(
    here: Path, there: Path, reported: list[Reported]
) -> None:
    run = sealed(make(there))
    assert not module._is_reported(run)
    run.report.mkdir()
    page, log = run.report / "index.html", run.path / "signoffs.jsonl"
    page.write_text("")
    for page_time, log_time, is_reported in ((9, 8, True), (9, 9, True), (8, 9, False)):
        os.utime(page, ns=(page_time, page_time))
        os.utime(log, ns=(log_time, log_time))
        assert module._is_reported(run) is is_reported
    copy(there, here)
    log.unlink()
    assert module._is_reported(run)
    shutil.copy(here / RUN / log.name, log)
    (here / RUN / "report" / "index.html").unlink()
    assert merge(here, there).unchanged == 1
    assert reported == [Reported(here / RUN, EVERYBODY, here)]


def test_what_was_left_by_one_that_was_killed_is_removed(
    here: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(there)
    asked: list[tuple[str, Path]] = []
    monkeypatch.setattr(module, "remove_abandoned", lambda prefix, at: asked.append((prefix, at)))
    merge(here, there)
    assert asked == [(".merge-", here)]


def compared(monkeypatch: pytest.MonkeyPatch, *results: Result) -> None:
    """Let the files of a run here support these results."""

    def load_run(run: RunFolder, *, trust: Trust) -> Any:
        assert trust is LISTED
        return SimpleNamespace(run_id=run.path.name, jobs=())

    monkeypatch.setattr(module, "load_run", load_run)
    monkeypatch.setattr(histories, "results_of", lambda jobs: results)


def known(monkeypatch: pytest.MonkeyPatch, at: Path, *results: Result, problem: str = "") -> None:
    """Let the history of another machine say these results of a run."""
    there = {each.key: (each.revision, each.state, each.value) for each in results}
    history = histories.ReceivedHistory({RUN: there} if results else {}, problem)

    def read_history(outputs: Path) -> histories.ReceivedHistory:
        assert outputs == at
        return history

    monkeypatch.setattr(module, "read_history", read_history)


def results(*states: str) -> Sequence[Result]:
    return [Result(f"check\nclip\n{n}", "1", state, None) for n, state in enumerate(states)]


def test_a_history_that_says_otherwise_is_named(
    here: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(there)
    compared(monkeypatch, *results("good", "good", "good", "good", "good"))
    known(monkeypatch, there, *results("good", "bad", "bad", "bad", "bad"))
    line = f"{RUN}: other results: " + "; ".join(
        f"clip, {n}: bad there, good by its files" for n in (1, 2, 3)
    )
    merged = merge(here, there, trust=LISTED)
    assert merged == Merged(added=[RUN], disagreements=[f"{line} and 1 more"])
    known(monkeypatch, there, *results("good", "good", "good", "good", "good"))
    assert merge(here, there, trust=LISTED) == Merged(unchanged=1)


def test_a_history_is_not_held_against_other_bytes(
    here: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(there)
    copy(there, here)
    for outputs in (here, there):
        (outputs / RUN / outputs.name).write_text("")
    compared(monkeypatch, *results("good"))
    known(monkeypatch, there, *results("bad"))
    merged = merge(here, there, trust=LISTED)
    assert merged == Merged(disagreements=[f"{RUN}: other bytes: here; there"])


def test_a_history_that_says_nothing_is_not_compared(
    here: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(there)
    compared(monkeypatch, *results("good"))
    known(monkeypatch, there, problem="it cannot be read")
    assert merge(here, there, trust=LISTED) == Merged(added=[RUN], notes=["it cannot be read"])


def test_what_became_of_each_run_is_a_line_and_a_sum() -> None:
    merged = Merged(
        added=["a", "b"], answered=["c"], unchanged=5, notes=["d"], disagreements=["e", "f", "g"],
        refused=["h"],
    )  # fmt: skip
    assert list(describe(merged)) == [
        ("added     a", False), ("added     b", False), ("answered  c", False),
        ("note      d", False), ("disagrees e", True), ("disagrees f", True),
        ("disagrees g", True), ("refused   h", True),
        ("2 runs added, 1 answered, 5 as they were, 3 disagreements, 1 refused", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("merged", "code"),
    [
        (Merged(), 0), (Merged(added=["a"], answered=["b"], notes=["c"], unchanged=1), 0),
        (Merged(disagreements=["a"]), 1), (Merged(refused=["a"]), 1),
        (Merged(disagreements=["a"], refused=["a"]), 1),
    ],
)  # fmt: skip
def test_only_what_disagrees_or_is_refused_is_a_problem(merged: Merged, code: int) -> None:
    assert merged.exit_code == code
