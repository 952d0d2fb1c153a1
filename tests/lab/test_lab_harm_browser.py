"""What ``proofbook lab`` never does, in a real JupyterLab: change a record, run foreign scripts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from browsing import PATIENCE, Lab, open_notebook, shoot, wait_until_idle
from nbformat.sign import NotebookNotary
from playwright.sync_api import Page, expect
from waiting import HANG

from proofbook.project import Project
from proofbook.records import PlannedJob, RunInfo
from proofbook.runs.folder import RunFolder

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AUTOSAVES = 20
PROFILE = "jobs:\n  - {runbook: demo/tone, id: tone}\n"
STEPS = (
    "from proofbook.checks import Checks\nfrom proofbook.media import text\n"
    "checks = Checks('demo/tone')",
    "from pathlib import Path\nPath('tone.txt').write_text(f'{pitch} Hz')\n"
    "shown = checks.show(text(Path('tone.txt')))",
    "checks.expect('written', True)",
    "checks.finish()",
)

CONTEXT = "[...jupyterapp.shell.widgets('main')].find((w) => w.context?.path === path)?.context"
"""JavaScript: the open document ``path``."""


def command(project: Project, *words: str) -> str:
    """Run a command that has to end well; return what it printed."""
    done = subprocess.run(
        words, cwd=project.root, timeout=HANG, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def proofbook(project: Project, *words: str) -> str:
    return command(project, sys.executable, "-m", "proofbook", *words)


@pytest.fixture
def passed_run(
    project: Project, add_runbook: Callable[..., Path], add_profile: Any,
    make_run: Callable[..., None],
) -> Path:  # fmt: skip
    """A run that passed and is sealed, in a project under git; return its folder."""
    add_profile(PROFILE)
    add_runbook("demo/tone", *STEPS, parameters="pitch: float = 440.0  # Hz")
    (project.root / ".gitignore").write_text("outputs/\n")
    identity = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
    for words in (("init", "-q"), ("add", "-A"), (*identity, "commit", "-qm", "first")):
        command(project, "git", *words)
    make_run()
    (info,) = project.outputs.glob("*/run.json")
    return info.parent


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def api(page: Page, path: str) -> str:
    """Return a file's path as JupyterLab names it, once the document is open."""
    page.wait_for_function(f"(path) => window.jupyterapp && {CONTEXT}?.isReady", arg=path)
    return path


OPEN = "async (path) => { await jupyterapp.commands.execute('docmanager:open', { path }); }"
"""JavaScript that returns nothing: a document's widget would be sent with all that it knows."""


def open_in_a_tab(page: Page, path: str) -> None:
    page.evaluate(OPEN, path)
    api(page, path)
    wait_until_idle(page)


def save_often(page: Page, path: str) -> None:
    """Save an open notebook as the autosave does, each time with something new to save."""
    script = f"""async ([path, times]) => {{
        const context = {CONTEXT};
        for (let number = 0; number < times; number++) {{
            context.model.setMetadata("language_info", {{ name: "python", version: number }});
            await context.save();
        }}
    }}"""
    page.evaluate(script, [path, AUTOSAVES])


def save_often_on_the_server(page: Page, path: str) -> list[str]:
    """Ask for what an autosave would ask for; return what was answered."""
    script = f"""async ([path, times]) => {{
        const context = {CONTEXT};
        const answers = [];
        for (let number = 0; number < times; number++) {{
            context.model.setMetadata("language_info", {{ name: "python", version: number }});
            const content = context.model.toJSON();
            const model = {{ type: "notebook", format: "json", content }};
            await jupyterapp.serviceManager.contents.save(path, model).then(
                () => answers.push("saved"), (error) => answers.push(error.message));
        }}
        return answers;
    }}"""
    answers: list[str] = page.evaluate(script, [path, AUTOSAVES])
    return answers


def restart_kernel(page: Page, path: str) -> None:
    script = f"async (path) => {{ await {CONTEXT}.sessionContext.restartKernel(); }}"
    page.evaluate(script, path)


def run_all(page: Page, path: str) -> None:
    page.evaluate(OPEN, path)
    page.evaluate("async () => { await jupyterapp.commands.execute('notebook:run-all-cells'); }")
    wait_until_idle(page)


