"""On a GPU: trainers are followed, compared and resumed, and memory that is out is told."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from judging import control_of, judge
from waiting import HANG

from proofbook_systems.training.comparison import difference
from proofbook_systems.training.controls import Control
from proofbook_systems.training.states import read_states
from proofbook_systems.training.trainer import Trainer

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
]

PROGRAM = Path(__file__).with_name("cuda_trainer.py")


def trainer(project: Path, *words: str) -> Trainer:
    command = (sys.executable, str(PROGRAM), "{output_dir}", *words)
    return Trainer(train=command, resume=(*command, "--resume"), config_file=None, project=project,
                   steps=0)  # fmt: skip


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Control:
    folder = tmp_path_factory.mktemp("cuda")
    return control_of(trainer(folder, "fp16"), folder)


def test_a_trainer_on_a_gpu_is_called_right(sound: Control, tmp_path: Path) -> None:
    assert judge(sound, tmp_path) == []
    assert judge(sound, tmp_path / "in-a-save", plan=("SIGKILL in 18",)) == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("no-rng", "random number generators were not restored"),
        ("no-optimizer", "the optimizer was not restored"),
        ("no-scaler", "the scaler was not restored"),
        ("rounded", "the weights were rounded"),
    ],
)
def test_a_fault_on_a_gpu_is_named(
    sound: Control, fault: str, words: str, tmp_path: Path
) -> None:
    red = judge(sound, tmp_path, fault)
    assert red and (red[0].check, words in red[0].words) == ("resumes-exactly", True), red


def test_tensors_of_a_gpu_are_compared_and_read(tmp_path: Path) -> None:
    ours = torch.arange(6.0, device="cuda", dtype=torch.bfloat16)
    assert difference(ours, ours.clone()) is None
    assert difference(ours, ours + 1) == 1
    torch.save({"w": ours}, tmp_path / "w.pt")
    assert read_states(tmp_path / "w.pt")["w"].device.type == "cpu"


def test_a_training_that_uses_a_gpu_is_green(run_cells: Callable[..., Any], tmp_path: Path) -> None:
    words = [sys.executable, str(PROGRAM), "{output_dir}"]
    done = run_cells("training/train", project=str(tmp_path), train_command=words, gpu=True,
                     resume_command=words, timeout=HANG, memory_growth=1e6)  # fmt: skip
    assert done.red == [], done.error
    assert done.checks["gpu-used"].status == "passed"
    assert done.names["ended"].gpu.largest("memory") > 100


def test_the_largest_batch_of_a_gpu_is_found(run_cells: Callable[..., Any], tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"train_batch_size": 1}))
    words = [sys.executable, str(PROGRAM), "--fill", "{config}", "{output_dir}", "{steps}"]
    done = run_cells("training/memory", config_file=str(config), train_command=words,
                     resume_command=words, timeout=HANG, cycles=1, largest_batch=8)  # fmt: skip
    assert 3 <= done.names["largest"] <= 4
    assert done.checks["says-out-of-memory"].status == "passed"


def test_the_gpus_environment_is_green(run_cells: Callable[..., Any]) -> None:
    assert run_cells("gpu/environment", memory_gb=1.0, free_gb=0.5, name="").red == []


def test_a_model_is_offloaded_to_a_gpu(run_cells: Callable[..., Any]) -> None:
    pytest.importorskip("transformers")
    done = run_cells("musicgen/large_offload", gpu_memory="40%")
    assert done.red == [], done.error
