"""Each sign that a run was changed is told once, with its word, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from forging import ANNS

from proofbook.records import PlannedJob, Resumption, RunInfo
from proofbook.runs.media_index import MediaIndex
from proofbook.signoff.entries import (
    FIRST,
    Acceptance,
    Entry,
    Problem,
    Reviewer,
    Seal,
    canonical,
    parse_entry,
)
from proofbook.signoff.log import LogState
from proofbook.signoff.sealing import Listing, Sealed, expected_files, seal_report
from proofbook.signoff.signing import sign
from proofbook.signoff.tampering import find_tampering, linked_outside, list_run
from proofbook.signoff.trust import EVERYBODY, TrustedLog

ZEROS = "0" * 64
NINE = datetime(2026, 3, 4, 9, tzinfo=UTC)
OLD, NEW, THIRD = ((1, digit * 64) for digit in "012")
PLAN = (PlannedJob(id="clip", runbook="demo/clip", timeout=60),)
Files = dict[str, Sealed | None]


def seal(number: int, files: Files, *changed: str, hours: float = 0) -> Seal:
    kinds = [{"kind": "changed" if files.get(path) else "gone", "path": path} for path in changed]
    return Seal.model_validate({
        "number": number, "previous": ZEROS, "run": "r", "changed": kinds,
        "files": {path: file for path, file in files.items() if file},
        "time": NINE + timedelta(hours=hours),
    })  # fmt: skip


def acceptance(number: int, files: Files, *, is_signed: bool = True) -> Any:
    made = Acceptance(
        number=number, previous=ZEROS, id=f"{number:032x}", run="r", time=NINE, comment="x",
        reviewer=Reviewer(name="Ann"), files=files,
    )  # fmt: skip
    return parse_entry(canonical(sign(made, ANNS))) if is_signed else made


def hash_of(number: int) -> str:
    return f"{number + 16:064x}"


def found(
    folder: Path, *entries: Entry, files: Files | None = None, resumed: list[str] | None = None
) -> list[Problem]:
    """Return the problems of a run with such a log; what it holds is by default as last sealed."""
    log = LogState(entries, hashes=tuple(hash_of(number) for number in range(len(entries))))
    if files is None and log.seal:
        files = dict(expected_files(log.seal, log.acceptances))
    listing = Listing({path: file for path, file in (files or {}).items() if file}, {})
    # At a time that says nothing: clocks are set back.
    again = tuple(Resumption(time=NINE, log_head=head) for head in resumed or ())
    info = RunInfo(run_id="r", profile="demo", plan=PLAN, resumed=again)
    trusted = TrustedLog(EVERYBODY, entries)
    return find_tampering(folder, log, trusted, listing, info if resumed is not None else None)


def test_a_run_that_is_as_it_was_sealed_has_no_problem(tmp_path: Path) -> None:
    assert found(tmp_path) == []
    assert found(tmp_path, seal(0, {"a": OLD}), files={"a": OLD, "b": NEW}) == []


def test_what_has_changed_since_the_last_seal_is_named(tmp_path: Path) -> None:
    sealed = seal(0, {"c": OLD, "a": OLD, "b": OLD})
    assert found(tmp_path, sealed, files={"a": NEW, "c": OLD}) == [
        Problem("changed", "a has been changed"),
        Problem("gone", "b is gone"),
    ]
    later = seal(1, {"a": NEW})
    assert found(tmp_path, sealed, later, files={"a": NEW}) == []
    assert found(tmp_path, sealed, later, files={"a": OLD}) == [
        Problem("changed", "a has been changed")
    ]


def test_what_a_person_accepted_is_as_it_should_be(tmp_path: Path) -> None:
    sealed = seal(1, {"a": OLD, "b": OLD})
    accepted = acceptance(2, {"a": NEW, "b": None, "c": NEW})
    assert found(tmp_path, sealed, accepted, files={"a": NEW}) == []
    assert found(tmp_path, sealed, accepted, files={"a": OLD, "b": OLD}) == [
        Problem("changed", "a has been changed"),
        Problem("changed", "b has been changed"),
    ]
    again = acceptance(3, {"a": THIRD})
    assert found(tmp_path, sealed, accepted, again, files={"a": THIRD}) == []
    assert found(tmp_path, acceptance(0, {"a": NEW}), sealed, files={"a": OLD, "b": OLD}) == []
    unsigned = acceptance(2, {"a": NEW, "b": None}, is_signed=False)
    assert len(found(tmp_path, sealed, unsigned, files={"a": NEW})) == 2


@pytest.mark.parametrize(
    ("accepted", "files", "change"),
    [
        (None, {"a": NEW}, "changed"), (None, {}, "gone"),
        ({"a": NEW}, {"a": NEW}, None), ({"a": None}, {}, None),
        ({"a": OLD}, {"a": NEW}, "changed"), ({"b": None}, {}, "gone"),
        ({"a": None}, {"a": NEW}, "changed"),
    ],
)  # fmt: skip
def test_what_a_resumed_run_found_changed_waits_for_a_person(
    tmp_path: Path, accepted: Files | None, files: Files, change: str | None
) -> None:
    entries: list[Entry] = [seal(0, {"a": OLD}), seal(1, files, "a")]
    if accepted is not None:
        entries.append(acceptance(2, accepted))
    told = found(tmp_path, *entries, files=files)
    words = {"gone": "a is gone", "changed": "a has been changed"}
    expected = (
        [Problem(change, f"{words[change]}, before entry 1 sealed it again")] if change else []
    )
    assert [each for each in told if "before entry" in each.text] == expected


def test_what_two_resumed_runs_found_is_told_of_both(tmp_path: Path) -> None:
    entries = (seal(0, {"a": OLD, "b": OLD}), seal(1, {"a": NEW, "b": OLD}, "a"),
               seal(2, {"a": NEW, "b": NEW}, "b"))  # fmt: skip
    assert [each.text for each in found(tmp_path, *entries)] == [
        "a has been changed, before entry 1 sealed it again",
        "b has been changed, before entry 2 sealed it again",
    ]


ZERO, ONE, TWO, THREE = map(hash_of, range(4))
UNPLACED = ""
"""What a resumption by an earlier version has."""


@pytest.mark.parametrize(
    ("resumed", "numbers"),
    [
        ([], [2, 3]), ([ZERO], [3]), ([ONE], [3]), ([ONE, ONE], [3]), ([TWO], [2]),
        ([ONE, TWO], []), ([ZERO, ONE], [3]), ([THREE], [2, 3]), ([FIRST], [2, 3]),
        (["f" * 64], [2, 3]), ([UNPLACED], [3]), ([UNPLACED, UNPLACED], []), ([UNPLACED, ONE], []),
        ([UNPLACED, TWO], []), ([UNPLACED, THREE], [3]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("hours", [1.5, 0, -1.5])
def test_a_run_is_sealed_again_only_once_it_was_resumed(
    tmp_path: Path, resumed: list[str], numbers: list[int], hours: float
) -> None:
    seals = [seal(number, {}, hours=hours * number) for number in (0, 2, 3)]
    entries = (seals[0], acceptance(1, {}), *seals[1:])
    assert found(tmp_path, *entries, resumed=resumed) == [
        Problem(
            "sealed again",
            f"entry {number} seals the run again, and no run was resumed before it",
        )
        for number in numbers
    ]
    assert found(tmp_path, *entries) == []


def test_every_sign_is_told(tmp_path: Path) -> None:
    report = tmp_path / "report"
    report.mkdir()
    (report / "index.html").write_text("x")
    seal_report(report)
    (report / "index.html").write_text("y")
    broken = acceptance(3, {"z": NEW}).model_copy(update={"comment": "y"})
    entries = (seal(0, {"a": OLD}), seal(1, {"a": OLD, "b": OLD}, "b"), broken)
    log = LogState(entries, (Problem("head", "signoffs.head is gone"),))
    info = RunInfo(run_id="r", profile="demo", plan=PLAN)
    listing = Listing({"b": OLD}, {})
    told = find_tampering(tmp_path, log, TrustedLog(EVERYBODY, entries), listing, info)
    assert told == [
        Problem("head", "signoffs.head is gone"),
        Problem("broken signature", "entry 3 of Ann: its signature does not fit what it says"),
        Problem("changed", "b has been changed, before entry 1 sealed it again"),
        Problem("sealed again", "entry 1 seals the run again, and no run was resumed before it"),
        Problem("gone", "a is gone"),
        Problem("report", "report/index.html has been changed"),
    ]


def test_links_that_lead_out_of_a_run_are_told_apart(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "jobs").mkdir(parents=True)
    (run / "run.json").write_text("{}")
    (tmp_path / "run2").mkdir()
    targets = {"a": "run.json", "jobs/b": "../run.json", "jobs/c": "../../run2", "d": "/etc/hosts",
               "e": "none", "jobs/f": "d"}  # fmt: skip
    for name, target in targets.items():
        (run / name).symlink_to(target)
    (run / "jobs" / "g").symlink_to(run / "d")
    listing = list_run(run, MediaIndex(run / "media"))
    assert sorted(listing.links) == ["a", "d", "e", "jobs/b", "jobs/c", "jobs/f", "jobs/g"]
    assert sorted(linked_outside(run, listing)) == ["d", "jobs/c", "jobs/g"]
    (tmp_path / "link").symlink_to(run)
    assert sorted(linked_outside(tmp_path / "link", listing)) == ["d", "jobs/c", "jobs/g"]
    (run / "odd \udcff").symlink_to("/etc/hosts")
    (run / "odd \\xff").symlink_to("d")
    listing = list_run(run, MediaIndex(run / "media"))
    assert sorted(linked_outside(run, listing))[2:] == ["jobs/g", "odd \\\\xff/", "odd \\xff"]


def test_a_media_file_whose_hash_is_known_is_not_read_again(tmp_path: Path) -> None:
    class Known(MediaIndex):
        def sha256(self, path: Path) -> str:
            return f"hash of {path.name}"

    (tmp_path / "a").write_text("x")
    assert list_run(tmp_path, Known(tmp_path)).files == {"a": (1, "hash of a")}
