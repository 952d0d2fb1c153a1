"""The panel of a notebook, in a page without JupyterLab: what is told of an answer stays told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect
from reviewed_run import session_of

from proofbook.review.panel import ReviewPanel
from proofbook.runs.folder import RunFolder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

OPEN = """async ([source, state]) => {
    const heard = {};
    window.asked = [];
    window.hear = (event, ...given) => (heard[event] ?? []).forEach((each) => each(...given));
    const model = {
        get: (name) => state[name],
        on: (event, each) => (heard[event] ??= []).push(each),
        off: () => {},
        send: (message) => window.asked.push(message),
    };
    const file = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    (await import(file)).default.render({ model, el: document.body });
    window.hear("msg:custom", { kind: "ready" }, []);
}"""
"""JavaScript: draw a panel on a kernel's end of the wire that keeps what it is asked."""

LATE = "Not recorded: the kernel does not answer. Run this cell again, then answer again."


@pytest.fixture
def panel(browser: Browser, run: RunFolder, tmp_path: Path) -> Iterator[Page]:
    """A page with the panel of a job that asks two questions."""
    drawn = ReviewPanel(session_of(run), "looks")
    state = {"items": drawn.items, "job": "looks", "reviewer": "Ann", "role": ""}
    page = browser.new_page()
    page.clock.install()
    page.evaluate(OPEN, [ReviewPanel._esm, state])
    yield page
    page.close()


def asked(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate("window.asked")
    return [each for each in found if each["kind"] == "answer"]


@pytest.mark.exhaustive
def test_an_answer_that_is_not_acknowledged_is_told_whatever_is_drawn_meanwhile(
    panel: Page,
) -> None:
    first = panel.locator("section").first
    first.get_by_role("button", name="Reject").click()
    panel.evaluate("window.hear('change:items')")
    expect(first.get_by_role("alert")).to_have_count(0)
    panel.clock.run_for(4000)
    expect(first.get_by_role("alert")).to_have_text(LATE)
    panel.evaluate("window.hear('change:items')")
    expect(first.get_by_role("alert")).to_have_text(LATE)
    expect(panel.locator("section").last.get_by_role("alert")).to_have_count(0)


def test_what_was_told_ends_with_an_answer_that_is_taken(panel: Page) -> None:
    reject = panel.locator("section").first.get_by_role("button", name="Reject")
    for kind in ("refused", "answered"):
        reject.click()
        request = asked(panel)[-1]["request"]
        reply = {"kind": kind, "request": request, "error": "no"}
        panel.evaluate("(reply) => window.hear('msg:custom', reply, [])", reply)
        told = ["no"] if kind == "refused" else []
        assert panel.get_by_role("alert").all_inner_texts() == told
    panel.clock.run_for(4000)
    expect(panel.get_by_role("alert")).to_have_count(0)