@pytest.mark.exhaustive
def test_tabs_change_no_record_and_no_runbook_over_twenty_autosaves(
    lab: Callable[..., Lab], exposed: Path, passed_run: Path, project: Project, page: Page
) -> None:
    before = files(passed_run)
    started = json.loads((passed_run / "jobs/tone/outcome.json").read_text())["started"]
    running = lab("latest", "tone")
    open_notebook(page, running.url)
    copy = f"outputs/lab/{passed_run.name}/tone/debug.ipynb"
    record = f"outputs/{passed_run.name}/jobs/tone/notebook.ipynb"
    runbook = "runbooks/demo/tone.ipynb"
    for path in (copy, record, runbook):
        open_in_a_tab(page, path)
        restart_kernel(page, path)
    for path in (copy, record):
        run_all(page, path)
        assert files(passed_run) == before
    assert (project.root / copy).with_name("tone.txt").exists(), "the copy has written"
    for path in (copy, runbook):
        save_often(page, path)
    answers = save_often_on_the_server(page, record)
    assert len(answers) == AUTOSAVES
    assert all("the record of a run is never changed" in answer for answer in answers)
    shoot(page, "tabs")

    address, browser = page.url, page.context.browser
    page.close()
    assert browser is not None
    again = browser.new_context(viewport={"width": 1600, "height": 1100})
    reopened = again.new_page()
    reopened.goto(running.url)
    for path in (copy, record, runbook):
        api(reopened, path)
        restart_kernel(reopened, path)
    for path in (copy, runbook):
        save_often(reopened, path)
    again.close()
    assert address

    assert files(passed_run) == before
    assert command(project, "git", "status", "--porcelain") == ""
    assert list(project.root.rglob(".ipynb_checkpoints")) == []
    proofbook(project, "verify")
    proofbook(project, "run", "--resume", "latest")
    outcome = json.loads((passed_run / "jobs/tone/outcome.json").read_text())
    assert outcome["started"] == started, "nothing runs again"


@pytest.mark.exhaustive
def test_twenty_autosaves_by_the_clock_leave_a_runbook_as_it_is(
    lab: Callable[..., Lab], exposed: Path, passed_run: Path, project: Project, page: Page
) -> None:
    settings = exposed / "@jupyterlab/docmanager-extension"
    settings.mkdir(parents=True)
    every_second = {"autosave": True, "autosaveInterval": 1}
    (settings / "plugin.jupyterlab-settings").write_text(json.dumps(every_second))
    before = files(project.runbooks)
    open_notebook(page, lab("demo/tone").url)
    path = api(page, "runbooks/demo/tone.ipynb")
    script = f"""async ([path, times]) => {{
        const context = {CONTEXT};
        for (let number = 0; number < times; number++) {{
            const saved = new Promise((done) => context.saveState.connect((_, state) =>
                state.startsWith("completed") && done()));
            context.model.setMetadata("language_info", {{ name: "python", version: number }});
            await saved;
        }}
    }}"""
    page.evaluate(script, [path, AUTOSAVES])
    assert files(project.runbooks) == before
    assert command(project, "git", "status", "--porcelain") == ""


@pytest.mark.exhaustive
def test_a_record_says_what_it_is_and_a_refusal_is_shown(
    lab: Callable[..., Lab], exposed: Path, passed_run: Path, page: Page
) -> None:
    record = f"outputs/{passed_run.name}/jobs/tone/notebook.ipynb"
    open_notebook(page, lab().url.replace("/lab?", f"/lab/tree/{record}?"))
    note = page.locator(".proofbook-record")
    expect(note).to_contain_text("This is the record of a run, and is read-only. Work on a copy:")
    expect(note.locator("code")).to_have_text(f"proofbook lab {passed_run.name} tone")
    toolbar = page.locator(".jp-NotebookPanel-toolbar")
    expect(toolbar).to_contain_text("notebook is read-only")
    shoot(page, "record")
    page.evaluate("() => { jupyterapp.commands.execute('docmanager:rename'); }")
    page.locator("dialog input").fill("mine.ipynb")
    page.get_by_role("button", name="Rename").click()
    refusal = page.locator(".Toastify__toast", has_text="record of a run is never changed")
    expect(refusal).to_contain_text(f"work on a copy: proofbook lab {passed_run.name} tone")
    shoot(page, "refused")


@pytest.mark.exhaustive
def test_a_lab_opens_no_tabs_of_another(
    lab: Callable[..., Lab], exposed: Path, passed_run: Path, project: Project, page: Page
) -> None:
    open_notebook(page, lab("demo/tone").url)
    api(page, "runbooks/demo/tone.ipynb")
    page.evaluate("async () => { await jupyterapp.restored; }")
    page.goto(lab().url)
    page.wait_for_function("() => window.jupyterapp")
    page.evaluate("async () => { await jupyterapp.restored; }")
    page.locator(".jp-LauncherCard").first.wait_for()
    titles = "() => [...jupyterapp.shell.widgets('main')].map((each) => each.title.label)"
    assert page.evaluate(titles) == ["Launcher"]


