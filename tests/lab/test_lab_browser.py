"""``proofbook lab`` as a person meets it: a real JupyterLab in a real Chromium."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browsing import PATIENCE, Lab, open_notebook, shoot, wait_until_idle
from playwright.sync_api import Locator, Page, expect

from proofbook.project import Project
from proofbook.review.command import open_session
from proofbook.runs.finding import iter_runs
from proofbook.runs.folder import RunFolder
from proofbook.signoff.acceptance import SubmittedAnswer
from proofbook.signoff.entries import Reviewer

pytestmark = [pytest.mark.browser, pytest.mark.slow]

REPOSITORY = Path(__file__).resolve().parents[2]


def run_cell_by_cell(page: Page) -> None:
    """Press Shift+Enter on each cell, as a person does, waiting for each result."""
    cells = page.locator(".jp-Notebook .jp-Cell")
    cells.first.click()
    for index in range(cells.count()):
        page.keyboard.press("Shift+Enter")
        cell = cells.nth(index)
        if "jp-CodeCell" in (cell.get_attribute("class") or ""):
            prompt = cell.locator(".jp-InputPrompt")
            expect(prompt).to_have_text(re.compile(r"\[\d+\]"), timeout=PATIENCE)


def seconds_played(page: Page, player: int = 0) -> float:
    """Play an audio element for a moment; return how far it came."""
    audio = page.locator(".jp-OutputArea-output audio").nth(player)
    audio.scroll_into_view_if_needed()
    script = """async element => {
        await element.play();
        await new Promise(done => setTimeout(done, 700));
        return element.currentTime;
    }"""
    played: float = audio.evaluate(script)
    return played


def test_runbook_runs_cell_by_cell_to_its_end_and_plays(
    lab: Callable[..., Lab], project: Project, page: Page
) -> None:
    shutil.copytree(REPOSITORY / "runbooks/musicgen", project.runbooks / "musicgen")
    shutil.copytree(REPOSITORY / "parameters", project.parameters, dirs_exist_ok=True)
    running, asked = lab("musicgen/generate"), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    open_notebook(page, running.url)
    shoot(page, "generate-opened")
    assert running.warm_kernels() == 1

    run_cell_by_cell(page)
    shoot(page, "generate-end")

    table = page.locator(".jp-OutputArea-output table", has_text="log-without-traceback")
    expect(table).to_be_visible()
    expect(table).not_to_contain_text("failed")
    assert page.locator(".jp-OutputArea-output[data-mime-type*=error]").count() == 0
    assert seconds_played(page) > 0.1
    shoot(page, "generate-player")
    records = next(project.outputs.glob("interactive/*/records.jsonl")).read_text()
    assert '"kind":"finish"' in records
    assert [url for url in asked if re.search("/lab/api/(news|update)", url)] == []


PROFILE = """
jobs:
  - runbook: demo/tone
    id: tone
    parameters: {pitch: 660.0}
