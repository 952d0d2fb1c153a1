"""What of a run was changed after it ended, and was accepted by nobody: each kind with its word."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from proofbook.records import RunInfo
from proofbook.runs.media_index import MediaIndex
from proofbook.signoff.entries import Acceptance, Change, Problem, Seal, SignedEntry
from proofbook.signoff.log import LogState
from proofbook.signoff.sealing import (
    Listing,
    expected_files,
    find_changes,
    list_files,
    report_problems,
)
from proofbook.signoff.signing import signature_problem
from proofbook.signoff.trust import TrustedLog

__all__ = ["find_tampering", "linked_outside", "list_run"]


def list_run(folder: Path, media: MediaIndex) -> Listing:
    """Return every file of a run with its hash."""
    return list_files(folder, media.sha256)


def find_tampering(
    folder: Path, log: LogState, trusted: TrustedLog, listing: Listing, info: RunInfo | None
) -> list[Problem]:
    """Return every sign that a run was changed.

    Args:
        folder: The run's.
        log: Its log.
        trusted: Which of its entries count.
        listing: What is in the folder now.
        info: ``run.json``, where it can be read.
    """
    problems = [*log.problems, *_broken_signatures(log)]
    accepted = trusted.acceptances
    for seal in log.seals:
        problems += _changed_before(seal, accepted)
    if info is not None:
        problems += _unexplained_seals(log, info)
    if log.seal is not None:
        changes = find_changes(expected_files(log.seal, accepted), listing.files)
        problems += [Problem(change.kind, change.text) for change in changes]
    problems += [Problem("report", text) for text in report_problems(folder / "report")]
    return problems


def linked_outside(folder: Path, listing: Listing) -> list[str]:
    """Return the links of a run that lead out of it; what lies behind them is not sealed."""
    root = folder.resolve()
    return [
        name for name, link in listing.links.items()
        if not Path(os.path.realpath(link)).is_relative_to(root)
    ]  # fmt: skip


def _broken_signatures(log: LogState) -> Iterator[Problem]:
    signed: tuple[SignedEntry, ...] = (*log.answers, *log.acceptances)
    for entry in signed:
        if problem := signature_problem(entry):
            who = f"entry {entry.number} of {entry.reviewer.name}"
            yield Problem("broken signature", f"{who}: {problem}")


def _changed_before(seal: Seal, accepted: list[Acceptance]) -> list[Problem]:
    """Return what a resumed run found changed, unless a person has accepted it as it is sealed."""
    text = f"before entry {seal.number} sealed it again"
    return [
        Problem(change.kind, f"{change.text}, {text}")
        for change in seal.changed
        if not any(_accepts(acceptance, change, seal) for acceptance in accepted)
    ]


def _accepts(acceptance: Acceptance, change: Change, seal: Seal) -> bool:
    missing = object()
    return acceptance.files.get(change.path, missing) == seal.files.get(change.path)


def _unexplained_seals(log: LogState, info: RunInfo) -> Iterator[Problem]:
    """Yield the seals after the first that no resumed run explains.

    What came first is read off the chain, and never off clocks, which may have been set back. A
    resumption by an earlier version does not say where in the chain it was: each explains one.
    """
    heads = {resumption.log_head for resumption in info.resumed}
    unplaced = sum(not resumption.log_head for resumption in info.resumed)
    for before, seal in itertools.pairwise(log.seals):
        if heads.isdisjoint(log.hashes[before.number : seal.number]):
            unplaced -= 1
            if unplaced < 0:
                text = f"entry {seal.number} seals the run again, and no run was resumed before it"
                yield Problem("sealed again", text)
