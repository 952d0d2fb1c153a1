"""Merge the runs of other machines into a folder of runs: whole, once, and nothing overwritten.

A run appears with one rename, a log grows by one line; so whoever is killed leaves nothing half,
and a second merge changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from proofbook.errors import RunFolderError, UsageError
from proofbook.merging.histories import ReceivedHistory, read_history
from proofbook.merging.receiving import Received, receive
from proofbook.processes import TemporaryFolder, remove_abandoned
from proofbook.report import write_report
from proofbook.report.loading import load_run
from proofbook.runs.finding import run_folders
from proofbook.runs.folder import RunFolder
from proofbook.runs.media_index import MediaIndex
from proofbook.signoff.log import SignoffLog
from proofbook.signoff.merging import merge_log
from proofbook.signoff.sealing import Sealed
from proofbook.signoff.tampering import list_run
from proofbook.signoff.trust import Trust
from proofbook.values import count_noun

__all__ = ["Merged", "describe", "merge_runs"]

_STAGING = ".merge-"
_NAMED = 3


@dataclass(kw_only=True)
class Merged:
    """What became of the runs of other machines; lines for a person."""

    added: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    """Runs that were here, with what was answered elsewhere."""
    unchanged: int = 0
    """Runs that were here, with all that was answered elsewhere."""
    notes: list[str] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """1 where something disagrees or was not taken in."""
        return 1 if self.disagreements or self.refused else 0


def merge_runs(sources: Sequence[Path], into: Path, trust: Trust) -> Merged:
    """Merge folders of runs, or single runs, into a folder of runs.

    Args:
        sources: What was received.
        into: Where runs are kept; made if need be.
        trust: Whose answers count here.

    Raises:
        UsageError: A source holds no run, or is the folder that is merged into.
    """
    found = {source: _runs_in(source, into) for source in sources}
    try:
        into.mkdir(parents=True, exist_ok=True)
        with FileLock(into / f"{_STAGING[:-1]}.lock"):
            remove_abandoned(_STAGING, into)
            merge = _Merge(into.resolve(), trust)
            for source, runs in found.items():
                merge.take(source, runs)
    except OSError as error:
        raise UsageError(f"cannot merge into {into}: {error.strerror or error}") from error
    return merge.merged


def _runs_in(source: Path, into: Path) -> list[Path]:
    if (source / "run.json").is_file():
        return [source.resolve()]
    if source.resolve() == into.resolve():
        raise UsageError(f"{source} is the folder that is merged into")
    runs = sorted(run.path for run in run_folders(source))
    if not runs:
        raise UsageError(f"{source} is neither a run nor a folder of runs")
    return runs


class _Merge:
    def __init__(self, into: Path, trust: Trust) -> None:
        self._into, self._trust = into, trust
        self.merged = Merged()

    def take(self, source: Path, runs: Sequence[Path]) -> None:
        """Take the runs of one machine in, the oldest first: reports look back."""
        history = read_history(source)
        if history.problem:
            self.merged.notes.append(history.problem)
        for run in runs:
            try:
                with TemporaryFolder(_STAGING, self._into) as staging:
                    received = receive(run, staging.path, self._trust)
                    if self._take(received, run):
                        self._compare(received.info.run_id, history)
            except RunFolderError as error:
                self.merged.refused.append(f"{run.name}: {error}")
            except OSError as error:
                where = f" ({Path(error.filename).name})" if error.filename else ""
                self.merged.refused.append(f"{run.name}: {error.strerror or error}{where}")

    def _take(self, received: Received, source: Path) -> bool:
        """Take one run in; return whether it is the one that is here now."""
        name = received.info.run_id
        here = RunFolder(self._into / name)
        if not here.path.exists():
            self._report(received.run)
            if received.left_out:
                self.merged.notes.append(
                    f"{name}: not sealed, left out: {_list(received.left_out)}"
                )
            received.run.path.rename(here.path)
            self.merged.added.append(name)
        elif not (here.path.is_symlink() or here.info_file.is_file()):
            raise RunFolderError(f"{here.path} is something else than a run")
        elif others := _differences(here, received.run):
            since = len(received.info.resumed) - len(here.read_info().resumed)
            which = "" if not since else f"; resumed {'there' if since > 0 else 'here'} since"
            self.merged.disagreements.append(f"{name}: other bytes{which}: {_list(others)}")
            return False
        elif not self._take_answers(here, received, source):
            self.merged.unchanged += 1
        if not _is_reported(here):
            self._report(here)
        return True

    def _report(self, run: RunFolder) -> None:
        """Write a run's report, before it is where others find it.

        Raises:
            RunFolderError: Its files cannot be read.
        """
        try:
            write_report(run, trust=self._trust, outputs=self._into)
        except (ValueError, RecursionError) as error:
            raise RunFolderError(f"its files cannot be read: {error}") from error

    def _take_answers(self, here: RunFolder, received: Received, source: Path) -> bool:
        here.refuse_links()
        name = received.info.run_id
        answers = merge_log(here, received.run, name, self._trust)
        self.merged.disagreements += [f"{name}: {line}" for line in answers.disagreements]
        stamps = "signoffs.timestamps"
        if (received.run.path / stamps).exists() and answers.added:
            self.merged.notes.append(f"{name}: {source / stamps} stays there")
        if answers.added:
            of = ", ".join(dict.fromkeys(answer.reviewer.name for answer in answers.added))
            self.merged.answered.append(
                f"{name}: {count_noun(len(answers.added), 'answer')} of {of}"
            )
        return bool(answers.added)

    def _compare(self, name: str, history: ReceivedHistory) -> None:
        here = RunFolder(self._into / name)
        if not history.knows(name):
            return
        if others := history.differences(load_run(here, trust=self._trust)):
            self.merged.disagreements.append(f"{name}: other results: {_list(others)}")


def _is_reported(run: RunFolder) -> bool:
    """Say whether a run has a report that knows its log: whoever was killed has written none."""
    page, log = run.report / "index.html", SignoffLog(run.path, "").path
    if not page.is_file():
        return False
    return not log.exists() or log.stat().st_mtime_ns <= page.stat().st_mtime_ns


def _differences(here: RunFolder, there: RunFolder) -> list[str]:
    """Return which of a run's files are not the same here; sealed runs have those they sealed."""
    own, other = _files(here), _files(there)
    seals = [SignoffLog(run.path, run.path.name).read().seal for run in (here, there)]
    names = {name for seal in seals if seal for name in seal.files} or own.keys() | other.keys()
    return sorted(name for name in names if own.get(name) != other.get(name))


def _files(run: RunFolder) -> Mapping[str, Sealed]:
    return list_run(run.path, MediaIndex(run.media)).files


def _list(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return "; ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def describe(merged: Merged) -> Iterator[tuple[str, bool]]:
    """Yield lines, and whether each is a problem."""
    yield from ((f"added     {line}", False) for line in merged.added)
    yield from ((f"answered  {line}", False) for line in merged.answered)
    yield from ((f"note      {line}", False) for line in merged.notes)
    yield from ((f"disagrees {line}", True) for line in merged.disagreements)
    yield from ((f"refused   {line}", True) for line in merged.refused)
    yield (
        f"{count_noun(len(merged.added), 'run')} added, {len(merged.answered)} answered, "
        f"{merged.unchanged} as they were, "
        f"{count_noun(len(merged.disagreements), 'disagreement')}, "
        f"{len(merged.refused)} refused",
        False,
    )
