"""A start that should be refused: what a refusal is, and what is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.training.limited import fill_disk
from proofbook_systems.training.refusals import Refusal
from proofbook_systems.training.running import Ended
from proofbook_systems.training.steps import Step
from proofbook_systems.training.trainer import Trainer
from proofbook_systems.training.variants import configured_number, vary

LINE = "out/checkpoint-10 is of another run: model.layers is 3 and was 2"


def refusal(code: int | None, printed: str, steps: int = 0, **more: Any) -> Refusal:
    told = [Step(11 + number, 1.0, None) for number in range(steps)]
    state = f"exited with code {code}"
    ended = Ended(code=code, state=state, steps=told, printed=printed, seconds=1.0)
    return Refusal(what="resumed with model.layers 3", ended=ended, **more)


def test_an_exit_code_and_a_line_are_a_refusal() -> None:
    assert refusal(1, f"Model: gpt2\n{LINE}\n").fault == ""
    assert refusal(1, f"{LINE}\n", steps=3, may_step=True).fault == ""
    assert LINE in refusal(1, LINE).words


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (refusal(0, "done", steps=9), "it went on to step 19 as if nothing were"),
        (refusal(-11, "x"), "did not say why"),
        (refusal(1, LINE, steps=1), "it made step 11 before it was refused"),
        (
            refusal(1, "Traceback (most recent call last):\nKeyError: 'h'"),
            "a traceback, which ends",
        ),
        (refusal(1, " \n"), "printed nothing"),
        (refusal(1, LINE, changed=("checkpoint-10/model.pt",)), "checkpoint-10/model.pt is not as"),
    ],
)
def test_what_is_no_refusal_is_told(one: Refusal, words: str) -> None:
    assert words in one.fault


def test_a_file_cannot_grow_beyond_a_full_disk(tmp_path: Path) -> None:
    code = "open('small', 'wb').write(bytes(900)); open('large', 'wb').write(bytes(9000))"
    words = fill_disk(1000, [sys.executable, "-c", code])
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert (tmp_path / "small").stat().st_size == 900


@pytest.fixture
def trainer(tmp_path: Path) -> Trainer:
    path = tmp_path / "c.yaml"
    path.write_text("lr: 5e-6\nmodel: {layers: 2, name: gpt}\n")
    return Trainer(train=("t", "{config}"), resume=("r",), config_file=path, project=tmp_path,
                   steps=1)  # fmt: skip


def test_a_variant_changes_keys_and_options(trainer: Trainer, tmp_path: Path) -> None:
    changes = {"--lr=": "1", "--fp16": "", "--seed": "3", "steps": "9"}
    varied = vary(trainer, changes, tmp_path / "v")
    assert varied.train == ("t", "{config}", "--lr=1", "--fp16", "--seed", "3")
    assert varied.resume[1:] == varied.train[2:]
    assert varied.config_file is not None
    assert "steps: 9" in varied.config_file.read_text()
    assert vary(trainer, {"--x": "1"}, tmp_path).config_file == trainer.config_file


def test_a_number_is_given_or_a_key(trainer: Trainer) -> None:
    numbers = [
        configured_number(trainer, key) for key in ("0.5", "lr", "model.layers", "no.key", "")
    ]
    assert numbers == [0.5, 5e-6, 2.0, None, None]
    with pytest.raises(SubjectError, match=r"model\.name is 'gpt' in the config"):
        configured_number(trainer, "model.name")
