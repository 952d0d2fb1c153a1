"""The suites of papermill, nbclient and jupyter_kernel_test say of our engine and kernels what they
say of their own; each difference is named here, with its reason.

With warm kernels the suites run whole, with ordinary ones the tests that start kernels. papermill's
run with our engine in place of its own, nbclient's with its own client and our kernels.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from upstream_suites import Ran, Suite, run
from waiting import WHOLE_SESSION

from proofbook.kernels import shared_forkserver
from proofbook.processes import tree

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not tree.SUPPORTED, reason="warm kernels need Linux"),
]

PAPERMILL = Suite(
    project="papermill",
    version="2.7.0",
    sha256="ec10b37594a060662f57269e1ebd108c209d204450f00fdfeb70a1c7cfb7fbc8",
    tests=("papermill/tests",),
)
NBCLIENT = Suite(
    project="nbclient",
    version="0.11.0",
    sha256="04a134a5b087f2c5887f228aca155db50169b8cd9334dee6942c8e927e56081a",
    tests=("tests",),
    requires=("testpath==0.6.0", "xmltodict==0.14.2", "flaky==3.8.1", "pytest-asyncio==1.3.0"),
)
KERNEL_TEST = Suite(
    project="jupyter_kernel_test",
    version="0.7.0",
    sha256="078b6fe7f770dd164f9549bdd7a355663225a3ff9b0f7575ad546d27239ec609",
    tests=("test_ipykernel.py",),
    installed=False,
)

OWN_CLIENT = "looks into the arguments of papermill's client; our engine has a client of its own"
ATOMIC = "counts calls of papermill's writer; a local file is replaced atomically, more often"
OLD_NOTEBOOK = "fails with papermill's engine too: current Python and IPython refuse its notebook"

DIFFERENCES: Mapping[str, Mapping[str, str]] = {
    "papermill": {
        "test_execute.py::TestBrokenNotebook2::test": OLD_NOTEBOOK,
        "test_execute.py::TestNotebookHelpers::test_default_start_timeout": OWN_CLIENT,
        "test_execute.py::TestNotebookHelpers::test_start_timeout": OWN_CLIENT,
        "test_autosave.py::TestMidCellAutosave::test_end2end_autosave_slow_notebook": ATOMIC,
    },
    "nbclient": {},
    "jupyter_kernel_test": {},
}
"""The tests that do not pass, and why, by project."""

LACKS: Mapping[str, Mapping[str, str]] = {
    "papermill": {
        "test_abs.py": "azure",
        "test_adl.py": "azure",
        "test_s3.py": "boto3",
        "test_gcs.py::GCSTest::test_gcs_fallback_retry_unknown_failure_code": "gcsfs",
        "test_gcs.py::GCSTest::test_gcs_handle_exception": "gcsfs",
        "test_gcs.py::GCSTest::test_gcs_retry": "gcsfs",
        "test_gcs.py::GCSTest::test_gcs_retry_older_exception": "gcsfs",
    },
    "nbclient": {"test_cli.py::test_cli_simple": "jupyter-execute"},
}
"""Tests that need a module or a command which may not be installed."""

PORT_TAKEN = "Address already in use"
"""Jupyter chooses an ordinary kernel's ports before the kernel binds them: another program may take
one in between. Warm kernels have sockets of their own and know nothing of it."""

OWN_VARIABLE = "it was started with other values of NBEXECUTE_TEST_PARALLEL_TMPDIR"
"""Of a few tests of nbclient: a variable that its notebooks read."""

LEAST = {"papermill": 500, "nbclient": 120, "jupyter_kernel_test": 12}
"""How many tests a whole suite has at least."""


def is_missing(name: str) -> bool:
    """Say whether neither a module nor a command of this environment has this name."""
    return find_spec(name) is None and not (Path(sys.executable).parent / name).exists()


def refuse_differences(suite: Suite, ran: Ran) -> None:
    """Fail where a difference is new, or one that is named has gone."""
    lacking = {test for test, name in LACKS.get(suite.project, {}).items() if is_missing(name)}
    expected = {*DIFFERENCES[suite.project], *lacking}
    short = {test.removeprefix(f"{suite.tests[0]}/"): what for test, what in ran.outcomes.items()}
    found = {test for test, what in short.items() if what in ("failed", "not collected")}
    assert found - expected == set(), ran.output[-6000:]
    assert {test for test in expected if short.get(test) == "passed"} == set()


@pytest.mark.exhaustive
@pytest.mark.parametrize("suite", [PAPERMILL, NBCLIENT, KERNEL_TEST], ids=lambda s: s.project)
def test_a_suite_says_the_same_of_warm_kernels(
    suite: Suite, tmp_path: Path, forkserver: dict[str, str]
) -> None:
    # Another one where a test before has changed this process's environment.
    shared_forkserver.start_shared((), idle=WHOLE_SESSION)
    ran = run(suite, tmp_path, forkserver)
    refuse_differences(suite, ran)
    assert set(DIFFERENCES[suite.project]) <= {t.partition("/tests/")[2] for t in ran.outcomes}
    assert len(ran.outcomes) >= LEAST[suite.project]
    assert ran.kernels["warm"] > ran.kernels["ordinary"], ran.reasons
    assert {why.partition(": ")[2] for why in ran.reasons} <= {OWN_VARIABLE}


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("suite", "selected"),
    [
        (PAPERMILL, ["-k", "test_execute"]),
        (NBCLIENT, ["-k", "run_all_notebooks or parallel"]),
        (KERNEL_TEST, []),
    ],
    ids=lambda each: getattr(each, "project", ""),
)
def test_a_suite_says_the_same_of_ordinary_kernels(
    suite: Suite, selected: list[Any], tmp_path: Path
) -> None:
    ran = run(suite, tmp_path, {"PROOFBOOK_FORKSERVER": "off"}, *selected)
    if PORT_TAKEN in ran.output:
        again = tmp_path / "again"
        again.mkdir()
        ran = run(suite, again, {"PROOFBOOK_FORKSERVER": "off"}, *selected)
    refuse_differences(suite, ran)
    assert set(ran.kernels) == {"ordinary"}
