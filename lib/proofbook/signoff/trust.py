"""Which entries of a log count: by whose key they are signed, as whom, and when.

What is not trusted makes nothing green and takes nothing back. A rejection always counts: anybody
may stop a release.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from proofbook.project import Project, nearest_project
from proofbook.records import now
from proofbook.signoff.chain import hash_of, lines_in
from proofbook.signoff.entries import (
    Acceptance,
    Answer,
    Entry,
    Merge,
    Problem,
    Reviewer,
    Seal,
    SignedEntry,
)
from proofbook.signoff.signers import SIGNERS_FILE, Signer, read_signers
from proofbook.signoff.signing import fingerprint, signature_problem

__all__ = ["CLOCKS", "DATES", "EVERYBODY", "STOPPING", "Trust", "TrustedLog", "find_trust"]

CLOCKS = timedelta(minutes=5)
"""By how much the clocks of two machines may differ."""
_TIME = "%Y-%m-%d %H:%M"
DATES = ("back-dated", "of the future")
"""Words for an entry whose time cannot be right."""
STOPPING = ("rejected", "needs-work")
"""Verdicts that count, whoever gave them."""


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Whose entries count."""

    signers: tuple[Signer, ...] | None = None
    """None where no file says whose keys count: any key's signature does, for whoever it names."""
    requires_signatures: bool = False
    file: Path | None = None
    """Where the signers are listed."""

    @property
    def is_signed(self) -> bool:
        """Whether an unsigned entry counts for nothing."""
        return self.requires_signatures or self.signers is not None

    def refusal(self, reviewer: Reviewer, public_key: str, moment: datetime) -> str:
        """Return why a person cannot sign with a key, empty where they can.

        Args:
            reviewer: The person.
            public_key: As OpenSSH writes it, without comment; empty where nothing is signed.
            moment: When.
        """
        if not public_key:
            return "answers must be signed here; give --key" if self.is_signed else ""
        problem = self._key_problem(reviewer, public_key, moment)
        return problem.text if problem else ""

    def doubt(
        self, entry: SignedEntry, latest: datetime | None, moment: datetime
    ) -> Problem | None:
        """Return why an entry does not count.

        Args:
            entry: As it was read.
            latest: The latest time of the entries before it.
            moment: Now; nothing is signed later.
        """
        return self._signature_doubt(entry) or self._time_doubt(entry, latest, moment)

    def _signature_doubt(self, entry: SignedEntry) -> Problem | None:
        if entry.signature is None:
            return Problem("unsigned", "it is not signed") if self.is_signed else None
        if problem := signature_problem(entry):
            return Problem("broken signature", problem)
        key = entry.signature.key
        problem_of_key = self._key_problem(entry.reviewer, key, entry.time)
        if problem_of_key is None:
            return None
        signed = f"it is signed with {fingerprint(entry.signature)}, and {problem_of_key.text}"
        return problem_of_key._replace(text=signed)

    def _key_problem(self, reviewer: Reviewer, key: str, moment: datetime) -> Problem | None:
        if self.signers is None:
            return None
        ours = [signer for signer in self.signers if signer.key == key and signer.is_for_us]
        if not ours:
            return Problem("unknown key", f"{self.file and self.file.name} does not list that key")
        named = [signer for signer in ours if signer.is_called(reviewer.name)]
        if not named:
            return Problem("another name", f"that key is not {reviewer.name}'s")
        valid = [signer for signer in named if signer.is_valid_at(moment)]
        if not valid:
            return Problem("not valid then", f"that key was not valid on {moment:%Y-%m-%d}")
        if reviewer.role and not any(signer.has_role(reviewer.role) for signer in valid):
            return Problem("role not held", f"that key does not have the role {reviewer.role!r}")
        return None

    def _time_doubt(
        self, entry: SignedEntry, latest: datetime | None, moment: datetime
    ) -> Problem | None:
        if not self.is_signed:
            return None
        if latest is not None and entry.time < latest - CLOCKS:
            text = f"it is dated {entry.time:{_TIME}}, and the entries before it {latest:{_TIME}}"
            return Problem("back-dated", text)
        if entry.time > moment + CLOCKS:
            return Problem("of the future", f"it is dated {entry.time:{_TIME}}")
        return None


EVERYBODY = Trust()
"""Nobody says whose keys count."""


