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
from proofbook.signoff.importing import EXPORT_FORMAT, Imported, import_answers


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


def filled_in(run: RunFolder, /, *given: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return what a report exports of these answers, bound to the job as it is."""
    job = session_of(run).job("clip")
    bound = {name: getattr(job, name)
             for name in ("notebook_sha256", "parameters_sha256", "checks_sha256")}  # fmt: skip
    answers = [{"given": each, "bound": bound} for each in given]
    return {"format": "proofbook-answers/1", "run": run.path.name, "reviewer": "Ben",
            "answers": answers, **changes}  # fmt: skip


def given_to(run: RunFolder, **changes: Any) -> dict[str, Any]:
    answer = answer_to(run, "clip", "good", "rejected")
    return {**answer.model_dump(mode="json", exclude={"supersedes"}), **changes}


def imported(run: RunFolder, file: Path, values: Any) -> Imported:
    file.write_text(values if isinstance(values, str) else json.dumps(values))
    return import_answers(session_of(run), file)


def test_what_fits_is_written_in_the_name_that_the_file_says(
    run: RunFolder, tmp_path: Path
) -> None:
    values = filled_in(run, given_to(run, comment="hiss"), role="lead")
    found = imported(run, tmp_path / "x", values)
    (written,) = found.written
    assert found.refused == ()
    assert session_of(run).answers() == [written]
    assert (written.verdict, written.comment) == ("rejected", "hiss")
    assert (written.reviewer.name, written.reviewer.role) == ("Ben", "lead")
    assert written.reviewer.identified_by == "declared in an exported file"
    (second,) = imported(run, tmp_path / "x", filled_in(run, given_to(run))).written
    assert second.reviewer.role == ""


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"run": "other"}, " belongs to run other, and this run is 20260304-090000-demo-aaaa"),
        ({"format": "x/1"}, " has format x/1; expected proofbook-answers/1"),
        ({"more": 1}, " was not exported by a report: more: Extra inputs are not permitted"),
        (
            {"answers": [{"given": {"job": 1}, "bound": {}, "more": 1}], "run": 1},
            " was not exported by a report: run: Input should be a valid string",
        ),
        (
            {"answers": [{"given": {}, "bound": {}}]},
            " was not exported by a report: answers.0.given.verdict: Field required",
        ),
    ],
)
def test_a_file_that_is_not_ours_is_refused_in_words(
    run: RunFolder, tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    file = tmp_path / "x"
    with pytest.raises(UsageError) as caught:
        imported(run, file, filled_in(run, given_to(run), **changes))
    assert str(caught.value) == f"{file}{problem}"
    assert session_of(run).answers() == []


def test_what_belongs_to_no_answer_of_a_report_is_refused(run: RunFolder, tmp_path: Path) -> None:
    for number, update in enumerate(({"more": 1}, {"answer": given_to(run)})):
        values = filled_in(run, given_to(run))
        values["answers"][0] |= update
        with pytest.raises(UsageError, match=r"was not exported by a report: answers\.0\."):
            imported(run, tmp_path / str(number), values)
    values = filled_in(run, given_to(run))
    values["answers"][0]["bound"] = {**values["answers"][0]["bound"], "more": 1}
    with pytest.raises(UsageError, match=r": answers\.0\.bound\.more: Extra inputs"):
        imported(run, tmp_path / "x", values)


@pytest.mark.parametrize("text", ["{", "", "[" * 100_000])
def test_a_file_that_is_no_json_is_refused(run: RunFolder, tmp_path: Path, text: str) -> None:
    file = tmp_path / "x"
    with pytest.raises(UsageError) as caught:
        imported(run, file, text)
    assert str(caught.value).startswith(f"{file} was not exported by a report: ")
    with pytest.raises(UsageError) as caught:
        import_answers(session_of(run), tmp_path / "none")
    assert str(caught.value) == f"{tmp_path / 'none'}: No such file or directory"


def test_each_answer_that_does_not_fit_is_named_with_its_reason(
    run: RunFolder, tmp_path: Path
) -> None:
    values = filled_in(
        run, given_to(run), given_to(run), given_to(run), given_to(run, shown=["0" * 64]),
        given_to(run, shown=None), given_to(run, question="bad"), given_to(run, job="clap"),
        given_to(run, comment="fits"),
    )  # fmt: skip
    for place, name in enumerate(("notebook_sha256", "parameters_sha256", "checks_sha256")):
        bound = values["answers"][place]["bound"]
        values["answers"][place]["bound"] = {**bound, name: "f" * 64}
    found = imported(run, tmp_path / "x", values)
    assert found.refused == (
        "clip, good: the notebook has changed since the report was written",
        "clip, good: the parameters have changed since the report was written",
        "clip, good: the checks have changed since the report was written",
        "clip, good: the media are not those that the report showed",
        "clip, good: the media are not those that the report showed",
        "job clip asks no question 'bad'",
        "run 20260304-090000-demo-aaaa has no job 'clap'",
    )
    assert [answer.comment for answer in found.written] == ["fits"]
