"""Small projects hold valid notebooks and profiles, and are apart from the one around them."""

from __future__ import annotations

import ast
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from waiting import wait_for

from proofbook.errors import SubjectError
from proofbook.project import Project
from proofbook.runner.plan import load_plan
from proofbook_bench import projects, sources
from proofbook_bench.commands import run_command
from proofbook_bench.projects import open_bench, warm_forkserver


def test_notebooks_are_valid_and_in_order():
    path = open_bench().add_notebook("one", ["a = 1", "b = 2"], parameters="n: int = 3")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert [cell.source for cell in notebook.cells] == ["n: int = 3", "a = 1", "b = 2"]
    assert notebook.cells[0].metadata.tags == ["parameters"]


def test_a_profile_expands_to_its_jobs(monkeypatch: pytest.MonkeyPatch):
    bench = open_bench()
    bench.add_notebook("one", sources.checked("one", "1 + 1"), parameters="n: int = 3")
    jobs = [{"runbook": "bench/one", "id": f"j{n}", "parameters": {"n": n}} for n in range(3)]
    bench.add_profile("heavy", jobs, warm=["json"])
    plan = load_plan(Project(bench.root), "heavy")
    assert [job.id for job in plan.jobs] == ["j0", "j1", "j2"]
    assert plan.jobs[2].parameters == {"n": 2}
    assert plan.settings.warm == ("json",)


def test_its_environment_leads_into_the_project(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PROOFBOOK_JOB_FOLDER", "/elsewhere")
    bench = open_bench()
    env = bench.environment
    assert env["PROOFBOOK_PROJECT"] == str(bench.root)
    assert env["XDG_RUNTIME_DIR"] == str(bench.runtime)
    assert "PROOFBOOK_JOB_FOLDER" not in env


@pytest.mark.skipif(os.name != "posix", reason="sockets with paths of limited length")
def test_sockets_lie_in_a_short_private_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    long = tmp_path / ("long-" * 12)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    bench = open_bench()
    assert bench.root.is_relative_to(long)
    assert len(str(bench.runtime)) <= 60
    assert stat.S_IMODE(bench.runtime.stat().st_mode) == 0o700


def test_a_warm_forkserver_is_there_until_nobody_needs_it() -> None:
    bench = open_bench()
    bench.add_notebook("one", ["1 + 1"])
    bench.add_profile("warm", [{"runbook": "bench/one"}], warm=["json"])

    def status(name: str) -> str:
        log, words = bench.root / name, ["proofbook", "warm", "status"]
        run_command(words, env=bench.environment, cwd=bench.root, log=log)
        return log.read_text()

    with warm_forkserver("warm", bench.environment, bench.root) as seconds:
        assert status("inside").startswith("ready")
    assert seconds > 0
    assert status("after").startswith("none is running")


def test_a_forkserver_that_is_not_there_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = open_bench()
    with (
        pytest.raises(SubjectError, match=r"exited with code 2; .*'gone'"),
        warm_forkserver("gone", bench.environment, bench.root),
    ):
        pass
    monkeypatch.setattr(projects, "find_command", lambda name: shutil.which("true"))
    with (
        pytest.raises(SubjectError, match="afterwards none is running"),
        warm_forkserver("warm", bench.environment, bench.root),
    ):
        pass


def test_two_benches_and_two_work_folders_are_apart():
    first, second = open_bench(), open_bench()
    assert first.root != second.root
    assert first.work_folder() != first.work_folder()


def test_import_lines_are_what_a_person_would_write():
    lines = sources.import_lines(["torch", "transformers:Pipeline", "matplotlib.pyplot"])
    assert lines == "import torch\nfrom transformers import Pipeline\nimport matplotlib.pyplot"


def test_every_source_is_python():
    for source in [*sources.marking("one"), *sources.printing(2, 3)]:
        ast.parse(source)


def test_printed_text_has_the_size_asked_for_and_differs(capsys: pytest.CaptureFixture[str]):
    texts = []
    for source in sources.printing(2, 3):
        exec(source, {})
        texts.append(capsys.readouterr().out)
    assert [len(text) for text in texts] == [3000, 3000]
    assert texts[0] != texts[1]


@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_project_is_gone_with_its_process_though_it_is_killed(end: str, tmp_path: Path) -> None:
    far = tmp_path / ("x" * 60)  # so far down that its sockets lie elsewhere
    far.mkdir()
    program = (
        "import os, signal\nfrom proofbook_bench import open_bench\nbench = open_bench()\n"
        f"print(bench.root, bench.runtime, flush=True)\n{end}"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "TMPDIR": str(far)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    root, runtime = map(Path, ended.stdout.split())
    assert (root.parent, runtime.parent) == (far.resolve(), Path("/tmp"))
    wait_for(lambda: not root.exists() and not runtime.exists())
