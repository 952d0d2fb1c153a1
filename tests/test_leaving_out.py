"""Tests that this machine cannot do are counted aloud, and fail where everything is required."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from leaving_out import INSTALL, count_left_out, leave_out

TESTS = Path(__file__).parent


class Report(NamedTuple):
    longrepr: Any


def skipped(reason: str) -> Report:
    return Report(("test.py", 1, f"Skipped: {reason}"))


def test_what_is_missing_leaves_a_test_out_unless_everything_is_required():
    with pytest.raises(pytest.skip.Exception, match="left out: needs objdump"):
        leave_out("needs objdump", {"PROOFBOOK_REQUIRE_ALL": "0"})
    with pytest.raises(pytest.fail.Exception, match="but this test needs objdump"):
        leave_out("needs objdump", {"PROOFBOOK_REQUIRE_ALL": "1"})


def test_tests_are_counted_by_reason_and_other_skips_are_not():
    reports = [skipped("left out: needs a"), skipped("left out: needs b"), skipped("not on Mars")]
    lines = count_left_out([*reports, skipped("left out: needs b"), Report("a text"), Report(None)])
    assert lines == [
        "3 tests were left out; PROOFBOOK_REQUIRE_ALL=1 fails them",
        "   2: needs b",
        "   1: needs a",
    ]
    assert count_left_out([skipped("not on Mars")]) == []


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize(("require", "code"), [("", 0), ("1", 1)])
def test_a_suite_without_a_browser_says_so_at_its_end(tmp_path: Path, require: str, code: int):
    environ = {
        **os.environ, "PATH": str(tmp_path), "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path),
        "PROOFBOOK_REQUIRE_ALL": require, "PYTEST_ADDOPTS": "",
    }  # fmt: skip
    test = TESTS / "report" / "test_report_single_file.py"
    command = [sys.executable, "-m", "pytest", "-q", "-n", "1", "--no-cov", "-m", "browser"]
    done = subprocess.run(
        [*command, str(test)], env=environ, cwd=TESTS.parent, capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout
    last = done.stdout.strip().splitlines()[-4:]
    reason = f"needs browser, not found here: install {INSTALL['browser']}"
    if require:
        assert any(f"PROOFBOOK_REQUIRE_ALL=1, but this test {reason}" in line for line in last)
    else:
        assert "1 tests were left out; PROOFBOOK_REQUIRE_ALL=1 fails them" in last
        assert f"   1: {reason}" in last
