"""The page in a real browser, opened from its file."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sample_run import START, check
from waiting import HANG

from proofbook.files import append_line
from proofbook.media import text
from proofbook.records import (
    Attempt,
    Begin,
    CellState,
    Evidence,
    Fact,
    Failure,
    Identity,
    Metric,
    Outcome,
    PlannedJob,
    Question,
    RunInfo,
)
from proofbook.report import RunSummary, load_run, write_report
from proofbook.report.page import render_page
from proofbook.runs.folder import RunFolder
from proofbook.runs.media_store import store_media

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

CLIP_JOB = "musicgen/generate-medium"


@pytest.fixture
def page(browser: Browser, sample: RunFolder) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((sample.report / "index.html").as_uri())
    yield page
    page.close()


def wait_until(page: Page, condition: str) -> None:
    """Wait for a condition; the page's policy forbids the eval of ``wait_for_function``."""
    deadline = time.monotonic() + HANG
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, f"did not come true: {condition}"
        page.wait_for_timeout(50)


def visible_jobs(page: Page) -> list[str]:
    return page.locator("table.jobs tbody tr:visible th a").all_inner_texts()


@pytest.mark.exhaustive
def test_the_verdict_comes_first_then_what_needs_attention(page: Page) -> None:
    assert page.locator("h1").inner_text() == "Cancelled"
    headings = page.locator("h2").all_inner_texts()
    assert headings[:3] == ["Needs attention", "Waiting for a person", "Jobs"]
    first = page.locator("details.job").first
    assert first.get_attribute("id") == "job-ttsserver/stream"
    assert first.get_attribute("open") is not None
    for state in ("passed", "skip_allowed", "skipped", "cancelled", "flaky"):
        assert page.locator(f"details.job[data-state={state}][open]").count() == 0


