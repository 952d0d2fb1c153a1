"""``proofbook lab`` with a browser, for the tests of this folder: start it, open a notebook."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from playwright.sync_api import Page, expect
from waiting import HANG

from proofbook.kernels.status import describe
from proofbook.project import Project

PATIENCE = 1000 * HANG
"""Milliseconds; a bound, not an expectation."""

SHOTS = os.environ.get("PROOFBOOK_TEST_SHOTS")
"""A folder for pictures of what the tests saw."""


@dataclass(frozen=True)
class Lab:
    """A running ``proofbook lab``."""

    process: psutil.Process
    url: str

    def warm_kernels(self) -> int:
        """Return how many kernels run that were forked from the command's forkserver."""
        words = [process.cmdline() for process in self.process.children()]
        forkserver = next(w for w in words if "proofbook.kernels.forkserver" in w)
        return describe(Path(forkserver[forkserver.index("--socket") + 1]), HANG).kernels


@contextlib.contextmanager
def run_lab(project: Project, words: tuple[str, ...]) -> Iterator[Lab]:
    command = [sys.executable, "-m", "proofbook", "lab", *words, "--no-browser", "--port", "0"]
    process = subprocess.Popen(command, cwd=project.root, stdout=subprocess.PIPE, text=True)
    try:
        yield Lab(psutil.Process(process.pid), _address(process))
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(HANG)
        process.kill()
        process.wait()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("JupyterLab: "):
            return line.removeprefix("JupyterLab: ").strip()
    raise AssertionError("proofbook lab ended before it said where it is")


def open_notebook(page: Page, url: str) -> None:
    """Open an address and wait until its kernel is ready."""
    page.goto(url)
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    wait_until_idle(page)


def wait_until_idle(page: Page) -> None:
    expect(page.locator("#jp-main-statusbar")).to_contain_text(
        re.compile(r"\| Idle"), timeout=PATIENCE
    )


def shoot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS, f"{name}.png")))
