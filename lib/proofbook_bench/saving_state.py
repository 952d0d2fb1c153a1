"""What a checkpoint costs a training, at the byte count of a full-size network.

Weights and optimizer have the full size, and are real; passes are those of a small network, for as
long as a step of the full one takes on a graphics card. Nothing of the state changes between the
ends of two steps, as in any training.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Literal, NamedTuple

from proofbook.errors import SubjectError

__all__ = ["UNET_PARAMETERS", "SaveCost", "measure_saving"]

UNET_PARAMETERS = 859_520_964
"""Of Stable Diffusion 1.5, in float32 with two moments each: 10.3 GB."""

_SCRIPT = """
import json, shutil, sys, time
from pathlib import Path
from types import SimpleNamespace
import torch
from accelerate import Accelerator
from proofbook_subjects.dreambooth.saving import Saver
from proofbook_subjects.dreambooth.settings import Settings
from proofbook_subjects.dreambooth.state import State

side, parameters, step_seconds, steps, folder = sys.argv[1:]
folder, step_seconds, steps = Path(folder), float(step_seconds), int(steps)
torch.manual_seed(0)
width = 1280
layers = [torch.nn.Linear(width, 2 * width, bias=False)
          for _ in range(max(1, int(parameters) // (2 * width * width)))]
network = torch.nn.Sequential(*layers)
optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5)
for weight in network.parameters():
    optimizer.state[weight] = {"step": torch.tensor(1.0), "exp_avg": torch.randn_like(weight),
                               "exp_avg_sq": torch.rand_like(weight)}
pace = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1)
accelerator = Accelerator()
settings = Settings(base_model="x", instance_data_dir="x", instance_prompt="x", output_dir=folder)
small = torch.nn.Sequential(*[torch.nn.Linear(256, 256) for _ in range(4)])


def one_pass():
    small(torch.randn(64, 256)).square().mean().backward()


def passes(count):
    for _ in range(count):
        one_pass()


def timed(work, *given):
    began = time.perf_counter()
    work(*given)
    return time.perf_counter() - began


timed(passes, 200)
count = max(1, int(200 * step_seconds / min(timed(passes, 200) for _ in range(3))))
free = min(timed(passes, count) for _ in range(2))
waits, slow = [], 0.0
if side == "subject":
    state = State(settings=settings, accelerator=accelerator,
                  networks=SimpleNamespace(trained=(network,)), prepared=(), optimizer=optimizer,
                  scheduler=pace)
    saver = Saver(folder, lambda words: None, 0)
    saver.reserve(state.snapshot())  # as the trainer does after its first step
    saver.finish()
    for number in range(1, 3):
        state.step = number
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        wait, slow = timed(lambda: saver.save(state.snapshot())), 0.0
        for _ in range(steps):
            slow += max(0.0, timed(passes, count) - free)
            wait += timed(saver.release)
            if not saver.writing:
                break
        waits.append(wait)
        left = timed(saver.finish)
    print(json.dumps({"stall": waits, "slowed": slow, "left": left}))
else:
    prepared = accelerator.prepare(network, optimizer)
    for number in range(2):
        shutil.rmtree(folder, ignore_errors=True)
        waits.append(timed(accelerator.save_state, str(folder / "state")))
    print(json.dumps({"stall": waits, "slowed": 0.0, "left": 0.0}))
shutil.rmtree(folder)
"""


class SaveCost(NamedTuple):
    """What the second of two checkpoints costs, in seconds."""

    first: float
    """That training stood still for the first."""
    stall: float
    """That training stood still for the second."""
    slowed: float
    """By which steps took longer while it was written."""
    left: float
    """That it was still written when the steps were over."""

    @property
    def total(self) -> float:
        """All that the second cost."""
        return self.stall + self.slowed


def measure_saving(
    side: Literal["subject", "peer"],
    folder: Path,
    *,
    parameters: int,
    step_seconds: float,
    steps: int,
) -> SaveCost:
    """Save twice in a process of its own, during steps of ``step_seconds``.

    Raises:
        SubjectError: It failed, for want of memory or disk perhaps.
    """
    words = [sys.executable, "-c", _SCRIPT, side, str(parameters), str(step_seconds), str(steps)]
    done = subprocess.run(
        [*words, str(folder / f"saved-{side}")], capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        raise SubjectError(f"saving by the {side} ended with {done.returncode}: {lines[-1]}")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    first, second = found["stall"]
    return SaveCost(first, second, found["slowed"], found["left"])
