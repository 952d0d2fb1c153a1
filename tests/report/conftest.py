"""A sample run, built once; a page in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sample_run import build_run

from proofbook.report import load_run, write_report
from proofbook.report.summary import RunSummary
from proofbook.storage import RunFolder

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The sample run with its report; do not change it."""
    folder = build_run(tmp_path_factory.mktemp("outputs"))
    write_report(folder)
    return folder


@pytest.fixture(scope="session")
def summary(sample: RunFolder) -> RunSummary:
    return load_run(sample)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, which may play sound unasked."""
    from playwright.sync_api import sync_playwright

    program = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=Path(program) if program else None, args=arguments
        )
        yield browser
        browser.close()
