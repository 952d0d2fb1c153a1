"""The notebook on a small project that prepares and trains: right ones are green, others red."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proofbook.errors import ChecksFailed

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
WORDS = ["A", "king", "of", "France", "did", "ride", "his", "horse", "to", "Paris,", "said:", "it!"]
Run = Callable[..., Any]


@pytest.fixture
def run(run_cells: Run, tmp_path: Path) -> Run:
    """Return a function that writes a project and executes the notebook on it."""

    def act(values: dict[str, Any], **parameters: Any) -> Any:
        project = tmp_path / "project"
        project.mkdir()
        chance = np.random.default_rng(0)
        texts = [" ".join(chance.choice(WORDS, 15)) + f" {number}" for number in range(30)]
        lines = [json.dumps({"text": text}) for text in texts]
        (project / "texts.jsonl").write_text("\n".join(lines) + "\n")
        for name in ("toy_preparation.py", "toy_training.py"):
            (project / name).write_text((HERE / name).read_text())
        config = {"length": 16, "kind": "words", "held": 5} | values
        (project / "config.json").write_text(json.dumps(config))
        usual = {
            "project": str(project), "config_file": str(project / "config.json"),
            "prepare_command": [sys.executable, "toy_preparation.py"], "texts": ["texts.jsonl"],
            "chunks": ["chunks.npy", "val_chunks.npy"], "chunk_length": 16,
            "train_command": [sys.executable, "toy_training.py", "{output_dir}", "{steps}"],
            "steps": 17,
        }  # fmt: skip
        return run_cells("foundry/data_pipeline", **(usual | parameters))

    return act


@pytest.mark.exhaustive
def test_caches_unusual_texts_and_batches_of_a_right_project_are_green(run: Run) -> None:
    found = run(
        {}, text_change=True, length_change="length=8", tokenizer_change="kind=characters",
        unusual_inputs=["empty", "single", "short"], order="shuffled", workers_change="workers=2",
    )  # fmt: skip
    assert found.error is None
    assert {check.status for check in found.checks.values()} == {"passed"}
    made = set(found.checks)
    assert made >= {
        *(f"{name}-cache-not-stale" for name in ("text", "length", "tokenizer")),
        *(f"{kind}-texts-clear" for kind in ("empty", "single", "short")),
        "rows-are-of-the-data", "rows-have-the-length", "no-test-rows", "no-chunk-twice",
        "no-chunk-missed", "order-as-wanted", "next-epoch-another-order", "workers-change-nothing",
    }  # fmt: skip


UNUSUAL: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "windows at random": ({"style": "windows"}, {"order": "windows"}),
    "two workers share a stream of rows without the last id": (
        {"style": "stream", "inputs": True}, {"chunk_length": 0, "workers_change": "workers=2"},
    ),
    "padding with an id of the texts that it ignores": (
        {"pad": True}, {"remainder": "kept", "workers_change": "workers=2"},
    ),
    "padding in front of tokens, with positions from the first of them": (
        {"pad": "left"}, {"remainder": "kept", "workers_change": "workers=2"},
    ),
}  # fmt: skip


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", UNUSUAL)
def test_a_right_training_that_looks_unusual_is_green(run: Run, name: str) -> None:
    values, parameters = UNUSUAL[name]
    found = run(values, **parameters)
    assert (found.red, found.error) == ([], None)
    wanted = "windows-everywhere" if "windows" in name else "workers-change-nothing"
    assert found.checks[wanted].status == found.checks["no-test-rows"].status == "passed"


PLANTED: dict[str, tuple[dict[str, Any], dict[str, Any], list[str], str]] = {
    "it trains on the test, too": ({}, {}, ["no-test-rows"], "is of first/val_chunks.npy"),
    "rows are cut short": ({}, {}, ["rows-have-the-length"], "rows of 12 ids"),
    "windows begin in the test, too": (
        {"style": "windows"}, {"order": "windows"}, ["no-test-rows"], "is of first/val_tokens",
    ),
    "windows begin in the first half": (
        {"style": "windows"}, {"order": "windows"}, ["windows-everywhere"], "no row is of the last",
    ),
    "padding is learnt as text": (
        {"pad": True}, {"remainder": "kept"}, ["padding-not-learnt"], "are learnt like text",
    ),
    "padding in front is learnt as text": (
        {"pad": "left", "training_defect": "padding is learnt as text"}, {"remainder": "kept"},
        ["padding-not-learnt"], "are learnt like text",
    ),
    "the remainder is dropped": (
        {}, {"remainder": "kept"}, ["remainder-as-wanted"], "tokens are in no chunk",
    ),
    "each worker gives every row": (
        {"style": "stream"}, {"workers_change": "workers=2"}, ["workers-change-nothing"],
        "epoch 1 has chunk",
    ),
}  # fmt: skip


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("defect", PLANTED)
def test_a_planted_defect_of_a_training_is_red_in_its_own_check(run: Run, defect: str) -> None:
    values, parameters, names, words = PLANTED[defect]
    found = run({"training_defect": defect, **values}, **parameters)
    assert found.red == names
    assert words in str(found.checks[names[0]].actual)
    assert isinstance(found.error, ChecksFailed)
