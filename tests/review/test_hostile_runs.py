"""No script that somebody planted in a run is executed, wherever in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError
from reviewed_run import approve_all, session_of
from served import Served

from proofbook.records import Outcome, RunInfo, parse_record
from proofbook.report import write_report
from proofbook.runs.folder import RunFolder

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
EVIL = (
    "\"'></script></style></textarea><script>window.hacked=1</script>"
    '<img src=x onerror="window.hacked=1"><svg onload="window.hacked=1">{{7*7}}'
    "<a href='javascript:window.hacked=1'>x</a>"
)
_FILES = ("x.html", "x.svg", "x.xhtml", "x.js", "x.txt", "x.md", "x.log", "x.wav", "x")


def strings(values: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the container and the key of every string at any depth, and of every key."""
    items = values.items() if isinstance(values, dict) else enumerate(values)
    for key, value in list(items):
        if isinstance(value, str):
            yield values, key
        elif isinstance(value, dict | list):
            yield from strings(value)


def plant(values: Any, accepts: Callable[[str], object]) -> int:
    """Append the script to every string for which the file is still what it is."""
    planted = 0
    for container, key in list(strings(values)):
        before = container[key]
        container[key] = before + EVIL
        try:
            accepts(json.dumps(values))
            planted += 1
        except ValidationError:
            container[key] = before
    return planted


def plant_everywhere(run: RunFolder) -> int:
    planted = 0
    for job in run.read_info().plan:
        folder = run.job(job.id)
        records = [json.loads(line) for line in folder.records.read_text().splitlines()]
        planted += sum(plant(record, parse_record) for record in records)
        folder.records.write_text("".join(json.dumps(record) + "\n" for record in records))
        planted += plant_in(folder.outcome, Outcome.model_validate_json)
        folder.log.write_text(EVIL)
    return planted + plant_in(run.info_file, RunInfo.model_validate_json)


def plant_in(path: Path, accepts: Callable[[str], object]) -> int:
    values = json.loads(path.read_text())
    jobs = {job["id"]: job for job in values.get("plan", ())}
    planted = plant(values, accepts)
    for name, job in jobs.items():  # the folders keep their names
        job["id"] = name
    path.write_text(json.dumps(values))
    return planted


def test_no_planted_script_is_executed(
    run: RunFolder, serve: Callable[..., Served], open_page: Callable[..., Page], tmp_path: Path
) -> None:
    approve_all(run)
    assert plant_everywhere(run) > 60
    for folder in (run.media, run.report, run.job("clip").path):
        folder.mkdir(exist_ok=True)
        for name in _FILES:
            (folder / name).write_text(f"<html><body>{EVIL}")
    server = serve(run)
    page = open_page(server.url)
    for _ in session_of(run).info.plan * 2:
        page.keyboard.press("j")
        assert page.evaluate("window.hacked") is None
    page.goto(f"{server.base}report/index.html")
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.evaluate("window.hacked") is None
    assert page.locator("a[href^='javascript']").count() == 0
    for area in ("media", "report", "jobs/clip"):
        for name in _FILES:
            address = f"{server.base}{area}/{name}"
            answer = page.request.get(address)
            kind = answer.headers.get("content-type", "")
            assert answer.status == 404 or "html" not in kind, address
            if answer.ok and kind.startswith("text/plain"):
                page.goto(address)
                assert page.evaluate("window.hacked") is None
    written = write_report(run)
    page.goto(written.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.evaluate("window.hacked") is None
