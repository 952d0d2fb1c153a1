"""The lab's kernels work where they can do no harm, and a copy's as its job's did."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from waiting import HANG

from proofbook.lab.copies import Origin, make_copy
from proofbook.lab.kernels import LabKernels
from proofbook.project import Project
from proofbook.records import PlannedJob, RunInfo
from proofbook.resources import Resources
from proofbook.runs.folder import RunFolder

RUN = "outputs/20260101-000000-tiny-abcd"


@pytest.fixture(autouse=True)
def jupyter_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR"):
        monkeypatch.setenv(f"JUPYTER_{name}", str(tmp_path / "jupyter" / name.lower()))


@pytest.fixture
def demo(project: Project, add_runbook: Callable[..., Path]) -> Project:
    """A project with a run, and the working copy of its only job."""
    runbook = add_runbook("demo/one", "1 + 1")
    run = RunFolder(project.root / RUN)
    job = PlannedJob(id="one", runbook="demo/one", timeout=1, resources=Resources(cpus=2))
    info = RunInfo(run_id="r1", profile="tiny", plan=(job,))
    run.job("one").work.mkdir(parents=True)
    (run.job("one").work / "tone.wav").write_bytes(b"RIFF")
    run.job("one").notebook.write_bytes(runbook.read_bytes())
    run.write_info(info)
    make_copy(project, run, info, job)
    return project


@pytest.fixture
def kernels(demo: Project, tmp_path: Path) -> LabKernels:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    return LabKernels(root_dir=str(demo.root), temporary=str(temporary))


SEEN = """
import json, os, pathlib, tempfile
names = ("PROOFBOOK_JOB", "PROOFBOOK_RUN", "PROOFBOOK_PROJECT", "OMP_NUM_THREADS", "MINE")
seen = {name: os.environ.get(name) for name in names}
print(json.dumps({**seen, "cwd": os.getcwd(), "temporary": tempfile.gettempdir(),
                  "files": sorted(os.listdir())}))
pathlib.Path("written.txt").write_text("by a cell")
"""


def seen_by_a_kernel(kernels: LabKernels, path: str) -> dict[str, Any]:
    """Return what a cell of a notebook in a folder sees; it leaves a file there, too."""
    texts: list[str] = []

    async def ask() -> None:
        name = await kernels.start_kernel(path=path, env={**os.environ, "MINE": "1"})
        client = kernels.get_kernel(name).client()
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=HANG)
            await client.execute_interactive(
                SEEN, timeout=HANG, output_hook=lambda m: texts.append(m["content"].get("text", ""))
            )
        finally:
            client.stop_channels()
            await kernels.shutdown_all(now=True)

    asyncio.run(ask())
    seen: dict[str, Any] = json.loads("".join(texts))
    return seen


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_copy_runs_as_its_job_did(kernels: LabKernels, demo: Project) -> None:
    before = files(demo.root / RUN)
    place = "outputs/lab/20260101-000000-tiny-abcd/one"
    seen = seen_by_a_kernel(kernels, place)
    assert seen["cwd"] == str(demo.root / place)
    assert "tone.wav" in seen["files"]
    assert (seen["PROOFBOOK_RUN"], seen["PROOFBOOK_JOB"]) == ("r1", "one")
    assert (seen["OMP_NUM_THREADS"], seen["MINE"]) == ("2", "1")
    assert seen["PROOFBOOK_PROJECT"] == str(demo.root)
    assert Path(seen["temporary"]).parent == Path(kernels.temporary), "and is its own"
    assert files(demo.root / RUN) == before


@pytest.mark.slow
def test_the_kernel_of_a_record_works_elsewhere(kernels: LabKernels, demo: Project) -> None:
    planted = Origin(record="", copied="", environment={"OMP_NUM_THREADS": "99"})
    (demo.root / RUN / "jobs/one/origin.json").write_text(planted.model_dump_json())
    before = files(demo.root / RUN)
    seen = seen_by_a_kernel(kernels, f"{RUN}/jobs/one")
    assert Path(seen["cwd"]).parent == Path(kernels.temporary)
    assert seen["files"] == []
    assert seen["OMP_NUM_THREADS"] != "99", "what a record says of its environment is not believed"
    assert files(demo.root / RUN) == before


def test_any_other_notebook_has_its_own_folder(kernels: LabKernels, demo: Project) -> None:
    assert kernels.cwd_for_path("runbooks/demo") == str(demo.root / "runbooks/demo")
