"""A report that was filled in as a file, exported by a real browser, and taken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from reviewed_run import approve_all, given, make_run, session_of

from proofbook.errors import UsageError
from proofbook.report import load_run, write_report
from proofbook.review.importing import EXPORT_FORMAT, import_answers
from proofbook.runs.folder import RunFolder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def page(browser: Browser, run: RunFolder) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(write_report(run).as_uri())
    yield page
    page.close()


@pytest.mark.browser
def test_a_page_from_a_file_is_filled_in_saved_and_taken(
    page: Page, run: RunFolder, tmp_path: Path
) -> None:
    page.click("#answer")
    clip = page.locator("#job-clip")
    clip.locator("audio").evaluate("(one) => one.play()")
    for _ in range(200):
        if clip.locator("audio").evaluate("(one) => one.ended"):
            break
        page.wait_for_timeout(50)
    clip.locator("input[value=approved]").check()
    looks = page.locator("#job-looks")
    looks.evaluate("(one) => { one.open = true; }")
    looks.locator("form").nth(1).locator("input[value=rejected]").check()
    looks.locator("form").nth(1).locator("[name=comment]").fill("flat <b>prose</b>")
    page.click("#save")
    assert page.inner_text("#given") == "say who you are first"
    page.fill("#reviewer", "Ben")
    with page.expect_download() as download:
        page.click("#save")
    file = tmp_path / "answers.json"
    download.value.save_as(file)
    written = import_answers(session_of(run), file)
    assert [(a.binding.question, a.verdict, a.comment) for a in written] == [
        ("good", "approved", ""), ("story-good", "rejected", "flat <b>prose</b>")]  # fmt: skip
    assert written[0].reviewer.identified_by == "declared in an exported file"
    assert load_run(run).jobs[0].questions[0].status == "approved"


def exported(folder: RunFolder, **changes: Any) -> dict[str, Any]:
    job = load_run(folder).jobs[0]
    answer = given(folder, "clip", "good").model_dump(
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
        (lambda run: exported(run, run="other"), "is of run other, and not of"),
        (lambda run: exported(run, format="x/1"), "is of format x/1"),
        (lambda run: exported(run, reviewer=""), "at least 1 character"),
        (lambda run: {"a": 1}, "is no export of a report: format: Field required"),
        (lambda run: bound_to(run, checks_sha256="0" * 64), "the checks is not what the report"),
        (lambda run: bound_to(run, notebook_sha256="0" * 64), "the notebook is not what the rep"),
        (shown, "the media are not those that the report showed"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_whole(
    run: RunFolder, tmp_path: Path, change: Callable[[RunFolder], dict[str, Any]], problem: str
) -> None:
    file = tmp_path / "answers.json"
    file.write_text(json.dumps(change(run)))
    with pytest.raises(UsageError, match=problem):
        import_answers(session_of(run), file)
    assert session_of(run).log.read().answers == ()


def test_a_file_that_is_none_is_one_line(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("{")
    for path, problem in (
        (tmp_path / "x", "is no export of a report"),
        (tmp_path / "y", "No such"),
    ):
        with pytest.raises(UsageError, match=problem):
            import_answers(session_of(run), path)


@pytest.mark.browser
def test_answers_stand_in_the_report(browser: Browser, tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs")
    approve_all(run)
    page = browser.new_page(viewport={"width": 420, "height": 900})
    page.goto(write_report(run).as_uri())
    assert page.inner_text("h1") == "Passed"
    page.locator("#job-clip").evaluate("(one) => { one.open = true; }")
    assert "Ann, art director: approved" in page.inner_text("#job-clip .said")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 420
    page.close()
