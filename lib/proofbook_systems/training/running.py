"""A trainer that runs: followed step by step, interrupted at a chosen moment, ended in any case.

Its process tree ends with this process. What it prints is in a log file.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import psutil

from proofbook.errors import SubjectError
from proofbook.hardware import Gpu
from proofbook.processes import (
    cpu_seconds,
    process_tree,
    queued_seconds,
    resident_memory,
    supervise,
)
from proofbook_systems.training.gpu_watch import GpuUse, GpuWatch
from proofbook_systems.training.layouts import Checkpoint, find_checkpoints
from proofbook_systems.training.save_order import Save, find_saves
from proofbook_systems.training.saved_steps import SavedSteps
from proofbook_systems.training.saving import SaveWatch
from proofbook_systems.training.steps import Recognised, Step, StepLog
from proofbook_systems.training.trainer import Trainer
from proofbook_systems.training.troubleshooting import find_advice

__all__ = ["Ended", "MemorySample", "Training", "run_training"]

_PAUSE = 0.005
# Lines come as they are printed; nothing is written beside the project's sources.
_QUIET = {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
_MEMORY_EVERY = 0.1
_STEP_EVERY = 0.02
"""Seconds between two readings where another step was told meanwhile."""
_STOP_PAUSE = 0.0005
_STOP_SECONDS = 0.05
"""What waits for a disk stops only when that has answered."""
_TAIL = 8192
"""Bytes at the end of what is printed that tell how far a training is."""


class MemorySample(NamedTuple):
    """One reading of the trainer's processes."""

    seconds: float
    """Since the start."""
    step: int
    size: int
    """Resident bytes."""
    cpu: float = 0.0
    """Seconds that its processes have computed."""
    queued: float = 0.0
    """Seconds that its threads were ready while other programs had the cores."""


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
    started: float = 0.0
    """When, on the monotonic clock."""
    memory: list[MemorySample] = field(default_factory=list)
    gpu: GpuUse | None = None
    """What the GPU did meanwhile, where one was watched."""
    advice: list[str] = field(default_factory=list)
    """What is advised for what was printed."""
    recognised: Recognised | None = None
    """Where and how its steps were told; None where none were."""
    writes: list[float] = field(default_factory=list)
    """Seconds since the start at which it wrote other files than logs, where that was watched."""
    saves: list[Save] = field(default_factory=list)
    """The checkpoints that it wrote, where that was watched."""

    @property
    def last_words(self) -> str:
        """The end of what it printed, for a message."""
        lines = [line.strip() for line in re.split(r"[\r\n]+", self.printed) if line.strip()]
        return lines[-1][-300:] if lines else "it printed nothing"

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
        saves: SaveWatch | None = None,
    ) -> None:
        """Start it.

        Args:
            trainer: What is started.
            output: Its output folder.
            log: File for what it prints.
            resume: Go on from the newest checkpoint.
            steps: When training ends, where that is not as the trainer has it.
            gpu: A GPU to be watched meanwhile.
            saves: What watches the output folder; it is asked while this waits.

        Raises:
            SubjectError: It cannot be started.
        """
        self.trainer, self.output, self._saves = trainer, output, saves
        self._memory: list[MemorySample] = []
        log.unlink(missing_ok=True)
        output.mkdir(parents=True, exist_ok=True)
        command = trainer.command(output, resume=resume, steps=steps)
        self._log = StepLog(
            output=output, log_file=trainer.log_file, pattern=trainer.log_pattern,
            known=trainer.recognised,
            total=(steps or trainer.steps) if trainer.takes_steps else 0,
            saved=SavedSteps(output=output, pattern=trainer.checkpoints),
        )  # fmt: skip
        self._log.begin()
        self._parsed, self._reached = -1, 0
        with contextlib.ExitStack() as started:
            self._watch = GpuWatch(gpu) if gpu else None
            started.callback(self._stop_watching)
            self._started = time.monotonic()
            self._program = supervise(
                command, log=log, name="the trainer", cwd=trainer.project,
                env={**os.environ, **_QUIET, **trainer.environment},
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

    def reached(self) -> int:
        """Return the largest step that is told so far; 0 where there is none."""
        size = self._size() + self._log.size
        if size != self._parsed:
            self._parsed = size
            self._reached = max(self._reached, self._log.reached(self._printed(_TAIL)))
        return self._reached

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
                problem = self._why_hanging(timeout)
                self._program.stop(0)
                raise SubjectError(problem)
            self._pause()
        return True

    def wait_step(self, number: int, timeout: float) -> bool:
        """Wait until it has told step ``number``; return whether it has ended before that."""
        return self.wait(timeout, lambda: self.reached() >= number)

    def wait_told(self, timeout: float) -> bool:
        """Wait until it has told any step; return whether it has ended before that."""
        return self.wait(timeout, lambda: self._log.read(self._printed())[1] != [])

    def wait_seconds(self, seconds: float, timeout: float) -> bool:
        """Wait until so long after its start; return whether it has ended before that."""
        return self.wait(timeout, lambda: time.monotonic() - self._started >= seconds)

    def steps(self) -> list[Step]:
        """Return the steps that are told so far."""
        return self._log.read(self._printed())[1]

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._program.running

    def hold(self) -> None:
        """Stop all of it where it is, at once, until :meth:`let_go` or a kill.

        What its first process is just doing for it in the system is done before this returns.
        """
        self._signal_group(signal.SIGSTOP)
        deadline = time.monotonic() + _STOP_SECONDS
        while self._program.running and time.monotonic() < deadline:
            if _is_stopped(self.pid):
                return
            time.sleep(_STOP_PAUSE)

    def let_go(self) -> None:
        """Let it go on."""
        self._signal_group(signal.SIGCONT)

    def _signal_group(self, signum: int) -> None:
        # Not through the warden: its answer takes longer than a small file is written in.
        with contextlib.suppress(ProcessLookupError):
            if self._program.running:
                os.killpg(self.pid, signum)

    def interrupt(self, signum: int) -> None:
        """Send it a signal as people and systems do, if it still runs.

        SIGINT goes to its whole process group, as a terminal's Ctrl-C does, and SIGKILL takes all
        of it at once, as the loss of a machine does; SIGTERM goes to the program that was started.
        """
        self._program.send_signal(signum, group=signum != signal.SIGTERM)

    def end(self, timeout: float) -> Ended:
        """Wait for its end, and return what it left.

        Raises:
            SubjectError: It does not end in ``timeout`` seconds; it is ended then.
        """
        self.wait(timeout)
        printed = self._printed()
        recognised, steps = self._log.read(printed)
        return Ended(
            code=self._program.exit_code, state=self._program.state, steps=steps,
            recognised=recognised, writes=self._writes(),
            saves=find_saves(self._saves.changes, self._started) if self._saves else [],
            printed=printed, seconds=time.monotonic() - self._started, started=self._started,
            memory=self._memory,
            gpu=self._stop_watching(),
            advice=find_advice(printed, self.trainer.advice),
        )  # fmt: skip

    def checkpoints(self) -> list[Checkpoint]:
        """Return the checkpoints that are there, the earliest first."""
        return find_checkpoints(self.output, self.trainer.checkpoints)

    def _why_hanging(self, timeout: float) -> str:
        """Say how far it is after so many seconds, and since when it is silent."""
        what = f"has printed nothing in {timeout:g} s"
        if self._printed(_TAIL).strip():
            silent = max(0.0, time.time() - self._program.log.stat().st_mtime)
            what = f"still runs after {timeout:g} s, and has printed nothing for {silent:.3g} s"
        return f"the trainer {what}, last at step {self.reached()}; see {self._program.log}"

    def _stop_watching(self) -> GpuUse | None:
        return self._watch.stop() if self._watch else None

    def _writes(self) -> list[float]:
        times = self._saves.writes if self._saves else []
        return sorted({round(seconds - self._started, 1) for seconds in times})

    def _pause(self) -> None:
        if self._saves is None:
            time.sleep(_PAUSE)
        else:
            self._saves.reached = self.reached()
            self._saves.look(round(_PAUSE * 1000))

    def _size(self) -> int:
        with contextlib.suppress(FileNotFoundError):
            return self._program.log.stat().st_size
        return 0

    def _printed(self, tail: int = 0) -> str:
        """Return what it has printed; with ``tail``, at most the last so many bytes."""
        with contextlib.suppress(FileNotFoundError), self._program.log.open("rb") as file:
            if tail:
                file.seek(max(0, self._size() - tail))
            return file.read().decode(encoding="utf-8", errors="replace")
        return ""

    def _read_memory(self) -> None:
        now, step = time.monotonic() - self._started, self.reached()
        if self._memory:
            before = self._memory[-1]
            if now - before.seconds < (_STEP_EVERY if step > before.step else _MEMORY_EVERY):
                return
        pids = process_tree([self.pid])
        size, cpu = resident_memory(pids), cpu_seconds(pids)
        if size:
            queued = queued_seconds(pids)
            self._memory.append(MemorySample(now, step, size, cpu, queued))


def _is_stopped(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE)
    return True  # it is gone


def run_training(
    trainer: Trainer,
    output: Path,
    timeout: float,
    *,
    gpu: Gpu | None = None,
    saves: SaveWatch | None = None,
) -> Ended:
    """Run a training to its end and return what it left; its log is ``output`` with ``.log``.

    Raises:
        SubjectError: It cannot be started, or does not end in ``timeout`` seconds.
    """
    log = output.with_name(f"{output.name}.log")
    with Training(trainer, output, log, gpu=gpu, saves=saves) as training:
        return training.end(timeout)
