"""The command says what is wrong in one line, with the right exit code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from proofbook import cli
from proofbook.project import Project

Add = Callable[..., Path]


@pytest.fixture
def invoke(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
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
    for command in ("list", "run", "report", "lab", "warm"):
        assert command in result.output


def test_list_shows_runbooks_parameters_and_profiles(
    add_runbook: Add, add_profile: Add, invoke: Callable[..., tuple[int, str, str]]
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
    add_runbook: Add, add_profile: Add, invoke: Callable[..., tuple[int, str, str]]
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
        (["run", "-p", "x=y"], "-p x: parameter 'x' must be int"),
        (["run", "demo/none"], "no runbook 'demo/none'"),
        (["run", "--resume", "nope"], "no run 'nope'"),
        (["run", "demo/one", "--resume", "latest"], "give no runbooks"),
        (["report", "latest"], "no run 'latest'"),
        (["lab", "demo/none"], "no runbook 'demo/none'"),
        (["lab", "latest", "demo-one"], "no run 'latest'"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(
    add_runbook: Add,
    add_profile: Add,
    invoke: Callable[..., tuple[int, str, str]],
    arguments: list[str],
    message: str,
) -> None:
    add_runbook("demo/one", parameters="x: int = 1")
    add_profile("jobs: [{runbook: demo/one}]")
    code, out, err = invoke(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.startswith("proofbook: ") and err.count("\n") == 1


def test_an_unknown_option_is_exit_code_2(invoke: Callable[..., tuple[int, str, str]]) -> None:
    assert invoke("run", "--bogus")[0] == 2


def test_a_mistake_in_a_profile_starts_no_kernel_and_makes_no_run(
    project: Project,
    add_runbook: Add,
    add_profile: Add,
    invoke: Callable[..., tuple[int, str, str]],
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
