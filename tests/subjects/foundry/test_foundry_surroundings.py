"""Project folder, commit, device, log files, and Weights & Biases."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from proofbook.errors import SubjectError
from proofbook_subjects.foundry import surroundings
from proofbook_subjects.foundry.config import ExperimentConfig
from proofbook_subjects.foundry.logs import WandbLog, experiment_log, list_log_files
from proofbook_subjects.foundry.randomness import random_states, restore_random_states
from proofbook_subjects.foundry.surroundings import (
    choose_device,
    describe_environment,
    find_project_root,
    git_commit_hash,
)
from proofbook_subjects.foundry.training.progress import Progress, StepRecord

Make = Callable[..., ExperimentConfig]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    place = tmp_path / "repository"
    (place / "deep" / "er").mkdir(parents=True)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q", str(place)], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "a"], cwd=place, check=True)
    return place


def test_the_root_is_found_from_a_nested_folder(repository: Path) -> None:
    assert find_project_root(repository / "deep" / "er") == repository.resolve()


def test_without_git_the_root_is_where_it_starts(tmp_path: Path) -> None:
    assert find_project_root(tmp_path) == tmp_path.resolve()


def test_the_commit_is_that_of_git(repository: Path) -> None:
    commit = git_commit_hash(repository / "deep")
    assert commit is not None and re.fullmatch("[0-9a-f]{40}", commit)


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert git_commit_hash(tmp_path) is None
    assert git_commit_hash(tmp_path / "none") is None
    monkeypatch.setenv("PATH", "")
    assert git_commit_hash(tmp_path) is None


@pytest.mark.parametrize("there", [True, False])
def test_the_gpu_is_taken_if_there_is_one(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert choose_device().type == ("cuda" if there else "cpu")
    assert choose_device("cpu").type == "cpu"


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SubjectError, match="there is no GPU"):
        choose_device("cuda")
    with pytest.raises(SubjectError, match="give cpu or cuda"):
        choose_device("abacus")


def test_an_environment_names_versions_and_command(repository: Path) -> None:
    known = describe_environment(repository, torch.device("cpu"))
    assert known["packages"]["torch"] == importlib.metadata.version("torch")
    assert known["command"] == sys.argv
    assert known["git_commit_hash"] == git_commit_hash(repository)


def test_a_package_that_is_not_there_has_no_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surroundings, "_PACKAGES", ("torch", "no-such-package"))
    known = describe_environment(tmp_path, torch.device("cpu"))["packages"]
    assert known == {"torch": importlib.metadata.version("torch"), "no-such-package": None}


def test_a_gpus_random_numbers_are_saved_and_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, seen = [torch.arange(4, dtype=torch.uint8)], []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: kept)
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", seen.append)
    states = random_states()
    restore_random_states(states)
    assert states["torch_cuda_random_state"] is seen[0] is kept


def test_a_log_is_written_where_it_should_be_with_the_time(tmp_path: Path) -> None:
    with experiment_log("stories", tmp_path / "logs") as logger:
        assert logger.name.startswith("foundry.stories")
        logger.info("hello")
        logger.debug("not asked for")
    text = (tmp_path / "logs" / "stories.log").read_text()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d INFO foundry\.stories\S*: hello\n", text)
    assert logger.handlers == []


def test_two_logs_do_not_write_into_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = list(logging.getLogger().handlers)
    with experiment_log("a", tmp_path) as a, experiment_log("b", tmp_path, "DEBUG") as b, \
         experiment_log("a", tmp_path / "other") as other:  # fmt: skip
        a.info("first"), b.debug("second"), other.info("third")
    assert [path.name for path in list_log_files(tmp_path)] == ["a.log", "b.log"]
    assert "first" in (tmp_path / "a.log").read_text()
    assert "second" not in (tmp_path / "a.log").read_text()
    assert "third" in (tmp_path / "other" / "a.log").read_text()
    assert capsys.readouterr() == ("", "")
    assert logging.getLogger().handlers == root


def record(step: int) -> StepRecord:
    return StepRecord(step, 0, 1.5, 0.1, None, 30, 0.2)


def test_steps_that_are_made_again_are_logged_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress(tmp_path, 0, 5)
    for step in (1, 2, 3):
        progress.step(record(step))
    progress.say("said")
    progress.close()
    path = tmp_path / "train_log.jsonl"
    path.write_text(path.read_text() + '{"step": 4, "lo')
    again = Progress(tmp_path, 2, 5)
    again.step(record(3))
    again.close()
    assert [line[:9] for line in path.read_text().splitlines()] == [
        '{"step": ', '{"step": ', '{"step": ',
    ]  # fmt: skip
    captured = capsys.readouterr()
    assert "said" in captured.out + captured.err
    assert re.search(r"Steps:\s+60%.* 3/5 \[.*loss=1.5, lr=0.1\]", captured.err)


def test_weights_and_biases_is_asked_for_by_name(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(SubjectError, match="pip install wandb"):
        WandbLog(make(), tmp_path)


def test_steps_are_handed_to_weights_and_biases(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {"logged": []}
    run = SimpleNamespace(
        log=lambda values, step: seen["logged"].append((step, values)),
        finish=lambda: seen.update(finished=True),
    )
    stand_in = SimpleNamespace(init=lambda **given: seen.update(given) or run, Settings=dict)
    monkeypatch.setitem(sys.modules, "wandb", stand_in)
    config = make(logging={"use_wandb": True, "wandb_project": "ours"})
    progress = Progress(tmp_path, 0, 2, WandbLog(config, tmp_path))
    for step in (1, 2):
        progress.step(record(step))
    progress.close()
    assert (seen["project"], seen["name"], seen["mode"]) == ("ours", "test", "offline")
    assert [(step, values["loss"]) for step, values in seen["logged"]] == [(1, 1.5), (2, 1.5)]
    assert seen["finished"]


@pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="wandb is not installed")
@pytest.mark.filterwarnings("ignore")
def test_steps_are_logged_offline(make: Make, tmp_path: Path) -> None:
    log: Any = WandbLog(make(), tmp_path)
    log.log(record(1))
    log.close()
    assert [*tmp_path.glob("wandb/offline-run-*/*.wandb")]
