"""Whatever is wrong with a profile is one line with file and line number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from proofbook.errors import ProfileError, UsageError
from proofbook.hardware import measure
from proofbook.profiles import HARDWARE_KINDS
from proofbook.project import Project
from proofbook.runner.plan import Plan, load_plan

Add = Callable[..., Path]
PARAMETERS = 'model: str = "small"\nduration: float = 2.0\nseed: int = 0\nhf_token: str = ""'
NESTED = 'x: list = []\nenv: dict = {}\nn: int = 0\nday: str = ""'


@pytest.fixture(autouse=True)
def _runbooks(add_runbook: Add) -> None:
    add_runbook("demo/one", "pass", parameters=PARAMETERS)
    add_runbook("demo/two", "pass", parameters="strict: bool")
    add_runbook("demo/nested", "pass", parameters=NESTED)


ONE = "jobs:\n  - runbook: demo/one\n    id: a\n    "
NEST = "jobs:\n  - runbook: demo/nested\n    "


def plan(project: Project, add_profile: Add, text: str) -> Plan:
    add_profile(text)
    return load_plan(project, "tiny")


def test_a_matrix_makes_a_job_of_each_combination(project: Project, add_profile: Add) -> None:
    found = plan(
        project,
        add_profile,
        """
defaults: {timeout: 2m, retries: 2}
jobs:
  - runbook: demo/one
    parameters: {seed: 7}
    matrix: {model: [small, medium], duration: [1, 30]}
    include:
      - {model: medium, seed: 8}
""",
    )
    assert [j.id for j in found.jobs] == [
        "demo-one-small-1",
        "demo-one-small-30",
        "demo-one-medium-1",
        "demo-one-medium-30",
    ]
    assert found.jobs[3].parameters == {"seed": 8, "model": "medium", "duration": 30}
    assert (found.jobs[0].timeout, found.jobs[0].retries) == (120, 2)


def test_needs_name_entries_runbooks_or_single_jobs(project: Project, add_profile: Add) -> None:
    found = plan(
        project,
        add_profile,
        """
jobs:
  - {runbook: demo/one, id: gen, matrix: {model: [a, b]}}
  - {runbook: demo/two, id: x, needs: [gen], parameters: {strict: true}}
  - {runbook: demo/two, id: y, needs: [gen-a], parameters: {strict: true}}
  - {runbook: demo/two, id: z, needs: [demo/one], parameters: {strict: true}}
