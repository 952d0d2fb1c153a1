"""Every parameter that names what a shipped runbook tests is known as one, whatever its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import JsonValue

from proofbook.configs import find_config, subject_fields
from proofbook.errors import UsageError
from proofbook.notebooks import Runbook, read_runbook
from proofbook.profiles import JobEntry, load_profile
from proofbook.project import Project
from proofbook.runner.own_subjects import has_own_subject
from proofbook.runner.plan import load_plan
from proofbook.subjects import is_reference

ROOT = Path(__file__).parents[2]
ENTRIES = {entry.runbook: entry for entry in load_profile(Project(ROOT), "tiny")[0].jobs}
RUNBOOKS = {name: read_runbook(ROOT / "runbooks" / f"{name}.ipynb") for name in ENTRIES}
MORE = {
    "apis/backends": {"client_command"},
    "apis/faults": {"client_command"},
    "apis/load": {"client_command"},
    "foundry/checkpoint_recovery": {"project"},
    "foundry/data_pipeline": {"project"},
    "foundry/full_run": {"project"},
    "foundry/training_pipeline": {"project"},
    "models/single": {"weights"},
    "musicgen/preload": {"dockerfile"},
    "pipeline/end_to_end": {"workspace"},
    "pipeline/load": {"server"},
    "release/before_posting": {"workspace", "platform", "video", "caption"},
    "release/before_release": {"workspace"},
    "training/checkpoints": {"project", "trained"},
    "training/configurations": {"project"},
    "training/memory": {"project"},
    "training/resume": {"project", "trained", "record"},
    "training/throughput": {"project", "record"},
    "training/train": {"project"},
    "ttsserver/binary_e2e": {"binary"},
    "ttsserver/speech_server": {"url"},
}
"""What names a subject although its default is no reference."""
SAY_HOW = {
    "apply_mapping", "build_context", "checkpoints", "class_dir", "env_file",
    "environment_name", "episode", "expected", "fallback_image", "gpu_driver", "instance_dir",
    "interpreter", "key", "key_variable", "length_change", "log_file", "log_pattern",
    "manifest", "mirror",
    "model", "name", "offload_dir", "original_output", "output_dir", "posted", "project",
    "prompt_file", "python", "reference_text", "reference_wav", "report", "reviewer_role",
    "script_answer", "task", "text_encoder", "token_expires", "tokenizer",
    "tokenizer_change", "vocabulary", "workers_change",
}  # fmt: skip
"""Empty by default, and no subject: how it is looked at, or a part of what is named elsewhere."""


def named(runbook: Runbook) -> set[str]:
    def refers(value: object) -> bool:
        if isinstance(value, dict):
            return any(map(refers, value.values()))
        return any(map(refers, value)) if isinstance(value, list) else is_reference(str(value))

    found = {name for name, each in runbook.parameters.items() if refers(each.default)}
    return found | subject_fields(find_config(runbook.name))


def own(runbook: Runbook, name: str) -> JsonValue:
    kind = runbook.parameters[name].annotation.partition("[")[0]
    return {"list": ["/work/mine"], "dict": {"mine": "/work/mine"}}.get(kind, "/work/mine")


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, each) for name in sorted(RUNBOOKS) for each in sorted(named(RUNBOOKS[name]))],
)
def test_a_subject_of_ones_own_is_known_by_each_of_its_names(name: str, parameter: str) -> None:
    runbook, declared = RUNBOOKS[name], subject_fields(find_config(name))
    given = {parameter: own(runbook, parameter)}
    assert has_own_subject(ENTRIES[name], runbook, given, declared)


@pytest.mark.exhaustive
def test_the_parameters_that_name_a_subject_are_all_listed() -> None:
    declared = {name: set(subject_fields(find_config(name))) for name in RUNBOOKS}
    assert {name: found for name, found in declared.items() if found} == MORE


@pytest.mark.exhaustive
def test_a_parameter_that_is_empty_names_a_subject_or_is_known_to_name_none() -> None:
    unknown = {
        f"{name}: {each.name}" for name, runbook in RUNBOOKS.items()
        for each in runbook.parameters.values()
        if each.default in ("",) and each.name not in SAY_HOW | named(runbook)
    }  # fmt: skip
    assert unknown == set()


@pytest.mark.parametrize("given", [{"timeout": 5.0}, {"binary": ""}, {"project": "reference:x"}])
def test_what_names_no_subject_of_ones_own_changes_nothing(given: dict[str, JsonValue]) -> None:
    name = "ttsserver/binary_e2e"
    declared = subject_fields(find_config(name))
    assert not has_own_subject(ENTRIES[name], RUNBOOKS[name], given, declared)


def test_an_entry_for_ones_own_project_keeps_what_it_says_for_its_program() -> None:
    name = "ttsserver/binary_e2e"
    entry = JobEntry.model_validate({"runbook": name, "parameters": {"project": "/work/mine"}})
    declared = subject_fields(find_config(name))
    assert not has_own_subject(entry, RUNBOOKS[name], {"binary": "/work/mine/server"}, declared)


GIVEN = {"train_command": "[python, train.py]", "resume_command": "[python, train.py]"}
OWN = {"config_file": "/work/mine.yaml", "project": "/work/mine"}


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("runbook", "given", "lacking"),
    [
        ("training/train", OWN, "train_command"),
        ("training/train", {"config_file": "/work/mine.yaml"}, "train_command"),
        ("training/resume", OWN, "train_command and resume_command"),
        ("training/resume", {**OWN, "train_command": "[a, b]"}, "resume_command"),
        ("foundry/data_pipeline", OWN, "prepare_command"),
        ("training/train", {**OWN, "train_command": "[a, b]"}, ""),
        ("training/resume", {**OWN, **GIVEN}, ""),
        ("training/train", {**OWN, "train_command": "[a, reference:train_dreambooth.py]"}, ""),
        ("training/checkpoints", {"trained": "/work/mine"}, ""),
        ("training/train", {"config_file": "reference:butcher-random"}, ""),
        ("training/train", {"steps": "9"}, ""),
        ("pipeline/end_to_end", {"project": "/work/mine"}, ""),
    ],
)
def test_a_reference_program_is_not_started_on_files_that_it_does_not_know(
    runbook: str, given: dict[str, str], lacking: str
) -> None:
    if not lacking:
        assert load_plan(Project(ROOT), None, only=[runbook], overrides=given).jobs
        return
    message = rf"would still start the reference subject; give {lacking}, too$"
    with pytest.raises(UsageError, match=message):
        load_plan(Project(ROOT), None, only=[runbook], overrides=given)
