"""A job's working copy has what the job had, and nothing that is done there reaches the record."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.sign import NotebookNotary

from proofbook.errors import RunFolderError, UsageError
from proofbook.files import append_line
from proofbook.lab.copies import make_copy, read_origin
from proofbook.notebooks import read_notebook
from proofbook.project import Project
from proofbook.records import Output, PlannedJob, Question, RunInfo
from proofbook.resources import Resources
from proofbook.runs.folder import JobFolder, RunFolder

PLANNED = PlannedJob(id="one", runbook="demo/one", timeout=1)
SHA256 = "ab" * 32


@pytest.fixture(autouse=True)
def jupyter_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))


@pytest.fixture
def demo(project: Project, add_runbook: Callable[..., Path]) -> Project:
    add_runbook("demo/one", "1 + 1")
    return project


def run_of(project: Project) -> RunFolder:
    return RunFolder(project.outputs / "20260101-000000-tiny-abcd")


def write_record(folder: JobFolder, *outputs: dict[str, Any], **more: Any) -> None:
    cell = {"cell_type": "code", "id": "show", "metadata": {}, "source": "1", "outputs": outputs}
    book = {"cells": [cell | {"execution_count": 1}], "metadata": more, "nbformat": 4}
    folder.notebook.write_text(json.dumps({**book, "nbformat_minor": 5}))


@pytest.fixture
def job(demo: Project) -> JobFolder:
    """The folder of a job that was executed, and has left a file."""
    folder = run_of(demo).job("one")
    folder.work.mkdir(parents=True)
    (folder.work / "tone.wav").write_bytes(b"RIFF")
    write_record(folder)
    return folder


def copy_of(project: Project, planned: PlannedJob = PLANNED, *others: PlannedJob) -> Path:
    info = RunInfo(run_id="r1", profile="tiny", plan=(planned, *others))
    return make_copy(project, run_of(project), info, planned)


def test_the_copy_lies_outside_of_the_run(demo: Project, job: JobFolder) -> None:
    copy = copy_of(demo)
    assert copy == demo.outputs / "lab/20260101-000000-tiny-abcd/one/debug.ipynb"
    assert read_notebook(copy)["cells"][0]["source"] == "1"


def test_what_the_job_has_left_is_there_and_is_its_own(demo: Project, job: JobFolder) -> None:
    (job.work / "model/deep").mkdir(parents=True)
    (job.work / "model/deep/weights.bin").write_bytes(b"1")
    place = copy_of(demo).parent
    assert (place / "model/deep/weights.bin").read_bytes() == b"1"
    (place / "tone.wav").write_bytes(b"mine")
    assert (job.work / "tone.wav").read_bytes() == b"RIFF"


def test_links_and_special_files_are_not_copied(demo: Project, job: JobFolder) -> None:
    outside = demo.root / "secret.txt"
    outside.write_text("secret")
    (job.work / "link.txt").symlink_to(outside)
    (job.work / "folder").symlink_to(demo.root, target_is_directory=True)
    os.mkfifo(job.work / "pipe")
    place = copy_of(demo).parent
    assert {path.name for path in place.iterdir()} == {"debug.ipynb", "origin.json", "tone.wav"}


def test_a_working_folder_that_is_a_link_is_not_copied(demo: Project, job: JobFolder) -> None:
    job.work.rename(demo.root / "elsewhere")
    job.work.symlink_to(demo.root / "elsewhere", target_is_directory=True)
    assert not (copy_of(demo).parent / "tone.wav").exists()


def test_nothing_comes_along_that_python_imports_by_itself(demo: Project, job: JobFolder) -> None:
    for name in ("random.py", "numpy/__init__.py", "numpy/core.py", "_bz2.so", "project/train.py"):
        path = job.work / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    place = copy_of(demo).parent
    copied = {p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file()}
    assert copied == {
        *("debug.ipynb", "origin.json", "tone.wav"),
        *("numpy/core.py", "project/train.py"),
    }


def test_code_is_worked_on_where_it_is_and_data_in_a_copy(demo: Project, job: JobFolder) -> None:
    beside = demo.runbooks / "demo"
    (beside / "helper.py").write_text("x = 1")
    (beside / "data.csv").write_text("1,2")
    (job.work / "helper.py").write_text("x = 'as it was'")
    place = copy_of(demo).parent
    assert (place / "helper.py").resolve() == beside / "helper.py"
    (place / "data.csv").write_text("changed")
    assert (beside / "data.csv").read_text() == "1,2"


def test_evidence_is_linked_from_where_the_copy_is(demo: Project, job: JobFolder) -> None:
    markup = f'<audio src="../../media/{SHA256}.wav"></audio><a href="../../../media/x">y</a>'
    html = {"output_type": "display_data", "metadata": {}, "data": {"text/html": [markup]}}
    write_record(job, html)
    copy = copy_of(demo)
    (shown,) = read_notebook(copy)["cells"][0]["outputs"]
    link = f"../../../20260101-000000-tiny-abcd/media/{SHA256}.wav"
    assert shown["data"]["text/html"] == markup.replace(f"../../media/{SHA256}.wav", link, 1)
    media = run_of(demo).media
    assert (copy.parent / link).resolve() == media.resolve() / f"{SHA256}.wav"


@pytest.mark.parametrize("output", [None, 1, {"data": 1}, {"data": {"text/html": {"a": 1}}}])
def test_an_output_that_is_none_does_no_harm(demo: Project, job: JobFolder, output: Any) -> None:
    write_record(job, output)
    assert copy_of(demo).exists()


def test_the_copy_is_not_trusted(demo: Project, job: JobFolder) -> None:
    html = {"output_type": "display_data", "metadata": {}, "data": {"text/html": "<script>"}}
    write_record(job, html, widgets={"state": 1})
    book = nbformat.read(copy_of(demo), as_version=4)
    assert not NotebookNotary(data_dir=str(demo.root)).check_signature(book)
    assert "widgets" not in book.metadata


def test_the_copy_of_a_job_that_asks_has_a_panel(demo: Project, job: JobFolder) -> None:
    append_line(job.records, Question(name="good", text="Good?").model_dump_json())
    *_, panel = read_notebook(copy_of(demo))["cells"]
    assert "show_panel('../../../20260101-000000-tiny-abcd', 'one')" in panel["source"]


def test_a_copy_of_the_same_record_is_kept(demo: Project, job: JobFolder) -> None:
    copy = copy_of(demo)
    copy.write_text("mine")
    append_line(job.records, Output(name="x", value=1).model_dump_json())
    assert copy_of(demo).read_text() == "mine"


def test_a_copy_that_was_made_while_the_job_ran_is_renewed(demo: Project, job: JobFolder) -> None:
    copy_of(demo)
    write_record(job, {"output_type": "stream", "name": "stdout", "text": "the end"})
    (job.work / "late.txt").write_text("late")
    copy = copy_of(demo)
    assert "the end" in copy.read_text()
    assert (copy.parent / "late.txt").exists()
    assert [path.name for path in copy.parents[1].iterdir()] == ["one"]


def test_what_was_worked_on_is_set_aside_and_that_is_said(demo: Project, job: JobFolder) -> None:
    copy = copy_of(demo)
    told: list[str] = []
    for number in (1, 2):
        copy.write_text(f"mine {number}")
        write_record(job, {"output_type": "stream", "name": "stdout", "text": f"{number}"})
        info = RunInfo(run_id="r1", profile="tiny", plan=(PLANNED,))
        make_copy(demo, run_of(demo), info, PLANNED, told.append)
        aside = copy.parents[1] / f"one.{number}/debug.ipynb"
        assert aside.read_text() == f"mine {number}"
        assert str(aside) in told[-1]
    assert read_notebook(copy)["cells"]


@pytest.mark.parametrize("name", ["../../../..", "..", "a/b", "/etc"])
def test_a_plan_that_names_another_folder_is_refused(demo: Project, name: str) -> None:
    with pytest.raises(RunFolderError, match="foreign"):
        copy_of(demo, PLANNED.model_copy(update={"id": name}))


def test_a_job_that_is_a_link_is_refused(demo: Project, job: JobFolder) -> None:
    job.path.rename(demo.root / "elsewhere")
    job.path.symlink_to(demo.root / "elsewhere", target_is_directory=True)
    with pytest.raises(RunFolderError, match="foreign"):
        copy_of(demo)


def test_a_plan_whose_runbook_lies_elsewhere_brings_nothing(demo: Project, job: JobFolder) -> None:
    (demo.root / "private.csv").write_text("1")
    (demo.root / "x.ipynb").write_text("{}")
    place = copy_of(demo, PLANNED.model_copy(update={"runbook": "../x"})).parent
    assert not (place / "private.csv").exists()


def test_the_copy_knows_what_its_plan_says_of_the_kernel(demo: Project, job: JobFolder) -> None:
    planned = PLANNED.model_copy(update={"resources": Resources(cpus=2), "memory_limit_gb": 1.5})
    other = PlannedJob(id="gpu", runbook="demo/one", timeout=1, resources=Resources(gpus=1))
    origin = read_origin(copy_of(demo, planned, other).parent)
    assert origin is not None
    threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    assert origin.environment == {
        **dict.fromkeys(threads, "2"),
        "CUDA_VISIBLE_DEVICES": "",
        "PROOFBOOK_JOB": "one",
        "PROOFBOOK_MEMORY_LIMIT_GB": "1.5",
        "PROOFBOOK_RUN": "r1",
    }


@pytest.mark.parametrize("name", ["PYTHONSTARTUP", "LD_PRELOAD", "PATH", "PROOFBOOK_FORKSERVER"])
def test_a_copy_sets_no_variable_that_runs_code(tmp_path: Path, name: str) -> None:
    planted = {"record": "", "copied": "", "environment": {name: "evil"}}
    (tmp_path / "origin.json").write_text(json.dumps(planted))
    assert read_origin(tmp_path) is None


def test_git_does_not_see_copies(demo: Project, job: JobFolder) -> None:
    assert (copy_of(demo).parents[2] / ".gitignore").read_text() == "*\n"


def test_a_copy_that_cannot_be_written_is_said(demo: Project, job: JobFolder) -> None:
    (demo.outputs / "lab").write_text("in the way")
    with pytest.raises(UsageError, match="no copy can be written"):
        copy_of(demo)
