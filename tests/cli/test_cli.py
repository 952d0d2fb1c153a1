"""The command says what is wrong in one line, with the right exit code."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner
from unprivileged import without_rights

from proofbook import cli
from proofbook.lab import launch
from proofbook.lab.launch import LabOptions
from proofbook.project import Project
from proofbook.records import PlannedJob, RunInfo
from proofbook.runs.folder import RunFolder

Add = Callable[..., Path]
Invoke = Callable[..., tuple[int, str, str]]


@pytest.fixture
def invoke(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Return a function that runs the command in this process: exit code, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["proofbook", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out = capsys.readouterr()
        return int(end.value.code or 0), out.out, out.err

    return run


def test_help_names_every_command() -> None:
    result = CliRunner().invoke(cli.app, ["--help"])
    assert result.exit_code == 0
    for command in ("init", "list", "run", "runs", "report", "lab", "warm", "verify", "waive"):
        assert f" {command} " in result.output


def test_the_version_is_that_of_the_installed_package(invoke: Invoke) -> None:
    version = importlib.metadata.version("proofbook")
    assert invoke("--version") == (0, f"proofbook {version}\n", "")


def test_list_shows_runbooks_parameters_and_profiles(
    add_runbook: Add, add_profile: Add, invoke: Invoke
) -> None:
    add_runbook("demo/one", parameters='model: str = "small"  # size or path\nneeded: int')
    add_runbook("demo/bad", parameters="x = 1")
    add_profile("description: All of it.\njobs: [{runbook: demo/one, parameters: {needed: 1}}]")
    add_profile("jobs: [", "broken")
    code, out, _ = invoke("list")
    assert code == 0
    assert "model: str = 'small'" in out and "size or path" in out
    assert "needed: int required" in out
    assert "demo/bad  cannot be used" in out
    assert "All of it." in out
    assert "broken.yaml:1: not YAML" in out


def test_list_of_a_profile_shows_its_jobs(
    add_runbook: Add, add_profile: Add, invoke: Invoke
) -> None:
    add_runbook("demo/one", parameters="x: int = 1")
    add_profile(
        "jobs:\n  - {runbook: demo/one, id: a, matrix: {x: [1, 2]}}\n"
        "  - {runbook: demo/one, id: b, needs: [a]}"
    )
    _, out, _ = invoke("list", "--profile", "tiny")
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["a-1", "a-2", "b"]
    assert "needs a-1, a-2" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--profile", "nope"], "no profile 'nope'"),
        (["run", "--rerun", "some"], "give failed or all"),
        (["run", "-p", "x"], "write it as name=value"),
        (["run", "-p", "x=1", "-p", "y=1", "-p", "x=2"], "-p x: given 2 times; give it once"),
        (["run", "-p", "x=y"], "-p x: parameter 'x' must be int"),
        (["run", "demo/none"], "no runbook 'demo/none'"),
        (["run", "--resume", "nope"], "no run 'nope'"),
        (["run", "demo/one", "--resume", "latest"], "give no runbooks"),
        (["run", "--resume", "latest", "--allow-skips", "x"], "or --allow-skips"),
        (["report"], "there is no run in"),
        (["report", "latest"], "there is no run in"),
        (["verify"], "there is no run in"),
        (["review", "--no-browser"], "there is no run in"),
        (["signoff", "export"], "there is no run in"),
        (["waive", "job", "what", "--reason", "x", "--until", "9d"], "there is no run in"),
        (["waive", "what", "--reason", "x", "--until", "9d"], "give [RUN] JOB WHAT"),
        (["waive", *"abcd", "--reason", "x", "--until", "9d"], "give [RUN] JOB WHAT"),
        (["init", ".", "--with", "musicgan"], "no such system"),
        (["lab", "demo/none"], "no runbook 'demo/none'"),
        (["lab", "latest", "demo-one"], "there is no run in"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(
    add_runbook: Add,
    add_profile: Add,
    invoke: Invoke,
    arguments: list[str],
    message: str,
) -> None:
    add_runbook("demo/one", parameters="x: int = 1")
    add_profile("jobs: [{runbook: demo/one}]")
    code, out, err = invoke(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.startswith("proofbook: ") and err.count("\n") == 1


@pytest.mark.parametrize(
    ("place", "arguments"),
    [
        ("parameters", ["run"]),
        ("parameters/tiny.yaml", ["run"]),
        ("runbooks/demo", ["run"]),
        ("runbooks/demo/one.ipynb", ["run"]),
        ("outputs", ["runs"]),
        ("outputs", ["verify"]),
        ("outputs", ["run"]),
    ],
)
def test_what_nobody_may_read_is_one_line_and_exit_code_2(
    add_runbook: Add, add_profile: Add, invoke: Invoke, project: Project, place: str,
    arguments: list[str],
) -> None:  # fmt: skip
    add_runbook("demo/one", parameters="x: int = 1")
    add_profile("jobs: [{runbook: demo/one}]")
    project.outputs.mkdir(exist_ok=True)
    with without_rights(project.root / place):
        code, out, err = invoke(*arguments)
    assert (code, out) == (2, "")
    assert "Permission denied" in err
    assert err.startswith("proofbook: ") and err.count("\n") == 1


def test_a_runbook_that_nobody_may_read_hides_no_other_from_the_list(
    add_runbook: Add, add_profile: Add, invoke: Invoke, project: Project
) -> None:
    add_runbook("demo/one", parameters="x: int = 1")
    add_runbook("other/two", parameters="x: int = 1")
    add_profile("jobs: [{runbook: demo/one}]")
    for place, mode in (("runbooks/demo", 0o600), ("runbooks/demo/one.ipynb", 0)):
        with without_rights(project.root / place, mode):
            code, out, _ = invoke("list")
        assert code == 0
        assert "one.ipynb: cannot be read: Permission denied" in out
        assert "other/two" in out


def test_an_unknown_option_is_exit_code_2(invoke: Invoke) -> None:
    assert invoke("run", "--bogus")[0] == 2


def test_a_mistake_in_a_profile_starts_no_kernel_and_makes_no_run(
    project: Project,
    add_runbook: Add,
    add_profile: Add,
    invoke: Invoke,
) -> None:
    add_runbook("demo/one", parameters="x: int = 1")
    add_profile("jobs:\n  - runbook: demo/one\n    parameters: {y: 1}")
    code, _, err = invoke("run")
    assert code == 2
    assert f"{project.parameters / 'tiny.yaml'}:3: demo/one has no parameter 'y'" in err
    assert list(project.outputs.iterdir()) == []


def test_python_m_proofbook_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "proofbook", "--help"], capture_output=True, text=True, check=True
    )
    assert "Executable Jupyter runbooks" in done.stdout


NEEDING_A_PROJECT = {
    "run": ["run"],
    "run of a runbook": ["run", "demo/one"],
    "list": ["list"],
    "runs": ["runs"],
    "report": ["report"],
    "verify": ["verify"],
    "lab": ["lab"],
    "baselines": ["baseline", "list"],
    "warm": ["warm", "start"],
}


@pytest.mark.parametrize("arguments", NEEDING_A_PROJECT.values(), ids=NEEDING_A_PROJECT)
def test_outside_of_a_project_the_command_says_so(
    tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PROOFBOOK_PROJECT", raising=False)
    code, out, err = invoke(*arguments)
    assert (code, out) == (2, "")
    assert f"{tmp_path} is not in a project" in err and "proofbook init" in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_named_by_its_folder_needs_no_project(
    tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tmp_path / "artifact")
    run.path.mkdir()
    job = PlannedJob(id="one", runbook="demo/one", timeout=1)
    run.write_info(RunInfo(run_id="artifact", profile="tiny", plan=(job,)))
    monkeypatch.chdir(tmp_path)
    code, out, err = invoke("verify", "artifact")
    assert (code, err) == (1, "") and "incomplete" in out
    assert invoke("runs", "--outputs", ".")[1].startswith("artifact  incomplete")


def test_without_a_default_profile_the_command_says_what_there_is(
    add_runbook: Add, add_profile: Add, invoke: Invoke
) -> None:
    add_runbook("mine/check", parameters="x: int = 1")
    add_profile("jobs: [{runbook: mine/check}]", "nightly")
    code, _, err = invoke("run")
    assert code == 2 and err.count("\n") == 1
    assert "no profile 'tiny'" in err and "mine/check" in err and "nightly" in err


@pytest.fixture
def uninstall(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that makes a package look as if it were not installed."""
    real = importlib.metadata.distribution

    def hide(hidden: str) -> None:
        def distribution(name: str) -> importlib.metadata.Distribution:
            if name == hidden:
                raise importlib.metadata.PackageNotFoundError(name)
            return real(name)

        monkeypatch.setattr(importlib.metadata, "distribution", distribution)

    return hide


