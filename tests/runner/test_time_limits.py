"""A job's time limit follows from the limits among its parameters, or the plan is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from proofbook.errors import ProfileError
from proofbook.project import Project
from proofbook.runner import parameters
from proofbook.runner.plan import Plan, load_plan

Add = Callable[..., Path]


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True)

    rows: list[str]
    patience: float

    def longest_seconds(self) -> float:
        return len(self.rows) * self.patience


@pytest.fixture
def plan(
    project: Project, add_runbook: Add, add_profile: Add, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Plan]:
    """Return a function that plans a profile of a runbook whose rows have a limit each."""
    monkeypatch.setattr(
        parameters, "find_config", lambda name: _Config if name == "demo/rows" else None
    )
    add_runbook("demo/rows", parameters='rows: list[str] = ["a", "b"]\npatience: float = 1000.0')
    add_runbook("demo/other", parameters="patience: float = 1e6")

    def load(text: str, **overrides: str) -> Plan:
        add_profile(text)
        return load_plan(project, "tiny", overrides=overrides)

    return load


ROWS = "jobs:\n  - runbook: demo/rows\n"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (ROWS, 2000.0),
        ("defaults: {timeout: 5m}\n" + ROWS, 2000.0),
        ("defaults: {timeout: 2h}\n" + ROWS, 7200.0),
        (ROWS + "    timeout: 2000\n", 2000.0),
        (ROWS + "    parameters: {patience: 1.5}\n", 600.0),
        (ROWS + "    parameters: {rows: [a, b, c]}\n", 3000.0),
        ("jobs:\n  - runbook: demo/other\n", 600.0),
    ],
)
def test_a_limit_follows_from_the_parameters(
    plan: Callable[..., Plan], text: str, seconds: float
) -> None:
    assert plan(text).jobs[0].timeout == seconds


def test_what_the_command_line_gives_counts(plan: Callable[..., Plan]) -> None:
    assert plan(ROWS, patience="5000").jobs[0].timeout == 10_000


def test_a_runbook_that_no_profile_names_has_it_too(
    plan: Callable[..., Plan], project: Project
) -> None:
    plan("jobs:\n  - runbook: demo/other\n")
    assert load_plan(project, "tiny", only=["demo/rows"]).jobs[0].timeout == 2000


@pytest.mark.parametrize("more", ["", "    matrix: {patience: [1, 1000]}\n"])
def test_a_limit_that_contradicts_the_parameters_is_refused_at_its_line(
    plan: Callable[..., Plan], more: str
) -> None:
    problem = (
        r"tiny\.yaml:3: job demo-rows.* may take 2000 s by .* its own timeout is 1999 s; leave"
    )
    with pytest.raises(ProfileError, match=problem):
        plan(ROWS + "    timeout: 1999\n" + more)


def test_the_shipped_server_runbook_has_time_for_each_of_its_rows() -> None:
    from proofbook.notebooks import read_runbook
    from proofbook_systems.ttsserver.config import BinaryE2EConfig

    path = Path(__file__).parents[2] / "runbooks" / "ttsserver" / "binary_e2e.ipynb"
    usual = {name: p.default for name, p in read_runbook(path).parameters.items()}
    ten, one = (BinaryE2EConfig.model_validate({**usual, "only": o}) for o in ([], "kokoro"))
    assert ten.longest_seconds() > 10 * usual["timeout_download"] + usual["build_timeout"]
    assert one.longest_seconds() < ten.longest_seconds() / 2
