"""What a preparation has left, in words: its last line, what could not be read, what was packed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from proofbook_systems.foundry.judging import find_lost, find_trained_tests, wrong_lengths
from proofbook_systems.foundry.pipeline import Prepared
from proofbook_systems.foundry.stores import Store, find_stores
from proofbook_systems.foundry.workspaces import Workspace

BAR = " 60%|######    | 6/10 [00:01<00:00, 5.9it/s]"


def prepared(folder: Path, printed: str = "", stores: list[Store] | None = None) -> Prepared:
    """Return what was prepared in a folder."""
    return Prepared(
        workspace=Workspace(folder=folder, cache=folder / "cache", before={}), code=1, state="",
        printed=printed, tokens=tuple(stores or ()), chunks=(), tokenizer=None, texts=(),
    )  # fmt: skip


def test_the_last_words_are_no_progress_bar(tmp_path: Path) -> None:
    said = prepared(tmp_path, f"{BAR}\nValueError: the folder is not empty\n{BAR}\n\n")
    assert said.last_words == "ValueError: the folder is not empty"
    assert prepared(tmp_path, f"{BAR}\n").last_words == BAR.strip()
    assert prepared(tmp_path, "at 60% of it").last_words == "at 60% of it"
    assert prepared(tmp_path, "\n").last_words == "it printed nothing"


def test_files_that_are_no_ids_are_named(tmp_path: Path) -> None:
    assert "it wrote no file," in prepared(tmp_path).unread
    for number in range(11):
        (tmp_path / f"part{number:02}.unknown").write_text("x")
    words = prepared(tmp_path).unread
    assert "part00.unknown, part01.unknown" in words
    assert "part07.unknown and 3 more, and none of that is read as ids" in words


def test_what_packing_cuts_off_is_lost_unless_it_may_be(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    documents = [chance.integers(5, 300, size).tolist() for size in [20, 18] * 6 + [60] * 4]
    rows = [documents[at] + documents[at + 1] for at in range(0, 12, 2)]
    rows += [row[:40] for row in documents[12:]]
    for name, values in {"documents": documents, "packed": rows}.items():
        lines = "".join(f"{json.dumps({'input_ids': row})}\n" for row in values)
        (tmp_path / f"{name}.jsonl").write_text(lines)
    found = prepared(tmp_path, stores=find_stores([tmp_path]))
    (store,) = found.packed
    assert store.path.name == "packed.jsonl"
    assert find_lost(found, 0.0) == [
        "packed.jsonl: the ends of 4 documents longer than 40 ids are in no row: 80 tokens"
    ]
    assert find_lost(found, 0.18) == []


def test_a_test_is_known_by_its_name_in_the_project(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    held = chance.integers(0, 500, 400)
    for name, ids in {"train.npy": np.append(chance.integers(0, 500, 4000), held),
                      "val.npy": held}.items():  # fmt: skip
        np.save(tmp_path / name, ids)
    found = prepared(tmp_path, stores=find_stores([tmp_path]))
    assert len(find_trained_tests(found)) == 1


def test_rows_that_are_nearly_all_of_another_length_than_chunks_are_named(tmp_path: Path) -> None:
    rows = [list(range(17))] * 19 + [list(range(16))] + [list(range(17))] * 9
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    found = prepared(tmp_path, stores=find_stores([tmp_path]))
    assert wrong_lengths(found, 16) == ["rows.jsonl: 28 of 29 rows have 17 ids, not 16"]
    assert wrong_lengths(found, 17) == wrong_lengths(found, 0) == []


def test_documents_and_ids_in_a_line_are_no_chunks_of_another_length(tmp_path: Path) -> None:
    rows = [list(range(size)) for size in range(3, 40)]
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    np.save(tmp_path / "line.npy", np.arange(500))
    found = prepared(tmp_path, stores=find_stores([tmp_path]))
    assert len(found.tokens) == 2
    assert wrong_lengths(found, 16) == []
