"""Answers to what no longer listens, one after another: what was told of each, and how soon.

``PROOFBOOK_TEST_ROUNDS=20`` repeats the tests that use it, and prints what they measured.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROUNDS = int(os.environ.get("PROOFBOOK_TEST_ROUNDS", "1"))

_WATCH = """(told) => {
    let started = null;
    const start = (event) => {
        if (event.type === "click" || event.key === "Enter") started ??= performance.now();
    };
    for (const kind of ["click", "keydown"]) addEventListener(kind, start, { capture: true });
    window.told = new Promise((done) => {
        const look = () => {
            const here = [...document.querySelectorAll("[role=alert], #message")];
            const words = here.filter((one) => !one.hidden).map((one) => one.textContent).join();
            if (started && words.includes(told)) done([words, performance.now() - started]);
            else setTimeout(look, 20);
        };
        look();
    });
}"""


def watch(page: Page, words: str) -> None:
    """Begin to wait for words that a page tells, just before an answer is sent."""
    page.evaluate(_WATCH, words)


@dataclass
class Fates:
    """What became of answers."""

    to: str
    """What they were sent to."""
    seconds: list[float] = field(default_factory=list)
    """After which each was told as not recorded."""

    def note(self, page: Page) -> None:
        """Note what a page that is watched has told."""
        _, milliseconds = page.evaluate("() => window.told")
        self.seconds.append(milliseconds / 1000)

    def print(self, recorded: int) -> None:
        """Print the figure."""
        soon = sum(seconds <= 3 for seconds in self.seconds)
        told = f"{len(self.seconds)} of {ROUNDS} told as not recorded, {soon} within 3 s"
        last = f"the last after {max(self.seconds):.2f} s"
        print(f"answers to a {self.to}: {told}, {last}; {recorded} recorded later")