def test_a_missing_extra_is_named_before_anything_starts(
    project: Project, add_runbook: Add, invoke: Invoke, uninstall: Callable[[str], None]
) -> None:
    add_runbook("musicgen/mine", parameters="x: int = 1")
    uninstall("torch")
    code, out, err = invoke("run", "musicgen/mine")
    assert (code, out) == (2, "")
    assert "musicgen/mine needs proofbook[musicgen] (not installed: torch)" in err
    assert list(project.outputs.iterdir()) == []


def test_lab_without_its_extra_is_one_line(
    project: Project,
    invoke: Invoke,
    uninstall: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(launch, "open_lab", lambda *arguments: pytest.fail("it was opened"))
    uninstall("jupyterlab")
    code, _, err = invoke("lab")
    assert code == 2 and "pip install 'proofbook[lab]'" in err and err.count("\n") == 1


def test_lab_opens_a_job_of_the_latest_run(
    project: Project, add_runbook: Add, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[str | None, str | None]] = []

    def open_lab(project: Project, options: LabOptions) -> int:
        opened.append((options.target, options.job))
        return 0

    monkeypatch.setattr(launch, "open_lab", open_lab)
    add_runbook("demo/one")
    run = RunFolder(project.outputs / "20260101-000000-tiny-abcd")
    run.path.mkdir()
    jobs = tuple(PlannedJob(id=i, runbook="demo/one", timeout=1) for i in ("one", "demo/one"))
    run.write_info(RunInfo(run_id=run.path.name, profile="tiny", plan=jobs))
    for words in (["one"], ["demo/one"], ["two"], ["2026", "one"], []):
        invoke("lab", *words)
    assert opened == [
        ("latest", "one"), ("demo/one", None), ("two", None), ("2026", "one"), (None, None)
    ]  # fmt: skip


def test_init_says_what_it_made_and_what_is_next(
    tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = invoke("init", "demo")
    assert code == 0
    assert "demo/runbooks/example/hello.ipynb" in out
    assert out.endswith("next: cd demo && proofbook run\n")
    monkeypatch.chdir(tmp_path / "demo")
    code, out, err = invoke("init")
    assert (code, out) == (2, "") and "in the way" in err and err.count("\n") == 1
    assert invoke("list", "--profile", "tiny")[1].splitlines()[1].split()[0] == "hello"
    out = invoke("init", "--with", "ttsserver")[1]
    assert "runbooks/environment/validate.ipynb" in out, "a profile of the system names it"
    assert out.endswith("\nnext: proofbook run ttsserver/binary_e2e\n")
