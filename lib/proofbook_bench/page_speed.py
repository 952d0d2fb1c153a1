"""How fast a report opens, filters and scrolls in a real Chromium."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from proofbook.errors import SubjectError
from proofbook.requirements import find_browser

__all__ = ["PageSpeed", "main", "measure_page"]

_PAINT = "performance.getEntriesByType('paint')[0].startTime"
_LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
_FILTER = """async (words) => {
    const search = document.getElementById("search");
    const began = performance.now();
    search.value = words;
    search.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - began;
}"""
_SCROLL = """async () => {
    let worst = 0;
    for (let part = 1; part <= 8; part += 1) {
        const began = performance.now();
        scrollTo(0, document.documentElement.scrollHeight * part / 8);
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        worst = Math.max(worst, performance.now() - began);
    }
    return worst;
}"""


class PageSpeed(NamedTuple):
    """What one opening took, in seconds."""

    paint: float
    loaded: float
    filter: float
    """The slower of a search and of its end."""
    scroll: float
    """The slowest of eight jumps."""


def measure_page(index: Path, words: str) -> PageSpeed:
    """Open a page from its file in a new browser, search for ``words``, and scroll.

    In a process of its own, as a notebook's event loop leaves Playwright no room.

    Raises:
        SubjectError: There is no Chromium, or Playwright is not installed.
    """
    command = [sys.executable, "-m", "proofbook_bench.page_speed", str(index), words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SubjectError((done.stderr.strip().splitlines() or ["the browser failed"])[-1])
    return PageSpeed(*json.loads(done.stdout))


def main(index: str, words: str) -> int:
    """Measure once, print the figures as JSON, and return the exit code."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("this needs Playwright: pip install -e '.[dev]'", file=sys.stderr)  # noqa: T201 - a program
        return 2
    program = find_browser()
    if program is None:
        print("needs a browser: install chromium", file=sys.stderr)  # noqa: T201 - a program
        return 2
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page: Any = browser.new_page(viewport={"width": 1300, "height": 900})
        page.goto(Path(index).resolve().as_uri(), wait_until="load")
        slowest = max(page.evaluate(_FILTER, words), page.evaluate(_FILTER, ""))
        times = (
            page.evaluate(_PAINT),
            page.evaluate(_LOADED),
            slowest,
            page.evaluate(_SCROLL),
        )
        browser.close()
    print(json.dumps([each / 1000 for each in times]))  # noqa: T201 - this is how it answers
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
