"""A report that was filled in as a file, exported by a real browser, and taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from reviewed_run import approve_all, make_run, session_of

from proofbook.report import load_run, write_report
from proofbook.runs.folder import RunFolder
from proofbook.signoff.importing import import_answers

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def page(browser: Browser, run: RunFolder) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(write_report(run).as_uri())
    yield page
    page.close()


@pytest.mark.exhaustive
@pytest.mark.browser
def test_a_page_from_a_file_is_filled_in_saved_and_taken(
    page: Page, run: RunFolder, tmp_path: Path
) -> None:
    page.click("#answer")
    clip = page.locator("#job-clip")
    clip.locator("audio").evaluate("(one) => one.play()")
    until_ended = "(one) => one.ended || new Promise((done) => { one.onended = () => done(true); })"
    assert clip.locator("audio").evaluate(until_ended)
    clip.locator("input[value=approved]").check()
    looks = page.locator("#job-looks")
    looks.evaluate("(one) => { one.open = true; }")
    looks.locator("form").nth(1).locator("input[value=rejected]").check()
    looks.locator("form").nth(1).locator("[name=comment]").fill("flat <b>prose</b>")
    page.click("#save")
    assert page.inner_text("#answered") == "enter your name first"
    page.fill("#reviewer", "Ben")
    with page.expect_download() as download:
        page.click("#save")
    file = tmp_path / "answers.json"
    download.value.save_as(file)
    written = import_answers(session_of(run), file).written
    assert [(a.binding.question, a.verdict, a.comment) for a in written] == [
        ("good", "approved", ""), ("story-good", "rejected", "flat <b>prose</b>")]  # fmt: skip
    assert written[0].reviewer.identified_by == "declared in an exported file"
    assert load_run(run).jobs[0].questions[0].status == "approved"


@pytest.mark.browser
def test_answers_stand_in_the_report(browser: Browser, tmp_path: Path) -> None:
    run = make_run(tmp_path / "outputs")
    approve_all(run)
    page = browser.new_page(viewport={"width": 420, "height": 900})
    page.goto(write_report(run).as_uri())
    assert page.inner_text("h1") == "Passed"
    page.locator("#job-clip").evaluate("(one) => { one.open = true; }")
    assert "Ann, art director: approved" in page.inner_text("#job-clip .answered")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 420
    page.close()
