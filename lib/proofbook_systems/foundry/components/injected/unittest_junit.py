"""Run unittest as ``python -m unittest`` does, and write what happened as JUnit XML.

    python unittest_junit.py REPORT.xml discover -s tests

The report is written after each test: what ends the process leaves what was known so far.
"""

from __future__ import annotations

import os
import sys
import time
import unittest
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

__all__ = ["Recorded", "main"]


class Recorded(unittest.TextTestResult):
    """Keeps an outcome for each test, the worst one where several are told."""

    report = Path()

    def startTest(self, test: unittest.TestCase) -> None:
        """Begin a test: until it ends it is an error."""
        super().startTest(test)
        self.outcomes: dict[str, tuple[str, str, float]] = getattr(self, "outcomes", {})
        self.begun = time.perf_counter()
        self._note(test, "error", "the process ended in this test")

    def stopTest(self, test: unittest.TestCase) -> None:
        """End a test: without another outcome it has passed."""
        super().stopTest(test)
        if self.outcomes[test.id()][1] == "the process ended in this test":
            self._note(test, "passed", "")

    def addSuccess(self, test: unittest.TestCase) -> None:
        """Note a success, unless one of its subtests failed."""
        super().addSuccess(test)
        self._note(test, "passed", "")

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        """Note an error, also of a module or class that could not be set up."""
        super().addError(test, err)
        self._note(test, "error", repr(err[1]))

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        """Note a failed assertion."""
        super().addFailure(test, err)
        self._note(test, "failure", repr(err[1]))

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        """Note a skip."""
        super().addSkip(test, reason)
        self._note(test, "skipped", reason)

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        """Note a failure that was expected, which JUnit XML has no word for."""
        super().addExpectedFailure(test, err)
        self._note(test, "skipped", "expected failure")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        """Note a success that was not expected: unittest takes it as a failure."""
        super().addUnexpectedSuccess(test)
        self._note(test, "failure", "unexpected success")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        """Note a failed subtest as a failure of its test."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._note(test, "failure", f"{subtest}: {err[1]!r}")

    def _note(self, test: Any, outcome: str, words: str) -> None:
        outcomes = self.outcomes = getattr(self, "outcomes", {})
        seconds = time.perf_counter() - getattr(self, "begun", time.perf_counter())
        outcomes[test.id()] = (outcome, words, seconds)
        self._write()

    def _write(self) -> None:
        lines = [_case(name, *rest) for name, rest in self.outcomes.items()]
        text = f'<testsuite tests="{len(lines)}">\n' + "\n".join(lines) + "\n</testsuite>\n"
        beside = self.report.with_name(f"{self.report.name}.{os.getpid()}")
        beside.write_text(text, encoding="utf-8")
        beside.replace(self.report)


def _case(name: str, outcome: str, words: str, seconds: float) -> str:
    place, _, test = name.rpartition(".")
    inner = "" if outcome == "passed" else f"<{outcome} message={quoteattr(_plain(words))}/>"
    head = f"classname={quoteattr(place)} name={quoteattr(test)} time={quoteattr(f'{seconds:.6f}')}"
    return f"<testcase {head}>{inner}</testcase>"


def _plain(words: str) -> str:
    return "".join(c for c in words[:2000] if c.isprintable() or c == "\n")


def main(report: Path, arguments: list[str]) -> None:
    """Run the tests that ``arguments`` name; ends the process with unittest's exit code."""
    Recorded.report = report
    sys.path.insert(0, str(Path.cwd()))
    runner = unittest.TextTestRunner(resultclass=Recorded)  # type: ignore[arg-type]
    unittest.main(module=None, argv=["unittest", *arguments], testRunner=runner)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
