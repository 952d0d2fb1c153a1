"""The commands that the pages of the documentation show work as they are shown.

A block of ``sh`` is run, in the order of the page, in a folder of its own. ``sh exit=N`` ends with
that code. ``sh plan`` names subjects that only a reader has: its runs are planned, and not
executed. ``sh skip`` would wait for a person: its commands and options must exist.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from proofbook.cli import app
from proofbook.extras import known_extras
from proofbook.project import Project
from proofbook.runner.plan import load_plan

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    {ROOT / "README.md", *ROOT.glob("runbooks/**/README.md"), *ROOT.glob("parameters/*.md")}
)
_FENCE = re.compile(r"^```(\w+)?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#:]+)\)")


class Block(NamedTuple):
    """One fenced block of commands."""

    how: str
    commands: list[list[str]]
    script: str


def blocks(page: Path) -> list[Block]:
    """Return the blocks of commands of a page, in order."""
    found = _FENCE.findall(page.read_text(encoding="utf-8"))
    return [
        Block(how.strip(), _commands(script), script) for kind, how, script in found if kind == "sh"
    ]


def _commands(script: str) -> list[list[str]]:
    lines = script.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_lead_somewhere(page: Path) -> None:
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_is_read_in_a_few_minutes() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_runbook_of_a_system_is_on_its_page(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    names = [path.stem for path in page.parent.glob("*.ipynb")]
    if page.parent.name != "benchmarks":
        assert [name for name in names if f"{page.parent.name}/{name}`" not in text] == []


@pytest.mark.exhaustive(keep=2)
@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_commands_that_name_a_readers_own_subject_can_be_planned(page: Path) -> None:
    shown = [words for block in blocks(page) if block.how == "plan" for words in block.commands]
    for words in shown:
        assert words[0] == "proofbook"
        if words[1] == "run":
            plan_run(words[2:])
        else:
            assert_parses(words[1:])


def plan_run(words: list[str]) -> None:
    """Plan what ``proofbook run`` with these words would execute."""
    runbooks, overrides, profile = [], {}, "tiny"
    rest = iter(words)
    for word in rest:
        if word == "-p":
            name, _, value = next(rest).partition("=")
            overrides[name] = value
        elif word == "--profile":
            profile = next(rest)
        else:
            runbooks.append(word)
    plan = load_plan(Project(ROOT), profile, only=runbooks, overrides=overrides)
    assert plan.jobs


def assert_parses(words: list[str]) -> None:
    """Assert that the command takes these options; it is not executed."""
    options = [word for word in words if word.startswith("--")]
    place = 2 if words[0] in ("signoff", "baseline", "warm") else 1
    done = CliRunner().invoke(app, [*words[:place], "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert [option for option in options if option not in done.output] == []


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_commands_that_wait_for_a_person_exist(page: Path) -> None:
    for block in blocks(page):
        if block.how == "skip":
            for words in block.commands:
                assert words[0] == "proofbook"
                assert_parses(words[1:])


@pytest.mark.slow
def test_the_first_runbook_is_made_broken_and_repaired_as_the_readme_shows(tmp_path: Path) -> None:
    here = tmp_path
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment.pop("PROOFBOOK_PROJECT", None)
    shown = [block for block in blocks(ROOT / "README.md") if block.how in ("", "exit=1")]
    assert len(shown) >= 3
    for block in shown:
        script = "\n".join(line for line in block.script.splitlines() if not _is_install(line))
        done = subprocess.run(
            ["bash", "-c", f"set -e\n{script}\npwd > {shlex.quote(str(tmp_path / 'where'))}"],
            cwd=here, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        wanted = int(block.how.removeprefix("exit=") or 0)
        assert done.returncode == wanted, f"{block.script}\n{done.stdout}{done.stderr}"
        if wanted == 0:
            here = Path((tmp_path / "where").read_text().strip())


def _is_install(line: str) -> bool:
    """Say whether a line installs Proofbook, which a test has already; its extras must exist."""
    if not line.startswith("pip install"):
        return False
    extras = re.findall(r"\[([\w,]+)\]", line)
    assert {name for group in extras for name in group.split(",")} <= known_extras()
    return True
