"""Send attempts out as Ray tasks, and take what they tell and leave."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from proofbook.processes import TemporaryFolder
from proofbook.records import Outcome, RunInfo, now
from proofbook.runner.capacity import Capacity
from proofbook.runner.events import CellStarted, JobStarted, Note, Sink
from proofbook.runner.executors.arrival import Arrival
from proofbook.runner.executors.cluster.attempt import (
    GROWING,
    Delivered,
    Errand,
    Grown,
    execute_attempt,
)
from proofbook.runner.executors.cluster.connection import cluster_capacity, disconnect
from proofbook.runner.executors.cluster.control import Control
from proofbook.runner.executors.cluster.exchange import Line, listen
from proofbook.runner.executors.cluster.faults import NotStarted, StrangeMachine, fault_of
from proofbook.runner.executors.cluster.host import HostFacts
from proofbook.runner.executors.cluster.placing import Placing, is_gone, only_on
from proofbook.runner.executors.cluster.sending import Sending
from proofbook.runner.executors.cluster.streaming import STREAM
from proofbook.runner.executors.cluster.tasks import Tasks
from proofbook.runner.executors.landing import Landing, leave_mark
from proofbook.runner.executors.pieces import write_pieces
from proofbook.runner.executors.protocol import InfrastructureFault, JobResult, JobSpec
from proofbook.runner.executors.store import Store, ticket_of
from proofbook.runner.outcomes import OutcomeWriter, ended
from proofbook.runner.secret_removal import remove_secrets
from proofbook.runs.folder import JobFolder, RunFolder

__all__ = ["RayExecutor", "open_ray"]

_NO_FAULT = ("passed", "skipped")
"""Outcomes to which the end of a machine has not led: it takes kernels and files away."""
_GRACE_SECONDS = 30.0
"""How long the attempts of a cancelled run may take to end their kernels and bring their files."""


class RayExecutor:
    """Executes jobs on the machines of a cluster that this process has joined.

    Args:
        info: The run.
        writer: Writes into the run's folder.
        capacity: What all running jobs share.
        sink: Takes the events of every attempt.
        cold: Start an ordinary kernel for each job.
        store: Address of what files travel through; empty takes the cluster's object store.
    """

    def __init__(
        self,
        info: RunInfo,
        writer: OutcomeWriter,
        capacity: Capacity,
        sink: Sink,
        *,
        cold: bool,
        store: str = "",
    ) -> None:
        import ray

        self.capacity = capacity
        self._writer, self._sink, self._run_id = writer, sink, info.run_id
        self._placing = Placing(info.warm, capacity, cold=cold)
        self._store = Store(store) if store else None
        remote: Any = ray.remote  # its functions have types for what we do not use
        # Beside the run, and not on a machine that may be lost without it.
        node = only_on(ray.get_runtime_context().get_node_id())
        here = {"num_cpus": 0, "scheduling_strategy": node}
        self._control = remote(Control).options(**here).remote()
        # Where all files travel through a store, no machine need reach this one.
        host = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        self._exchange = None if self._store else listen(host)
        self._sending = Sending(here, self._store, self._exchange)
        if any(job.needs for job in info.plan):
            self._sending.prepare()
        # Ray's own retries would execute a job again without a word.
        self._task = remote(max_retries=0, **STREAM)(execute_attempt)
        self._threads = ThreadPoolExecutor(capacity.slots, thread_name_prefix="job")
        self._brought = TemporaryFolder(".brought-", writer.run.path)
        self._mark = leave_mark(self._brought.path)
        self._lock = threading.Lock()
        self._tasks = Tasks(partial(cluster_capacity, capacity.slots, capacity.slots))
        self._hosts: dict[str, Any] = {}
        """By job: the host that its last attempt had."""
        self._offered: dict[str, Mapping[str, Any]] = {}
        """By job: the hosts of which that is one, by their nodes."""
        self._cancelled = False
        self._closed = False

    def submit(self, spec: JobSpec) -> Future[JobResult]:
        """Send an attempt out."""
        return self._threads.submit(self._execute, spec)

    def cancel(self) -> None:
        """Tell all attempts; those that have not begun are taken back."""
        with self._lock:
            if self._cancelled:
                return
            self._cancelled = True
            self._control.cancel.remote()
            self._tasks.take_back()
        timer = threading.Timer(_GRACE_SECONDS, self._tasks.end)
        timer.daemon = True
        timer.start()

    def close(self) -> None:
        """End what still runs, and leave the cluster; once, as any call would join one again."""
        if self._closed:
            return
        self._closed = True
        self.cancel()
        self._threads.shutdown()
        self._tasks.close()
        self._placing.close()
        if self._exchange is not None:
            self._exchange.close()
        self._brought.remove()
        disconnect()

    def _execute(self, spec: JobSpec) -> JobResult:
        from ray.exceptions import RayError

        brought = Path(tempfile.mkdtemp(prefix=f"{spec.job.id[:20]}-", dir=self._brought.path))
        ticket = ticket_of(self._run_id, spec.job.id, spec.attempt)
        try:
            outcome = self._follow(spec, brought, ticket)
        except StrangeMachine:
            shutil.rmtree(brought, ignore_errors=True)
            self._placing.look_again()
            return self._execute(spec)
        except (RayError, NotStarted) as error:
            self._placing.look_again()  # a machine may be gone
            shutil.rmtree(brought, ignore_errors=True)
            late = self._give_up(ticket, brought)
            if late is None and self._cancelled:
                return JobResult(outcome=self._write_cancelled(spec))
            if late is None:
                raise self._fault(spec, error) from error
            outcome = late
        if not self._cancelled:
            self._refuse_what_its_machine_has_done(spec, outcome)
        self._take_in(spec, brought)
        return JobResult(outcome=outcome, brought=brought)

    def _refuse_what_its_machine_has_done(self, spec: JobSpec, outcome: Outcome) -> None:
        """Refuse an outcome that tells of the end of the machine, or of the way to it."""
        if outcome.status == "cancelled":
            raise InfrastructureFault("it could no longer reach the run")
        host = self._hosts.get(spec.job.id)
        if outcome.status not in _NO_FAULT and host is not None and is_gone(host):
            self._placing.look_again()
            raise InfrastructureFault("its machine is gone")

    def _fault(self, spec: JobSpec, error: Exception) -> Exception:
        lacks = self._tasks.stranded(spec.job.id)
        if lacks:
            return InfrastructureFault(f"the cluster has no machine for it any more: {lacks}")
        return fault_of(error)

    def _give_up(self, ticket: str, brought: Path) -> Outcome | None:
        """Have the store take no outcome of an attempt from now on; return one that it has."""
        if self._store is None or self._store.close(ticket):
            return None
        brought.mkdir()
        return self._collect(ticket, brought)

    def _collect(self, ticket: str, brought: Path) -> Outcome:
        """Bring what an attempt has left in the store."""
        assert self._store is not None  # where nothing else is delivered to
        delivery = self._store.delivered(ticket)
        if delivery is None:
            raise InfrastructureFault("another process of this run has given it up")
        for bundle in self._store.get(delivery.pieces):
            write_pieces(brought, bundle)
        return delivery.outcome

    def _follow(self, spec: JobSpec, brought: Path, ticket: str) -> Outcome:
        """Take what an attempt tells and leaves; return its outcome."""
        import ray

        live = self._writer.open_folder(spec.job.id)
        with (
            self._taking(brought) as line,
            self._sent(spec, ticket, brought, line) as task,
            Arrival(brought) as arrival,
        ):
            for reference in task:
                message = ray.get(reference)
                if isinstance(message, Outcome):
                    return message
                if isinstance(message, Delivered):
                    return self._collect(ticket, brought)
                if isinstance(message, list):
                    arrival.take(message)
                else:
                    self._take(spec, message, live)
        raise NotStarted("its task ended without an outcome")

    def _taking(self, brought: Path) -> AbstractContextManager[Line | None]:
        return nullcontext() if self._exchange is None else self._exchange.taking(brought)

    def _take(self, spec: JobSpec, message: Any, live: JobFolder) -> None:
        if isinstance(message, HostFacts):
            self._tasks.answered(spec.job.id)
            self._hosts[spec.job.id] = self._offered[spec.job.id].get(message.id)
            for note in message.notes:
                self._sink(Note(text=f"{message.node.name}: {note}"))
        elif isinstance(message, Grown):
            text = message.data.decode(errors="surrogateescape")
            with (live.path / message.name).open("ab") as file:
                file.write(self._writer.redact(text).encode(errors="surrogateescape"))
        elif isinstance(message, JobStarted | CellStarted):
            self._sink(message)

    @contextmanager
    def _sent(self, spec: JobSpec, ticket: str, brought: Path, line: Line | None) -> Iterator[Any]:
        """Yield a task that executes an attempt, known to :meth:`cancel` while the block runs."""
        if spec.earlier:
            self._sending.renew()
        errand = Errand(
            spec=spec,
            run_path=str(self._writer.run.path),
            beside=self._sending.beside(Path(spec.notebook_path)),
            inputs=tuple(map(self._sending.input, spec.inputs)),
            store="" if self._store is None else self._store.url,
            landing=Landing(folder=brought, mark=self._mark),
            line=line,
            ticket=ticket,
            deadline=self._deadline(spec),
        )
        hosts, options = self._placing.place(spec.job, lacking=bool(spec.lacking))
        self._offered[spec.job.id] = hosts
        with self._lock:
            if self._cancelled:
                raise NotStarted("the run was cancelled")
            task = self._task.options(**options).remote(errand, self._control, hosts)
            self._tasks.add(spec.job, task, may_strand=not spec.lacking)
        try:
            yield task
        finally:
            self._tasks.remove(spec.job.id)

    def _deadline(self, spec: JobSpec) -> float | None:
        import ray

        if spec.seconds_left is None:
            return None
        now: float = ray.get(self._control.clock.remote())
        return now + spec.seconds_left

    def _take_in(self, spec: JobSpec, brought: Path) -> None:
        """Make what was brought all that there is of an attempt, without this machine's secrets."""
        folder = RunFolder(brought).job(spec.job.id)
        if not folder.path.is_dir():
            raise InfrastructureFault("what it had left was gone with its machine")
        remove_secrets(folder, self._writer.redact, from_log=True)
        live = self._writer.run.job(spec.job.id)
        for name in GROWING:
            (live.path / name).unlink(missing_ok=True)

    def _write_cancelled(self, spec: JobSpec) -> Outcome:
        started = now()
        outcome = ended(
            Outcome(
                job=spec.job.id, runbook=spec.job.runbook, status="cancelled",
                cause="the run was cancelled before its machine had answered",
                notebook_sha256=spec.notebook_sha256, attempts=spec.earlier, started=started,
            ),
            started,
        )  # fmt: skip
        self._writer.write(outcome)
        return outcome


@contextmanager
def open_ray(
    info: RunInfo,
    writer: OutcomeWriter,
    capacity: Capacity,
    sink: Sink,
    *,
    cold: bool,
    store: str = "",
) -> Iterator[RayExecutor]:
    """Yield an executor on the cluster that this process has joined."""
    executor = RayExecutor(info, writer, capacity, sink, cold=cold, store=store)
    try:
        yield executor
    finally:
        executor.close()
