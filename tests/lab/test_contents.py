"""The contents manager of ``proofbook lab``: records stay as they are, runbooks stay clean."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tornado.web import HTTPError

from proofbook.lab.checkpoints import LabCheckpoints
from proofbook.lab.contents import LabContents
from proofbook.project import Project

RUN = "outputs/20260101-000000-tiny-abcd"
RECORD = f"{RUN}/jobs/one/notebook.ipynb"

Change = Callable[[LabContents], Awaitable[object]]


@pytest.fixture(autouse=True)
def jupyter_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        monkeypatch.setenv(f"JUPYTER_{name}", str(tmp_path / "jupyter" / name.lower()))


@pytest.fixture
def demo(project: Project, add_runbook: Callable[..., Path]) -> Project:
    """A project with a runbook, and a run whose only job has executed it."""
    runbook = add_runbook("demo/one", "1 + 1")
    run = project.root / RUN
    (run / "jobs/one/work").mkdir(parents=True)
    (run / "jobs/one/notebook.ipynb").write_bytes(runbook.read_bytes())
    (run / "jobs/one/work/tone.wav").write_bytes(b"RIFF")
    for name in ("run.json", "signoffs.jsonl", "jobs/one/records.jsonl"):
        (run / name).write_text("{}\n")
    return project


@pytest.fixture
def contents(demo: Project, tmp_path: Path) -> LabContents:
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    made = LabContents(root_dir=str(demo.root), delete_to_trash=False, always_delete_dir=True)
    made.checkpoints = LabCheckpoints(parent=made, folder=str(checkpoints))
    return made


def ask(answer: Awaitable[Any]) -> Any:
    async def wait() -> Any:
        return await answer

    return asyncio.run(wait())


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return bytes and time of every file."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def opened(contents: LabContents, path: str) -> dict[str, Any]:
    """Return a notebook's model as JupyterLab gets it, through JSON."""
    model: dict[str, Any] = json.loads(json.dumps(ask(contents.get(path)), default=str))
    return model


def as_jupyterlab_saves(model: dict[str, Any]) -> dict[str, Any]:
    """Return the model that is saved once a kernel has connected and a cell has run."""
    book = model["content"]
    book["metadata"]["kernelspec"] = {"display_name": "Proofbook (warm)", "name": "proofbook"}
    book["metadata"]["language_info"] = {"name": "python", "version": "3.99", "pygments": "x"}
    for cell in book["cells"]:
        cell["metadata"] |= {"trusted": True, "execution": {"iopub.status.busy": "now"}}
        if cell["cell_type"] == "code":
            cell["execution_count"] = 7
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "2"}]
    return {"type": "notebook", "format": "json", "content": book}


def notebook_model() -> dict[str, Any]:
    book = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return {"type": "notebook", "format": "json", "content": book}


def file_model(**more: Any) -> dict[str, Any]:
    text = base64.b64encode(b"mine").decode()
    return {"type": "file", "format": "base64", "content": text, **more}


