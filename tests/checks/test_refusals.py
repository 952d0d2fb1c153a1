"""What the checks refuse, and what fails beside them, is written down, whoever looks away."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import IPython.core.getipython
import pytest
from IPython.core.events import EventManager, available_events

from proofbook.checks import Checks, Expectation
from proofbook.checks.journal import JOB_FOLDER, KERNEL, Journal, kernel_mark, open_journal
from proofbook.checks.unseen import unwatch
from proofbook.errors import ChecksFailed, UsageError
from proofbook.files import append_line
from proofbook.media import text
from proofbook.project import Project
from proofbook.records import Check, Evidence, Fault, Finish
from proofbook.runs.folder import read_records


@pytest.fixture
def checks(tmp_path: Path) -> Iterator[Checks]:
    made = Checks("demo/one", journal=Journal(folder=tmp_path, media=tmp_path / "media"))
    made.expect("first", True)
    yield made
    unwatch(made._ledger)


def faults(checks: Checks) -> list[str]:
    records, unreadable = read_records(checks.folder / "records.jsonl")
    assert unreadable == 0
    return [record.what for record in records if isinstance(record, Fault)]


class Odd:
    """A value whose text cannot be had."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


def interrupt() -> None:
    raise KeyboardInterrupt


def leave() -> None:
    raise SystemExit


def in_thread(call: Callable[[], object]) -> None:
    def run() -> None:
        with contextlib.suppress(UsageError):
            call()

    thread = threading.Thread(target=run, name="worker")
    thread.start()
    thread.join()


REFUSED: dict[str, Callable[[Checks], object]] = {
    "a second check of one name": lambda c: c.expect("first", False),
    "a second check of one name that passes": lambda c: c.expect("first", True),
    "a second one that is required": lambda c: c.require("first", False),
    "a second one that is skipped": lambda c: c.skip("first", "no reason"),
    "no actual value": lambda c: c.expect("second"),
    "no name": lambda c: c.expect(3, True),  # type: ignore[arg-type]
    "a name that is no text": lambda c: c.expect("bad\udcff", True),
    "a skip without a reason": lambda c: c.skip("second", " "),
    "a callable that is interrupted": lambda c: c.expect("second", interrupt),
    "a callable that leaves": lambda c: c.expect("second", leave),
    "a metric that is no number": lambda c: c.measure("speed", "fast"),  # type: ignore[arg-type]
    "a second identity": lambda c: [c.identify("model", "1"), c.identify("model", "2")],
    "an identity of nothing": lambda c: c.identify("model", ""),
    "a second output": lambda c: [c.output("a", 1), c.output("a", 2)],
    "an output that JSON has not": lambda c: c.output("a", object()),
    "a second evidence of a given name": lambda c: [c.show(text("a"), name="x"),
                                                    c.show(text("b"), name="x")],
    "a second question": lambda c: [c.ask("q", "?"), c.ask("q", "!")],
    "a question about what was not shown": lambda c: c.ask("q", "?", about=[elsewhere(c)]),
    "a finish in a thread": lambda c: in_thread(c.finish),
}  # fmt: skip


def elsewhere(checks: Checks) -> Evidence:
    folder = checks.folder / "other"
    folder.mkdir()
    other = Checks("demo/one", journal=Journal(folder=folder, media=folder))
    unwatch(other._ledger)
    return other.show(text("never shown here"))


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_call_is_written_down_though_somebody_swallows_it(
    name: str, checks: Checks
) -> None:
    with contextlib.suppress(BaseException):
        REFUSED[name](checks)
    (fault,) = faults(checks)
    assert "was refused: " in fault
    with pytest.raises(ChecksFailed, match="beside the checks"):
        checks.finish()


def test_a_refusal_names_the_call(checks: Checks) -> None:
    with pytest.raises(UsageError):
        checks.expect("first", False)
    assert faults(checks) == [
        "expect('first') was refused: proofbook.errors.UsageError: two checks are called 'first'; "
        "give each its own name"
    ]


@pytest.mark.parametrize("late", [lambda c: c.expect("late", False), lambda c: c.finish()])
def test_what_comes_after_the_finish_is_written_after_it(
    checks: Checks, late: Callable[[Checks], object]
) -> None:
    checks.finish()
    in_thread(lambda: late(checks))
    records, _ = read_records(checks.folder / "records.jsonl")
    assert [record.kind for record in records[-2:]] == ["finish", "fault"]


@pytest.mark.parametrize(
    ("actual", "shown"),
    [
        (Odd(), "<Odd that cannot be shown: RuntimeError>"),
        ([1, Odd()], [1, "<Odd that cannot be shown: RuntimeError>"]),
        ({"a": Odd()}, {"a": "<Odd that cannot be shown: RuntimeError>"}),
        (os.fsdecode(b"bad\xff"), "bad\\udcff"),
        ([os.fsdecode(b"bad\xff")], ["bad\\udcff"]),
        (Path(os.fsdecode(b"bad\xff")), "bad\\udcff"),
        ({os.fsdecode(b"\xff"): 1}, {"\\udcff": 1}),
        (1 << 20_000, f"0x1{'0' * 3997}… 1003 more characters"),
    ],
    ids=["odd", "in a list", "in a dict", "surrogate", "in a list ", "path", "key", "long"],
)
def test_a_value_that_is_hard_to_write_is_written(
    checks: Checks, actual: Any, shown: object
) -> None:
    checks.expect("second", actual, expected="other", why=os.fsdecode(b"\xff"))
    records, unreadable = read_records(checks.folder / "records.jsonl")
    check = records[-1]
    assert unreadable == 0
    assert isinstance(check, Check)
    assert (check.status, check.actual) == ("failed", shown)


