"""One file holds the report and its media, up to a budget, and says what is not in it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from waiting import wait_for

from proofbook.report.single import write_single_file
from proofbook.runs.folder import RunFolder

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.mark.exhaustive
@pytest.mark.browser
def test_a_single_file_plays_where_nothing_else_is(
    browser: Browser, sample: RunFolder, tmp_path: Path
) -> None:
    target = tmp_path / "alone" / "report.html"
    target.parent.mkdir()
    made = write_single_file(sample, target)
    assert made.left_out == {}
    page = browser.new_page()
    failures: list[str] = []
    page.on("requestfailed", lambda request: failures.append(request.url[:80]))
    page.goto(target.as_uri())
    page.locator("details.job").evaluate_all("(all) => all.forEach((one) => { one.open = true; })")
    page.locator("img").evaluate_all("(all) => all.forEach((one) => { one.loading = 'eager'; })")
    audio = page.locator("audio").first
    audio.evaluate("(one) => { one.preload = 'auto'; return one.play(); }")
    wait_for(lambda: audio.evaluate("(one) => one.currentTime") > 0.1)
    loaded = "(all) => all.every((one) => one.complete && one.naturalWidth > 0)"
    wait_for(lambda: page.locator("img").evaluate_all(loaded))
    assert failures == []
    page.close()


def test_what_is_beyond_the_budget_is_left_out_and_said(sample: RunFolder, tmp_path: Path) -> None:
    target = tmp_path / "small.html"
    made = write_single_file(sample, target, budget=400_000)
    text = target.read_text()
    assert target.stat().st_size <= 400_000
    assert made.left_out
    assert f"<b>{len(made.left_out)} media files" in text
    assert "Not in this file, which would be too large with it" in text


def test_a_file_that_is_gone_is_not_in_it(sample: RunFolder, tmp_path: Path) -> None:
    copy = RunFolder(Path(shutil.copytree(sample.path, tmp_path / "run")))
    gone = next(copy.media.glob("*.wav"))
    gone.unlink()
    made = write_single_file(copy, tmp_path / "report.html")
    assert gone.name in made.left_out
    assert "The file is missing." in (tmp_path / "report.html").read_text()