def test_it_opens_from_a_file_and_asks_nothing_of_the_network(
    browser: Browser, sample: RunFolder
) -> None:
    page = browser.new_page()
    asked: list[str] = []
    trouble: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.goto((sample.report / "index.html").as_uri())
    for picture in page.locator("img").all():
        picture.evaluate("img => { img.loading = 'eager'; img.closest('.job').open = true; }")
    wait_until(page, "[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert all(url.startswith(("file://", "data:")) for url in asked)
    assert trouble == []
    page.close()


def test_a_clip_really_plays(page: Page) -> None:
    card = page.locator(f"[id='job-{CLIP_JOB}']")
    assert card.locator("audio").evaluate("clip => clip.networkState") in (0, 1)
    card.locator("audio").evaluate("clip => clip.play()")
    wait_until(page, "document.querySelector('audio').currentTime > 0.2")
    assert card.locator("audio").evaluate("clip => clip.duration") == pytest.approx(5.2, abs=0.01)
    assert card.locator("audio").evaluate("clip => clip.error") is None


def test_a_click_on_the_waveform_plays_from_there(page: Page) -> None:
    page.locator(f"[id='job-{CLIP_JOB}'] > summary").click()
    stage = page.locator(f"[id='job-{CLIP_JOB}'] .stage").first
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box is not None
    stage.click(position={"x": box["width"] * (0.04 + 0.95 * 0.5), "y": box["height"] / 2})
    wait_until(page, "document.querySelector('audio').currentTime >= 2.59")


def test_one_clip_plays_at_a_time(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details.job').forEach(job => { job.open = true; })")
    page.evaluate(
        """async () => {
            const clips = document.querySelectorAll('audio');
            await clips[0].play();
            await clips[1].play();
        }"""
    )
    states = "[...document.querySelectorAll('audio')].map(clip => clip.paused)"
    assert page.evaluate(states) == [True, False]


def test_a_state_filters_table_and_details(page: Page) -> None:
    button = page.locator("[data-filter=failed]")
    button.click()
    assert visible_jobs(page) == [CLIP_JOB]
    assert page.locator("details.job:visible").count() == 1
    assert button.get_attribute("aria-pressed") == "true"
    assert page.locator(".matches").inner_text() == "1 of 12 jobs"
    page.locator("[data-filter=crashed]").click()
    assert len(visible_jobs(page)) == 2
    button.click()
    page.locator("[data-filter=crashed]").click()
    assert len(visible_jobs(page)) == 12
    assert page.locator(".matches").inner_text() == ""


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("words", "count"), [("musicgen medium", 2), ("SIGKILL", 1), ("sks dog", 1), ("nowhere", 0)]
)
def test_the_search_looks_in_names_causes_and_parameters(
    page: Page, words: str, count: int
) -> None:
    page.locator("#search").fill(words)
    assert len(visible_jobs(page)) == count
    assert page.locator(".none").is_visible() is (count == 0)


def test_a_link_to_a_job_opens_it(page: Page) -> None:
    card = page.locator("[id='job-musicgen/generate-small']")
    assert card.get_attribute("open") is None
    page.locator("table.jobs a", has_text="musicgen/generate-small").click()
    wait_until(page, "document.activeElement.matches('summary')")
    assert card.get_attribute("open") is not None
    assert card.locator("audio").is_visible()


def test_a_deep_link_opens_its_job_on_loading(browser: Browser, sample: RunFolder) -> None:
    page = browser.new_page()
    page.goto((sample.report / "index.html").as_uri() + "#job-dreambooth%2Finfer")
    assert page.locator("[id='job-dreambooth/infer']").get_attribute("open") is not None
    page.close()


def test_cells_that_did_not_run_say_so(page: Page) -> None:
    cells = page.locator("[id='job-training/resume'] .cells li")
    assert [" ".join(text.split()[1:]) for text in cells.all_inner_texts()[3:]] == [
        "failed",
        *["not run"] * 4,
    ]


def test_a_failing_cell_is_shown_with_its_source_and_traceback(page: Page) -> None:
    card = page.locator("[id='job-training/resume']")
    assert "trainer.resume(state, strict=True)" in card.locator("pre.source").inner_text()
    assert "KeyError: 'exp_avg_sq'" in card.locator("details.more pre").first.inner_text()


def test_links_to_notebook_log_and_media_lead_to_files(page: Page, sample: RunFolder) -> None:
    links: list[str] = page.locator("a[href^='../'], .foot a").evaluate_all(
        "links => links.map(link => decodeURIComponent(new URL(link.href).pathname))"
    )
    assert len(links) > 30
    assert [link for link in links if not Path(link).is_file()] == []


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 720, 420, 320])
def test_nothing_overflows_sideways(
    browser: Browser, sample: RunFolder, width: int, scheme: Any
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto((sample.report / "index.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


OVERLAPS = """places => {
    const inked = place => {
        const range = document.createRange();
        range.selectNodeContents(place);
        return range.getBoundingClientRect();
    };
    return places.map(inked).flatMap((one, at, all) => all.slice(at + 1).filter(two =>
        one.left < two.right - 1 && two.left < one.right - 1
        && one.top < two.bottom - 1 && two.top < one.bottom - 1)).length;
}"""
"""How many pairs of texts lie over each other; a text may be wider than its place."""


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("width", [1400, 420, 320])
def test_nothing_in_a_jobs_heading_lies_over_another_thing(
    browser: Browser, summary: RunSummary, tmp_path: Path, width: int
) -> None:
    statuses = ["passed"] * 14 + ["failed"] * 2 + ["skipped"] * 13
    checks = tuple(check(f"c{n}", status) for n, status in enumerate(statuses))
    job = summary.jobs[0].model_copy(
        update={"checks": checks, "outcome": "failed", "cause": "c14", "seconds": 3725.0}
    )
    file = tmp_path / "index.html"
    file.write_text(render_page(summary.model_copy(update={"jobs": (job,)}), tmp_path))
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(file.as_uri())
    heading = page.locator(".job > summary > *:not(:empty)")
    assert "2 failed, 13 skipped" in page.locator(".job > summary").inner_text()
    assert heading.evaluate_all(OVERLAPS) == 0
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it(
    browser: Browser, sample: RunFolder, audit: Callable[..., list[str]], scheme: Any
) -> None:
    page = browser.new_page(color_scheme=scheme)
    page.goto((sample.report / "index.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert audit(page) == []
    page.evaluate("document.querySelector('h1').style = 'color: #888; background: #999'")
    assert any(found.startswith("color-contrast") for found in audit(page))
    page.close()


def test_the_keyboard_reaches_the_page_with_a_visible_focus(page: Page) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_without_scripts_everything_is_still_there(browser: Browser, sample: RunFolder) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((sample.report / "index.html").as_uri())
    assert page.locator("table.jobs tbody tr").count() == 12
    assert page.locator(".filters").is_hidden()
    context.close()


def test_nothing_recorded_can_become_part_of_the_page(browser: Browser, tmp_path: Path) -> None:
    run = build_hostile(tmp_path)
    index = write_report(run)
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script("window.pwned = []; window.alert = x => window.pwned.push(x)")
    page.goto(index.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    page.wait_for_timeout(300)
    assert page.evaluate("window.pwned") == []
    assert page.locator("script").count() == 1
    assert page.locator("[onerror], [onload], iframe, img[src='x']").count() == 0
    assert not any(url.endswith("/x") or url.startswith("http") for url in asked)
    assert "49" not in page.title()
    seen = page.locator("body").inner_text()
    fields = {f"<b>{name}<" for name in HOSTILE_FIELDS}
    assert {field for field in fields if field not in seen} == set()
    page.close()


def test_the_policy_stops_a_script_that_came_in_all_the_same(
    browser: Browser, sample: RunFolder, tmp_path: Path
) -> None:
    html = render_page(load_run(sample), sample.media)
    evil = '<script>window.pwned = 1</script><img src="data:," onerror="window.pwned = 2">'
    path = tmp_path / "index.html"
    path.write_text(html.replace("<main>", f"<main>{evil}"))
    page = browser.new_page()
    page.goto(path.as_uri())
    page.wait_for_timeout(200)
    assert page.evaluate("window.pwned") is None
    assert page.locator(".filters").is_visible()
    page.close()


def test_a_damaged_clip_is_named_and_gets_no_player(
    browser: Browser, sample: RunFolder, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "copy")
    shutil.copytree(sample.path, run.path)
    for clip in run.media.glob("*.wav"):
        clip.unlink()
    page = browser.new_page()
    page.goto(write_report(run).as_uri())
    assert page.locator("audio").count() == 0
    assert page.get_by_text("The file is missing.").count() == 2
    page.close()


_EVIL = (
    "<b>{name}</b>\"'`><img src=x onerror=alert('{name}')><script>alert('{name}')</script>"
    "</title></style></pre></textarea>{{{{7*7}}}}"
)
HOSTILE_FIELDS = (
    *("run_id", "profile", "environment", "hardware", "job_id", "parameter"),
    *("parameter_value", "cause", "kernel", "ename", "evalue", "source", "traceback", "cell"),
    *("check", "expected", "actual", "unit", "why", "reason", "metric", "metric_label", "caption"),
    *("metric_unit", "evidence", "label", "fact", "fact_value", "fact_unit", "view", "excerpt"),
    *("question", "log", "attempt", "needs", "tested", "revision"),
)


def evil(name: str) -> str:
    return _EVIL.format(name=name)


def build_hostile(outputs: Path) -> RunFolder:
    """Write a run in which every free text is an attack."""
    run = RunFolder(outputs / "hostile")
    run.path.mkdir(parents=True)
    planned = PlannedJob(
        id=evil("job_id").replace("/", "."),
        runbook=evil("runbook"),
        timeout=1,
        parameters={evil("parameter"): evil("parameter_value")},
        needs=(evil("needs"),),
    )
    job = run.job(planned.id)
    job.path.mkdir(parents=True)
    note = text(evil("excerpt"))
    picture = store_media(run.media, b"no picture", ".png")
    shown = Evidence(
        name=evil("evidence"),
        media_kind="text",
        file=store_media(run.media, note.source, ".txt"),
        caption=evil("caption"),
        labels={"label": evil("label")},
        facts=(Fact(name=evil("fact"), value=evil("fact_value"), unit=evil("fact_unit")),),
        views={evil("view"): picture},
    )
    asked = Question(name="q", text=evil("question"))
    found = check(
        evil("check"),
        "failed",
        expected=evil("expected"),
        actual=evil("actual"),
        unit=evil("unit"),
        why=evil("why"),
        reason=evil("reason"),
    )
    speed = Metric(
        name=evil("metric"), value=1, unit=evil("metric_unit"), labels={"l": evil("metric_label")}
    )
    tested = Identity(name=evil("tested"), revision=evil("revision"))
    for record in (Begin(runbook="r"), tested, found, speed, shown, asked):
        append_line(job.records, record.model_dump_json())
    job.log.write_text(evil("log"))
    job.notebook.write_text("{}")
    stop = Failure(
        cell_index=0,
        cell_id=evil("cell"),
        source=evil("source"),
        ename=evil("ename"),
        evalue=evil("evalue"),
        traceback=evil("traceback"),
    )
    cell = CellState(index=0, id=evil("cell"), cell_type="code", status="failed")
    attempt = Attempt(number=1, status="crashed", cause=evil("attempt"), started=START)
    job.write_outcome(
        Outcome(
            job=planned.id,
            runbook=planned.runbook,
            status="error",
            cause=evil("cause"),
            failure=stop,
            cells=(cell,),
            attempts=(attempt, attempt),
            kernel=evil("kernel"),
            started=START,
            ended=START,
        )
    )
    run.write_info(
        RunInfo(
            run_id=evil("run_id"),
            profile=evil("profile"),
            plan=(planned,),
            environment={evil("environment"): "x"},
            hardware={evil("hardware"): "x"},
            started=START,
        )
    )
    return run