def planted(place: str) -> list[str]:
    """Return markup that reports ``place`` where any of it runs."""
    call = f"(window.report ?? window.parent.report)({place!r})"
    quoted = call.replace('"', "&quot;")
    return [
        f"<script>{call}</script>",
        f'<img src="x:" onerror="{quoted}">',
        f'<svg onload="{quoted}"><animate onbegin="{quoted}" attributeName="x" dur="1s"/></svg>',
        f'<iframe srcdoc="<script>parent.report(&quot;{place}&quot;)</script>"></iframe>',
        '<iframe src="javascript:parent.report(1)"></iframe>',
        f'<details open ontoggle="{quoted}"></details>',
        f'<style onload="{quoted}"></style><video><source onerror="{quoted}"></video>',
        f'<a href="javascript:{quoted}" class="planted-link">link {place}</a>',
    ]


def hostile_outputs(place: str) -> list[dict[str, Any]]:
    """Return an output of every kind, and of every type that JupyterLab may draw."""
    markup = "".join(planted(place))
    script = f"(window.report ?? window.parent.report)({place!r})"
    widget = {"version_major": 2, "version_minor": 0, "model_id": "a" * 32}
    bundles: list[dict[str, Any]] = [
        {"text/html": markup, "text/plain": markup},
        {"application/javascript": script, "text/plain": markup},
        {"text/javascript": script},
        {
            "image/svg+xml": f'<svg xmlns="http://www.w3.org/2000/svg"><script>{script}</script></svg>'
        },
        {"text/markdown": markup},
        {"text/latex": f"$\\href{{javascript:{script}}}{{x}}$ {markup}"},
        {"application/json": {"text": markup, markup: markup}},
        {"application/vnd.jupyter.widget-view+json": widget},
        {"application/geo+json": {"name": markup}},
        {"application/vnd.vega.v5+json": chart(markup)},
        {"image/png": "AAAA", "text/plain": markup},
        {"text/plain": markup},
    ]
    shown = [
        {"output_type": "display_data", "metadata": {"image/png": {"alt": markup}}, "data": each}
        for each in bundles
    ]
    result = {"output_type": "execute_result", "metadata": {}, "execution_count": 1}
    return [
        *shown,
        {**result, "data": {"text/html": [markup]}},
        {"output_type": "stream", "name": "stdout", "text": markup},
        {"output_type": "stream", "name": "stderr", "text": f"\x1b[31m{markup}\x1b[0m"},
        {"output_type": "error", "ename": markup, "evalue": markup, "traceback": [markup]},
    ]


def chart(markup: str) -> dict[str, Any]:
    """Return a drawing whose texts are markup, and whose link is a script."""
    look = {"text": {"value": markup}, "href": {"value": "javascript:parent.report(1)"}}
    marks = [{"type": "text", "encode": {"enter": {**look, "x": {"value": 5}}}}]
    schema = "https://vega.github.io/schema/vega/v5.json"
    return {"$schema": schema, "width": 9, "height": 9, "title": markup, "marks": marks}


def widget_state() -> dict[str, Any]:
    """Return a stored widget whose module is a script."""
    module = "window.report('widget'); export default { render() { window.report('widget'); } };"
    state = {"_esm": module, "_anywidget_id": "x", "_model_module": "anywidget",
             "_model_name": "AnyModel", "_view_module": "anywidget", "_view_name": "AnyView",
             "_model_module_version": "~0.9.*", "_view_module_version": "~0.9.*"}  # fmt: skip
    model = {"model_name": "AnyModel", "model_module": "anywidget",
             "model_module_version": "~0.9.*", "state": state}  # fmt: skip
    return {"application/vnd.jupyter.widget-state+json": {
        "version_major": 2, "version_minor": 0, "state": {"a" * 32: model}}}  # fmt: skip


