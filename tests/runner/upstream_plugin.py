"""A pytest plugin for other projects' suites: they run with our engine, and say what became of it.

Loaded with ``-p upstream_plugin`` in a process of its own. ``PROOFBOOK_UPSTREAM_REPORT`` names the
file that gets each test's outcome, the kinds of the kernels that were started, and why ordinary
ones were.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

_outcomes: dict[str, str] = {}
_kernels: list[str] = []
_reasons: list[str] = []
_LEAKED = "NBEXECUTE_TEST_PARALLEL_TMPDIR"
"""nbclient's tests set it, and leave it set where two threads of theirs took longer than two
seconds: each restores the environment that it began with."""


class _Reasons(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _reasons.append(record.getMessage())


def pytest_configure(config: pytest.Config) -> None:
    """Make our engine papermill's default one, and watch how kernels are started."""
    from papermill.engines import papermill_engines

    from proofbook.kernels.provisioner import ProofbookProvisioner
    from proofbook.runner.engine import ProofbookEngine

    log = logging.getLogger("proofbook.kernels")
    log.setLevel(logging.DEBUG)  # a reason is a warning once only
    log.addHandler(_Reasons())
    papermill_engines.register(None, ProofbookEngine)
    launch = ProofbookProvisioner.launch_kernel

    async def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        information = await launch(self, *args, **kwargs)
        _kernels.append(str(self.kind))
        return information

    ProofbookProvisioner.launch_kernel = watched  # type: ignore[method-assign]


def pytest_runtest_setup() -> None:
    """Begin each test without what an earlier one left in the environment."""
    os.environ.pop(_LEAKED, None)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember the worst that any phase of a test says."""
    if report.when == "call" or report.outcome != "passed":
        known = _outcomes.get(report.nodeid)
        _outcomes[report.nodeid] = known if known == "failed" else report.outcome


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Remember what could not be collected."""
    if report.failed:
        _outcomes[report.nodeid] = "not collected"


def pytest_sessionfinish() -> None:
    """Write the report."""
    report = {"outcomes": _outcomes, "kernels": _kernels, "reasons": _reasons}
    Path(os.environ["PROOFBOOK_UPSTREAM_REPORT"]).write_text(json.dumps(report))
