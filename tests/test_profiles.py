"""A profile: what it means where it is silent, what it may say, and where it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from proofbook.errors import ProfileError, UsageError
from proofbook.profiles import (
    HARDWARE_KINDS,
    JobDefaults,
    JobEntry,
    Profile,
    list_profiles,
    load_profile,
    nearest,
)
from proofbook.project import Project
from proofbook.resources import Resources

Add = Callable[..., Path]
YEAR = 366 * 24 * 3600


def entry(**fields: Any) -> JobEntry:
    return JobEntry.model_validate({"runbook": "demo/one", **fields})


def test_a_silent_profile_asks_for_nothing() -> None:
    profile = Profile.model_validate({"jobs": [{"runbook": "demo/one"}]})
    assert profile.model_dump(exclude={"jobs", "defaults"}) == {
        "description": "", "warm": (), "timeout": None,
    }  # fmt: skip
    assert profile.defaults.model_dump(exclude={"resources"}) == {
        "timeout": 600.0, "cell_timeout": None, "retries": 0, "allow_skips": (),
    }  # fmt: skip
    assert profile.defaults.resources == Resources()
    assert profile.jobs[0].model_dump(exclude={"resources"}) == {
        "runbook": "demo/one", "id": None, "parameters": {}, "matrix": {}, "include": [],
        "needs": (), "timeout": None, "cell_timeout": None, "retries": None, "allow_skips": None,
        "hardware": {}, "requires": {}, "memory_limit_gb": None,
    }  # fmt: skip
    assert profile.jobs[0].resources == Resources()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(90, 90), ("90s", 90), ("20m", 1200), ("2h", 7200), ("1.5m", 90), (YEAR, YEAR), (0.5, 0.5)],
)
def test_a_time_has_a_unit_or_is_in_seconds(text: object, seconds: float) -> None:
    assert entry(timeout=text, cell_timeout=text).timeout == seconds
    assert JobDefaults.model_validate({"timeout": text}).timeout == seconds


@pytest.mark.parametrize("text", ["90 s", "s", "2d", "-1s", "90sm", 0, "0s", -1, YEAR + 1, "inf"])
def test_a_time_of_no_unit_or_out_of_bounds_is_refused(text: object) -> None:
    with pytest.raises(ValidationError, match="timeout"):
        entry(timeout=text)


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("retries", [0, 5], [-1, 6, True, False]),
        ("memory_limit_gb", [0.1], [0, -1, float("inf"), True]),
        ("timeout", [1], [True]),
        ("cell_timeout", [1.5], [True]),
        ("id", ["a", "0", "a.b_c-d"], ["", "-a", "A", "a b", "a/b"]),
        ("matrix", [{}, {"a": [1]}], [{"a": []}]),
        (
            "hardware",
            [{"gpu": 0}, {"memory_gb": 0.5}],
            [{"gpu": -1}, {"gpu": True}],
        ),
        ("requires", [{"objdump": "binutils"}], [{"": "x"}, {"x": ""}]),
        ("surprise", [], [1]),
    ],
)
def test_a_value_has_its_bounds(field: str, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert getattr(entry(**{field: value}), field) == value
    for value in bad:
        with pytest.raises(ValidationError, match=field):
            entry(**{field: value})


@pytest.mark.parametrize(("retries", "is_good"), [(0, True), (5, True), (6, False), (-1, False)])
def test_retries_have_their_bounds_in_the_defaults_too(retries: int, is_good: bool) -> None:
    if is_good:
        assert JobDefaults(retries=retries).retries == retries
    else:
        with pytest.raises(ValidationError, match="retries"):
            JobDefaults(retries=retries)


def test_unknown_hardware_is_named_with_what_there_is() -> None:
    with pytest.raises(ValidationError, match="hardware 'gpus'; did you mean 'gpu'"):
        entry(hardware={"gpus": 1})
    with pytest.raises(ValidationError, match=f"'xyz'; there are: {', '.join(HARDWARE_KINDS)}"):
        entry(hardware={"xyz": 1})


@pytest.mark.parametrize(
    ("runbook", "id", "name"),
    [
        ("demo/one", None, "demo-one"),
        ("Demo//One two", None, "demo-one-two"),
        ("demo/v1.0_a-b", None, "demo-v1.0_a-b"),
        ("demo/one", "mine", "mine"),
    ],
)
def test_an_entry_has_a_name(runbook: str, id: str | None, name: str) -> None:
    assert JobEntry(runbook=runbook, id=id).name == name


def test_a_profile_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        entry().runbook = "other"  # type: ignore[misc]


def test_a_hint_names_the_one_that_is_most_alike() -> None:
    assert nearest("tinny", iter(["tin", "tiny", "big"])) == "did you mean 'tiny'?"
    assert nearest("zzz", ["tiny"]) == ""


ONE = "jobs: [{runbook: demo/one}]"


def test_profiles_are_listed_and_loaded_by_name_or_path(
    project: Project, add_profile: Add, tmp_path: Path
) -> None:
    paths = [add_profile(ONE, name) for name in ("tiny", "big")]
    assert list_profiles(project) == sorted(paths)
    assert load_profile(project, None)[1].path == paths[0]
    assert load_profile(project, "big")[1].path == paths[1]
    for name in ("own.yaml", "own.yml", "own"):
        (tmp_path / name).write_text(ONE)
        assert load_profile(project, str(tmp_path / name))[1].path == tmp_path / name
    (project.root / "here.yml").write_text(ONE)
    assert load_profile(project, "here.yml")[0].jobs[0].runbook == "demo/one"


def test_the_defaults_can_be_asked_for_where_there_are_other_profiles(project: Project) -> None:
    (project.parameters / "tiny.yaml").write_text(ONE)
    profile, file = load_profile(project, "defaults")
    assert (profile.jobs, file.path.name) == ((), "defaults")
    assert load_profile(project, None)[0].jobs
    (project.parameters / "defaults.yaml").write_text(ONE)
    assert load_profile(project, "defaults")[0].jobs


def test_without_a_profile_there_are_the_defaults(project: Project) -> None:
    profile, file = load_profile(project, None)
    assert (profile.jobs, profile.defaults, file.path.name) == ((), JobDefaults(), "defaults")
    with pytest.raises(UsageError, match=r"no profile 'tiny' in .*; there are: none$"):
        load_profile(project, "tiny")


def test_an_unknown_profile_is_told_with_those_there_are(
    project: Project, add_profile: Add
) -> None:
    for name in ("tiny", "big"):
        add_profile(ONE, name)
    with pytest.raises(UsageError, match="; did you mean 'tiny'"):
        load_profile(project, "tinny")
    with pytest.raises(UsageError, match=r"; there are: big, tiny$"):
        load_profile(project, "xyz")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "1: a profile is a mapping with 'jobs:'"),
        ("jobs:\n  - {}", "2: jobs.0.runbook: Field required"),
        ("jobs:\n  - rumbook: x", "2: unknown key 'rumbook'; did you mean 'runbook'?"),
        (f"{ONE}\nxyz: 1", "2: unknown key 'xyz'; remove it"),
        (f"{ONE}\ndefaults:\n  retry: 1", "3: unknown key 'retry'; did you mean 'retries'?"),
        (
            f"{ONE}\ndefaults:\n  resources:\n    gpu: 1",
            "4: unknown key 'gpu'; did you mean 'gpus'?",
        ),
        ("jobs:\n  - runbook: a\n    resources: {gpu: 1}", "did you mean 'gpus'?"),
        ("jobs:\n  - runbook: a\n    resources: 3", "3: jobs.0.resources: Input should be a valid"),
        (
            "jobs:\n  - runbook: a\n    hardware:\n      xyz: 1",
            "4: jobs.0.hardware.xyz: unknown kind of hardware 'xyz'; there are",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(
    project: Project, add_profile: Add, text: str, message: str
) -> None:
    path = add_profile(text)
    with pytest.raises(ProfileError) as refused:
        load_profile(project, "tiny")
    assert str(refused.value).startswith(f"{path}:")
    assert message in str(refused.value)
