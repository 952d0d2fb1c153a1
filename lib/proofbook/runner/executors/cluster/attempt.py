"""What runs in a Ray task: one attempt at a job, telling of itself as it goes.

It yields events, what log and records have grown by, and at its end the files and the outcome. The
task ends its job when the run is cancelled, and when nobody can be reached that waits for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from proofbook.kernels.session import WarmKernelManager
from proofbook.processes import TemporaryFolder
from proofbook.records import Outcome
from proofbook.runner.events import Event
from proofbook.runner.executors.cluster.exchange import Line, bring
from proofbook.runner.executors.cluster.faults import StrangeMachine
from proofbook.runner.executors.cluster.fetching import Fetching, Sent
from proofbook.runner.executors.cluster.host import HostFacts
from proofbook.runner.executors.cluster.streaming import PIECE
from proofbook.runner.executors.landing import Landing
from proofbook.runner.executors.pieces import Piece
from proofbook.runner.executors.protocol import JobSpec
from proofbook.runner.executors.store import Delivery, Store
from proofbook.runner.executors.visiting import Visit
from proofbook.runner.imports import importing_papermill

__all__ = ["GROWING", "Delivered", "Errand", "Grown", "Message", "execute_attempt"]

GROWING = ("output.log", "records.jsonl")
"""Files of a job that are only appended to, and are told while it runs."""

_LOOK_EVERY = 0.2
_TELL_EVERY = 1.0
_ASK_SECONDS = 5.0
_LARGEST_PART = 4 * 2**20


@dataclass(frozen=True, kw_only=True)
class Errand:
    """What a task is given."""

    spec: JobSpec
    run_path: str
    beside: Sent
    """What is beside the runbook."""
    inputs: tuple[Sent, ...] = ()
    """What other jobs have left."""
    store: str = ""
    """What files travel through; empty for the cluster's object store."""
    landing: Landing
    """Where files go without being sent, if the machine sees that place."""
    line: Line | None = None
    """On which all others are brought there, if the machine reaches the run."""
    ticket: str = ""
    """Under which the store takes the one outcome of the attempt."""
    deadline: float | None = None
    """Of the run, by the clock of its :class:`Control`."""


@dataclass(frozen=True, kw_only=True)
class Grown:
    """What was appended to one of the files that only grow."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """The store has the outcome of the attempt, and all that it has left."""


Message = HostFacts | Event | Grown | list[Piece] | Outcome | Delivered


def execute_attempt(errand: Errand, control: Any, hosts: Mapping[str, Any]) -> Iterator[Message]:
    """Execute an attempt on this machine; its outcome comes last.

    Args:
        errand: What to do.
        control: The run's :class:`Control`.
        hosts: The :class:`Host` of each machine, by its node.

    Raises:
        StrangeMachine: This machine has none: it joined the cluster later.
    """
    import ray

    host = hosts.get(ray.get_runtime_context().get_node_id())
    if host is None:
        raise StrangeMachine("this machine has joined the cluster later")
    facts: HostFacts = ray.get(host.facts.remote())
    yield facts
    store = Store(errand.store) if errand.store else None
    seconds_left = None
    if errand.deadline is not None:
        seconds_left = errand.deadline - ray.get(control.clock.remote())
    cancellation = _Cancellation(control)
    fetching = Fetching(
        folder=facts.folder, store=store, mark=errand.landing.mark,
        is_cancelled=cancellation.has_come,
    )  # fmt: skip
    with TemporaryFolder("attempt-", facts.folder) as temporary, importing_papermill():
        visit = _arrive(errand, facts, temporary.path, seconds_left, fetching)
        outcome = yield from _follow(visit, cancellation)
        if store is None:
            landing = errand.landing if errand.landing.mark.is_seen() else None
            left = visit.results(landing, largest=PIECE)
            if not bring(errand.line, left):
                yield from left
            yield outcome
        else:
            delivery = Delivery(outcome=outcome, pieces=store.put(visit.results()))
            store.deliver(errand.ticket, delivery)  # or the run has given this attempt up
            yield Delivered()


def _arrive(
    errand: Errand,
    facts: HostFacts,
    folder: Path,
    seconds_left: float | None,
    fetching: Fetching,
) -> Visit:
    """Bring what was sent to where the job finds it."""
    spec = replace(errand.spec, seconds_left=seconds_left, environment=_environment(errand.spec))
    return Visit(
        spec=spec,
        folder=folder / "run",
        run_path=errand.run_path,
        runbook=fetching.fetch(errand.beside) / Path(spec.notebook_path).name,
        inputs={sent.name: fetching.input(sent) for sent in errand.inputs},
        environment=facts.environment,
        node=facts.node,
        kernel_manager_class=WarmKernelManager,
    )


def _follow(visit: Visit, cancellation: _Cancellation) -> Generator[Message, None, Outcome]:
    """Yield what happens until the attempt has ended; return its outcome."""
    messages: SimpleQueue[Event | Outcome] = SimpleQueue()
    thread = threading.Thread(target=lambda: messages.put(visit.execute(messages.put)))
    thread.start()
    growing = _Growing(visit.run.job(visit.spec.job.id).path)
    try:
        while True:
            with suppress(Empty):
                message = messages.get(timeout=_LOOK_EVERY)
                if isinstance(message, Outcome):
                    return message
                yield message
            if cancellation.has_come():
                visit.cancelled.set()
            yield from growing.lines()
    finally:
        visit.cancelled.set()  # where nobody takes what is yielded any more
        thread.join()


class _Cancellation:
    """Whether the run is cancelled, or cannot be reached, which is no different."""

    def __init__(self, control: Any) -> None:
        self._control = control
        self._answer = self._ask()
        self._come = False

    def has_come(self) -> bool:
        """Return at once."""
        from ray.exceptions import RayError

        if not self._come and self._answer.done():
            try:
                self._come = self._answer.result()
            except RayError:
                self._come = True
            if not self._come:
                self._answer = self._ask()
        return self._come

    def _ask(self) -> Future[bool]:
        answer: Future[bool] = self._control.wait.remote(_ASK_SECONDS).future()
        return answer


class _Growing:
    """Reads the whole lines that a job's files have grown by, every second."""

    def __init__(self, job: Path) -> None:
        self._paths = [job / name for name in GROWING]
        self._read = dict.fromkeys(self._paths, 0)
        self._next = 0.0

    def lines(self) -> Iterator[Grown]:
        """Yield what is new, where it is time to look."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _TELL_EVERY
        for path in self._paths:
            with suppress(OSError), path.open("rb") as file:
                file.seek(self._read[path])
                data = file.read(_LARGEST_PART)
                data = data[: data.rfind(b"\n") + 1]
                self._read[path] += len(data)
                if data:
                    yield Grown(name=path.name, data=data)


def _environment(spec: JobSpec) -> dict[str, str]:
    """Return what a kernel gets over this machine's environment: its GPUs are those of the task."""
    import ray

    environment = dict(spec.environment)
    project = environment.get("PROOFBOOK_PROJECT")
    if project and not Path(project).is_dir():
        del environment["PROOFBOOK_PROJECT"]
    if spec.job.resources.gpus:
        ids = ray.get_runtime_context().get_accelerator_ids().get("GPU", [])
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, ids))
    return environment
