"""A second executor: one process a job, with a folder of its own. Nothing is shared but bytes.

It stands for one that executes jobs on other machines: a pickled spec goes in by a pipe, pickled
events and a result come out, and the job's folder is copied over.
"""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

from proofbook.kernels.session import WarmKernelManager
from proofbook.runner.capacity import Capacity
from proofbook.runner.events import Sink
from proofbook.runner.executors.protocol import JobResult, JobSpec
from proofbook.runner.job import Worker, execute_job
from proofbook.runner.outcomes import OutcomeWriter
from proofbook.runner.reserve import Reserve
from proofbook.runs.folder import RunFolder


class ToyExecutor:
    """Executes each attempt in a new process."""

    def __init__(self, scratch: Path, capacity: Capacity, sink: Sink) -> None:
        self.capacity = capacity
        self._scratch = scratch
        self._sink = sink
        self._threads = ThreadPoolExecutor(capacity.slots)
        self._lock = threading.Lock()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._cancelled = False

    def submit(self, spec: JobSpec) -> Future[JobResult]:
        return self._threads.submit(self._execute, spec)

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            for process in self._processes:
                _tell_to_end(process)

    def close(self) -> None:
        self.cancel()
        self._threads.shutdown()

    def _execute(self, spec: JobSpec) -> JobResult:
        remote = Path(tempfile.mkdtemp(dir=self._scratch, prefix="machine-"))
        process = subprocess.Popen(
            [sys.executable, __file__, str(remote)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdin is not None
        assert process.stdout is not None
        pickle.dump(spec, process.stdin)
        process.stdin.flush()
        with self._lock:
            self._processes.append(process)
            if self._cancelled:
                _tell_to_end(process)
        with process:
            result = self._follow(process.stdout)
        brought = Path(tempfile.mkdtemp(dir=self._scratch, prefix="brought-"))
        shutil.copytree(remote, brought, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(remote)
        return JobResult(outcome=result.outcome, brought=brought)

    def _follow(self, messages: IO[bytes]) -> JobResult:
        while True:
            try:
                message: Any = pickle.load(messages)
            except EOFError as error:
                raise ConnectionError("its process is gone") from error
            if isinstance(message, JobResult):
                return message
            self._sink(message)


def _tell_to_end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None and not process.stdin.closed:
        process.stdin.close()


def main(folder: Path) -> None:
    """Execute the spec that comes by stdin; the end of stdin cancels it."""
    spec: JobSpec = pickle.load(sys.stdin.buffer)
    out, lock = sys.stdout.buffer, threading.Lock()

    def send(message: object) -> None:
        with lock:
            pickle.dump(message, out)
            out.flush()

    run = RunFolder(folder)
    run.media.mkdir()
    cancelled = threading.Event()

    def watch() -> None:
        sys.stdin.buffer.read()
        cancelled.set()

    threading.Thread(target=watch, daemon=True).start()
    with Reserve(run.path) as reserve:
        worker = Worker(
            writer=OutcomeWriter(run=run, reserve=reserve),
            sink=send,
            cancelled=cancelled,
            kernel_manager_class=WarmKernelManager,
        )
        send(execute_job(spec, worker))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    # The thread that reads stdin holds its lock, which a normal exit would wait for.
    sys.stdout.flush()
    import os

    os._exit(0)
