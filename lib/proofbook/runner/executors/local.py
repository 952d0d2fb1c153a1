"""Execute jobs on this machine: each in a thread of this process, with a warm kernel of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager

from proofbook.kernels.session import WarmKernelManager
from proofbook.records import RunInfo
from proofbook.runner.capacity import Capacity
from proofbook.runner.events import Sink
from proofbook.runner.executors.protocol import JobResult, JobSpec
from proofbook.runner.forkservers import forkserver_for
from proofbook.runner.imports import importing_papermill
from proofbook.runner.job import Worker, execute_job
from proofbook.runner.outcomes import OutcomeWriter
from proofbook.runner.temporary import remove_orphans

__all__ = ["LocalExecutor", "open_local"]


class LocalExecutor:
    """Executes jobs in the run's own folder.

    Args:
        worker: Where jobs write and what their kernels inherit.
        capacity: What all running jobs share.
    """

    def __init__(self, worker: Worker, capacity: Capacity) -> None:
        self.capacity = capacity
        self._worker = worker
        self._threads = ThreadPoolExecutor(capacity.slots, thread_name_prefix="job")

    def submit(self, spec: JobSpec) -> Future[JobResult]:
        """Begin to execute an attempt in a thread."""
        return self._threads.submit(execute_job, spec, self._worker)

    def cancel(self) -> None:
        """End the running kernels; each notices within a tenth of a second."""
        self._worker.cancelled.set()

    def close(self) -> None:
        """End what still runs, and the threads."""
        self.cancel()
        self._threads.shutdown()


@contextmanager
def open_local(
    info: RunInfo, writer: OutcomeWriter, capacity: Capacity, sink: Sink, *, cold: bool
) -> Iterator[LocalExecutor]:
    """Yield an executor with the forkserver that its kernels come from.

    Args:
        info: The run; its ``warm`` names what kernels have imported when they start.
        writer: Writes into the run's folder.
        capacity: What all running jobs share.
        sink: Takes the events of every attempt.
        cold: Start an ordinary kernel for each job.
    """
    remove_orphans()
    with ExitStack() as stack:
        with importing_papermill():
            forkserver = stack.enter_context(forkserver_for(info.warm, sink, cold=cold))
        worker = Worker(
            writer=writer,
            sink=sink,
            environment={**os.environ, "PROOFBOOK_FORKSERVER": forkserver},
            kernel_manager_class=WarmKernelManager,
        )
        yield stack.enter_context(closing(LocalExecutor(worker, capacity)))
