"""Lines that other copies of a log got are read as chains of their own, each bound to the last."""

from __future__ import annotations

import json
from typing import Any

import pytest
from made_entries import entry_of

from proofbook.signoff.chain import Chain, outline
from proofbook.signoff.entries import FIRST, Acceptance, Answer, Merge, Seal, canonical, line_hash
from proofbook.signoff.merging import _branches

FILES = {"a": [1, "0" * 64]}


class Copy:
    """One copy of the log of run ``r``."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)

    @property
    def chain(self) -> Chain:
        chain = Chain(run="r")
        chain.extend(self.lines)
        return chain

    @property
    def words(self) -> list[tuple[str, str]]:
        return [(problem.word, problem.text) for problem in self.chain.problems]

    def add(self, kind: type[Any], **more: Any) -> Copy:
        last = line_hash(self.lines[-1]) if self.lines else FIRST
        number = len(self.lines)
        more = {"id": f"{more.pop('id', number):032x}"} | more if kind is not Seal else more
        self.lines.append(canonical(entry_of(kind, number, previous=last, **more)))
        return self

    def merge(self, other: Copy, change: Any = None) -> Copy:
        there: Any = other.chain
        branches = [
            branch.model_dump(mode="json")
            for branch in _branches(self.chain.known, there, other.lines)
        ]
        if change is not None:
            change(branches)
        entry = Merge.model_validate({
            "number": len(self.lines), "previous": line_hash(self.lines[-1]), "run": "r",
            "branches": branches,
        })  # fmt: skip
        self.lines.append(canonical(entry))
        return self


def sealed() -> Copy:
    return Copy().add(Seal, files=FILES)


def third() -> tuple[Copy, Copy]:
    """Return a copy that has merged another, and one that both are unknown to."""
    start = sealed().lines[0]
    one, two = Copy(start).add(Answer, id=11), Copy(start).add(Answer, id=12).add(Answer, id=13)
    two.merge(one).add(Answer, id=14)
    return two, Copy(start).add(Answer, id=15)


def test_a_copy_that_merged_another_can_be_merged() -> None:
    two, three = third()
    assert (two.words, three.words) == ([], [])
    three.merge(two)
    assert three.words == []
    ids = {int(entry.id, 16) for entry in three.chain.entries if isinstance(entry, Answer)}
    assert ids == {15}
    assert {*two.chain.known} <= {*three.chain.known}
    four = Copy(three.lines[0]).add(Answer, id=16).merge(three)
    assert four.words == []
    assert list(_branches(four.chain.known, three.chain, three.lines)) == []  # type: ignore[arg-type]


def test_bytes_are_read_as_text_is() -> None:
    two, three = third()
    three.merge(two)
    chain = Chain(run="r")
    chain.extend(line.encode() for line in three.lines)
    assert (chain.problems, chain.hashes) == ([], three.chain.hashes)


def _drop(branches: Any) -> None:
    branches[-1]["merges"] = {}


def _empty(branches: Any) -> None:
    branches[-1]["merges"] = dict.fromkeys(branches[-1]["merges"], "")


def _other(branches: Any) -> None:
    (key, text), *_ = branches[-1]["merges"].items()
    branches[-1]["merges"] = {key: text.replace('"run":"r"', '"run":"s"')}


def _short(branches: Any) -> None:
    (key, text), *_ = branches[-1]["merges"].items()
    values = json.loads(text)
    values["branches"] = values["branches"][:-1]
    branches[-1]["merges"] = {key: canonical(values)}


@pytest.mark.parametrize("change", [_drop, _empty, _other, _short])
def test_no_line_is_left_out_that_is_no_merge(change: Any) -> None:
    two, three = third()
    three.merge(two, change)
    assert ("merged", "line 3 of signoffs.jsonl has merged a line that is left out") in three.words


def test_an_answer_about_other_files_is_not_taken_in() -> None:
    start = sealed().lines[0]
    other = Copy(start).add(Seal, files={"a": [2, "0" * 64]}).add(Answer, id=11)
    here = Copy(start).add(Answer, id=12).merge(other)
    text = "line 3 of signoffs.jsonl has merged answers about other files than the run has"
    assert here.words == [("merged", text)]
    again = Copy(start).add(Seal, files={"a": [2, "0" * 64]}).merge(Copy(start).add(Answer, id=11))
    assert again.words == [("merged", text)]


def test_a_branch_that_sealed_the_same_files_is_taken_in() -> None:
    start = sealed().lines[0]
    other = Copy(start).add(Seal, files=FILES).add(Answer, id=11)
    assert Copy(start).merge(other).words == []
    unsealed = Copy().add(Answer, id=11)
    text = "line 2 of signoffs.jsonl has merged answers about other files than the run has"
    assert Copy(start).merge(unsealed).words == [("merged", text)]


def test_what_is_no_person_s_answer_is_not_taken_in() -> None:
    start = sealed().lines[0]
    here = Copy(start).merge(Copy(start).add(Acceptance, id=11))
    text = "line 2 of signoffs.jsonl has merged what is no person's answer"
    assert here.words == [("merged", text)]


def test_a_branch_of_nothing_that_is_known_is_not_read() -> None:
    def elsewhere(branches: Any) -> None:
        branches[0]["fork"] = "1" * 64

    here = sealed()
    here.merge(Copy(here.lines[0]).add(Answer, id=11), elsewhere)
    text = "line 2 of signoffs.jsonl has merged lines that follow none which is known"
    assert here.words == [("merged", text)]


def test_each_merged_line_follows_the_one_before_it_there() -> None:
    def swapped(branches: Any) -> None:
        branches[0]["lines"].reverse()

    start = sealed().lines[0]
    other = Copy(start).add(Answer, id=11).add(Answer, id=12)
    words = Copy(start).merge(other, swapped).words
    assert {word for word, _ in words} == {"out of order"}
    assert all(
        text.startswith("line 2 of signoffs.jsonl has merged a line that ") for _, text in words
    )


def test_a_line_that_merges_is_held_to_what_every_line_is() -> None:
    two, three = third()
    three.merge(two)
    three.lines[-1] = three.lines[-1].replace('"kind":"merge"', '"kind": "merge"')
    assert three.words == [("rewritten", "line 3 of signoffs.jsonl has been rewritten")]


def test_a_merge_of_an_earlier_edition_has_merged_no_merges() -> None:
    line = {"branches": [{"fork": FIRST, "lines": ["{}"]}]}
    assert json.loads(outline(json.dumps(line))) == {
        "branches": [{"fork": FIRST, "lines": [line_hash("{}")], "merges": {}}]
    }