def test_a_value_that_holds_itself_is_written(checks: Checks) -> None:
    loop: list[Any] = []
    loop.append(loop)
    checks.expect("second", loop, expected=[])
    assert "second" in (checks.folder / "records.jsonl").read_text()


@pytest.mark.parametrize("answer", ["no", None, 1, object()])
def test_an_expectation_answers_yes_or_no(checks: Checks, answer: object) -> None:
    own = Expectation(words="mine", accepts=lambda x: answer)  # type: ignore[arg-type,return-value]
    checks.expect("second", 1, own)
    check = read_records(checks.folder / "records.jsonl")[0][-1]
    assert isinstance(check, Check)
    assert f"the expectation answered {answer!r}, neither True nor False" in check.reason
    with pytest.raises(ChecksFailed, match="second"):
        checks.finish()


def test_a_thread_does_not_finish(checks: Checks) -> None:
    told: list[str] = []

    def finish() -> None:
        try:
            checks.finish()
        except UsageError as error:
            told.append(str(error))

    thread = threading.Thread(target=finish, name="worker")
    thread.start()
    thread.join()
    assert told == ["finish() was called by thread worker; it belongs in the last cell"]


def test_evidence_without_a_name_of_its_own_is_numbered(checks: Checks) -> None:
    names = [checks.show(text(words)).name for words in ("a", "b", "c")]
    assert names == [names[0], f"{names[0]}-2", f"{names[0]}-3"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_exception_in_a_thread_is_a_fault(checks: Checks) -> None:
    thread = threading.Thread(target=lambda: 1 / 0, name="loader")
    thread.start()
    thread.join()
    assert faults(checks) == ["thread loader raised ZeroDivisionError: division by zero"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_leaves_is_none(checks: Checks) -> None:
    thread = threading.Thread(target=leave)
    thread.start()
    thread.join()
    checks.finish()
    assert faults(checks) == []


async def fail() -> None:
    raise ValueError("in the background")


@pytest.mark.parametrize("kept", [True, False])
def test_a_task_that_failed_and_that_nobody_awaited_is_a_fault(checks: Checks, kept: bool) -> None:
    tasks = []

    async def start() -> None:
        task = asyncio.create_task(fail(), name="feeder")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        tasks.extend([task] if kept else [])

    asyncio.run(start())
    gc.collect()
    with pytest.raises(ChecksFailed, match="ValueError: in the background"):
        checks.finish()
    assert len(faults(checks)) == 1


def test_a_task_whose_exception_was_met_is_none(checks: Checks) -> None:
    async def start() -> None:
        task = asyncio.create_task(fail())
        with pytest.raises(ValueError, match="background"):
            await task
        await asyncio.gather(fail(), return_exceptions=True)

    asyncio.run(start())
    checks.finish()
    assert faults(checks) == []


def test_a_callback_that_raises_is_a_fault(checks: Checks) -> None:
    async def start() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)
        logging.getLogger("asyncio").warning("no exception, no fault")

    asyncio.run(start())
    (fault,) = faults(checks)
    assert fault.startswith("an event loop met ZeroDivisionError: division by zero")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_goes_wrong_after_the_finish_is_a_fault_until_the_cell_has_ended(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = SimpleNamespace(events=None)
    shell.events = EventManager(shell, available_events)
    kernel = SimpleNamespace(shell=shell, get_parent=dict)
    monkeypatch.setattr(
        IPython.core.getipython, "get_ipython", lambda: SimpleNamespace(kernel=kernel)
    )
    checks.finish()
    in_thread(lambda: 1 // 0)
    late = fail()
    cast("dict[str, Any]", checks._namespace)["late"] = late
    shell.events.trigger("post_run_cell", None)
    late.close()
    in_thread(lambda: 1 // 0)
    records, _ = read_records(checks.folder / "records.jsonl")
    assert [record.kind for record in records[-3:]] == ["finish", "fault", "fault"]
    assert ["ZeroDivisionError" in what for what in faults(checks)] == [True, False]
    assert faults(checks)[1].startswith("coroutine fail() was made and never awaited")


def test_a_forked_process_makes_no_checks(tmp_path: Path) -> None:
    glued = tmp_path / "glued"
    journal = Journal(
        folder=tmp_path, media=tmp_path, glue=lambda name, value: append_line(glued, name)
    )
    checks = Checks("demo/one", journal=journal)
    child = os.fork()
    if child == 0:
        code = 3
        with contextlib.suppress(UsageError):
            checks.expect("in-child", False)
            code = 4
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    assert "checks belong to the process that began them" in faults(checks)[0]
    assert (
        glued.read_text() == "proofbook/demo/one\n"
    )  # the child would wait for an answer for ever
    unwatch(checks._ledger)


def test_checks_from_many_threads_are_all_counted(checks: Checks) -> None:
    def work(number: int) -> None:
        for i in range(20):
            checks.expect(f"{number}-{i}", True)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    checks.finish()
    last = read_records(checks.folder / "records.jsonl")[0][-1]
    assert isinstance(last, Finish)
    assert last.counts == {"begin": 1, "check": 161}


def test_only_the_kernel_of_the_job_gets_its_journal(project: Project, tmp_path: Path) -> None:
    environment = {JOB_FOLDER: str(tmp_path / "job"), KERNEL: kernel_mark(b"the job's")}
    journal = open_journal("demo/one", environment)
    assert journal.folder.parent == project.outputs / "interactive"