def hostile_notebook() -> dict[str, Any]:
    markup = "".join(planted("string"))
    about = {"trusted": True, "name": markup, "tags": [markup], "slideshow": {"x": markup}}
    attachment = {"a.svg": {"image/svg+xml": markup, "text/html": markup}}
    text = (
        "\n\n".join(planted("markdown")) + "\n\n![a](attachment:a.svg)\n\n[x](javascript:report(1))"
    )
    cells = [
        {"cell_type": "markdown", "id": "title", "metadata": about, "source": f"# {text}",
         "attachments": attachment},
        {"cell_type": "raw", "id": "raw", "metadata": {**about, "format": "text/html"},
         "source": markup},
        {"cell_type": "code", "id": "code", "metadata": about, "execution_count": 1,
         "outputs": hostile_outputs("output"), "source": f"x = 1  # {markup}"},
        {"cell_type": "code", "id": "end", "metadata": {}, "execution_count": 2, "source": "",
         "outputs": [{"output_type": "stream", "name": "stdout", "text": "this is the end"}]},
    ]  # fmt: skip
    metadata = {
        "kernelspec": {"display_name": markup, "language": markup, "name": "python3"},
        "language_info": {"name": "python", "version": markup, "mimetype": markup},
        "title": markup, "authors": [{"name": markup}], "widgets": widget_state(),
    }  # fmt: skip
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


NAMES = {
    "run": "20260101-000000-<img src=x: onerror=report(1)>",
    "job": "one<img src=x: onerror=report(2)>",
    "file": "<img src=x: onerror=report(3)>.txt",
}


@pytest.fixture
def received_run(project: Project, add_runbook: Callable[..., Path]) -> RunFolder:
    """A run that came from elsewhere, with scripts wherever there can be any."""
    add_runbook("demo/one", "1")
    run = RunFolder(project.outputs / NAMES["run"])
    folder = run.job(NAMES["job"])
    folder.work.mkdir(parents=True)
    (folder.work / NAMES["file"]).write_text("".join(planted("file")))
    folder.notebook.write_text(json.dumps(hostile_notebook()))
    job = PlannedJob(id=NAMES["job"], runbook="demo/one", timeout=1)
    run.write_info(RunInfo(run_id=NAMES["run"], profile="<script>", plan=(job,)))
    return run


def watch(page: Page) -> list[str]:
    """Return a list of the scripts that run, in any frame."""
    reports: list[str] = []
    page.expose_binding("report", lambda source, place=None: reports.append(str(place)))
    return reports


def look_at_everything(page: Page) -> None:
    """Scroll through a notebook, and wait for every picture in it to be loaded or refused."""
    for cell in ("title", "raw", "code", "end"):
        script = """(id) => {
            const panel = jupyterapp.shell.currentWidget;
            panel.content.activeCellIndex =
                panel.content.widgets.findIndex((each) => each.model.id === id);
            return panel.content.scrollToCell(panel.content.activeCell);
        }"""
        page.evaluate(script, cell)
    panel = page.locator(".jp-NotebookPanel:visible")
    end = panel.locator(".jp-OutputArea-output", has_text=re.compile("^this is the end"))
    expect(end).to_be_visible(timeout=PATIENCE)
    for link in page.locator("a.planted-link:visible").all():
        link.dispatch_event("click")
    page.evaluate("""() => Promise.all([...document.images].map((each) => each.complete ||
        new Promise((done) => { each.onload = each.onerror = done; })))""")
    wait_until_idle(page)


@pytest.mark.exhaustive
def test_no_script_of_a_received_run_runs(
    lab: Callable[..., Lab], exposed: Path, received_run: RunFolder, project: Project, page: Page
) -> None:
    before = files(received_run.path)
    reports = watch(page)
    running = lab(NAMES["run"], NAMES["job"])
    open_notebook(page, running.url)
    look_at_everything(page)
    shoot(page, "received-copy")
    assert reports == []
    record = received_run.job(NAMES["job"]).notebook.relative_to(project.root).as_posix()
    open_in_a_tab(page, record)
    look_at_everything(page)
    expect(page.locator(".proofbook-record code")).to_contain_text(NAMES["job"])
    rename = "(path) => jupyterapp.serviceManager.contents.rename(path, 'x').catch(() => {})"
    page.evaluate(rename, record)
    expect(page.locator(".Toastify__toast")).to_contain_text(NAMES["run"])
    shoot(page, "received-record")
    assert reports == []
    assert files(received_run.path) == before

    (copy,) = project.outputs.glob("lab/*/*/debug.ipynb")
    NotebookNotary().sign(nbformat.read(copy, as_version=4))
    open_notebook(page, running.url)
    page.wait_for_function("() => window.jupyterapp")
    look_at_everything(page)
    assert reports, "the same scripts run where somebody has trusted the notebook"