CHANGES: dict[str, Change] = {
    "save the notebook": lambda c: c.save(notebook_model(), RECORD),
    "save through ..": lambda c: c.save(
        notebook_model(), f"outputs/nowhere/../{RUN.partition('/')[2]}/jobs/one/notebook.ipynb"
    ),
    "save through a link to the run": lambda c: c.save(notebook_model(), "link/jobs/one/x.ipynb"),
    "save through a link to the file": lambda c: c.save(notebook_model(), "record.ipynb"),
    "save as text": lambda c: c.save(file_model(format="text", content=""), RECORD),
    "save another file": lambda c: c.save(file_model(), f"{RUN}/run.json"),
    "upload": lambda c: c.save(file_model(), f"{RUN}/media/new.wav"),
    "upload a first chunk": lambda c: c.save(file_model(chunk=1), f"{RUN}/new.bin"),
    "upload a later chunk": lambda c: c.save(file_model(chunk=2), f"{RUN}/signoffs.jsonl"),
    "upload a last chunk": lambda c: c.save(file_model(chunk=-1), f"{RUN}/signoffs.jsonl"),
    "a new notebook": lambda c: c.new_untitled(path=f"{RUN}/jobs/one", type="notebook"),
    "a new folder": lambda c: c.new_untitled(path=RUN, type="directory"),
    "delete": lambda c: c.delete(RECORD),
    "delete the run": lambda c: c.delete(RUN),
    "delete what holds it": lambda c: c.delete("outputs"),
    "rename": lambda c: c.rename(RECORD, f"{RUN}/jobs/one/other.ipynb"),
    "move out": lambda c: c.rename(RECORD, "mine.ipynb"),
    "move in": lambda c: c.rename("runbooks/demo/one.ipynb", f"{RUN}/jobs/one/in.ipynb"),
    "rename the run": lambda c: c.rename(RUN, "outputs/other"),
    "rename what holds it": lambda c: c.rename("outputs", "elsewhere"),
    "duplicate": lambda c: c.copy(RECORD),
    "paste": lambda c: c.copy("runbooks/demo/one.ipynb", f"{RUN}/jobs/one"),
    "paste a folder": lambda c: c.copy("runbooks/demo", RUN),
    "restore": lambda c: c.restore_checkpoint("checkpoint", RECORD),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_of_a_run_is_refused_in_one_sentence(
    contents: LabContents, demo: Project, change: Change
) -> None:
    (demo.root / "link").symlink_to(demo.root / RUN)
    (demo.root / "record.ipynb").symlink_to(demo.root / RECORD)
    ask(contents.create_checkpoint(RECORD))
    before = state(demo.root)
    with pytest.raises(HTTPError) as error:
        ask(change(contents))
    assert error.value.status_code == 403
    message = str(error.value.log_message)
    assert "the record of a run is never changed" in message
    assert len(message.splitlines()) == 1
    assert state(demo.root) == before


def test_the_refusal_says_how_to_get_a_copy(contents: LabContents) -> None:
    with pytest.raises(HTTPError) as error:
        ask(contents.save(notebook_model(), RECORD))
    assert error.value.log_message == (
        "the record of a run is never changed; work on a copy: "
        "proofbook lab 20260101-000000-tiny-abcd one"
    )


def test_what_is_refused_can_be_typed_as_it_is_said(contents: LabContents, demo: Project) -> None:
    (demo.root / RUN / "jobs/one").rename(demo.root / RUN / "jobs/$(touch x)")
    (demo.root / RUN).rename(demo.root / "received; rm x")
    with pytest.raises(HTTPError) as error:
        ask(contents.save(notebook_model(), "received; rm x/jobs/$(touch x)/notebook.ipynb"))
    message = str(error.value.log_message)
    assert message.endswith("proofbook lab 'received; rm x' '$(touch x)'")


def test_a_record_is_opened_as_read_only(contents: LabContents) -> None:
    assert not opened(contents, RECORD)["writable"]
    assert not opened(contents, f"{RUN}/jobs/one/records.jsonl")["writable"]
    listed = {each["name"]: each["writable"] for each in opened(contents, RUN)["content"]}
    assert listed == {"jobs": False, "run.json": False, "signoffs.jsonl": False}
    assert opened(contents, "runbooks/demo/one.ipynb")["writable"]


def test_a_run_elsewhere_in_the_project_is_one_too(contents: LabContents, demo: Project) -> None:
    (demo.root / RUN).rename(demo.root / "received")
    assert not opened(contents, "received/jobs/one/notebook.ipynb")["writable"]


def test_another_tools_run_json_makes_no_run(contents: LabContents, demo: Project) -> None:
    (demo.root / "run.json").write_text("{}")
    (demo.root / "runbooks/demo/run.json").write_text("{}")
    assert opened(contents, "runbooks/demo/one.ipynb")["writable"]


def test_a_torn_record_is_not_repaired(contents: LabContents, demo: Project) -> None:
    record = demo.root / RECORD
    record.with_name(".~notebook.ipynb").write_bytes(record.read_bytes())
    record.write_text('{"cells": [')
    before = state(demo.root)
    with pytest.raises(HTTPError, match="cannot be read as a notebook"):
        ask(contents.get(RECORD))
    assert state(demo.root) == before


def test_what_lies_beside_the_runs_can_be_changed(contents: LabContents, demo: Project) -> None:
    ask(contents.save(file_model(), "notes.txt"))
    ask(contents.new_untitled(path="outputs", type="notebook"))
    ask(contents.copy(RECORD, "runbooks/demo"))
    ask(contents.rename("notes.txt", "outputs/notes.txt"))
    ask(contents.delete("outputs/notes.txt"))
    assert (demo.root / "outputs/Untitled.ipynb").exists()
    assert (demo.root / "runbooks/demo/notebook.ipynb").exists()


def test_an_autosave_leaves_a_runbook_as_it_is(contents: LabContents, demo: Project) -> None:
    path = "runbooks/demo/one.ipynb"
    before = state(demo.root)
    for _ in range(20):
        model = opened(contents, path)
        saved = ask(contents.save(as_jupyterlab_saves(model), path))
        assert saved["last_modified"] == ask(contents.get(path))["last_modified"]
    assert state(demo.root) == before


def test_a_changed_runbook_is_saved_stripped_with_its_own_metadata(
    contents: LabContents, demo: Project
) -> None:
    path = "runbooks/demo/one.ipynb"
    before = json.loads((demo.root / path).read_text())
    model = as_jupyterlab_saves(opened(contents, path))
    model["content"]["cells"][1]["source"] = "2 + 2"
    ask(contents.save(model, path))
    after = json.loads((demo.root / path).read_text())
    assert after["cells"][1].pop("source") == ["2 + 2"]
    del before["cells"][1]["source"]
    for cell in before["cells"]:
        if isinstance(cell.get("source"), str):
            cell["source"] = cell["source"].splitlines(keepends=True)
    assert after == before


@pytest.mark.parametrize("change", ["tags", "type", "id", "order", "metadata"])
def test_what_a_person_changes_is_saved(contents: LabContents, demo: Project, change: str) -> None:
    path = "runbooks/demo/one.ipynb"
    model = opened(contents, path)
    cells = model["content"]["cells"]
    if change == "tags":
        cells[1]["metadata"]["tags"] = ["raises-exception"]
    elif change == "type":
        cells[1] = {"cell_type": "raw", "id": "cell-1", "metadata": {}, "source": "1 + 1"}
    elif change == "id":
        cells[1]["id"] = "sum"
    elif change == "order":
        cells.reverse()
    else:
        cells[1]["metadata"]["slideshow"] = {"slide_type": "slide"}
    before = (demo.root / path).read_bytes()
    ask(contents.save(model, path))
    assert (demo.root / path).read_bytes() != before


def test_a_runbook_without_cell_ids_is_left_as_it_is(contents: LabContents, demo: Project) -> None:
    path = "runbooks/demo/one.ipynb"
    book = json.loads((demo.root / path).read_text())
    for cell in book["cells"]:
        del cell["id"]
    (demo.root / path).write_text(json.dumps({**book, "nbformat_minor": 4}))
    before = state(demo.root)
    model = as_jupyterlab_saves(opened(contents, path))
    for number, cell in enumerate(model["content"]["cells"]):
        cell["id"] = f"random-{number}"
    ask(contents.save({**model, "content": {**model["content"], "nbformat_minor": 5}}, path))
    assert state(demo.root) == before


def test_a_new_runbook_has_the_metadata_of_every_other(
    contents: LabContents, demo: Project
) -> None:
    model = as_jupyterlab_saves(opened(contents, RECORD))
    ask(contents.save(model, "runbooks/demo/new.ipynb"))
    book = json.loads((demo.root / "runbooks/demo/new.ipynb").read_text())
    assert book["metadata"]["kernelspec"]["name"] == "python3"
    assert book["metadata"]["language_info"] == {"name": "python"}
    assert [cell["outputs"] for cell in book["cells"]] == [[], []]


def test_a_runbook_behind_a_link_is_a_runbook(contents: LabContents, demo: Project) -> None:
    (demo.root / "link.ipynb").symlink_to(demo.root / "runbooks/demo/one.ipynb")
    before = state(demo.root)
    ask(contents.save(as_jupyterlab_saves(opened(contents, "link.ipynb")), "link.ipynb"))
    assert state(demo.root) == before


def test_no_checkpoint_appears_in_the_project(contents: LabContents, demo: Project) -> None:
    for path in (RECORD, "runbooks/demo/one.ipynb"):
        ask(contents.list_checkpoints(path))
        ask(contents.create_checkpoint(path))
    assert list(demo.root.rglob(".ipynb_checkpoints")) == []


def test_a_checkpoint_brings_a_runbook_back(contents: LabContents, demo: Project) -> None:
    path = "runbooks/demo/one.ipynb"
    before = (demo.root / path).read_bytes()
    checkpoint = ask(contents.create_checkpoint(path))
    (demo.root / path).write_text("lost")
    ask(contents.restore_checkpoint(checkpoint["id"], path))
    assert (demo.root / path).read_bytes() == before
    assert [each["id"] for each in ask(contents.list_checkpoints(path))] == [checkpoint["id"]]


def test_file_modes_do_not_matter(contents: LabContents, demo: Project) -> None:
    assert os.access(demo.root / RECORD, os.W_OK), "file modes allow it"
    assert not contents.is_writable(RECORD)
