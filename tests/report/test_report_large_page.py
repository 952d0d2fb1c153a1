"""The page of a large run in a real browser: folded and packed parts open, the search stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from large_run import make_job, make_run, quiet
from sample_run import check

from proofbook.report.page import render_page
from proofbook.runs.folder import RunFolder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    jobs = [make_job(number) for number in range(280)]
    odd = make_job(280, checks=(check("<b>named</b>", why="<!--next-->"),))
    run = make_run([*jobs, odd, *(quiet(300 + number, -31.0) for number in range(36))])
    (tmp_path / "index.html").write_text(render_page(run, tmp_path))
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((tmp_path / "index.html").as_uri())
    yield page
    page.close()


@pytest.mark.exhaustive
def test_packed_details_are_unpacked_when_a_link_asks_for_them(page: Page) -> None:
    page.evaluate("location.hash = 'job-generate-00280'")
    card = page.locator("[id='job-generate-00280']")
    card.get_by_text("<b>named</b>").wait_for()
    assert card.get_by_text("<!--next-->").is_visible()
    assert card.locator("tbody tr").count() == 1
    page.evaluate("location.hash = 'job-generate-00279'")
    other = page.locator("[id='job-generate-00279']")
    other.get_by_text("loudness").wait_for()
    assert other.locator("table.checks tbody tr").count() == 10


@pytest.mark.exhaustive
def test_a_link_opens_the_fold_that_its_job_is_in(page: Page) -> None:
    card = page.locator("[id='job-generate-00335']")
    assert not card.is_visible()
    page.evaluate("location.hash = 'job-generate-00335'")
    card.get_by_text("expected").first.wait_for(state="attached")
    card.locator("summary").first.wait_for()


@pytest.mark.exhaustive
def test_the_search_stays_in_sight_and_finds_what_is_folded(page: Page) -> None:
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    box = page.locator("#search").bounding_box()
    assert box is not None
    assert 0 <= box["y"] < 100
    page.locator("#search").fill("generate-00335")
    page.locator("[id='job-generate-00335']").wait_for()


@pytest.mark.exhaustive
def test_at_most_three_failing_jobs_are_open(page: Page) -> None:
    assert page.locator("details.job[open]").count() == 3
    assert page.get_by_text("24 more jobs that need attention").is_visible()


def test_a_picture_opens_in_place(browser: Browser, sample: RunFolder) -> None:
    page = browser.new_page()
    address = (sample.report / "index.html").as_uri()
    page.goto(f"{address}#job-dreambooth%2Finfer")
    page.locator("[id='job-dreambooth/infer'] .zoom").first.click()
    shown = page.locator("dialog[open] img")
    shown.wait_for()
    assert page.url.startswith(address)
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    page.close()


def test_a_narrow_page_says_nothing_twice_about_what_is_free_of_faults(
    browser: Browser, tmp_path: Path
) -> None:
    clean = (check("clean", expected="none", actual=[]), check("counted", expected="3", actual=3))
    run = make_run([make_job(0, checks=clean)])
    (tmp_path / "index.html").write_text(render_page(run, tmp_path))
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto(f"{(tmp_path / 'index.html').as_uri()}#job-{run.jobs[0].id}")
    page.locator("tr", has_text="counted").locator("td").nth(2).wait_for()
    assert not page.locator("tr", has_text="clean").locator("td").nth(1).is_visible()
    page.set_viewport_size({"width": 1280, "height": 900})
    assert page.locator("tr", has_text="clean").locator("td").nth(1).is_visible()
    page.close()
