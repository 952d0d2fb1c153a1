"""A project of one's own runs: code and data beside a runbook, no profile, the first example."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from running import BEGIN, Runner

from proofbook.project import Project
from proofbook.scaffold.creation import create_project

Add = Callable[..., Path]
FINISH = "checks.finish()"

pytestmark = pytest.mark.slow


def tree(folder: Path) -> dict[str, int]:
    """Return every file of a folder with the time of its last change."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in files}


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("arguments", [(), ("--cold",)], ids=["warm", "cold"])
def test_code_and_data_beside_a_runbook_are_there(
    project: Project, add_runbook: Add, runner: Runner, arguments: tuple[str, ...]
) -> None:
    use = (
        "import helper_mod, package_mod.inner\n"
        "checks.expect('code', helper_mod.double(package_mod.inner.X), 4)\n"
        "checks.expect('data', open('data.csv').read(), 'a,b')\n"
        "open('data.csv', 'w').write('changed'); open('made.txt', 'w').write('new')"
    )
    beside = add_runbook("demo/one", BEGIN, use, FINISH).parent
    (beside / "helper_mod.py").write_text("def double(x):\n    return 2 * x\n")
    (beside / "package_mod").mkdir()
    (beside / "package_mod" / "inner.py").write_text("X = 2\n")
    (beside / "data.csv").write_text("a,b")
    before = tree(project.runbooks)
    ended = runner.run("demo/one", *arguments)
    assert ended.code == 0, ended.output
    assert ended.outcome()["kernel"] == ("ordinary" if arguments else "warm")
    assert tree(project.runbooks) == before, "a run writes nothing into the project"
    assert (ended.folder / "jobs/demo-one/work/made.txt").read_text() == "new"


@pytest.mark.exhaustive
def test_a_runbook_that_is_in_no_profile_runs_with_its_defaults(
    project: Project, add_runbook: Add, runner: Runner
) -> None:
    project.parameters.rmdir()
    add_runbook("mine/check", BEGIN, "checks.expect('x', x, 3)", FINISH, parameters="x: int = 3")
    ended = runner.run("mine/check")
    assert ended.code == 0, ended.output
    assert "-defaults-" in ended.folder.name
    assert ended.report()["profile"] == "defaults"
    again = runner.run("--resume", "latest", "--rerun", "all")
    assert again.code == 0 and again.folder == ended.folder


@pytest.mark.exhaustive
def test_writing_through_a_link_is_an_error_that_names_the_file(
    add_runbook: Add, runner: Runner
) -> None:
    write = "open('clip.wav', 'r+').write('x')\nchecks.expect('one', 1, 1)"
    beside = add_runbook("demo/one", BEGIN, write, FINISH).parent
    with (beside / "clip.wav").open("w") as file:
        file.truncate(65 * 2**20)  # too large to be copied, and takes no room
    ended = runner.run("demo/one")
    assert ended.code == 3
    assert ended.outcome()["status"] == "error"
    assert f"{beside / 'clip.wav'}" in ended.outcome()["cause"]


@pytest.mark.exhaustive
def test_a_job_knows_its_project_wherever_its_run_is(
    project: Project, add_runbook: Add, runner: Runner, tmp_path: Path
) -> None:
    find = (
        "from pathlib import Path\nfrom proofbook.project import find_project\n"
        f"checks.expect('root', str(find_project(Path.cwd()).root), {str(project.root)!r})"
    )
    add_runbook("demo/one", BEGIN, find, FINISH)
    process = runner.start("demo/one", "--outputs", str(tmp_path / "elsewhere"))
    assert runner.end(process, tmp_path / "elsewhere").code == 0


def test_the_example_of_a_new_project_is_green(project: Project, runner: Runner) -> None:
    create_project(project.root)
    ended = runner.run()
    assert ended.code == 0, ended.output
    job = ended.reported("hello")
    assert job["outcome"] == "passed" and ended.report()["verdict"] == "unreviewed"
    assert {check["name"] for check in job["checks"]} == {"length", "pitch", "peak"}
    assert len(job["evidence"]) == len(job["questions"]) == 1


@pytest.mark.exhaustive
def test_the_example_of_a_new_project_can_be_red(project: Project, runner: Runner) -> None:
    create_project(project.root)
    ended = runner.run("-p", "frequency=9000")  # beyond what 16,000 samples a second can hold
    assert ended.code == 1
    checks = {check["name"]: check["status"] for check in ended.reported("hello")["checks"]}
    assert checks == {"length": "passed", "pitch": "failed", "peak": "passed"}
