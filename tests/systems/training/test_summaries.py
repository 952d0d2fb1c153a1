"""A summary that tells the mean loss of its own start's steps is no departure of a resumption."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from proofbook_systems.training.controls import Control
from proofbook_systems.training.diagnosis import diagnose
from proofbook_systems.training.interruption import Cycle, Interrupted
from proofbook_systems.training.plans import Interruption
from proofbook_systems.training.running import Ended
from proofbook_systems.training.steps import Step
from proofbook_systems.training.trainer import Trainer
from proofbook_systems.training.trees import compare_trees

LOSSES = {step: round(3 - step / 20, 3) for step in range(1, 41)}


def start(first: int, last: int, code: int = 0) -> Ended:
    steps = [Step(step, LOSSES[step], None) for step in range(first, last + 1)]
    return Ended(code=code, state=f"exited with code {code}", steps=steps, printed="", seconds=1.0)


def mean(first: int, last: int) -> float:
    told = [LOSSES[step] for step in range(first, last + 1)]
    return sum(told) / len(told) + 1e-5  # losses are told with fewer digits


@pytest.mark.parametrize(
    ("resumed", "words"),
    [
        ({"train_loss": mean(21, 40)}, ""),
        ({"train_loss": mean(1, 40)}, ""),
        ({"train_loss": 1.7}, "summary.json: train_loss by"),
        ({"train_loss": mean(21, 40), "samples": 4}, "summary.json"),
        ({"train_loss": None}, "summary.json"),
    ],
)
def test_a_mean_of_the_last_starts_losses_does_not_depart(
    resumed: dict[str, object], words: str, tmp_path: Path
) -> None:
    for name, values in {"alone": {"train_loss": mean(1, 40)}, "crashed": resumed}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "summary.json").write_text(json.dumps(values))
    trainer = Trainer(train=(), resume=(), config_file=None, project=tmp_path, steps=40)
    control = Control(trainer=trainer, output=tmp_path / "alone", ended=start(1, 40))
    kill = Interruption(signum=signal.SIGKILL, step=25)
    cycle = Cycle(
        interruption=kill, ended=start(1, 25, -9), reached=25, signalled=25, happened=True,
        checkpoints=[20], resumed_at=20,
    )  # fmt: skip
    result = Interrupted(cycles=[cycle], last=start(21, 40))
    crashed = tmp_path / "crashed"
    found = diagnose(control, crashed, result, compare_trees(crashed, control.output))
    assert (found is None) == (not words)
    assert words in (found.words if found else "")
