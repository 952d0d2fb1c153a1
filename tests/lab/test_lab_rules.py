"""Each rule of the lab keeps one harm away: without the rule, the harm happens."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager

from proofbook.lab import contents, copies, kernels, stripping
from proofbook.lab.contents import LabContents
from proofbook.lab.kernels import LabKernels
from proofbook.project import Project
from proofbook.records import PlannedJob, RunInfo
from proofbook.records.base import Model
from proofbook.runs.folder import RunFolder

RUN = "20260101-000000-tiny-abcd"
JOB = PlannedJob(id="one", runbook="demo/one", timeout=1)
Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def jupyter_home(tmp_path: Path, monkeypatch: Patch) -> None:
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        monkeypatch.setenv(f"JUPYTER_{name}", str(tmp_path / "jupyter" / name.lower()))


@pytest.fixture
def demo(project: Project, add_runbook: Callable[..., Path]) -> Project:
    """A project whose run has a job that left files, some of them planted."""
    runbook = add_runbook("demo/one", "1 + 1")
    (runbook.parent / "beside.csv").write_text("1")
    run = RunFolder(project.outputs / RUN)
    work = run.job("one").work
    (work / "sub").mkdir(parents=True)
    for name in ("tone.wav", "random.py", "sub/__init__.py", "sub/data.txt", "beside.csv"):
        (work / name).write_text("left by the job")
    (project.root / "secret").mkdir()
    (project.root / "secret" / "key").write_text("secret")
    (work / "link").symlink_to(project.root / "secret" / "key")
    (run.job("one").notebook).write_bytes(runbook.read_bytes())
    run.write_info(RunInfo(run_id="r1", profile="tiny", plan=(JOB,)))
    return project


def copy_of(demo: Project, planned: PlannedJob = JOB) -> Path:
    run = RunFolder(demo.outputs / RUN)
    info = RunInfo(run_id="r1", profile="tiny", plan=(planned,))
    return copies.make_copy(demo, run, info, planned).parent


def copied(demo: Project) -> set[str]:
    place = copy_of(demo)
    return {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}


COPIED = {"beside.csv", "debug.ipynb", "origin.json", "tone.wav", "sub/data.txt"}
NOT_FOLLOWED: dict[str, tuple[str, Any, set[str]]] = {
    "nothing that is imported": ("_is_imported", lambda path, work: False, {
        "random.py", "sub/__init__.py"}),
    "no link": ("_files", lambda work: [p for p in work.rglob("*") if p.name == "link"], {"link"}),
}  # fmt: skip


@pytest.mark.parametrize("rule", NOT_FOLLOWED)
def test_what_is_not_copied(demo: Project, rule: str, monkeypatch: Patch) -> None:
    name, broken, harm = NOT_FOLLOWED[rule]
    assert copied(demo) == COPIED
    (demo.outputs / "lab" / RUN / "one" / "debug.ipynb").unlink()
    monkeypatch.setattr(copies, name, broken)
    assert copied(demo) & harm == harm


def test_a_file_of_the_job_does_not_take_the_place_of_one_beside_the_runbook(
    demo: Project, monkeypatch: Patch
) -> None:
    place = copy_of(demo)
    assert (place / "beside.csv").read_text() == "1"
    (place / "debug.ipynb").unlink()
    monkeypatch.setattr(copies, "bring_siblings", lambda *words, **more: None)
    assert (copy_of(demo) / "beside.csv").read_text() == "left by the job"


def test_a_job_stays_in_its_folder(demo: Project, monkeypatch: Patch) -> None:
    outside = JOB.model_copy(update={"id": "../../../secret"})
    with pytest.raises(copies.RunFolderError, match="foreign"):
        copy_of(demo, outside)
    place = demo.outputs / "lab" / RUN / outside.id
    monkeypatch.setattr(copies, "_place", lambda source: place)
    (demo.root / "secret" / "notebook.ipynb").write_bytes(
        (demo.outputs / RUN / "jobs/one/notebook.ipynb").read_bytes()
    )
    assert not copy_of(demo, outside).resolve().is_relative_to(demo.outputs / "lab" / RUN)


def with_widgets(demo: Project) -> None:
    path = demo.outputs / RUN / "jobs/one/notebook.ipynb"
    book = json.loads(path.read_text())
    path.write_text(json.dumps({**book, "metadata": {"widgets": {"state": 1}, "kernelspec": {
        "name": "evil", "display_name": "evil"}}}))  # fmt: skip


def test_the_metadata_of_a_record_are_not_copied(demo: Project, monkeypatch: Patch) -> None:
    with_widgets(demo)
    read = json.loads((copy_of(demo) / "debug.ipynb").read_text())
    assert read["metadata"] == {"kernelspec": copies._KERNELSPEC}
    (demo.outputs / "lab" / RUN / "one" / "debug.ipynb").unlink()
    evil = {"name": "evil", "display_name": "evil", "language": "python"}
    monkeypatch.setattr(copies, "_KERNELSPEC", evil)
    assert "evil" in (copy_of(demo) / "debug.ipynb").read_text()


class AnyOrigin(Model):
    """An origin that may set any variable."""

    record: str
    copied: str
    environment: dict[str, str]


def environment_of_a_kernel(demo: Project, folder: str, monkeypatch: Patch) -> dict[str, str]:
    """Return the variables that a kernel in a folder would be started with, but those of here."""
    asked: list[dict[str, str]] = []

    async def start(manager: object, **options: Any) -> str:
        asked.append(options.get("env") or {})
        return "a kernel"

    monkeypatch.setattr(AsyncMappingKernelManager, "start_kernel", start)
    temporary = demo.root / "temporary"
    temporary.mkdir(exist_ok=True)
    manager = LabKernels(root_dir=str(demo.root), temporary=str(temporary))
    asyncio.run(manager.start_kernel(path=folder))
    return {name: value for name, value in asked[0].items() if os.environ.get(name) != value}


VARIABLES = ("PYTHONSTARTUP", "PYTHONPATH", "LD_PRELOAD", "PATH", "HOME", "PROOFBOOK_FORKSERVER",
             "JUPYTER_DEFAULT_PROVISIONER_NAME", "IPYTHONDIR")  # fmt: skip


@pytest.mark.parametrize("name", VARIABLES)
def test_a_kernel_gets_no_variable_but_those_of_the_list(
    demo: Project, name: str, monkeypatch: Patch
) -> None:
    place = copy_of(demo)
    folder = place.relative_to(demo.root).as_posix()
    own = environment_of_a_kernel(demo, folder, monkeypatch)
    assert set(own) == {"PROOFBOOK_JOB", "PROOFBOOK_RUN", "PROOFBOOK_PROJECT", "TMPDIR",
                        kernels.TEMPORARY}  # fmt: skip
    origin = json.loads((place / "origin.json").read_text())
    origin["environment"][name] = "/evil"
    (place / "origin.json").write_text(json.dumps(origin))
    assert environment_of_a_kernel(demo, folder, monkeypatch) == {}
    monkeypatch.setattr(copies, "Origin", AnyOrigin)
    assert environment_of_a_kernel(demo, folder, monkeypatch)[name] == "/evil"


def test_a_record_sets_no_variable_even_of_the_list(demo: Project, monkeypatch: Patch) -> None:
    folder = f"outputs/{RUN}/jobs/one"
    planted = {"record": "", "copied": "", "environment": {"OMP_NUM_THREADS": "99"}}
    (demo.root / folder / "origin.json").write_text(json.dumps(planted))
    assert environment_of_a_kernel(demo, folder, monkeypatch) == {}
    monkeypatch.setattr(kernels, "run_of", lambda path, root: None)
    assert environment_of_a_kernel(demo, folder, monkeypatch)["OMP_NUM_THREADS"] == "99"


NOTED = {
    "metadata": {"kernelspec": {"name": "other", "display_name": "Other"}, "widgets": {}},
    "cell": {"scrolled": True, "execution": {"iopub.execute_input": "now"}, "ExecuteTime": {},
             "collapsed": True, "jupyter": {"outputs_hidden": True}, "trusted": True},
    "outputs": [{"output_type": "stream", "name": "stdout", "text": "2"}],
}  # fmt: skip


def saved(demo: Project, source: str) -> dict[str, Any]:
    """Save a runbook as JupyterLab does that has run it; return its file."""
    path = demo.runbooks / "demo/one.ipynb"
    book = json.loads(path.read_text())
    for cell in book["cells"]:
        cell["metadata"] = {**cell["metadata"], **NOTED["cell"]}  # type: ignore[dict-item]
        cell |= {"outputs": NOTED["outputs"], "execution_count": 7}
        cell["source"] += source
    book["metadata"] = NOTED["metadata"]
    model = {"type": "notebook", "format": "json", "content": book}
    manager = LabContents(root_dir=str(demo.root))
    manager.checkpoints.folder = str(demo.root / "checkpoints")
    (demo.root / "checkpoints").mkdir(exist_ok=True)
    asyncio.run(manager.save(model, "runbooks/demo/one.ipynb"))
    written: dict[str, Any] = json.loads(path.read_text())
    return written


def test_running_a_runbook_changes_no_byte_of_it(demo: Project, monkeypatch: Patch) -> None:
    path = demo.runbooks / "demo/one.ipynb"
    before = path.read_bytes()
    saved(demo, source="")
    assert path.read_bytes() == before
    monkeypatch.setattr(contents, "is_same_runbook", lambda content, kept: False)
    saved(demo, source="")
    assert path.read_bytes() != before


@pytest.mark.parametrize("name", sorted(stripping._NOTED))
def test_a_note_of_jupyterlab_is_no_change(name: str, monkeypatch: Patch) -> None:
    cell = {"cell_type": "code", "id": "a", "metadata": {"tags": ["x"]}, "source": "1"}
    noted = {**cell, "metadata": {"tags": ["x"], name: True}}
    assert stripping.is_same_runbook({"cells": [noted]}, {"cells": [cell]})
    monkeypatch.setattr(stripping, "_NOTED", stripping._NOTED - {name})
    assert not stripping.is_same_runbook({"cells": [noted]}, {"cells": [cell]})


@pytest.mark.parametrize("name", sorted(stripping._NOTED - {"trusted"}))  # Jupyter drops it
def test_no_note_of_jupyterlab_is_kept(demo: Project, name: str, monkeypatch: Patch) -> None:
    cell = saved(demo, source="  # changed")["cells"][-1]
    assert (name in cell["metadata"], cell["outputs"], cell["execution_count"]) == (False, [], None)
    monkeypatch.setattr(stripping, "_NOTED", stripping._NOTED - {name})
    assert name in saved(demo, source="  # again")["cells"][-1]["metadata"]


def test_outputs_and_metadata_are_what_stripping_takes_away(
    demo: Project, monkeypatch: Patch
) -> None:
    own = json.loads((demo.runbooks / "demo/one.ipynb").read_text())["metadata"]
    assert saved(demo, source="  # changed")["metadata"] == own
    monkeypatch.setattr(contents, "strip_runbook", lambda content, kept: content)
    book = saved(demo, source="  # again")
    assert book["metadata"] != own
    assert book["cells"][-1]["outputs"] and book["cells"][-1]["execution_count"] == 7
