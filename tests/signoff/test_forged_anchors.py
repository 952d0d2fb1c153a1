"""What was kept of a log elsewhere shows what a forger took away, or wrote anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from forged_runs import Deed, cut_off, export, git, rejected_by_ann, set_field, verify
from forging import ANNS, edit_log

from proofbook.errors import UsageError
from proofbook.runs.folder import RunFolder
from proofbook.signoff.anchors import compare_with, read_anchor
from proofbook.signoff.verification import verify_run


@pytest.fixture
def run(signed_by_ann: RunFolder) -> RunFolder:
    return signed_by_ann


def rolled_back(run: RunFolder) -> None:
    """Put back the log as it was before Ann rejected."""
    kept = [(run.path / name).read_bytes() for name in ("signoffs.jsonl", "signoffs.head")]
    rejected_by_ann(run)
    export(run)
    for name, data in zip(("signoffs.jsonl", "signoffs.head"), kept, strict=True):
        (run.path / name).write_bytes(data)


def all_gone(run: RunFolder) -> None:
    export(run)
    for name in ("signoffs.jsonl", "signoffs.head"):
        (run.path / name).unlink()


def cut_with_head(run: RunFolder) -> None:
    export(run)
    cut_off(run, with_head=True)


def answered_anew(run: RunFolder) -> None:
    """Ann herself writes another history."""
    export(run)
    edit_log(run, set_field(1, "comment", value="another"), ANNS)


@pytest.mark.parametrize(
    ("deed", "word"),
    [(rolled_back, "rolled back"), (all_gone, "rolled back"), (cut_with_head, "rolled back"),
     (answered_anew, "replaced")],
)  # fmt: skip
def test_what_was_kept_elsewhere_shows_what_is_missing(
    run: RunFolder, deed: Deed, word: str
) -> None:
    deed(run)
    found = verify(run, str(run.path.parent / "kept.jsonl"))
    assert found.verdict == "tampered"
    assert word in {reason.word for reason in found.reasons}


def test_a_commit_shows_what_is_missing(run: RunFolder) -> None:
    project = run.path.parent
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "approved")
    log = run.path / "signoffs.jsonl"
    kept = read_anchor("git:HEAD", log, project)
    assert verify_run(run, anchored=lambda state: compare_with(kept, state)).verdict == "approved"
    cut_off(run, with_head=True)
    found = verify_run(run, anchored=lambda state: compare_with(kept, state))
    assert {reason.word for reason in found.reasons} >= {"rolled back"}
    with pytest.raises(UsageError, match="--anchor git: "):
        read_anchor("git:nothing", log, project)
    with pytest.raises(UsageError, match="not in the repository"):
        read_anchor("git:HEAD", Path("/else/signoffs.jsonl"), project)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"payload": "x"}', "x"])
def test_an_anchor_that_is_none_is_refused(run: RunFolder, tmp_path: Path, text: str) -> None:
    (tmp_path / "kept").write_text(text or "\x00")
    log = run.path / "signoffs.jsonl"
    with pytest.raises(UsageError, match="neither an export nor a copy"):
        read_anchor(str(tmp_path / "kept"), log, tmp_path)
    with pytest.raises(UsageError, match="No such file"):
        read_anchor(str(tmp_path / "none"), log, tmp_path)
