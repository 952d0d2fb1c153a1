"""What tests need beside Python packages, and how a test is left out, aloud, where it is missing.

``PROOFBOOK_REQUIRE_ALL=1`` makes a failure of what would be left out, so that a machine that should
have everything cannot pass without it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NoReturn

import pytest

from proofbook.requirements import unmet

INSTALL = {
    "browser": "chromium, or `playwright install chromium`",
    "libpython": "libpython3.11 (Debian), or a Python with its shared library",
    "objdump": "binutils",
}
"""What to install, by the name of a requirement."""
_PREFIX = "left out: "


@cache
def _sentences(names: tuple[str, ...]) -> str:
    return "; ".join(unmet({name: INSTALL[name] for name in names}))


def need(*names: str) -> None:
    """Leave the test out where this machine lacks one of the requirements."""
    if sentences := _sentences(names):
        leave_out(sentences)


def leave_out(reason: str, environ: Mapping[str, str] = os.environ) -> NoReturn:
    """Leave the test out, or fail it where everything is required."""
    if environ.get("PROOFBOOK_REQUIRE_ALL") == "1":
        pytest.fail(f"PROOFBOOK_REQUIRE_ALL=1, but this test {reason}", pytrace=False)
    pytest.skip(f"{_PREFIX}{reason}")


def count_left_out(reports: Iterable[Any]) -> list[str]:
    """Return lines that say how many tests were left out, and why; none where none was."""
    reasons = Counter(
        reason.partition(_PREFIX)[2]
        for report in reports
        if isinstance(report.longrepr, tuple) and _PREFIX in (reason := str(report.longrepr[2]))
    )
    if not reasons:
        return []
    lines = [f"{number:4d}: {reason}" for reason, number in reasons.most_common()]
    return [f"{reasons.total()} tests were left out; PROOFBOOK_REQUIRE_ALL=1 fails them", *lines]
