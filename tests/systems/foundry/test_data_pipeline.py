"""Defects of a small preparation, each found by its check; the right preparation passes all."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from proofbook_systems.foundry import judging
from proofbook_systems.foundry.config import DataPipelineConfig
from proofbook_systems.foundry.pipeline import Pipeline, Prepared, find_pipeline
from proofbook_systems.foundry.told_numbers import find_stale_numbers

TOY = Path(__file__).parent / "toy_preparation.py"
WORDS = ["A", "king", "of", "France", "did", "ride", "his", "horse", "to", "Paris,", "said:", "it!"]

Find = Callable[[Pipeline, Prepared], object]


def make(folder: Path, defect: str = "", **changes: object) -> Pipeline:
    """Return a pipeline whose project is in ``folder``."""
    project = folder / "project"
    project.mkdir()
    chance = np.random.default_rng(0)
    names = [f"name{number}" for number in range(300)]
    texts = [" ".join(chance.choice([*WORDS, *names], 25)) + f" {number}" for number in range(30)]
    lines = [json.dumps({"text": text}) for text in texts]
    (project / "texts.jsonl").write_text("\n".join(lines) + "\n")
    (project / "prepare.py").write_text(TOY.read_text())
    values = {"length": 16, "kind": "words", "defect": defect, **changes}
    (project / "config.json").write_text(json.dumps(values))
    config = DataPipelineConfig(
        project=str(project), config_file=str(project / "config.json"),
        prepare_command=[sys.executable, "prepare.py"], environment={}, texts=["texts.jsonl"],
        tokens=[], chunks=["chunks.npy"], tokenizer="", vocabulary="", separated=False,
        chunk_length=16, most_lost=0.0, remainder="recognised",
        text_change=True, length_change="length=8", tokenizer_change="kind=characters",
        unusual_inputs=["empty", "single", "short", "unicode"],
        validate_command=[sys.executable, "prepare.py", "validate"],
        invalid_configs=["lenght=3", "length=-1"], train_command=[], steps=0, workers_change="",
        order="recognised", timeout=60.0, output_dir="",
    )  # fmt: skip
    return find_pipeline(config, folder / "work")


def coverage(pipeline: Pipeline, first: Prepared) -> object:
    found = judging.cover_texts(first)
    return [*found.foreign, *found.missing]


def vocabulary(pipeline: Pipeline, first: Prepared) -> object:
    return judging.out_of_vocabulary(first)


def lost(pipeline: Pipeline, first: Prepared) -> object:
    return judging.find_lost(first, 0.0)


def length(pipeline: Pipeline, first: Prepared) -> object:
    return judging.wrong_lengths(first, 16)


def twice(pipeline: Pipeline, first: Prepared) -> object:
    return judging.find_differences(first, pipeline.prepare("second"))


def stale(name: str) -> Find:
    def find(pipeline: Pipeline, first: Prepared) -> object:
        change = pipeline.changes[name]
        fresh = pipeline.prepare(f"{name}-fresh", change)
        assert judging.find_differences(first, fresh)
        return judging.find_stale(
            first, pipeline.prepare_again(first, f"{name}-again", change), fresh
        )

    return find


def unusual(kind: str) -> Find:
    def find(pipeline: Pipeline, first: Prepared) -> object:
        return judging.judge_unusual(kind, pipeline.prepare(f"unusual-{kind}", unusual=kind))

    return find


def more(pipeline: Pipeline, first: Prepared) -> object:
    return judging.find_more(first)


def joined(pipeline: Pipeline, first: Prepared) -> object:
    return judging.lost_spaces(first)


def numbers(pipeline: Pipeline, first: Prepared) -> object:
    fresh = pipeline.prepare("numbers-fresh", "text")
    again = pipeline.prepare_again(first, "numbers-again", "text")
    return find_stale_numbers(first, pipeline.prepare("repeated"), again, fresh)


def invalid(pipeline: Pipeline, first: Prepared) -> object:
    assert pipeline.validate("valid").code == 0
    tried = [
        judging.judge_invalid(change, pipeline.validate(f"invalid-{number}", change))
        for number, change in enumerate(pipeline.config.invalid_configs)
    ]
    return [words for words in tried if words]


PLANTED: dict[str, tuple[Find, str]] = {
    "texts come in lower case": (coverage, "where the text has"),
    "a document is left out": (coverage, "characters from"),
    "a long document is cut": (coverage, "characters from"),
    "every tokenization has a word of another text": (coverage, "document 3"),
    "ids are beyond the vocabulary": (vocabulary, "tokens.jsonl: id"),
    "a token is dropped": (lost, "row 4, place 13: 1 tokens from token 77 on are missing"),
    "a token is doubled": (lost, "row 4, place 13: 1 ids"),
    "two tokens are exchanged": (lost, "row 5, place 0"),
    "a row is doubled": (lost, "repeats row 4"),
    "a row is lost": (lost, "1 whole rows"),
    "the last rows are lost": (lost, "are in no chunk"),
    "ids are kept in 8 bits": (lost, "in place of token"),
    "chunks are one longer": (length, "chunk 0 has 15 ids, not 16"),
    "documents are chosen at random": (twice, "other ids"),
    "the text is not in the key": (stale("text"), "of the data before the change"),
    "the length is not in the key": (stale("length"), "of the data before the change"),
    "the tokenizer is kept": (stale("tokenizer"), "of the data before the change"),
    "a document is doubled": (more, "tokens.jsonl: 2 times, and 1 in the texts: '"),
    "white space is left out": (joined, "white space is lost"),
    "letters are left out": (unusual("unicode"), "unicode: document 30: 'caf:na"),
    "counts are kept": (numbers, "counts.json: documents: 30 as before the change, and 27 in"),
    "an unknown key is taken": (invalid, "lenght=3: it is called valid"),
    "an unknown key ends in a traceback": (invalid, "lenght=3: it ends in a traceback"),
    "an empty corpus ends in a traceback": (unusual("empty"), "traceback"),
    "an empty corpus is no error": (unusual("empty"), "there is no data"),
}


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("defect", PLANTED)
def test_a_planted_defect_is_found_with_its_cause(defect: str, tmp_path: Path) -> None:
    find, words = PLANTED[defect]
    pipeline = make(tmp_path, defect)
    first = pipeline.prepare("first")
    assert first.state == "exited with code 0"
    assert words in str(find(pipeline, first))


@pytest.mark.exhaustive
def test_a_right_preparation_passes_every_check(tmp_path: Path) -> None:
    pipeline = make(tmp_path)
    first = pipeline.prepare("first")
    for find in dict.fromkeys(find for find, _ in PLANTED.values()):
        assert not find(pipeline, first)
    for kind in ("single", "short", "unicode"):
        assert not unusual(kind)(pipeline, first)
    assert pipeline.touched() == []


def test_a_preparation_that_writes_into_the_project_is_seen(tmp_path: Path) -> None:
    pipeline = make(tmp_path)
    (pipeline.project / "left.bin").write_bytes(b"1")
    assert pipeline.touched() == ["left.bin"]


def test_chunks_of_another_length_are_told_though_no_name_is_given(tmp_path: Path) -> None:
    pipeline = make(tmp_path, "chunks are one longer")
    unnamed = replace(pipeline, config=pipeline.config.model_copy(update={"chunks": []}))
    found = judging.wrong_lengths(unnamed.prepare("first"), 16)
    assert any("chunk 0 has 15 ids, not 16" in words for words in found)
