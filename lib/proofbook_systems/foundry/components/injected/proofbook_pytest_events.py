"""A pytest plugin: write down each test as it begins and ends, and what was never run.

Named in ``PYTEST_PLUGINS``, with this folder in ``PYTHONPATH``. It runs in the interpreter of the
project under test, so it needs nothing but pytest. It changes nothing about the tests, except for
their order where ``PROOFBOOK_SHUFFLE`` holds a seed. Each process appends to a file of its own.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

__all__ = [
    "pytest_collection_modifyitems",
    "pytest_collectreport",
    "pytest_deselected",
    "pytest_runtest_logreport",
    "pytest_runtest_logstart",
    "pytest_sessionfinish",
]


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Note every test that is about to run with its marks; shuffle them where asked."""
    seed = os.environ.get("PROOFBOOK_SHUFFLE")
    if seed:
        random.Random(seed).shuffle(items)
    for item in items:
        marks = sorted({mark.name for mark in item.iter_markers()})
        _write("collected", id=item.nodeid, marks=marks)


def pytest_deselected(items: list[Any]) -> None:
    """Note what an option, a setting or a plugin has left out."""
    for item in items:
        _write("deselected", id=item.nodeid)


def pytest_collectreport(report: Any) -> None:
    """Note a file that could not be collected, or was skipped whole."""
    if report.outcome != "passed":
        outcome = "error" if report.failed else "skipped"
        _write("not-collected", id=report.nodeid, outcome=outcome, words=_words(report))


def pytest_runtest_logstart(nodeid: str) -> None:
    """Note that a test begins: the last one without an end is where a crash happened."""
    if not _is_worker():
        _write("started", id=nodeid)


def pytest_runtest_logreport(report: Any) -> None:
    """Note how one phase of a test ended: its set-up, its call, its tear-down."""
    if not _is_worker():
        _write(
            "phase", id=report.nodeid, phase=report.when, outcome=report.outcome,
            seconds=report.duration, expected=hasattr(report, "wasxfail"), words=_words(report),
        )  # fmt: skip


def pytest_sessionfinish(exitstatus: int) -> None:
    """Note that the session came to its own end."""
    if not _is_worker():
        _write("finished", code=int(exitstatus))


def _is_worker() -> bool:
    """Say whether this is a process of pytest-xdist, whose reports the main one gets as well."""
    return "PYTEST_XDIST_WORKER" in os.environ


def _write(event: str, **values: Any) -> None:
    folder = os.environ.get("PROOFBOOK_PYTEST_EVENTS")
    if folder:
        # Opened for each line: a test that ends the process must not take lines with it.
        with Path(folder, f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"event": event, **values}) + "\n")


def _words(report: Any) -> str:
    reason = report.longrepr
    if isinstance(reason, tuple):  # a skip: file, line, words
        return str(reason[-1])[:2000]
    crash = getattr(reason, "reprcrash", None)
    return str(crash.message if crash else reason or getattr(report, "wasxfail", ""))[:2000]