""",
    )
    assert {j.id: j.needs for j in found.jobs} == {
        "gen-a": (),
        "gen-b": (),
        "x": ("gen-a", "gen-b"),
        "y": ("gen-a",),
        "z": ("gen-a", "gen-b"),
    }


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("jobs: [", 1, "not YAML"),
        ("just text", 1, "a profile is a mapping"),
        ("", 1, "a profile is a mapping"),
        ("jobs: []", 1, "at least 1 item"),
        ("job: []", 1, "unknown key 'job'; did you mean 'jobs'"),
        ("jobs:\n  - runbook: demo/one\n    matrixx: {}", 3, "did you mean 'matrix'"),
        ("jobs:\n  - runbook: demo/on\n", 2, "did you mean 'demo/one'"),
        ("jobs:\n  - runbook: ../../etc/x\n", 2, "outside of the project"),
        ("jobs:\n  - runbook: demo/one\n    timeout: soon", 3, "timeout"),
        ("jobs:\n  - runbook: demo/one\n    timeout: 0", 3, "greater than 0"),
        (
            "jobs:\n  - runbook: demo/one\n    parameters:\n      durations: 3",
            4,
            "no parameter 'durations'; did you mean 'duration'",
        ),
        (
            "jobs:\n  - runbook: demo/one\n    parameters:\n      seed: 1\n      duration: long",
            5,
            "'duration' must be float, found str 'long'",
        ),
        (
            "jobs:\n  - runbook: demo/one\n    matrix:\n      seed: [1, x]",
            4,
            "'seed' must be int",
        ),
        (
            "jobs:\n  - runbook: demo/one\n    matrix: {seed: [1]}\n    include:\n      - nope: 1",
            5,
            "no parameter 'nope'",
        ),
        ("jobs:\n  - runbook: demo/two\n", 2, "requires parameter 'strict'"),
        (
            "jobs:\n  - runbook: demo/one\n    parameters:\n      hf_token: abcdefghij",
            4,
            "looks like a secret",
        ),
        ("jobs:\n  - runbook: demo/one\n  - runbook: demo/one", 3, "two jobs are called"),
        ("jobs:\n  - runbook: demo/one\n    needs: [demo-onne]", 3, "did you mean 'demo-one'"),
        ("jobs:\n  - runbook: demo/one\n    needs: [demo-one]", 3, "in a circle: demo-one"),
        ("jobs:\n  - runbook: demo/one\n    id: a\n    id: b", 4, "given twice"),
        ("jobs:\n  - runbook: demo/one\n    id: ../up", 3, "id"),
        (f"{ONE}matrix: {{model: [p-q, p, r]}}\n  - {{runbook: demo/one, id: a-p}}", 5, "'a-p'"),
        (
            f"{ONE}matrix:\n      model: [p-q, p]\n      hf_token: ['', '']",
            6,
            "value 2 of 'hf_token' equals value 1",
        ),
        (f"{ONE}matrix:\n      model: [b,\n        b]", 6, "value 2 of 'model' equals value 1"),
        (f"{ONE}matrix: {{seed: [1, 1.0]}}", 4, "value 2 of 'seed' equals value 1"),
        (f"{ONE}matrix: {{seed: [1, true]}}", 4, "value 2 of 'seed' equals value 1"),
        (f"{ONE}timeout: .inf", 4, "less than or equal"),
        (f"{ONE}timeout: .nan", 4, "greater than 0"),
        (f"{ONE}timeout: 1e300", 4, "less than or equal"),
        (f"{ONE}cell_timeout: .inf", 4, "less than or equal"),
        (f"{ONE}memory_limit_gb: .inf", 4, "finite"),
        (f"{ONE}parameters: {{duration: .nan}}", 4, "'duration' must be finite"),
        (f"{ONE}matrix: {{duration: [1, .inf]}}", 4, "'duration' must be finite"),
        (f"{NEST}parameters: {{x: [1, {{y: .inf}}]}}", 3, "'x' must be finite"),
        (f"{NEST}parameters:\n      n: 2024-13-45", 4, "'n' must be int, found str"),
        (f"{NEST}parameters: {{n: 0x_}}", 3, "is not a valid int"),
        (f"{NEST}parameters: {{x: &a [*a]}}", 3, "contains itself"),
        ('jobs:\n  - runbook: "demo\\0/one"', 2, "cannot be the name of a runbook"),
        ("jobs:\n  - runbook: /etc/one", 2, "outside of the project"),
        ("jobs:\n  - runbook: demo//one", 2, "no runbook 'demo//one'; did you mean 'demo/one'"),
        ("jobs:\n  - runbook: moved/one", 2, "no runbook 'moved/one'; did you mean 'demo/one'"),
        (
            f"{ONE}matrix: {{model: [small, big]}}\n    include:\n      - seed: 1\n"
            "        model: smal",
            7,
            "matches no combination of the matrix; did you mean 'small'",
        ),
        (f"{ONE}hardware:\n      gpus: 1", 5, "hardware 'gpus'; did you mean 'gpu'"),
        (f"{ONE}hardware: {{cores: -1}}", 4, "hardware.cores: Input should be greater"),
        (f"{ONE}hardware: {{cores: .inf}}", 4, "finite"),
        (f"{NEST}parameters: {{env: {{HF_TOKEN: abcd}}}}", 3, "'HF_TOKEN' in parameter 'env'"),
        (f"{NEST}parameters: {{x: [[{{HF_TOKEN: abcd}}]]}}", 3, "looks like a secret"),
    ],
)
def test_each_mistake_is_named_with_its_line(
    project: Project, add_profile: Add, text: str, line: int, message: str
) -> None:
    with pytest.raises(ProfileError) as error:
        plan(project, add_profile, text)
    assert message in str(error.value)
    assert str(error.value).startswith(f"{project.parameters / 'tiny.yaml'}:{line}: ")
    assert "\n" not in str(error.value)


def test_a_circle_of_two_is_found(project: Project, add_profile: Add) -> None:
    text = """
