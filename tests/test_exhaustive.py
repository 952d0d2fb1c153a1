"""``make test`` leaves exhaustive tests out and says how many; nothing else does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from exhaustive import is_left

TESTS = Path(__file__).parent
SUITE = """
import pytest

def test_plain(): pass

@pytest.mark.exhaustive
def test_long(): pass

@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("number", range(5))
def test_one_of_many(number): pass
"""


def mark(**keep: int) -> pytest.Mark:
    return pytest.mark.exhaustive(**keep).mark


@pytest.mark.parametrize(
    ("marked", "earlier", "left"),
    [
        (None, 9, False), (mark(), 0, True), (mark(keep=1), 0, False), (mark(keep=1), 1, True),
        (mark(keep=2), 1, False),
    ],
)  # fmt: skip
def test_the_first_of_a_kind_stay(marked: pytest.Mark | None, earlier: int, left: bool) -> None:
    assert is_left(marked, earlier) is left


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "passed", "told"),
    [(["--quick"], 2, 5), (["--quick", "-n", "1"], 2, 5), ([], 7, 0)],
)
def test_what_is_left_out_is_counted_aloud(
    tmp_path: Path, options: list[str], passed: int, told: int
) -> None:
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text())
    (tmp_path / "test_some.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    program = ["-o", f"pythonpath={TESTS}", "-o", "addopts="]
    done = subprocess.run(
        [*command, *program, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{passed} passed" in done.stdout
    line = f"{told} exhaustive tests were left out: `make test-all` runs them"
    assert (line in done.stdout) is bool(told)