class TrustedLog:
    """The entries of a log that may grow, and which of them count."""

    def __init__(self, trust: Trust, entries: Iterable[Entry] = ()) -> None:
        self.doubts: dict[str, Problem] = {}
        """Why an entry does not count, by its id."""
        self.answers: list[Answer] = []
        self._trust = trust
        self._sealed: dict[str, Seal | None] = {}
        """The last seal before an answer, where it was given, by its id."""
        self._seal_at: dict[str, Seal | None] = {}
        """The last seal up to a line, by its hash."""
        self._latest_at: dict[str, datetime | None] = {}
        self._latest: datetime | None = None
        self._dated: datetime | None = None
        """The latest time that any entry names, be it of the future."""
        self._seals: list[Seal] = []
        self._acceptances: list[Acceptance] = []
        self.extend(entries)

    def extend(self, entries: Iterable[Entry]) -> None:
        """Add what was appended to the log."""
        moment = now()
        for entry in entries:
            self._add(entry, moment)

    def _add(self, entry: Entry, moment: datetime) -> None:
        self._latest_at[entry.previous] = self._latest
        seal = self._seals[-1] if self._seals else None
        self._seal_at[entry.previous] = seal
        if isinstance(entry, Seal):
            self._seals.append(entry)
        elif isinstance(entry, Merge):
            self._add_merged(entry, moment)
        else:
            self._sealed[entry.id] = seal
            self._add_signed(entry, moment)
        self._note_time(entry, moment)

    def _add_merged(self, merge: Merge, moment: datetime) -> None:
        """Add what other copies of the log got; what was before it there dates and seals it."""
        here = self._latest
        for branch in merge.branches:
            self._latest, seal = self._latest_at.get(branch.fork), self._seal_at.get(branch.fork)
            for line, entry in lines_in(branch):
                if isinstance(entry, Seal):
                    seal = entry
                elif isinstance(entry, Answer):
                    self._sealed[entry.id] = seal
                    self._add_signed(entry, moment)
                if entry is not None:
                    self._note_time(entry, moment)
                self._latest_at[hash_of(line)] = self._latest
                self._seal_at[hash_of(line)] = seal
        self._latest = here

    def _note_time(self, entry: Entry, moment: datetime) -> None:
        doubt = None if isinstance(entry, Seal | Merge) else self.doubts.get(entry.id)
        if doubt is not None and doubt.word not in DATES:
            return  # a stranger's date says nothing about anybody's
        self._dated = max(self._dated or entry.time, entry.time)
        if entry.time <= moment + CLOCKS:  # else a clock was wrong: nothing is later than that
            self._latest = max(self._latest or entry.time, entry.time)

    def _add_signed(self, entry: SignedEntry, moment: datetime) -> None:
        if doubt := self._trust.doubt(entry, self._latest, moment):
            self.doubts[entry.id] = doubt
        if isinstance(entry, Answer):
            self.answers.append(entry)
        else:
            self._acceptances.append(entry)

    def clock_problem(self, moment: datetime) -> str:
        """Return why an entry of this moment would be back-dated, at once or some day.

        Either this clock was set back, or that of an entry which is of the future went ahead.
        """
        if not self._trust.is_signed or self._dated is None or moment >= self._dated - CLOCKS:
            return ""
        return (
            f"the clock here says {moment:{_TIME}}, and the log has an entry of "
            f"{self._dated:{_TIME}}: an answer would be back-dated, and not count"
        )

    @property
    def knows_keys(self) -> bool:
        """Whether a file says whose keys count: a person may have several there."""
        return self._trust.signers is not None

    @property
    def acceptances(self) -> list[Acceptance]:
        """Those that count; one that nobody signed never does."""
        return [e for e in self._acceptances if e.signature and e.id not in self.doubts]

    def counted(self, answers: Iterable[Answer]) -> list[Answer]:
        """Return the answers that count: the trusted, and whatever stops a release."""
        return [a for a in answers if a.id not in self.doubts or a.verdict in STOPPING]

    def resealed(self, answer: Answer) -> list[str]:
        """Return what of an answer's job was sealed again, and differs, since it was given."""
        before = self._sealed.get(answer.id)
        if before is None or not self._seals:
            return []
        old, new = (_of_job(seal, answer.binding.job) for seal in (before, self._seals[-1]))
        return [] if old == new else ["the job's files"]

    def sealed_since(self, jobs: Iterable[str]) -> list[str]:
        """Return the jobs whose files were sealed again, and differ, since anybody signed anything.

        A signature covers the seal before it; the seals themselves are nobody's word.
        """
        entries: tuple[SignedEntry, ...] = (*self.answers, *self._acceptances)
        signed = [e for e in entries if e.signature and e.id not in self.doubts]
        covered = [seal for e in signed if (seal := self._sealed[e.id])]
        if not covered:
            return []
        last = self._seals[-1]
        return [job for job in jobs if all(_of_job(s, job) != _of_job(last, job) for s in covered)]


def _of_job(seal: Seal, job: str) -> dict[str, tuple[int, str]]:
    return {path: file for path, file in seal.files.items() if path.startswith(f"jobs/{job}/")}


def find_trust(
    project: Project | None = None,
    signers: Path | None = None,
    *,
    required: bool = False,
    received: Iterable[Path] = (),
) -> Trust:
    """Return whose entries count in a project: never as a run that was received says itself.

    Args:
        project: By default the one around the current folder, where there is one.
        signers: An allowed-signers file in place of the project's.
        required: Whether an unsigned entry counts for nothing, where no file says whose keys do.
        received: Runs, and folders of them, which may not say it themselves: where the current
            folder is in one, the project is looked for around it.

    Raises:
        UsageError: The file cannot be read.
    """
    project = project or nearest_project(Path.cwd(), outside=received)
    if signers is None and project is not None and (project.root / SIGNERS_FILE).exists():
        signers = project.root / SIGNERS_FILE
    listed: Sequence[Signer] | None = read_signers(signers) if signers else None
    return Trust(
        signers=None if listed is None else tuple(listed), requires_signatures=required,
        file=signers,
    )  # fmt: skip
