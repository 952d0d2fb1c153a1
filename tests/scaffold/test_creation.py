"""A new project has all that a first run needs, and takes nothing from what was there."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from proofbook.errors import UsageError
from proofbook.profiles import load_profile
from proofbook.project import Project, find_project
from proofbook.runner.plan import load_plan
from proofbook.scaffold import creation, shipped
from proofbook.scaffold.creation import create_project
from proofbook.scaffold.shipped import find_shipped

CHECKOUT = Project(Path(__file__).resolve().parents[2])
SYSTEMS = sorted({path.parent.name for path in CHECKOUT.runbooks.glob("*/*.ipynb")})
EXAMPLE = [
    ".github/workflows/proofbook.yml",
    "outputs/.gitignore",
    "parameters/tiny.yaml",
    "runbooks/example/hello.ipynb",
]


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def workflow(folder: Path) -> dict[str, Any]:
    text = (folder / ".github/workflows/proofbook.yml").read_text()
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def test_a_new_project_plans_its_example(tmp_path: Path) -> None:
    folder = tmp_path / "team" / "demo"
    assert sorted(str(p) for p in create_project(folder).files) == [
        str(folder / name) for name in EXAMPLE
    ]
    assert files(folder) == EXAMPLE
    plan = load_plan(find_project(folder), None)
    assert [(job.id, job.runbook) for job in plan.jobs] == [("hello", "example/hello")]


def test_the_workflow_runs_reports_and_summarises(tmp_path: Path) -> None:
    create_project(tmp_path)
    (job,) = workflow(tmp_path)["jobs"].values()
    commands = "\n".join(step.get("run", "") for step in job["steps"])
    assert "pip install proofbook\n" in commands and "\nproofbook run\n" in commands
    summary, upload = job["steps"][-2:]
    assert "report.md" in summary["run"] and "$GITHUB_STEP_SUMMARY" in summary["run"]
    assert "upload-artifact" in upload["uses"]
    assert summary["if"] == upload["if"] == "always()", "a red run needs its report most"


@pytest.mark.exhaustive
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_comes_with_a_plan_that_holds(tmp_path: Path, system: str) -> None:
    created = create_project(tmp_path, [system])
    project = Project(tmp_path)
    shipped_jobs = {job.id: job for job in load_plan(CHECKOUT, "tiny").jobs}
    jobs = {job.id: job for job in load_plan(project, "tiny").jobs}
    assert jobs.pop("hello")
    systems = {job.runbook.split("/")[0] for job in jobs.values()}
    wanted = {i for i, job in shipped_jobs.items() if job.runbook.split("/")[0] in systems}
    assert jobs.keys() == wanted
    own = {i for i, job in shipped_jobs.items() if job.runbook.startswith(f"{system}/")}
    assert own <= wanted
    assert all(job.runbook == shipped_jobs[i].runbook for i, job in jobs.items())
    assert all(job.allow_skips == shipped_jobs[i].allow_skips for i, job in jobs.items())
    for name in files(CHECKOUT.runbooks / system):
        if ".ipynb_checkpoints" not in name and "__pycache__" not in name:
            copied = tmp_path / "runbooks" / system / name
            assert copied.read_bytes() == (CHECKOUT.runbooks / system / name).read_bytes()
    for path in (p for p in created.files if p.parent.name == "parameters"):
        load_plan(project, path.stem)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("system", "profiles", "others"),
    [
        ("musicgen", {"musicgen"}, {"environment"}),
        ("ttsserver", {"voicebox"}, {"environment"}),
        ("environment", {"excusemyfrench"}, set()),
        ("checklists", set(), set()),
    ],
)
def test_a_system_comes_with_its_profiles_and_the_runbooks_that_they_name(
    tmp_path: Path, system: str, profiles: set[str], others: set[str]
) -> None:
    created = create_project(tmp_path, [system])
    assert {p.stem for p in (tmp_path / "parameters").iterdir()} == {"tiny", *profiles}
    assert {p.name for p in (tmp_path / "runbooks").iterdir()} == {"example", system, *others}
    tiny = {job.runbook.split("/")[0] for job in load_plan(Project(tmp_path), "tiny").jobs}
    assert tiny == {"example", system}
    assert set(created.extras) <= {system}


def test_warm_kernels_import_only_what_the_systems_bring(tmp_path: Path) -> None:
    create_project(tmp_path, ["musicgen"])
    warm = load_profile(Project(tmp_path), "tiny")[0].warm
    assert "torch" in warm and "soundfile" in warm and "diffusers" not in warm
    create_project(tmp_path / "other", ["checklists"])
    assert "torch" not in load_profile(Project(tmp_path / "other"), "tiny")[0].warm


def test_extras_go_into_the_workflow(tmp_path: Path) -> None:
    assert create_project(tmp_path, ["ttsserver", "checklists"]).extras == ("ttsserver",)
    commands = [s.get("run") for s in workflow(tmp_path)["jobs"]["proofbook"]["steps"]]
    assert "pip install 'proofbook[ttsserver]'" in commands


def test_a_system_whose_jobs_are_needed_comes_along(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/one", "b/two", "b/three", "c/four", "d/five"):
        path = project.runbook(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    (project.parameters / "tiny.yaml").write_text(
        "jobs:\n  - {runbook: a/one, needs: [two-x]}\n"
        "  - runbook: b/two\n    id: two\n    # why\n    matrix: {v: [x, y]}\n\n  # of the next\n"
        "  - runbook: b/three\n    parameters: {m: '${{ jobs.c-four.outputs.model }}'}\n"
        "  - {runbook: c/four}\n  - {runbook: d/five}\n"
    )
    place = project.root / "lib" / "proofbook" / "scaffold"
    monkeypatch.setattr(shipped, "__file__", str(place / "shipped.py"))
    found = find_shipped(["a"])
    assert found.systems == ("a", "b", "c")
    assert found.tiny().decode().split("\n\n")[:2] == [
        "\n  - {runbook: a/one, needs: [two-x]}",
        "  - runbook: b/two\n    id: two\n    # why\n    matrix: {v: [x, y]}",
    ]
    assert "of the next" not in found.tiny().decode()


def test_of_another_system_come_the_runbooks_that_a_profile_names(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/one", "a/two", "b/named", "b/other"):
        path = project.runbook(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    (project.runbooks / "b" / "helper.py").touch()
    (project.parameters / "tiny.yaml").write_text("jobs:\n  - {runbook: a/one}\n")
    (project.parameters / "own.yaml").write_text(
        "jobs:\n  - {runbook: a/one}\n  - {runbook: a/two}\n  - {runbook: b/named}\n"
    )
    place = project.root / "lib" / "proofbook" / "scaffold"
    monkeypatch.setattr(shipped, "__file__", str(place / "shipped.py"))
    come = {path.relative_to(project.root).as_posix() for path in find_shipped(["a"]).files()}
    assert come == {
        *(f"runbooks/{name}" for name in ("a/one.ipynb", "a/two.ipynb")),
        *(f"runbooks/{name}" for name in ("b/named.ipynb", "b/helper.py")),
        "parameters/own.yaml",
    }
    assert find_shipped(["b"]).files() == [
        project.runbooks / "b" / name for name in ("helper.py", "named.ipynb", "other.ipynb")
    ]


def test_an_unknown_system_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--with musicgan: no such system; .*musicgen"):
        create_project(tmp_path, ["musicgan", "checklists"])
    assert files(tmp_path) == []


def test_other_files_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "runbooks" / "mine").mkdir(parents=True)
    (tmp_path / "runbooks" / "mine" / "check.ipynb").write_text("mine")
    (tmp_path / "README.md").write_text("mine")
    create_project(tmp_path)
    assert (tmp_path / "runbooks" / "mine" / "check.ipynb").read_text() == "mine"
    assert (tmp_path / "README.md").read_text() == "mine"


def test_a_system_is_added_to_a_project_that_is_there(tmp_path: Path) -> None:
    create_project(tmp_path)
    profile = tmp_path / "parameters" / "tiny.yaml"
    profile.write_text("jobs: [{runbook: example/hello, id: mine}]")
    added = create_project(tmp_path, ["musicgen"]).files
    assert {p.relative_to(tmp_path).parts[0] for p in added} == {"runbooks", "parameters"}
    assert profile.read_text() == "jobs: [{runbook: example/hello, id: mine}]"
    assert (tmp_path / "runbooks" / "musicgen" / "generate.ipynb").exists()
    assert load_plan(Project(tmp_path), None, only=["musicgen/generate"]).jobs
    with pytest.raises(UsageError, match="in the way"):
        create_project(tmp_path, ["musicgen"])


@pytest.mark.parametrize("name", [*EXAMPLE, "runbooks/checklists/quality.ipynb"])
def test_a_file_in_the_way_is_named_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(UsageError) as caught:
        create_project(tmp_path, [] if name in EXAMPLE else ["checklists"])
    assert str(path) in str(caught.value) and "nothing was written" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files(tmp_path) == [name] and path.read_text() == "mine"


@pytest.mark.parametrize("name", ["runbooks", "outputs", ".github", ""])
def test_a_file_where_a_folder_must_be_is_named(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "demo"
    path = folder / name if name else folder
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    with pytest.raises(UsageError, match="in the way") as caught:
        create_project(folder)
    assert str(path) in str(caught.value)
    assert path.read_text() == "mine" and files(tmp_path) == [path.relative_to(tmp_path).as_posix()]


def test_a_link_to_nothing_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "parameters").mkdir()
    (tmp_path / "parameters" / "tiny.yaml").symlink_to(tmp_path / "gone")
    with pytest.raises(UsageError, match=r"tiny\.yaml"):
        create_project(tmp_path)
    assert not (tmp_path / "gone").exists()


def test_many_things_in_the_way_are_one_short_line(tmp_path: Path) -> None:
    create_project(tmp_path, ["dreambooth"])
    with pytest.raises(UsageError, match=r"and \d+ more; nothing was written"):
        create_project(tmp_path, ["dreambooth"])


def test_a_folder_that_cannot_be_written_is_left_without_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = creation.Path.open

    def full(self: Path, *args: Any, **kwargs: Any) -> Any:
        if self.name == ".gitignore":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(creation.Path, "open", full)
    with pytest.raises(UsageError, match="No space left on device; nothing was left"):
        create_project(tmp_path)
    assert files(tmp_path) == []


def test_the_example_can_be_read_in_a_minute() -> None:
    book = json.loads((Path(creation.__file__).parent / "files" / "hello.ipynb").read_text())
    code = "".join("".join(c["source"]) for c in book["cells"] if c["cell_type"] == "code")
    assert len(code.splitlines()) <= 40
    for call in ("open_runbook(", "checks.show(", "checks.expect(", "checks.ask(", "checks.finish"):
        assert call in code
