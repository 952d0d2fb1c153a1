"""From the command to the first cell there are few steps of our own, so that they can be read."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from nbclient import NotebookClient
from running import BEGIN

import proofbook
from proofbook.runner.command import RunOptions, run_command

pytestmark = pytest.mark.slow

MOST = 10
OURS = Path(proofbook.__file__).parent


def own_frames(frame: FrameType | None) -> list[str]:
    """Return the functions of the package on a stack, from ``run_command`` on."""
    frames = [each for each, _ in traceback.walk_stack(frame)]
    names = [
        f"{Path(each.f_code.co_filename).stem}.{each.f_code.co_name}"
        for each in reversed(frames)
        if OURS in Path(each.f_code.co_filename).parents
    ]
    return names[names.index("command.run_command") :] if "command.run_command" in names else names


def test_few_steps_lead_from_the_command_to_the_first_cell(
    add_runbook: Callable[..., Path],
    add_profile: Callable[..., Path],
    forkserver: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_runbook("demo/one", BEGIN, "checks.expect('one', True)\nchecks.finish()")
    add_profile("jobs: [{runbook: demo/one}]")
    stacks: list[list[str]] = []
    execute = NotebookClient.async_execute_cell

    async def watched(self: NotebookClient, *args: Any, **kwargs: Any) -> Any:
        main = sys._current_frames()[threading.main_thread().ident or 0]
        stacks.append([*own_frames(main), *own_frames(sys._getframe())])
        return await execute(self, *args, **kwargs)

    monkeypatch.setattr(NotebookClient, "async_execute_cell", watched)
    monkeypatch.setattr(NotebookClient, "execute_cell", _in_a_loop(watched))
    assert run_command(RunOptions()) == 0
    first = stacks[0]
    assert first[0] == "command.run_command"
    assert first[-1] == "client.papermill_execute_cells"
    assert len(first) <= MOST, first


def _in_a_loop(function: Callable[..., Any]) -> Any:
    from jupyter_core.utils import run_sync

    return run_sync(function)