jobs:
  - {runbook: demo/one, id: free}
  - {runbook: demo/one, id: a, needs: [b]}
  - {runbook: demo/one, id: b, needs: [a]}
"""
    with pytest.raises(ProfileError, match=r"tiny.yaml:4: .*circle: a, b"):
        plan(project, add_profile, text)


@pytest.mark.parametrize("order", [("a", "b", "c"), ("b", "c", "a"), ("c", "a", "b")])
def test_a_circle_is_told_from_its_first_entry(
    project: Project, add_profile: Add, order: tuple[str, ...]
) -> None:
    needs = {"a": "b", "b": "c", "c": "a"}
    entries = [f"  - {{runbook: demo/one, id: {id}, needs: [{needs[id]}]}}\n" for id in order]
    with pytest.raises(ProfileError, match=rf"tiny.yaml:2: .*circle: {', '.join(order)}$"):
        plan(project, add_profile, "jobs:\n" + "".join(entries))


def test_a_circle_is_told_from_its_first_entry_wherever_it_was_met(
    project: Project, add_profile: Add
) -> None:
    needs = {"d": "c", "a": "b", "b": "c", "c": "a"}
    entries = [f"  - {{runbook: demo/one, id: {id}, needs: [{n}]}}\n" for id, n in needs.items()]
    with pytest.raises(ProfileError, match=r"tiny.yaml:3: .*circle: a, b, c$"):
        plan(project, add_profile, "jobs:\n" + "".join(entries))


def test_a_need_of_no_job_is_named_where_it_stands(project: Project, add_profile: Add) -> None:
    entries = "jobs:\n  - {runbook: demo/one, id: a}\n  - runbook: demo/one\n    id: b\n"
    with pytest.raises(
        ProfileError, match=r"tiny\.yaml:7: job 'b' needs 'nowhere'; there is no suc"
    ):
        plan(project, add_profile, f"{entries}    needs:\n      - a\n      - nowhere\n")


def test_all_needs_of_an_entry_are_kept(project: Project, add_profile: Add) -> None:
    entries = "jobs:\n  - {runbook: demo/one, id: a}\n  - {runbook: demo/one, id: b}\n"
    found = plan(project, add_profile, f"{entries}  - {{runbook: demo/one, id: c, needs: [a, b]}}")
    assert found.jobs[2].needs == ("a", "b")


def test_a_plan_tells_where_it_comes_from(project: Project, add_profile: Add) -> None:
    path = add_profile("defaults: {timeout: 2m}\njobs:\n  - {runbook: demo/one}", "nightly")
    found = load_plan(project, "nightly")
    assert (found.profile, found.path) == ("nightly", str(path))
    assert found.settings.defaults.timeout == 120
    assert list(found.runbooks) == ["demo/one"]


def test_a_broken_runbook_is_named(project: Project, add_profile: Add) -> None:
    project.runbook("demo/bad").write_text("{")
    with pytest.raises(ProfileError, match=r"tiny.yaml:1: .*demo/bad.ipynb: not JSON"):
        plan(project, add_profile, "jobs: [{runbook: demo/bad}]")


def test_an_unknown_profile_is_named(project: Project, add_profile: Add) -> None:
    add_profile("jobs: []", "tiny")
    with pytest.raises(UsageError, match="did you mean 'tiny'"):
        load_plan(project, "tinny")


TWO = """
jobs:
  - {runbook: demo/one, id: first}
  - {runbook: demo/one, id: second, needs: [first]}
  - {runbook: demo/two, parameters: {strict: true}}
