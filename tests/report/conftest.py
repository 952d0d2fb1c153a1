"""A sample run, built once."""

from __future__ import annotations

import pytest
from sample_run import build_run

from proofbook.report import load_run, write_report
from proofbook.report.summary import RunSummary
from proofbook.runs.folder import RunFolder


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The sample run with its report; do not change it."""
    folder = build_run(tmp_path_factory.mktemp("outputs"))
    write_report(folder)
    return folder


@pytest.fixture(scope="session")
def summary(sample: RunFolder) -> RunSummary:
    return load_run(sample)
