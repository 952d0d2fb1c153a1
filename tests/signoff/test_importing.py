"""Of the answers of an exported report those that fit are taken, and the others named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from reviewed_run import answer_to, session_of

from proofbook.errors import UsageError
from proofbook.report import load_run
from proofbook.runs.folder import RunFolder
from proofbook.signoff.importing import EXPORT_FORMAT, import_answers


def exported(folder: RunFolder, **changes: Any) -> dict[str, Any]:
    job = load_run(folder).jobs[0]
    answer = answer_to(folder, "clip", "good").model_dump(
        mode="json", exclude={"supersedes", "expires", "blind", "comparison"}
    )
    found = {"format": EXPORT_FORMAT, "run": folder.path.name, "reviewer": "Ben",
             "answers": [{"given": answer, "bound": job.bound}]}  # fmt: skip
    return {**found, **changes}


def bound_to(run: RunFolder, **changes: str) -> dict[str, Any]:
    values = exported(run)
    values["answers"][0]["bound"] = {**values["answers"][0]["bound"], **changes}
    return values


def shown(run: RunFolder) -> dict[str, Any]:
    values = exported(run)
    values["answers"][0]["given"]["shown"] = ["0" * 64]
    return values


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda run: exported(run, run="other"), "belongs to run other, and this run is"),
        (lambda run: exported(run, format="x/1"), "has format x/1; expected"),
        (lambda run: exported(run, reviewer=" "), "enter your name first"),
        (lambda run: exported(run, reviewer="A\u202enn"), "cannot be seen: RIGHT-TO-LEFT OVERRIDE"),
        (lambda run: {"a": 1}, "was not exported by a report: format: Field required"),
    ],
)
def test_a_file_that_is_of_no_use_is_refused_whole(
    run: RunFolder, tmp_path: Path, change: Callable[[RunFolder], dict[str, Any]], problem: str
) -> None:
    file = tmp_path / "answers.json"
    file.write_text(json.dumps(change(run)))
    with pytest.raises(UsageError, match=problem):
        import_answers(session_of(run), file)
    assert session_of(run).log.read().answers == ()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda run: bound_to(run, checks_sha256="0" * 64),
            "the checks have changed since the report",
        ),
        (
            lambda run: bound_to(run, notebook_sha256="0" * 64),
            "the notebook has changed since the rep",
        ),
        (shown, "the media are not those that the report showed"),
    ],
)
def test_an_answer_that_does_not_fit_keeps_no_other_out(
    run: RunFolder, tmp_path: Path, change: Callable[[RunFolder], dict[str, Any]], problem: str
) -> None:
    file = tmp_path / "answers.json"
    values = change(run)
    values["answers"].append(exported(run)["answers"][0])
    file.write_text(json.dumps(values))
    found = import_answers(session_of(run), file)
    (refused,) = found.refused
    assert refused.startswith("clip, good: ")
    assert problem in refused
    assert session_of(run).log.read().answers == found.written
    assert len(found.written) == 1


def test_a_file_that_is_none_is_one_line(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("{")
    for path, problem in (
        (tmp_path / "x", "was not exported by a report"),
        (tmp_path / "y", "No such"),
    ):
        with pytest.raises(UsageError, match=problem):
            import_answers(session_of(run), path)
