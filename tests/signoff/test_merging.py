"""What another copy of a log got is appended as one line, or refused as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from forging import ANNS, BENS, STRANGERS
from made_entries import ZEROS, entry_of, signed

from proofbook.errors import RunFolderError
from proofbook.runs.folder import RunFolder
from proofbook.signoff import merging
from proofbook.signoff.entries import (
    FIRST,
    Acceptance,
    Answer,
    Merge,
    Reviewer,
    Seal,
    canonical,
    line_hash,
)
from proofbook.signoff.log import SignoffLog
from proofbook.signoff.merging import LogMerge, disagreements, merge_log
from proofbook.signoff.signers import parse_signers
from proofbook.signoff.signing import public_line
from proofbook.signoff.trust import EVERYBODY, Trust

LISTED = Trust(
    signers=parse_signers(
        f"Ann {public_line(ANNS)}\nAnn {public_line(STRANGERS)}\nBen {public_line(BENS)}\n"
    ),
    file=Path("allowed_signers"),
)
OTHER_KEY = "that name signs with another key here"


def binding(job: str = "clip", question: str = "good") -> dict[str, Any]:
    return {"run": "r", "job": job, "question": question, "notebook_sha256": "",
            "parameters_sha256": ZEROS, "checks_sha256": ZEROS}  # fmt: skip


class Copy:
    """One copy of a run of which nothing is there but its log."""

    def __init__(self, folder: Path, *, is_sealed: bool = True) -> None:
        folder.mkdir()
        self.run, self.log = RunFolder(folder), SignoffLog(folder, "r")
        if is_sealed:
            self.log.append(lambda number, before: entry_of(Seal, number, previous=before))

    def add(self, id: int, kind: Any = Answer, /, *, who: str = "Ann", key: Any = None,
            job: str = "clip", question: str = "good", **more: Any) -> Copy:  # fmt: skip
        if kind is Answer:
            more["binding"] = binding(job, question)

        def make(number: int, before: str) -> Any:
            made = entry_of(kind, number, previous=before, id=f"{id:032x}",
                            reviewer=Reviewer(name=who), **more)  # fmt: skip
            return made if key is None else signed(made, key)

        self.log.append(make)
        return self

    def take(self, other: Copy, trust: Trust = EVERYBODY) -> LogMerge:
        return merge_log(self.run, other.run, "r", trust)

    def refuses(self, other: Copy, trust: Trust = EVERYBODY) -> str:
        """Return why nothing of another copy is taken in; not a byte may have changed."""
        before = self.data
        with pytest.raises(RunFolderError) as caught:
            self.take(other, trust)
        assert self.data == before
        return str(caught.value)

    @property
    def data(self) -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in self.run.path.glob("signoffs.*")}

    @property
    def lines(self) -> list[str]:
        return self.log.path.read_text().splitlines()

    @property
    def ids(self) -> list[int]:
        return [int(answer.id, 16) for answer in self.log.read().answers]


@pytest.fixture
def here(tmp_path: Path) -> Copy:
    return Copy(tmp_path / "here")


@pytest.fixture
def there(here: Copy, tmp_path: Path) -> Copy:
    """Another copy of what is here, with the same seal."""
    made = Copy(tmp_path / "there", is_sealed=False)
    for name, data in here.data.items():
        (made.run.path / name).write_bytes(data)
    return made


def test_answers_of_another_copy_are_one_line(here: Copy, there: Copy) -> None:
    here.add(1)
    there.add(2, question="loud").add(3, question="sharp", who="Ben")
    merged = here.take(there)
    assert merged == LogMerge(there.log.read().answers, ())
    state = here.log.read()
    assert (state.problems, here.ids) == ((), [1, 2, 3])
    last = state.entries[-1]
    assert isinstance(last, Merge)
    (branch,) = last.branches
    assert (last.number, last.run, last.previous) == (2, "r", line_hash(here.lines[1]))
    assert (branch.fork, list(branch.lines)) == (line_hash(here.lines[0]), there.lines[1:])
    assert [entry.kind for entry in state.entries] == ["seal", "answer", "merge"]


def test_what_was_taken_in_is_not_taken_in_again(here: Copy, there: Copy) -> None:
    there.add(2)
    here.take(there)
    before = here.data
    assert here.take(there) == LogMerge((), ())
    assert here.data == before
    there.add(3, question="loud")
    assert [int(answer.id, 16) for answer in here.take(there).added] == [3]
    assert (here.ids, here.log.read().problems) == ([2, 3], ())


def test_what_persons_disagree_about_is_told_at_once_and_later(here: Copy, there: Copy) -> None:
    here.add(1).add(4, question="loud", verdict="rejected")
    there.add(2, who="Ben", verdict="rejected")
    line = "clip, good: Ann: approved, Ben: rejected"
    assert here.take(there).disagreements == (line,)
    assert here.take(there) == LogMerge((), (line,))


def test_only_answers_in_force_disagree() -> None:
    def answer(id: int, **more: Any) -> Answer:
        made: Any = {"binding": binding(more.pop("job", "clip"), more.pop("question", "good"))}
        return entry_of(Answer, id, **made, **more)

    first, other = answer(1), answer(2, verdict="rejected", reviewer=Reviewer(name="Ben"))
    back = answer(3, reviewer=Reviewer(name="Ben"), supersedes=(f"{2:032x}",))
    told = ("clip, good: Ann: approved, Ben: rejected",)
    assert disagreements([first, other], [first]) == told
    assert disagreements([first, other], [first, other]) == told
    assert disagreements([first, other, back], [first]) == ()
    assert disagreements([first, other], []) == ()
    elsewhere = [answer(4, job="film"), answer(5, question="loud", verdict="needs-work")]
    assert disagreements([first, *elsewhere], [*elsewhere, first]) == ()
    more = [answer(6, job="film", verdict="waived"), first, other, elsewhere[0]]
    assert disagreements(more, more) == ("film, good: Ann: waived, Ann: approved", *told)


def test_what_nobody_has_sealed_here_is_sealed_first(there: Copy, tmp_path: Path) -> None:
    there.add(2)
    here = Copy(tmp_path / "new", is_sealed=False)
    here.take(there)
    seal, merge = here.log.read().entries
    assert isinstance(seal, Seal)
    assert isinstance(merge, Merge)
    assert (seal.run, seal.files, here.log.read().problems) == ("r", {}, ())
    assert merge.branches[0].fork == FIRST
    assert list(merge.branches[0].lines) == there.lines


def test_a_new_copy_takes_all_in_that_another_one_has_merged(
    here: Copy, there: Copy, tmp_path: Path
) -> None:
    here.add(1)
    there.add(2)
    here.take(there)
    here.add(3, question="loud")
    new = Copy(tmp_path / "new", is_sealed=False)
    assert [int(answer.id, 16) for answer in new.take(here).added] == [1, 2, 3]
    state = new.log.read()
    assert (state.problems, new.ids) == ((), [1, 2, 3])
    merge = state.entries[-1]
    assert isinstance(merge, Merge)
    lines = here.lines
    assert [(each.fork, list(each.lines)) for each in merge.branches] == [
        (FIRST, lines[:2]), (line_hash(lines[0]), there.lines[1:]),
        (line_hash(lines[1]), [line_hash(lines[2]), lines[3]]),
    ]  # fmt: skip
    assert [list(each.merges) for each in merge.branches] == [[], [], [line_hash(lines[2])]]
    assert new.take(there) == new.take(here) == LogMerge((), ())


def test_what_nobody_has_sealed_at_all_is_not_sealed(tmp_path: Path) -> None:
    here, there = (Copy(tmp_path / name, is_sealed=False) for name in ("a", "b"))
    there.add(2)
    why = "line 1 of signoffs.jsonl has merged answers about other files than the run has"
    assert here.refuses(there) == f"they cannot be taken in: {why}"


def test_answers_about_other_files_are_not_taken_in(here: Copy, tmp_path: Path) -> None:
    there = Copy(tmp_path / "there", is_sealed=False)
    there.log.append(lambda n, before: entry_of(Seal, n, previous=before, files={"a": (1, ZEROS)}))
    there.add(2)
    why = "line 2 of signoffs.jsonl has merged answers about other files than the run has"
    assert here.refuses(there) == f"they cannot be taken in: {why}"


def test_nothing_is_taken_into_a_log_that_was_tampered_with(here: Copy, there: Copy) -> None:
    here.add(1).add(3)
    there.add(2)
    here.log.head.write_text("{}")
    here.log.path.write_text("{}\n" + here.log.path.read_text().partition("\n")[2])
    why = "line 1 of signoffs.jsonl cannot be read"
    assert here.refuses(there) == f"the sign-off log here was tampered with: {why}"


def test_an_answer_that_says_something_else_there_is_refused(here: Copy, there: Copy) -> None:
    here.add(1).add(3, who="Ben")
    there.add(1).add(3, who="Ben", comment="x")
    assert here.refuses(there) == "entry 2 of Ben says something else there"


def test_what_was_accepted_there_must_be_accepted_here(here: Copy, there: Copy) -> None:
    there.add(2, Acceptance, who="Ben")
    words = "Ben has accepted changed files there, which nobody has here: proofbook signoff accept"
    assert here.refuses(there) == words
    here.add(2, Acceptance, who="Ben")
    assert here.take(there) == LogMerge((), ())


def test_an_answer_that_would_not_count_is_refused(here: Copy, there: Copy) -> None:
    there.add(2, who="Ben", verdict="rejected").add(3, question="loud").add(4, key=BENS)
    why = "clip, loud: Ann approved it, but it is not signed"
    assert here.refuses(there, LISTED) == why
    assert here.refuses(there, Trust(requires_signatures=True)) == why


def test_a_rejection_always_counts(here: Copy, there: Copy) -> None:
    here.add(1, key=ANNS)
    there.add(2, who="Guest", verdict="rejected").add(3, verdict="needs-work", key=STRANGERS)
    assert len(here.take(there, LISTED).added) == 2
    assert here.ids == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "key", "is_refused"),
    [
        ("Ann", ANNS, False), ("Ann", STRANGERS, True), ("Ann", None, True),
        ("ann", STRANGERS, True), ("\uff21NN", None, True), ("Anna", None, False),
        ("Anna", STRANGERS, False), ("Ben", STRANGERS, False), ("Ben", None, False),
    ],
)  # fmt: skip
def test_a_name_that_has_signed_here_signs_with_the_same_key(
    here: Copy, there: Copy, name: str, key: Any, is_refused: bool
) -> None:
    here.add(1, key=ANNS).add(3, who="Ben", question="loud")
    there.add(2, who=name, key=key)
    if is_refused:
        assert here.refuses(there) == f"clip, good: {name} approved it, but {OTHER_KEY}"
        return
    assert len(here.take(there).added) == 1


def test_a_file_says_which_keys_a_person_has(here: Copy, there: Copy) -> None:
    here.add(1, key=ANNS)
    there.add(2, key=STRANGERS)
    assert here.refuses(there).endswith(OTHER_KEY)
    assert len(here.take(there, LISTED).added) == 1


def test_one_of_two_that_take_in_at_once_is_refused(
    here: Copy, there: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.add(2)
    lines = merging._lines

    def late(run: RunFolder) -> list[str]:
        monkeypatch.setattr(merging, "_lines", lines)
        here.take(there)
        return lines(run)

    monkeypatch.setattr(merging, "_lines", late)
    with pytest.raises(RunFolderError, match=r"^another process takes them in at the same time$"):
        here.take(there)
    assert (here.ids, here.log.read().problems) == ([2], ())


def test_what_is_appended_meanwhile_is_kept(
    here: Copy, there: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.add(2).add(3)
    lines = merging._lines

    def late(run: RunFolder) -> list[str]:
        monkeypatch.setattr(merging, "_lines", lines)
        here.add(1)
        return lines(run)

    monkeypatch.setattr(merging, "_lines", late)
    here.take(there)
    assert (here.ids, here.log.read().problems) == ([1, 2, 3], ())


def test_a_line_that_both_have_is_not_taken_in(here: Copy, there: Copy) -> None:
    same = entry_of(Answer, 1, previous=line_hash(here.lines[0]), id=f"{1:032x}")
    for copy in (here, there):
        copy.log.append(lambda n, before: same)
    here.add(4)
    there.add(2).add(3)
    here.take(there)
    last = here.log.read().entries[-1]
    assert isinstance(last, Merge)
    assert [(b.fork, list(b.lines)) for b in last.branches] == [
        (line_hash(canonical(same)), there.lines[2:])
    ]