"""

STEPS = (
    "import numpy, soundfile\n"
    "from proofbook.checks import Checks\n"
    "from proofbook.media import audio\n"
    "checks = Checks('demo/tone')",
    "seconds = numpy.arange(32000) / 16000\n"
    "soundfile.write('tone.wav', 0.3 * numpy.sin(2 * numpy.pi * pitch * seconds), 16000)\n"
    "shown = checks.show(audio('tone.wav', caption=f'{pitch} Hz'))",
    *("# a step\n" * 40 + f"reached = {number}" for number in range(4)),
    "checks.expect('pitch-is-low', pitch < 500)",
    "# the cells after it run, too\nchecks.expect('reached', reached == 3)",
    "checks.finish()",
)


@pytest.fixture
def failed_run(
    project: Project, add_runbook: Callable[..., Path], add_profile: Any,
    make_run: Callable[..., None],
) -> Project:  # fmt: skip
    """A project with a run whose only job failed at a cell far down."""
    add_profile(PROFILE)
    add_runbook("demo/tone", *STEPS, parameters="pitch: float = 440.0  # Hz")
    make_run(code=1)
    return project


@pytest.mark.exhaustive
def test_failed_job_opens_at_its_cell_and_runs_with_its_parameters(
    lab: Callable[..., Lab], failed_run: Project, page: Page
) -> None:
    record = next(failed_run.outputs.glob("*/jobs/tone/notebook.ipynb"))
    executed = record.read_bytes()
    running = lab("latest", "tone")
    open_notebook(page, running.url)
    shoot(page, "failed-opened")
    cells = page.locator(".jp-Notebook .jp-Cell")
    failing = cells.filter(has=page.locator(".jp-InputArea", has_text="pitch-is-low"))
    expect(failing).to_be_in_viewport()
    expect(failing).to_have_class(re.compile("jp-mod-active"))
    expect(cells.nth(3).locator(".jp-RenderedHTML").first).not_to_have_class(
        re.compile("jp-mod-trusted")
    )
    assert seconds_played(page) > 0.1, "its links hold"

    failing.locator(".jp-InputArea").click()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Above Selected Cell").click()
    expect(cells.nth(7).locator(".jp-InputPrompt")).to_have_text("[8]:", timeout=PATIENCE)
    expect(cells.nth(1)).to_contain_text("pitch = 660.0")
    assert "failed" not in cells.nth(3).inner_text()
    assert seconds_played(page) > 0.1, "what the copy shows anew plays as well"
    run_on(page, failing, 3)
    finish = cells.filter(has=page.locator(".jp-InputArea", has_text="checks.finish()"))
    expect(finish).to_contain_text("1 of 2 checks did not pass: pitch-is-low")
    shoot(page, "failed-worked-on")

    failing.locator(".cm-content").fill("checks.expect('pitch-is-low', pitch < 700)")
    run_on(page, failing, 1)
    run_on(page, finish, 1)
    expect(finish.locator("table")).to_contain_text("pitch-is-low")
    expect(finish).not_to_contain_text("ChecksFailed")
    shoot(page, "failed-repaired")
    assert running.warm_kernels() == 1

    page.keyboard.press("Control+s")
    expect(page.locator(".lm-DockPanel-tabBar .jp-mod-dirty")).to_have_count(0)
    assert record.read_bytes() == executed
    (copy,) = failed_run.outputs.glob("lab/*/tone/debug.ipynb")
    assert "pitch < 700" in copy.read_text()


def run_on(page: Page, cell: Locator, count: int) -> None:
    """Run a cell and those after it, one by one."""
    cell.locator(".jp-InputArea").click()
    for _ in range(count):
        page.keyboard.press("Shift+Enter")
    wait_until_idle(page)


@pytest.mark.exhaustive
def test_launcher_offers_the_warm_kernel(
    lab: Callable[..., Lab], add_profile: Any, page: Page
) -> None:
    add_profile(PROFILE)
    running = lab()
    page.goto(running.url)
    page.locator(".jp-LauncherCard[title*='Proofbook (warm)']").first.click()
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    wait_until_idle(page)
    shoot(page, "launched")
    expect(page.locator("#jp-main-statusbar")).to_contain_text("Proofbook (warm)")
    assert running.warm_kernels() == 1


ASKING = (
    "import numpy, soundfile\n"
    "from proofbook.checks import Checks\n"
    "from proofbook.media import audio\n"
    "checks = Checks('demo/tone')",
    "seconds = numpy.arange(16000) / 16000\n"
    "soundfile.write('tone.wav', 0.3 * numpy.sin(2 * numpy.pi * pitch * seconds), 16000)\n"
    "checks.expect('written', True)\n"
    "shown = checks.show(audio('tone.wav', caption=f'{pitch} Hz'))\n"
    "checks.ask('good', 'Is it a pleasant tone?', about=[shown])",
    "checks.finish()",
)


LISTEN = """(one) => new Promise((done) => {
    let heard = 0, last = 0;
    one.addEventListener("timeupdate", () => {
        const moved = one.currentTime - last;
        last = one.currentTime;
        heard += moved > 0 && moved < 1 ? moved : 0;
        if (heard > 0.6 && !one.paused) one.pause();
    });
    one.addEventListener("pause", () => heard > 0.6 ? done() : (last = 0));
    one.addEventListener("ended", () => { last = 0; one.play(); });
    one.play();
})"""
"""Plays a clip until its events have told of more than half a second: of a busy browser's, one may
come too late to count, and then the clip is played again."""


@pytest.mark.exhaustive
def test_questions_are_answered_in_a_panel_and_go_to_the_log(
    lab: Callable[..., Lab], project: Project, page: Page, add_runbook: Callable[..., Path],
    add_profile: Any, audit: Callable[..., list[str]], make_run: Callable[..., None],
) -> None:  # fmt: skip
    add_profile(PROFILE)
    add_runbook("demo/tone", *ASKING, parameters="pitch: float = 440.0  # Hz")
    make_run()
    open_notebook(page, lab("latest", "tone").url)
    cell = page.locator(".jp-Notebook .jp-CodeCell").last
    cell.scroll_into_view_if_needed()
    cell.click()
    page.keyboard.press("Shift+Enter")
    panel = page.locator(".proofbook-panel")
    expect(panel).to_contain_text("Is it a pleasant tone?")
    panel.get_by_label("Your name").fill("Ann")
    panel.get_by_role("button", name="Approve").click()
    expect(panel).to_contain_text("has not been played; listen before you approve")
    player = panel.locator("audio")
    expect(player).to_have_attribute("src", re.compile("^blob:"))
    player.evaluate(LISTEN)
    shoot(page, "panel")
    panel.get_by_role("button", name="Approve").click()
    expect(panel.locator(".badge")).to_have_text("approved")
    (log,) = project.outputs.glob("*/signoffs.jsonl")
    answer = json.loads(log.read_text().splitlines()[-1])
    assert answer["reviewer"]["name"] == "Ann"
    assert answer["reviewer"]["identified_by"] == "declared in JupyterLab"
    assert answer["verdict"] == "approved"
    (seconds,) = answer["seconds_played"].values()
    assert seconds > 0.5
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        choose_theme(page, theme)
        shoot(page, theme.replace(" ", "-").lower())
        assert audit(page, ".proofbook-panel") == []


def choose_theme(page: Page, theme: str) -> None:
    page.locator(".lm-MenuBar-itemLabel", has_text="Settings").click()
    for label in ("Theme", theme):
        page.locator(".lm-Menu-itemLabel").get_by_text(label, exact=True).click()
    expect(page.locator(f'body[data-jp-theme-name="{theme}"]')).to_be_attached()
    expect(page.locator("#jupyterlab-splash")).to_have_count(0)


@pytest.mark.exhaustive
def test_a_blind_comparison_is_made_in_a_panel(
    lab: Callable[..., Lab], project: Project, page: Page, add_runbook: Callable[..., Path],
    add_profile: Any, make_run: Callable[..., None],
) -> None:  # fmt: skip
    add_profile(PROFILE)
    asking = [cell.replace("about=[shown]", "about=[shown], form='ab'") for cell in ASKING]
    add_runbook("demo/tone", *asking, parameters="pitch: float = 440.0  # Hz")
    for more in ((), ("-p", "pitch=600.0")):
        make_run(*more)
        if not more:
            approve(next(iter_runs(project.outputs)), "good")
    open_notebook(page, lab("latest", "tone").url)
    page.locator(".jp-Notebook .jp-CodeCell").last.click()
    page.keyboard.press("Shift+Enter")
    panel = page.locator(".proofbook-panel")
    expect(panel.locator(".take figcaption")).to_have_text(["A", "B"])
    assert panel.get_by_text("Hz").count() == 0
    panel.get_by_label("Your name").fill("Ann")
    panel.get_by_role("button", name="Approve").click()
    expect(panel.get_by_role("alert")).to_have_text("Which one is better?")
    for player in panel.locator("audio").all():
        player.evaluate("""async (one) => {
            await one.play();
            await new Promise((done) => one.addEventListener("ended", done));
        }""")
    panel.get_by_role("button", name="A is better").click()
    expect(panel).to_contain_text("you prefer")
    expect(panel.get_by_role("alert")).to_have_count(0)
    assert sorted(panel.locator(".take figcaption").all_inner_texts()) in (
        ["A: this take", "B: the approved one"],
        ["A: the approved one", "B: this take"],
    )
    shoot(page, "blind-panel")
    panel.get_by_role("button", name="Approve").click()
    expect(panel.locator(".badge")).to_have_text("approved")
    expect(panel.locator(".take figcaption").first).to_have_text("tone")
    log = next(iter_runs(project.outputs)).path / "signoffs.jsonl"
    answer = json.loads(log.read_text().splitlines()[-1])
    assert answer["blind"]
    assert answer["comparison"]["preferred"] in ("this", "approved")


def approve(run: RunFolder, question: str) -> None:
    """Answer a question about the only clip, which was played to its end."""
    session = open_session(run, None)
    (sha256,) = session.job("tone").evidence
    answer = SubmittedAnswer(
        job="tone", question=question, verdict="approved", seconds_played={sha256: 60.0}
    )
    session.answer(answer, Reviewer(name="Ann", identified_by="a test"))
