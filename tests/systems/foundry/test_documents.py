"""Documents that are twice in tokens, run together, or have lost the gaps between their words."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from proofbook_systems.foundry.document_counts import find_doubled, find_joined
from proofbook_systems.foundry.judging import beyond_model, find_merged
from proofbook_systems.foundry.pipeline import Prepared
from proofbook_systems.foundry.stores import Store
from proofbook_systems.foundry.texts import find_coverage
from proofbook_systems.foundry.tokenizers import Tokenizer, find_tokenizer
from proofbook_systems.foundry.workspaces import Workspace

TEXTS = [f"Story {number} of the bell." for number in range(20)]
BEGIN, END = 1, 2


def test_a_document_that_comes_twice_is_named() -> None:
    found = find_doubled(TEXTS, [*TEXTS, TEXTS[4]])
    assert found == ["2 times, and 1 in the texts: 'Story4ofthebell.'"]


@pytest.mark.parametrize(
    ("texts", "documents"),
    [
        (TEXTS, TEXTS),
        (TEXTS, [*TEXTS, *TEXTS]),
        (TEXTS, TEXTS[:-3]),
        ([*TEXTS, TEXTS[4]], [*TEXTS, TEXTS[4]]),
        (["\n".join([*TEXTS, TEXTS[4]])], [*TEXTS, TEXTS[4]]),
        (["the bell", "the bell rang", "the bell fell"], ["the bell", "the bell"]),
    ],
    ids=["each once", "all twice", "some left out", "twice in the texts", "one file", "a part"],
)
def test_what_is_repeated_by_right_is_not_named(texts: list[str], documents: list[str]) -> None:
    assert find_doubled(texts, documents) == []


def test_words_that_are_joined_are_told() -> None:
    assert "white space is lost" in find_joined(TEXTS, [text.replace(" ", "") for text in TEXTS])


@pytest.mark.parametrize(
    "documents",
    [
        TEXTS,
        [text.replace(".", " .") for text in TEXTS],
        [text.replace(" ", "\N{LOWER ONE EIGHTH BLOCK}") for text in TEXTS],
        [],
    ],
    ids=["as they were", "marks apart", "pieces", "nothing"],
)
def test_words_that_are_apart_otherwise_are_right(documents: list[str]) -> None:
    assert find_joined(TEXTS, documents) == ""


def test_a_language_without_gaps_has_none_to_lose() -> None:
    assert find_joined(["東京の鐘は青銅です。"] * 30, ["東京の鐘は青銅です。"] * 30) == ""


def prepared(rows: list[list[int]], special: frozenset[int] = frozenset({BEGIN, END})) -> Prepared:
    store = Store(
        path=Path("tokens.jsonl"), form="JSON lines", flat=np.concatenate(rows).astype(np.int64),
        lengths=np.asarray([len(row) for row in rows], np.int64),
    )  # fmt: skip
    tokenizer = Tokenizer(
        path=Path("tokenizer.json"), form="", decode=str, encode=list, size=50, special=special,
        unknown=None, normalize=str,
    )  # fmt: skip
    workspace = Workspace(folder=Path("w"), cache=Path("c"), before={})
    return Prepared(
        workspace=workspace, code=0, state="exited with code 0", printed="", tokens=(store,),
        chunks=(), tokenizer=tokenizer, texts=(),
    )  # fmt: skip


ROWS = [[BEGIN, *range(10, 13 + number % 5), END] for number in range(30)]


def test_a_document_without_its_end_is_named() -> None:
    (issue,) = find_merged(prepared([*ROWS[:11], ROWS[11][:-1], *ROWS[12:]]))
    assert issue.startswith("tokens.jsonl: row 11 does not end with id 2, and 23 of 24 do")


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        [row[1:-1] for row in ROWS],
        [*ROWS, [BEGIN, *range(10, 30)]],
        [row if number % 2 else row[:-1] for number, row in enumerate(ROWS)],
        ROWS[:3],
    ],
    ids=["all alike", "no ids between", "one cut at the most", "pieces", "too few"],
)
def test_documents_that_are_apart_in_another_way_are_right(rows: list[list[int]]) -> None:
    assert find_merged(prepared(rows)) == []


def test_documents_without_any_border_are_told_where_one_is_promised() -> None:
    bare = prepared([row[1:-1] for row in ROWS])
    assert find_merged(bare, separated=True) == [
        "tokens.jsonl has none of the special ids [1, 2]: documents run into each other"
    ]
    assert find_merged(prepared(ROWS), separated=True) == []


def test_ids_that_a_model_does_not_have_are_named() -> None:
    assert beyond_model(prepared(ROWS), 16) == ["tokens.jsonl: id 16, and the model has 0 to 15"]
    assert beyond_model(prepared(ROWS), 17) == beyond_model(prepared(ROWS), None) == []


def test_an_id_that_is_text_is_no_border() -> None:
    assert find_merged(prepared([*ROWS[:11], ROWS[11][:-1], *ROWS[12:]], frozenset())) == []


def test_a_tokenizer_that_was_written_comes_before_one_that_the_project_has(tmp_path: Path) -> None:
    for name, letters in {"meta.pkl": "abc", "made/meta.pkl": "abcde"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        table = {"stoi": {c: n for n, c in enumerate(letters)}, "itos": dict(enumerate(letters))}
        (tmp_path / name).write_bytes(pickle.dumps(table))
    everywhere = sorted(tmp_path.rglob("meta.pkl"))
    found = find_tokenizer("", tmp_path, [tmp_path / "made/meta.pkl"], everywhere)
    assert found is not None
    assert found.size == 5
    kept = find_tokenizer("", tmp_path, [], everywhere[::-1])
    assert kept is not None
    assert kept.path == everywhere[0]


WORDS = ["The bell", "of the tower", "rang at noon", "and the king", "of the city", "rose"]
LONG = [
    " ".join(WORDS[(number + at) % 6] for at in range(5)) + f" {number}." for number in range(9)
]


@pytest.mark.parametrize("at", [0, 4])
def test_a_word_that_one_document_has_lost_is_missing_though_others_have_it(at: int) -> None:
    spoilt = [*LONG[:at], LONG[at].split(" ", 1)[1], *LONG[at + 1 :]]
    found = find_coverage(LONG, spoilt)
    assert found.foreign == []
    assert len(found.missing) == 1
    assert repr(LONG[at].split()[0]) in found.missing[0]


UNUSUAL = {
    "in another order": ([*LONG, "the", "bell"], ["bell", *LONG[::-1], "the"]),
    "once where the texts have them twice": ([*LONG, *LONG[:3], "Yes.", "Yes."], [*LONG, "Yes."]),
    "cut into words": (LONG, [word for text in LONG for word in text.split()]),
    "told in two stages": (LONG, [*LONG, *LONG[::-1]]),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_texts_are_covered_by_documents(name: str) -> None:
    texts, documents = UNUSUAL[name]
    found = find_coverage(texts, documents)
    assert (found.foreign, found.missing) == ([], [])
