"""An answer in a panel whose kernel has gone is told as not recorded, and never lost in silence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browsing import Lab, open_notebook, shoot, wait_until_idle
from lost_answers import ROUNDS, Fates, watch
from playwright.sync_api import Page, expect

from proofbook.project import Project

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PROFILE = "jobs: [{runbook: demo/tone, id: tone}]"
ASKING = (
    "from proofbook.checks import Checks\n"
    "from proofbook.media import text\n"
    "checks = Checks('demo/tone')",
    "checks.expect('written', True)\n"
    "shown = checks.show(text('la la la'))\n"
    "checks.ask('good', 'Is it a pleasant tone?', about=[shown])",
    "checks.finish()",
)
NEW_KERNEL = """async () => {
    const { sessionContext } = jupyterapp.shell.currentWidget.context;
    const name = jupyterapp.serviceManager.kernelspecs.specs.default;
    await sessionContext.changeKernel({ name });
    await sessionContext.session.kernel.info;
}"""
UNTELL = "() => { document.querySelector('.proofbook-panel [role=alert]').textContent = ''; }"


@pytest.mark.exhaustive
@pytest.mark.parametrize("deed", ["ended", "restarted"])
def test_an_answer_to_a_kernel_that_has_gone_is_told_as_not_recorded(
    lab: Callable[..., Lab], exposed: Path, project: Project, page: Page, deed: str,
    add_runbook: Callable[..., Path], add_profile: Any, make_run: Callable[..., None],
) -> None:  # fmt: skip
    add_profile(PROFILE)
    add_runbook("demo/tone", *ASKING)
    make_run()
    url = lab("latest", "tone").url
    open_notebook(page, url)
    fates = Fates(to=f"{deed} kernel")
    for number in range(ROUNDS):
        if number and deed == "restarted":
            page.evaluate(NEW_KERNEL)
            wait_until_idle(page)
        if number == 0 or deed == "restarted":  # one that has ended stays so
            panel = show_panel(page)
            end_kernels(page, url, deed)
        page.evaluate(UNTELL)
        watch(page, "Not recorded: the kernel does not answer")
        # Not by the mouse: JupyterLab may ask for another kernel, in front of the panel.
        panel.get_by_role("button", name="Reject").dispatch_event("click")
        fates.note(page)
    shoot(page, f"panel-{deed}")
    (log,) = project.outputs.glob("*/signoffs.jsonl")
    answers = [line for line in log.read_text().splitlines() if json.loads(line)["kind"] != "seal"]
    fates.print(recorded=len(answers))
    assert answers == []


def show_panel(page: Page) -> Any:
    """Run the last cell, which shows the panel, and say who answers."""
    page.locator(".jp-Notebook .jp-CodeCell").last.click()
    page.keyboard.press("Control+Enter")
    panel = page.locator(".proofbook-panel")
    expect(panel).to_contain_text("Is it a pleasant tone?")
    expect(panel.get_by_role("alert")).to_be_hidden()
    panel.get_by_label("Your name").fill("Ann")
    return panel


def end_kernels(page: Page, url: str, deed: str) -> None:
    """End or restart every kernel of a lab, as another tab of it may."""
    base, token = re.match(r"(https?://[^/]+/).*[?&]token=([0-9a-f]+)", url).groups()  # type: ignore[union-attr]
    headers = {"Authorization": f"token {token}"}
    for kernel in page.request.get(f"{base}api/kernels", headers=headers).json():
        address = f"{base}api/kernels/{kernel['id']}"
        if deed == "ended":
            done = page.request.delete(address, headers=headers)
        else:
            done = page.request.post(f"{address}/restart", headers=headers)
        assert done.ok, done.text()
