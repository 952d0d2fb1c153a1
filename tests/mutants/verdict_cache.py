"""What is known of mutants, from earlier runs.

A kill holds as long as the module and the file of the test that noticed are the same; that a mutant
survived, as long as the module and all tests that could have noticed are. What else a test runs may
have changed meanwhile: ``FRESH=1`` asks again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from digests import digest
from mutant_runs import Task, Verdict

__all__ = ["VerdictCache"]


class VerdictCache:
    """An append-only file of verdicts; of two about the same mutant, the last holds.

    Args:
        path: The file.
        digests: Of the test files, when the bench began: they may be edited while it runs.
    """

    def __init__(self, path: Path, digests: Mapping[str, str]) -> None:
        self._path, self._digests = path, digests
        self._known: dict[str, tuple[bool, str, str]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                key, killed, by, basis = json.loads(line)
                self._known[key] = killed, by, basis

    def find(self, task: Task) -> Verdict | None:
        """Return what is known of a mutant, if it still holds."""
        if task.key not in self._known:
            return None
        killed, by, basis = self._known[task.key]
        verdict = Verdict(killed, by)
        return verdict if basis == self._basis(task, verdict) else None

    def is_settled(self, task: Task) -> bool:
        """Say whether nothing is left to ask about a mutant: it was killed, or mypy was asked."""
        verdict = self.find(task)
        return verdict is not None and (verdict.killed or bool(verdict.by))

    def keep(self, task: Task, verdict: Verdict) -> None:
        """Write a verdict down."""
        basis = self._basis(task, verdict)
        self._known[task.key] = verdict.killed, verdict.by, basis
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([task.key, verdict.killed, verdict.by, basis]) + "\n")

    def _basis(self, task: Task, verdict: Verdict) -> str:
        """Digest what a verdict rests on."""
        if verdict.killed and not verdict.by.startswith("mypy: "):
            words = verdict.by.split(" ")
            files = {each.partition("::")[0] for each in words if ".py::" in each}
            if not files <= {test.partition("::")[0] for test in task.tests}:
                return "gone"
        else:
            files = {test.partition("::")[0] for test in task.tests}
        return digest(*(self._digests.get(name, "gone") for name in sorted(files)))
