"""Which JSON file is a table of characters and their ids, and what is read of it."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from proofbook_systems.foundry.tokenizers import Tokenizer, find_tokenizer, load_tokenizer

LETTERS = "\n .abdeghlmnorstuw"
IDS = {letter: number for number, letter in enumerate(LETTERS)}
SHIFTED = {"<eos>": 0, **{letter: number + 1 for letter, number in IDS.items()}}


def load(folder: Path, values: Any, name: str = "vocab.json") -> Tokenizer | None:
    path = folder / name
    path.write_text(json.dumps(values))
    return load_tokenizer(path)


@pytest.mark.parametrize(
    "values",
    [IDS, SHIFTED, list(LETTERS), ["<pad>", "[UNK]", *LETTERS], {"stoi": IDS, "vocab_size": 18},
     {"itos": list(LETTERS), "stoi": IDS}, {letter: n + 2 for letter, n in IDS.items()}],
)  # fmt: skip
@pytest.mark.parametrize("name", ["vocab.json", "char2id.json"])
def test_a_text_comes_back_from_its_ids(tmp_path: Path, values: Any, name: str) -> None:
    found = load(tmp_path, values, name)
    assert found is not None
    ids = found.encode("the old man and a bear.\n")
    assert found.decode([*ids, *found.special]) == "the old man and a bear.\n"
    assert max(ids) < found.size


def test_special_ids_are_known_by_their_names(tmp_path: Path) -> None:
    found = load(tmp_path, ["<pad>", "[UNK]", *LETTERS])
    assert found is not None
    assert (found.special, found.unknown, found.size) == ({0, 1}, 1, len(LETTERS) + 2)


@pytest.mark.parametrize(
    "values",
    [
        {letter: 3 * number + 7 for number, letter in enumerate(LETTERS)},  # how often each is used
        dict.fromkeys(LETTERS, 0.1),
        {**IDS, "Ġthe": len(IDS)},  # GPT-2's pieces, which need merges
        {**IDS, "a word": len(IDS)},
        {"a": 0, "b": 1},
        {**IDS, "z": 3},  # one id twice
        {"iter": 3, "loss": 1.5},
        ["the", "cat", "sees", "a", "bear", "in", "its", "den"],
        [],
        3,
    ],
)
def test_what_is_no_table_of_characters_is_left_alone(tmp_path: Path, values: Any) -> None:
    assert load(tmp_path, values) is None


def test_a_named_tokenizer_comes_before_a_table(tmp_path: Path) -> None:
    table, meta = tmp_path / "a.json", tmp_path / "meta.pkl"
    table.write_text(json.dumps(IDS))
    meta.write_bytes(pickle.dumps({"itos": {0: "a"}, "stoi": {"a": 0}}))
    found = find_tokenizer("", tmp_path, [table, meta])
    assert found is not None
    assert found.path == meta