"""


def test_only_keeps_what_is_named_and_what_it_needs(project: Project, add_profile: Add) -> None:
    add_profile(TWO)
    assert [j.id for j in load_plan(project, "tiny", only=["second"]).jobs] == ["first", "second"]
    assert [j.id for j in load_plan(project, "tiny", only=["demo/two"]).jobs] == ["demo-two"]


def test_a_runbook_outside_of_the_profile_can_be_run(
    project: Project, add_profile: Add, add_runbook: Add
) -> None:
    add_profile(TWO)
    add_runbook("demo/extra", parameters="x: int = 1")
    found = load_plan(project, "tiny", only=["runbooks/demo/extra.ipynb"], overrides={"x": "5"})
    assert [(j.id, j.parameters) for j in found.jobs] == [("demo-extra", {"x": 5})]


def test_overrides_are_typed_and_reach_every_job_that_has_them(
    project: Project, add_profile: Add
) -> None:
    add_profile(TWO)
    found = load_plan(project, "tiny", overrides={"duration": "5e-1", "model": "7"})
    assert found.jobs[0].parameters == {"duration": 0.5, "model": "7"}
    assert found.jobs[2].parameters == {"strict": True}


def test_skips_of_the_command_line_are_allowed_beside_those_of_the_profile(
    project: Project, add_profile: Add
) -> None:
    add_profile(
        "jobs:\n  - {runbook: demo/one, id: a, allow_skips: ['gpu-*']}\n"
        "  - {runbook: demo/one, id: b}"
    )
    found = load_plan(project, "tiny", allow_skips=("gpu-*", "rows"))
    assert [job.allow_skips for job in found.jobs] == [("gpu-*", "rows")] * 2
    assert load_plan(project, "tiny").jobs[1].allow_skips == ()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [({"duration": "x"}, "must be float"), ({"durations": "1"}, "did you mean 'duration'")],
)
def test_a_wrong_override_is_named(
    project: Project, add_profile: Add, overrides: dict[str, str], message: str
) -> None:
    add_profile(TWO)
    with pytest.raises(UsageError, match=message):
        load_plan(project, "tiny", overrides=overrides)


def test_names_that_run_together_are_refused(project: Project, add_profile: Add) -> None:
    text = f"{ONE}matrix:\n      model: [p-q, p]\n      day: [r, q-r]".replace("one", "days")
    project.runbook("demo/days").write_text(
        project.runbook("demo/one").read_text().replace("hf_token", "day")
    )
    with pytest.raises(ProfileError, match=r"yaml:4: two jobs are called 'a-p-q-r'"):
        plan(project, add_profile, text)


def test_an_added_runbook_takes_no_other_jobs_id(project: Project, add_profile: Add) -> None:
    add_profile("jobs:\n  - {runbook: demo/one, id: demo-nested}")
    with pytest.raises(ProfileError, match=r"yaml:2: the id 'demo-nested' of a job of demo/one"):
        load_plan(project, "tiny", only=["demo/nested"])


@pytest.mark.parametrize("name", ["{}/demo/one.ipynb", "./demo/one", "demo/one\0", "x" * 5000])
def test_a_runbook_has_one_name_only(project: Project, add_profile: Add, name: str) -> None:
    add_profile(TWO)
    with pytest.raises(UsageError, match=r"no runbook|cannot be the name") as error:
        load_plan(project, "tiny", only=[name.format(project.runbooks)])
    assert "\n" not in str(error.value)


def test_two_added_runbooks_do_not_share_an_id(
    project: Project, add_profile: Add, add_runbook: Add
) -> None:
    add_profile(TWO)
    add_runbook("demo/a-b")
    add_runbook("demo-a/b")
    with pytest.raises(UsageError, match="run one at a time"):
        load_plan(project, "tiny", only=["demo/a-b", "demo-a/b"])


def test_an_include_without_a_key_of_the_matrix_reaches_all(
    project: Project, add_profile: Add
) -> None:
    found = plan(
        project, add_profile, f"{ONE}matrix: {{model: [x, y]}}\n    include: [{{seed: 4}}]"
    )
    assert [j.parameters["seed"] for j in found.jobs] == [4, 4]


@pytest.mark.parametrize(
    ("runbook", "name", "text", "message"),
    [
        ("nested", "n", "2024-13-45", "'n' must be int, found str"),
        ("nested", "n", "0x_", "'n' must be int, found str"),
        ("nested", "x", "&a [*a]", "'x' must be list, found str"),
        ("nested", "x", "[.inf]", "'x' must be finite"),
        ("nested", "env", "{a: [.nan]}", "'env' must be finite"),
        ("nested", "env", "{1: a}", "a key that is not text"),
        ("nested", "env", "{HF_TOKEN: abcd}", "looks like a secret"),
        ("one", "duration", ".inf", "'duration' must be finite"),
    ],
)
def test_an_override_that_cannot_be_carried_is_refused(
    project: Project, add_profile: Add, runbook: str, name: str, text: str, message: str
) -> None:
    add_profile(f"jobs: [{{runbook: demo/{runbook}}}]")
    with pytest.raises(UsageError, match=message) as error:
        load_plan(project, "tiny", overrides={name: text})
    assert "\n" not in str(error.value)


def test_a_date_is_text(project: Project, add_profile: Add) -> None:
    add_profile("jobs: [{runbook: demo/nested, parameters: {day: 2024-01-02}}]")
    found = load_plan(project, "tiny", overrides={"x": "[2024-01-03]"})
    assert found.jobs[0].parameters == {"day": "2024-01-02", "x": ["2024-01-03"]}


SECRET = "hush-very-secret"


@pytest.mark.parametrize(
    "given",
    [
        f"parameters: {{x: [a, {{b: see {SECRET}}}]}}",
        f"parameters: {{env: {{{SECRET}: 1}}}}",
        f"parameters: {{day: {SECRET}}}",
        f"parameters: {{n: {SECRET}}}",
        f"matrix: {{day: [a, {SECRET}, {SECRET}]}}",
        f"matrix: {{day: [a]}}\n    include: [{{day: {SECRET}}}]",
    ],
)
def test_a_secret_of_the_environment_is_refused_unseen(
    project: Project, add_profile: Add, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("DEMO_TOKEN", SECRET)
    with pytest.raises(ProfileError, match="contains the value of a secret") as error:
        plan(project, add_profile, NEST + given)
    assert SECRET not in str(error.value)


def test_a_secret_override_is_refused_unseen(
    project: Project, add_profile: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO_TOKEN", SECRET)
    add_profile(TWO)
    with pytest.raises(UsageError, match="contains the value of a secret") as error:
        load_plan(project, "tiny", overrides={"duration": SECRET})
    assert SECRET not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("hf_token", "Zq81xyzw"), ("db_password", "hunter2"), ("openai_key", "sk81xyzw42Ab")],
)
def test_a_parameter_that_is_a_secret_by_name_and_value_is_refused(
    project: Project, add_profile: Add, name: str, value: str
) -> None:
    add_profile(TWO)
    with pytest.raises(UsageError, match="looks like a secret") as error:
        load_plan(project, "tiny", overrides={name: value})
    assert value not in str(error.value)


@pytest.mark.parametrize("value", ["reference:small", "production", "/some/path"])
def test_an_ordinary_value_is_no_secret_though_a_variable_has_it(
    project: Project, add_profile: Add, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    for name in ("CACHE_KEY", "SORT_KEY", "HF_TOKEN_PATH"):
        monkeypatch.setenv(name, value)
    add_profile(f"{NEST}parameters: {{day: {value}, env: {{sort_key: {value}}}}}")
    assert load_plan(project, "tiny").jobs[0].parameters["day"] == value


def test_a_secret_of_the_projects_env_file_is_refused_unseen(
    project: Project, add_profile: Add
) -> None:
    (project.root / ".env").write_text(f"DEMO_TOKEN={SECRET}\n")
    with pytest.raises(ProfileError, match="contains the value of a secret") as error:
        plan(project, add_profile, f"{NEST}parameters: {{day: {SECRET}}}")
    assert SECRET not in str(error.value)


def test_all_kinds_of_hardware_are_what_a_machine_is_asked(tmp_path: Path) -> None:
    of_any_machine = [k for k in HARDWARE_KINDS if not k.startswith("gpu")]
    assert all(
        amount > 0 for amount in measure(dict.fromkeys(of_any_machine, 0), tmp_path).values()
    )
    assert all(kind in (measure.__doc__ or "") for kind in HARDWARE_KINDS)


OF_A_REFERENCE = """
defaults: {retries: 1, allow_skips: ["gpu-*"]}
jobs:
  - {runbook: demo/first, id: maker}
  - runbook: demo/subject
    id: quick
    parameters: {apis: [], rounds: 2, of: "${{ jobs.maker.outputs.folder }}"}
    needs: [maker]
    requires: {espeak-ng: apt install espeak-ng}
    allow_skips: ["attack-*"]
  - {runbook: demo/subject, id: wide, matrix: {project: ["reference:small", "reference:wide"]}}
