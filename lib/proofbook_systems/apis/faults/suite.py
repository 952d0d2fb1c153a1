"""Run many cases at the same time: some workers, each with a client process of its own."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator, Sequence

from proofbook_systems.apis.client_process import ClientProcess
from proofbook_systems.apis.faults.bench import Bench, Judged
from proofbook_systems.apis.faults.cases import Case
from proofbook_systems.apis.faults.catalogue import CONTROLS
from proofbook_systems.apis.faults.judging import Issue

__all__ = ["after_controls", "in_order", "left_out", "run_cases", "run_controls"]


def run_controls(cases: Sequence[Case], bench: Bench) -> list[Judged]:
    """Run the controls: the right server, asked once. One that the client does not do is left out.

    Raises:
        SubjectError: The client cannot be started.
    """
    client = bench.start("control")
    try:
        judged = [bench.run(case, client) for case in CONTROLS if case in cases]
    finally:
        client.stop()
    plain = judged[0]
    if plain.run.undone:
        issue = Issue(rule="refuses", message="the client says that it does not chat")
        judged[0] = Judged(run=plain.run, issues=(issue,))
    return [each for each in judged if each.issues or not each.run.undone]


def after_controls(cases: Sequence[Case], streams: bool) -> list[Case]:
    """Return the cases that are not controls, and that the client does."""
    return [case for case in cases if case not in CONTROLS and (streams or not case.stream)]


def left_out(cases: Sequence[Case], streams: bool) -> list[Case]:
    """Return the cases that a client which does not stream cannot be tried on."""
    return [case for case in cases if case.stream and not streams]


def in_order(results: Sequence[Judged], cases: Sequence[Case]) -> list[Judged]:
    """Return results in the order of the cases."""
    places = {case.name: place for place, case in enumerate(cases)}
    return sorted(results, key=lambda judged: places[judged.name])


def run_cases(cases: Sequence[Case], bench: Bench, workers: int) -> Iterator[Judged]:
    """Yield each case as it was judged, as soon as it was.

    What is wrong at first is tried again with a fresh process: only what is wrong there too is the
    client's, and not left over from a case before, or a busy machine's.

    Raises:
        SubjectError: The client cannot be started.
    """
    if not cases:
        return
    waiting: queue.SimpleQueue[Case] = queue.SimpleQueue()
    for case in cases:
        waiting.put(case)
    done: queue.SimpleQueue[Judged | BaseException] = queue.SimpleQueue()
    threads = [
        threading.Thread(target=_work, args=(str(number), waiting, done, bench), daemon=True)
        for number in range(min(workers, len(cases)))
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in cases:
            result = done.get()
            if isinstance(result, BaseException):
                raise result
            yield result
    finally:
        with contextlib.suppress(queue.Empty):
            while True:
                waiting.get_nowait()
        for thread in threads:
            thread.join()


def _work(
    name: str, waiting: queue.SimpleQueue[Case], done: queue.SimpleQueue[Judged | BaseException],
    bench: Bench,
) -> None:  # fmt: skip
    client: ClientProcess | None = None
    try:
        while True:
            try:
                case = waiting.get_nowait()
            except queue.Empty:
                return
            client = client or bench.start(name)
            judged = bench.run(case, client)
            if judged.issues or not judged.is_clean:
                client.stop()
                client = None
            if judged.issues:
                judged = _try_again(case, judged, bench, name)
            done.put(judged)
    except BaseException as error:  # noqa: BLE001 - raised again where the results are read
        done.put(error)
    finally:
        if client is not None:
            client.stop()


def _try_again(case: Case, first: Judged, bench: Bench, name: str) -> Judged:
    client = bench.start(name)
    try:
        second = bench.run(case, client)
    finally:
        client.stop()
    rules = {issue.rule for issue in first.issues}
    still = [issue for issue in second.issues if issue.rule in rules]
    again = {issue.rule for issue in still}
    passing = [issue for issue in first.issues if issue.rule not in again]
    return Judged(run=second.run, issues=tuple(still), passing=tuple(passing))
