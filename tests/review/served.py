"""A review server in a process of its own, and pages of it in a real browser."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from waiting import HANG

from proofbook.runs.folder import RunFolder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["HEARD", "Served", "listen", "open_page", "serve", "title", "wait_for"]


TELLS_HEARD = """
document.addEventListener("timeupdate", ({target}) => { target.heard = target.currentTime; }, true);
"""
"""Keeps what a clip's last event has told: the page counts by the same events, not by the clock."""

HEARD = "Math.max(0, ...[...document.querySelectorAll('audio')].map((one) => one.heard ?? 0))"


class Served:
    """``proofbook review`` on a run, in a process of its own."""

    def __init__(self, run: RunFolder, *words: str, port: int = 0, token: str = "") -> None:
        command = [
            *(sys.executable, "-m", "proofbook", "review", str(run.path), "--no-browser"),
            *("--reviewer", "Ann", "--role", "art director", "--port", str(port), *words),
        ]
        env = os.environ | ({"PROOFBOOK_REVIEW_TOKEN": token} if token else {})
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        found = re.search(r"http://\S+", said)
        assert found, said
        self.url = found[0]
        self.base, _, self.token = self.url.partition("?token=")
        self.port = int(re.search(r":(\d+)/", self.url)[1])  # type: ignore[index]

    def end(self) -> str:
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=HANG)
        return out


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    servers: list[Served] = []

    def start(run: RunFolder, *words: str, **more: Any) -> Served:
        servers.append(Served(run, *words, **more))
        return servers[-1]

    yield start
    for server in servers:
        with contextlib.suppress(ProcessLookupError):
            server.process.kill()
        server.process.wait()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    contexts = []

    def go(url: str, introduced: bool = True, **more: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **more})
        contexts.append(context)
        context.add_init_script(TELLS_HEARD)
        page = context.new_page()
        page.errors = []  # type: ignore[attr-defined]
        page.on("pageerror", lambda error: page.errors.append(str(error)))  # type: ignore[attr-defined]
        page.goto(url)
        page.wait_for_selector("#stage h1")
        if introduced and page.locator("#person").is_visible():
            page.click("#person button")
            page.wait_for_function("document.activeElement.id === 'stage'")
        return page

    yield go
    for context in contexts:
        context.close()


def wait_for(page: Page, condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + HANG
    while not condition():
        message = page.inner_text("#message")
        assert time.monotonic() < deadline, f"did not come true: {what}; {message}"
        page.wait_for_timeout(50)


def listen(page: Page, seconds: float = 0.6) -> None:
    page.keyboard.press(" ")
    wait_for(page, lambda: page.evaluate(HEARD) >= seconds, "the clip plays")


def title(page: Page) -> str:
    return page.inner_text("#stage h1")
