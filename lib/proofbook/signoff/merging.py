"""Take the answers in that another copy of a run got: no line of either log changes.

What is taken in counts by the same rules as what was answered here, or it is refused.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from proofbook.errors import RunFolderError
from proofbook.runs.folder import RunFolder
from proofbook.signoff.chain import Chain, Place, hash_of, outline
from proofbook.signoff.entries import FIRST, Answer, Branch, Merge, Problem, canonical
from proofbook.signoff.log import LogState, SignoffLog, by_job
from proofbook.signoff.question_status import in_force
from proofbook.signoff.sealing import seal_run
from proofbook.signoff.trust import STOPPING, Trust, TrustedLog

__all__ = ["LogMerge", "merge_log"]


class LogMerge(NamedTuple):
    """What became of the answers of another copy."""

    added: tuple[Answer, ...]
    disagreements: tuple[str, ...]
    """Questions that persons have answered differently about the same files, one line each."""


def merge_log(ours: RunFolder, theirs: RunFolder, run_id: str, trust: Trust) -> LogMerge:
    """Append what another copy of a run was answered to the log of this one.

    Args:
        ours: The run here; its files are those of the other.
        theirs: The other, whose log is whole and whose signatures fit.
        run_id: The id of both.
        trust: Whose answers count here.

    Raises:
        RunFolderError: The answers cannot be taken in; nothing of them was.
    """
    log = SignoffLog(ours.path, run_id)
    here, there = log.read(), SignoffLog(theirs.path, run_id).read()
    _refuse_changed(here.problems, "the sign-off log here was tampered with")
    _refuse_others(here, there)
    if not _new(here, there):
        return LogMerge((), disagreements(here.answers, there.answers))
    if here.seal is None and there.seal is not None:
        seal_run(ours, log, run_id)
    lines = _lines(theirs)

    def make_entry(number: int, previous: str) -> Merge:
        current = log.read()  # nobody else can append now
        branches = tuple(_branches(current.known, there, lines))
        if not branches:
            raise RunFolderError("another process takes them in at the same time")
        entry = Merge(number=number, previous=previous, run=run_id, branches=branches)
        chain = Chain(run=run_id)
        chain.extend([*_lines(ours), canonical(entry)])
        _refuse_changed(chain.problems, "they cannot be taken in")
        _refuse_doubted(current, TrustedLog(trust, chain.entries), _new(current, there))
        return entry

    log.append(make_entry)
    after = log.read().answers
    return LogMerge(_new(here, there), disagreements(after, there.answers))


def disagreements(all_answers: Sequence[Answer], theirs: Iterable[Answer]) -> tuple[str, ...]:
    """Return the questions, answered there, to which the answers in force are not all the same."""
    found = []
    jobs = by_job(all_answers)
    for job, question in dict.fromkeys((a.binding.job, a.binding.question) for a in theirs):
        answers = in_force(jobs[job][question])
        if len({answer.verdict for answer in answers}) > 1:
            said = ", ".join(f"{a.reviewer.name}: {a.verdict}" for a in answers)
            found.append(f"{job}, {question}: {said}")
    return tuple(found)


def _branches(
    known: Mapping[str, Place], there: LogState, lines: Sequence[str]
) -> Iterator[Branch]:
    """Yield the lines of another log that are not known here, as branches of this one."""
    merges = {entry.number: entry for entry in there.entries if isinstance(entry, Merge)}
    fork, rest, outlines = FIRST, list[str](), dict[str, str]()
    for number, (line, sha256) in enumerate(zip(lines, there.hashes, strict=True)):
        if merge := merges.get(number):
            yield from _branch(fork, rest, known, outlines)
            for branch in merge.branches:
                yield from _branch(branch.fork, branch.lines, known, branch.merges)
            fork, rest, outlines = there.hashes[number - 1], [], {sha256: outline(line)}
        rest.append(sha256 if merge else line)
    yield from _branch(fork, rest, known, outlines)


def _branch(
    fork: str, lines: Sequence[str], known: Mapping[str, Place], outlines: Mapping[str, str]
) -> Iterator[Branch]:
    """Yield the unknown part of a chain: of each known line, all before it are known, too."""
    for place, line in enumerate(lines):
        if hash_of(line) not in known:
            rest = tuple(lines[place:])
            merges = {each: text for each, text in outlines.items() if each in rest}
            yield Branch(fork=fork, lines=rest, merges=merges)
            return
        fork = hash_of(line)


def _new(here: LogState, there: LogState) -> tuple[Answer, ...]:
    known = {answer.id for answer in here.answers}
    return tuple(answer for answer in there.answers if answer.id not in known)


def _lines(run: RunFolder) -> list[str]:
    path = SignoffLog(run.path, "").path
    if not path.exists():
        return []
    return path.read_bytes().decode().split("\n")[:-1]


def _refuse_changed(problems: Sequence[Problem], words: str) -> None:
    if problems:
        raise RunFolderError(f"{words}: {problems[0].text}")


def _refuse_others(here: LogState, there: LogState) -> None:
    """Refuse an answer that has the id of one here and says something else, and acceptances."""
    known = {answer.id: answer for answer in here.answers}
    for answer in there.answers:
        if known.get(answer.id, answer) != answer:
            name = answer.reviewer.name
            raise RunFolderError(f"entry {answer.number} of {name} says something else there")
    accepted = {acceptance.id for acceptance in here.acceptances}
    for acceptance in there.acceptances:
        if acceptance.id not in accepted:
            raise RunFolderError(
                f"{acceptance.reviewer.name} has accepted changed files there, which nobody has "
                "here: proofbook signoff accept"
            )


def _refuse_doubted(here: LogState, trusted: TrustedLog, new: Iterable[Answer]) -> None:
    """Refuse what would not count: nobody could take it back. A rejection always counts."""
    for answer in new:
        if answer.verdict in STOPPING:
            continue
        doubt = trusted.doubts.get(answer.id)
        why = doubt.text if doubt else ""
        if not why and not trusted.knows_keys:
            why = _other_key(answer, here.answers)
        if why:
            where = f"{answer.binding.job}, {answer.binding.question}"
            raise RunFolderError(f"{where}: {answer.reviewer.name} {answer.verdict} it, but {why}")


def _other_key(answer: Answer, known: Iterable[Answer]) -> str:
    """Return that somebody of this name signs with another key here."""
    keys = {
        each.signature.key
        for each in known
        if each.signature is not None and _same_name(each.reviewer.name, answer.reviewer.name)
    }
    if not keys or (answer.signature is not None and answer.signature.key in keys):
        return ""
    return "that name signs with another key here"


def _same_name(one: str, other: str) -> bool:
    """Say whether two names are read as one, in whatever case and width they are written."""
    return _as_read(one) == _as_read(other)


def _as_read(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