"""
SUBJECT = (
    'project: str = "reference:small"\napis: list[str] = ["voice"]\nrounds: int = 7\nof: str = ""\n'
    'servers: dict[str, str] = {"voice": "reference:voice"}'
)


def named(where: Project, names: list[str], profile: str | None = None, **texts: str) -> Plan:
    return load_plan(where, profile, only=names, overrides=texts)


@pytest.fixture
def of_a_reference(project: Project, add_profile: Add, add_runbook: Add) -> Project:
    add_runbook("demo/first", 'checks.output("folder", ".")', parameters="n: int = 0")
    add_runbook("demo/subject", "pass", parameters=SUBJECT)
    add_profile(OF_A_REFERENCE)
    return project


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("demo/subject", {"project": "/work/mine"}),
        ("quick", {"project": "/work/mine"}),
        ("demo/subject", {"servers": '{"voice": "http://127.0.0.1:8000"}'}),
    ],
)
def test_a_subject_of_ones_own_inherits_no_promise_made_for_the_reference(
    of_a_reference: Project, name: str, texts: dict[str, str]
) -> None:
    found = named(of_a_reference, [name], **texts)
    (job,) = found.jobs
    assert (job.id, set(job.parameters), job.allow_skips) == ("quick", set(texts), ())
    assert (job.needs, job.retries, list(job.requires)) == ((), 1, ["espeak-ng"])
    assert found.anew == {"quick"}


@pytest.mark.parametrize(
    ("names", "profile", "texts"),
    [
        (["quick"], None, {}),
        (["quick"], None, {"rounds": "3"}),
        (["quick"], None, {"project": "reference:wide"}),
        (["quick"], None, {"project": ""}),
        (["quick"], "tiny", {"project": "/work/mine"}),
        ([], None, {"project": "/work/mine"}),
    ],
)
def test_the_reference_and_a_profile_that_is_named_keep_what_it_says(
    of_a_reference: Project, names: list[str], profile: str | None, texts: dict[str, str]
) -> None:
    found = named(of_a_reference, names, profile, **texts)
    job = next(job for job in found.jobs if job.id == "quick")
    assert (job.parameters["apis"], job.allow_skips, job.needs) == ([], ("attack-*",), ("maker",))
    assert found.anew == frozenset()


def test_a_profile_written_for_ones_own_subject_keeps_what_it_says(
    of_a_reference: Project, add_profile: Add
) -> None:
    add_profile(OF_A_REFERENCE.replace("apis: []", "project: /work/mine, apis: []"))
    found = named(of_a_reference, ["quick"], project="/work/other")
    job = next(job for job in found.jobs if job.id == "quick")
    assert (job.parameters["apis"], job.allow_skips) == ([], ("attack-*",))


def test_all_that_is_chosen_is_kept(project: Project, add_profile: Add) -> None:
    add_profile(
        "jobs:\n" + "".join(f"  - {{runbook: demo/one, id: {id_}}}\n" for id_ in ("a", "b", "c"))
    )
    assert [j.id for j in load_plan(project, "tiny", only=["c", "a"]).jobs] == ["a", "c"]


def test_a_cells_limit_of_time_is_the_entrys_own_or_that_of_all(
    project: Project, add_profile: Add
) -> None:
    text = (
        "defaults: {cell_timeout: 5s}\njobs:\n  - {runbook: demo/one, id: a}\n"
        "  - {runbook: demo/one, id: b, cell_timeout: 7s}\n"
    )
    assert [j.cell_timeout for j in plan(project, add_profile, text).jobs] == [5, 7]
