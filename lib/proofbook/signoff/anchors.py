"""Hold a log against what somebody kept of it elsewhere: only that shows what was cut off its end,
or that all of it was written and signed anew.

Kept are a file that ``proofbook signoff export`` wrote, a copy of ``signoffs.jsonl``, or the log as
a git commit has it.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofbook.errors import UsageError
from proofbook.files import read_given
from proofbook.signoff.chain import entries_in
from proofbook.signoff.entries import Acceptance, Answer, Entry, Problem, canonical, line_hash
from proofbook.signoff.log import LogState
from proofbook.signoff.signing import statement

__all__ = ["KeptEntries", "compare_with", "read_anchor"]

_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class KeptEntries:
    """Entries of a log that were kept elsewhere; none are kept of what is not anchored."""

    entries: tuple[dict[str, Any], ...] = ()
    unread: str = ""
    """What is kept beside the log and was not looked at."""

    def problems(self, log: LogState) -> list[Problem]:
        """Return the entries that were kept and are no longer in the log as they were."""
        return compare_with(self.entries, log)

    def notes(self, log: LogState) -> list[str]:
        """Return what a reader should know beside."""
        return [self.unread] if self.unread else []


def read_anchor(anchor: str, log: Path, start: Path) -> list[dict[str, Any]]:
    """Return the entries of a log that were kept elsewhere, one a line of it.

    Args:
        anchor: A file, or ``git:REVISION``.
        log: ``signoffs.jsonl`` as it is now.
        start: Where git looks for the repository; of a folder in the run, around the run: a
            repository of its own could have commands executed, and says what a forger wrote.

    Raises:
        UsageError: There is no such anchor, or it holds no entries.
    """
    if anchor.startswith("git:"):
        data = _read_commit(anchor.removeprefix("git:"), log, start)
    else:
        try:
            data = read_given(Path(anchor))
        except OSError as error:
            raise UsageError(f"--anchor {anchor}: {error.strerror}") from error
    try:
        return [_entry(line) for line in data.splitlines() if line.strip()]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            f"--anchor {anchor}: neither an export nor a copy of a sign-off log"
        ) from error


def compare_with(kept: Sequence[dict[str, Any]], log: LogState) -> list[Problem]:
    """Return the entries that were kept and are no longer in the log as they were."""
    own: dict[int, list[dict[str, Any]]] = {}
    for entry in entries_in(log.entries):  # a copy of it may have been kept before it was merged
        own.setdefault(entry.number, []).append(_comparable(entry))
    problems = []
    for values in kept:
        if values.get("kind") == "merge" and line_hash(canonical(values)) in log.known:
            continue  # of one of another copy, no more than its hash is here
        number, who = values["number"], values.get("reviewer", {}).get("name", "a seal")
        if number not in own:
            problems.append(Problem("rolled back", f"entry {number}, {who}, was kept and is gone"))
        elif {**values, "signature": None} not in own[number]:
            text = f"entry {number}, {who}, is not the one that was kept"
            problems.append(Problem("replaced", text))
    return problems


def _comparable(entry: Entry) -> dict[str, Any]:
    if not isinstance(entry, Answer | Acceptance):
        values = entry.model_dump(mode="json", exclude_unset=True)
    else:
        values = json.loads(statement(entry))["predicate"]
    return {**values, "signature": None}


def _entry(line: bytes) -> dict[str, Any]:
    """Return the entry of a line: of an envelope, what was signed."""
    values = json.loads(line)
    if "payload" in values:
        values = json.loads(base64.b64decode(values["payload"], validate=True))["predicate"]
    if not isinstance(values["number"], int) or not isinstance(values.get("reviewer", {}), dict):
        raise TypeError("not an entry")
    return dict(values)


def _read_commit(revision: str, log: Path, start: Path) -> bytes:
    run = log.resolve().parent
    if start.resolve().is_relative_to(run):
        start = run.parent
    top = Path(_git(["rev-parse", "--show-toplevel"], start).decode().strip()).resolve()
    if not log.resolve().is_relative_to(top):
        raise UsageError(f"--anchor git:{revision}: {log} is not in the repository {top}")
    path = log.resolve().relative_to(top).as_posix()
    if revision.startswith("-"):
        raise UsageError(f"--anchor git:{revision}: not a revision")
    return _git(["cat-file", "blob", f"{revision}:{path}"], start)


def _reason(said: str) -> str:
    """Return the line in which git says why it failed; advice may stand before and behind it."""
    lines = said.strip().splitlines() or ["git failed"]
    return next((line for line in lines if line.startswith("fatal: ")), lines[-1])


def _git(words: list[str], folder: Path) -> bytes:
    try:
        done = subprocess.run(
            [*_GIT, "-C", str(folder), *words], capture_output=True, check=False, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"--anchor git: git cannot be used: {error}") from error
    if done.returncode:
        raise UsageError(f"--anchor git: {_reason(done.stderr.decode(errors='replace'))}")
    return done.stdout
