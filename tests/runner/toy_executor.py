"""A second executor: one process a job, with a folder of its own. Nothing is shared but bytes.

It stands for one that executes jobs on other machines: a pickled spec goes in by a pipe, pickled
events and a result come out, and the job's folder is copied over.
"""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from proofbook.kernels.session import WarmKernelManager
from proofbook.records import Node, Outcome
from proofbook.runner.capacity import Capacity
from proofbook.runner.events import Sink
from proofbook.runner.executors.pieces import Piece, pieces_of, write_pieces
from proofbook.runner.executors.protocol import JobResult, JobSpec
from proofbook.runner.executors.visiting import Visit
from proofbook.runs.siblings import list_siblings


@dataclass(frozen=True, kw_only=True)
class Luggage:
    """Everything that a machine is given for an attempt."""

    spec: JobSpec
    run_path: str
    beside: list[list[Piece]]
    inputs: dict[str, list[list[Piece]]]

    def unpack(self, folder: Path) -> Visit:
        """Return the attempt on this machine, in ``folder``."""
        beside = _written(folder / "beside", self.beside)
        places = {
            path: _written(folder / f"input-{number}", bundles) / Path(path).name
            for number, (path, bundles) in enumerate(self.inputs.items())
        }
        return Visit(
            spec=self.spec,
            folder=folder / "run",
            run_path=self.run_path,
            runbook=beside / Path(self.spec.notebook_path).name,
            inputs=places,
            environment=os.environ,
            node=Node(name="toy"),
            kernel_manager_class=WarmKernelManager,
        )


def _written(folder: Path, bundles: list[list[Piece]]) -> Path:
    folder.mkdir()
    for bundle in bundles:
        write_pieces(folder, bundle)
    return folder


class ToyExecutor:
    """Executes each attempt in a new process."""

    def __init__(self, run: Path, scratch: Path, capacity: Capacity, sink: Sink) -> None:
        self.capacity = capacity
        self._run = run
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
        pickle.dump(self._luggage(spec), process.stdin)
        process.stdin.flush()
        with self._lock:
            self._processes.append(process)
            if self._cancelled:
                _tell_to_end(process)
        brought = Path(tempfile.mkdtemp(dir=self._scratch, prefix="brought-"))
        with process:
            outcome = self._follow(process.stdout, brought)
        shutil.rmtree(remote)
        return JobResult(outcome=outcome, brought=brought)

    def _luggage(self, spec: JobSpec) -> Luggage:
        beside = [
            bundle for path in list_siblings(Path(spec.notebook_path)) for bundle in pieces_of(path)
        ]
        inputs = {path: list(pieces_of(Path(path))) for path in spec.inputs}
        return Luggage(spec=spec, run_path=str(self._run), beside=beside, inputs=inputs)

    def _follow(self, messages: IO[bytes], brought: Path) -> Outcome:
        while True:
            try:
                message: Any = pickle.load(messages)
            except EOFError as error:
                raise ConnectionError("its process is gone") from error
            if isinstance(message, Outcome):
                return message
            if isinstance(message, list):
                write_pieces(brought, message)
            else:
                self._sink(message)


def _tell_to_end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None and not process.stdin.closed:
        process.stdin.close()


def main(folder: Path) -> None:
    """Execute what comes by stdin; the end of stdin cancels it."""
    luggage: Luggage = pickle.load(sys.stdin.buffer)
    out, lock = sys.stdout.buffer, threading.Lock()

    def send(message: object) -> None:
        with lock:
            pickle.dump(message, out)
            out.flush()

    visit = luggage.unpack(folder)

    def watch() -> None:
        sys.stdin.buffer.read()
        visit.cancelled.set()

    threading.Thread(target=watch, daemon=True).start()
    outcome = visit.execute(send)
    for pieces in visit.results():
        send(pieces)
    send(outcome)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    # The thread that reads stdin holds its lock, which a normal exit would wait for.
    sys.stdout.flush()
    os._exit(0)
