"""Whole trainings, from texts to a model, with real signals."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from training_ends import contents

from proofbook_subjects.foundry.checkpoints.folders import list_checkpoints
from proofbook_subjects.foundry.config import ExperimentConfig
from proofbook_subjects.foundry.config_files import load_config
from proofbook_subjects.foundry.models import generate
from proofbook_subjects.foundry.projects import CONFIGS, write_project
from proofbook_subjects.foundry.trainer import train

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
]


@pytest.mark.slow
def test_the_full_run_of_the_checklist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """1,000 sequences, 2 layers, 64 hidden, 10 steps, 2 checkpoints."""
    path = write_project("foundry-full", tmp_path)
    values = CONFIGS["foundry-full"][0]
    config = ExperimentConfig.model_validate(values)
    assert train(config, path.parent) == 0
    output = path.parent / "output"
    assert [place.step for place in list_checkpoints(output)] == [10, 5]
    losses = [s["loss"] for s in contents(output, 10)["steps"]]
    assert losses[-1] < losses[0] - 1
    printed = capsys.readouterr().out
    assert "Test loss:" in printed and "Memory:" not in printed
    from transformers import AutoTokenizer, GPT2LMHeadModel

    model = GPT2LMHeadModel.from_pretrained(str(output))
    tokenizer = AutoTokenizer.from_pretrained(str(output))
    ids = tokenizer("The smith", add_special_tokens=False)["input_ids"]
    assert len(tokenizer.decode(generate(model, ids, 12, context=32))) > 0


WAITING = """
import runpy, sys, time
from pathlib import Path
from proofbook_subjects.foundry.training.progress import Progress
usual, step, go_on = Progress.step, int(sys.argv.pop(1)), Path(sys.argv.pop(1))

def wait_after(self, record):
    usual(self, record)
    while record.step == step and not go_on.exists():
        time.sleep(0.01)

Progress.step = wait_after
runpy.run_module("proofbook_subjects.foundry", run_name="__main__", alter_sys=True)
"""
"""Makes no step after one until it may: so a signal comes in time, however busy the machine is."""


def start(config: Path, output: Path, *more: str, step: int = 0) -> subprocess.Popen[str]:
    command = [
        sys.executable, "-c", WAITING, str(step), str(output.with_name(f"go-on-{step}")), "run",
        "--config", str(config), "--output-dir", str(output), *more,
    ]  # fmt: skip
    # As many threads as the training in this process has: sums are in another order with more.
    return subprocess.Popen(
        command, cwd=config.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def wait_for_step(output: Path, step: int, process: subprocess.Popen[str]) -> None:
    log = output / "logs" / "train_log.jsonl"
    while process.poll() is None:
        if log.exists() and len(log.read_text().splitlines()) >= step:
            return
        time.sleep(0.005)


def start_and_end(config: Path, output: Path, step: int, signum: int, *more: str) -> int:
    """Train until a step is in the log, send a signal, and return how the process ended."""
    with start(config, output, *more, step=step) as process:
        wait_for_step(output, step, process)
        os.kill(process.pid, signum)
        output.with_name(f"go-on-{step}").touch()
        return process.wait()


@pytest.mark.exhaustive
@pytest.mark.slow
def test_real_signals_change_nothing(values: dict[str, Any], project: Path, tmp_path: Path) -> None:
    here = tmp_path / "project"
    shutil.copytree(project, here)
    values["training"] |= {"train_steps": 150, "checkpoint_every": 20, "keep_checkpoints": 3}
    values["data"]["num_workers"] = 1
    config = here / "c.yaml"
    config.write_text(yaml.safe_dump(values))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert train(load_config(config, {"training.output_dir": str(whole)}), here) == 0
    assert start_and_end(config, broken, 30, signal.SIGKILL) == -signal.SIGKILL
    assert start_and_end(config, broken, 70, signal.SIGINT, "--resume") == 130
    with start(config, broken, "--resume") as resumed:
        printed = resumed.communicate()[0]
        assert resumed.returncode == 0, printed
    assert "Resuming from step" in printed
    assert contents(broken, 150) == contents(whole, 150)
