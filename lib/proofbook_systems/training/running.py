"""A trainer that runs: followed step by step, interrupted at a chosen moment, ended in any case.

Its process tree ends with this process. What it prints is in a log file.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from proofbook.errors import SubjectError
from proofbook.hardware import Gpu
from proofbook.processes import cpu_seconds, process_tree, resident_memory, supervise
from proofbook_systems.training.artefacts import checkpoint_steps
from proofbook_systems.training.gpu_watch import GpuUse, GpuWatch
from proofbook_systems.training.steps import Step, last_step, read_steps
from proofbook_systems.training.trainer import Trainer
from proofbook_systems.training.troubleshooting import find_advice

__all__ = ["Ended", "MemorySample", "Training", "run_training"]

_PAUSE = 0.02
_MEMORY_EVERY = 0.1


class MemorySample(NamedTuple):
    """One reading of the trainer's processes."""

    seconds: float
    """Since the start."""
    step: int
    size: int
    """Resident bytes."""
    cpu: float = 0.0
    """Seconds that its processes have computed."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """One start of a trainer that is over, by itself or not."""

    code: int | None
    """Exit code; minus the signal's number where a signal ended it."""
    state: str
    """How it ended, in words."""
    steps: list[Step]
    """Those of this start alone, as far as they are told."""
    printed: str
    seconds: float
    memory: list[MemorySample] = field(default_factory=list)
    gpu: GpuUse | None = None
    """What the GPU did meanwhile, where one was watched."""
    advice: list[str] = field(default_factory=list)
    """What is advised for what was printed."""

    @property
    def peak_memory(self) -> float:
        """MB of its processes, at the most."""
        return max((sample.size for sample in self.memory), default=0) / 1e6


class Training:
    """One start of a trainer. Leaving its context ends it."""

    def __init__(
        self,
        trainer: Trainer,
        output: Path,
        log: Path,
        *,
        resume: bool = False,
        steps: int | None = None,
        gpu: Gpu | None = None,
    ) -> None:
        """Start it.

        Args:
            trainer: What is started.
            output: Its output folder.
            log: File for what it prints.
            resume: Go on from the newest checkpoint.
            steps: When training ends, where that is not as the trainer has it.
            gpu: A GPU to be watched meanwhile.

        Raises:
            SubjectError: It cannot be started.
        """
        self.trainer, self.output = trainer, output
        self._memory: list[MemorySample] = []
        log.unlink(missing_ok=True)
        output.mkdir(parents=True, exist_ok=True)
        command = trainer.command(output, resume=resume, steps=steps)
        with contextlib.ExitStack() as started:
            self._watch = GpuWatch(gpu) if gpu else None
            started.callback(self._stop_watching)
            self._started = time.monotonic()
            self._program = supervise(
                command, log=log, name="the trainer", cwd=trainer.project,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **trainer.environment},
            )  # fmt: skip
            started.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._program.stop(0)
        self._stop_watching()

    @property
    def pid(self) -> int:
        """Process id of the trainer."""
        return self._program.pid

    def steps(self) -> list[Step]:
        """Return the steps that are told so far."""
        log = self.output / self.trainer.log_file if self.trainer.log_file else None
        return read_steps(self._printed(), log)

    def wait(self, timeout: float, until: Callable[[], bool] = bool) -> bool:
        """Wait until it has ended, or ``until`` holds; return whether it has ended.

        Raises:
            SubjectError: Neither came in ``timeout`` seconds; the trainer is ended.
        """
        deadline = time.monotonic() + timeout
        while self._program.running:
            self._read_memory()
            if until():
                return False
            if time.monotonic() > deadline:
                what = "still runs after" if self._printed().strip() else "has printed nothing in"
                step = last_step(self.steps())
                self._program.stop(0)
                raise SubjectError(
                    f"the trainer {what} {timeout:g} s, last at step {step}; "
                    f"see {self._program.log}"
                )
            time.sleep(_PAUSE)
        return True

    def wait_step(self, number: int, timeout: float) -> bool:
        """Wait until it has made step ``number``; return whether it has ended before that."""
        return self.wait(timeout, lambda: last_step(self.steps()) >= number)

    def wait_checkpoint(self, number: int, timeout: float) -> bool:
        """Wait until something of checkpoint ``number`` is on the disk, finished or not."""
        pattern = f"*{self.trainer.checkpoints.replace('*', str(number))}*"
        return self.wait(timeout, lambda: any(self.output.glob(pattern)))

    def wait_seconds(self, seconds: float, timeout: float) -> bool:
        """Wait until so long after its start; return whether it has ended before that."""
        return self.wait(timeout, lambda: time.monotonic() - self._started >= seconds)

    def send_signal(self, signum: int) -> None:
        """Send it a signal, if it still runs."""
        self._program.send_signal(signum)

    def end(self, timeout: float) -> Ended:
        """Wait for its end, and return what it left.

        Raises:
            SubjectError: It does not end in ``timeout`` seconds; it is ended then.
        """
        self.wait(timeout)
        printed = self._printed()
        return Ended(
            code=self._program.exit_code, state=self._program.state, steps=self.steps(),
            printed=printed, seconds=time.monotonic() - self._started, memory=self._memory,
            gpu=self._stop_watching(),
            advice=find_advice(printed, self.trainer.advice),
        )  # fmt: skip

    def checkpoints(self) -> list[int]:
        """Return the steps of the checkpoints that are there, in order."""
        return checkpoint_steps(self.trainer, self.output)

    def _stop_watching(self) -> GpuUse | None:
        return self._watch.stop() if self._watch else None

    def _printed(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return self._program.log.read_text(encoding="utf-8", errors="replace")
        return ""

    def _read_memory(self) -> None:
        now = time.monotonic() - self._started
        if self._memory and now - self._memory[-1].seconds < _MEMORY_EVERY:
            return
        pids = process_tree([self.pid])
        size, cpu = resident_memory(pids), cpu_seconds(pids)
        if size:
            self._memory.append(MemorySample(now, last_step(self.steps()), size, cpu))


def run_training(
    trainer: Trainer, output: Path, timeout: float, *, gpu: Gpu | None = None
) -> Ended:
    """Run a training to its end and return what it left; its log is ``output`` with ``.log``.

    Raises:
        SubjectError: It cannot be started, or does not end in ``timeout`` seconds.
    """
    log = output.with_name(f"{output.name}.log")
    with Training(trainer, output, log, gpu=gpu) as training:
        return training.end(timeout)
