"""Files that are not laid out as their kind is are told or passed over, and stop nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from accounts import account, write_files

from proofbook_systems.environment.packages.project_packages import judge_packages
from proofbook_systems.environment.proposals.suggesting import suggest_parameters

MALFORMED = [
    ("compose.yml", "services: {web: {deploy: 5}}"),
    ("compose.yml", "services: {web: {deploy: {resources: 5}}}"),
    ("compose.yml", "services: {web: {ports: 5}}"),
    ("compose.yml", "services: {web: {ports: [null, [1], {published: {a: 1}}]}}"),
    ("compose.yml", "services: {web: {volumes: [null, 5, {source: 5, type: bind}]}}"),
    ("compose.yml", "services: {web: {env_file: {a: 1}}}"),
    ("compose.yml", "services: [a]"),
    ("compose.yml", "5"),
    ("compose.yml", "services: {5: {ports: ['99999999:1', '0:1','1-99999999:2']}}"),
    ("compose.yml", "services: {web: {env_file: [{path: 5}]}}"),
    ("environment.yml", "name: [x]\ndependencies: [5, null, {pip: 5}, {pip: [5, null]}, [a]]"),
    ("environment.yml", "name: 5\ndependencies: [{pip: abc}]"),
    ("pyproject.toml", "[tool.poetry]\ndependencies=5"),
    ("pyproject.toml", "[tool.poetry.group]\na=5"),
    (
        "pyproject.toml",
        "[tool.poetry.dependencies]\na=5\nb=[1]\nc={version=5}\nd={extras=5}\ne={markers=5}\nf={python='??'}",
    ),
    ("pyproject.toml", "[tool.poetry]\nextras={a=5}"),
    ("pyproject.toml", "[project]\noptional-dependencies=5"),
    ("pyproject.toml", "[project]\noptional-dependencies={a=5}"),
    ("pyproject.toml", "[project]\ndependencies=[5]"),
    ("pyproject.toml", "[project]\nname=5\nrequires-python=5"),
    ("pyproject.toml", "[project]\ndynamic=5"),
    ("pyproject.toml", "[project]\ndynamic=['dependencies']\n[tool.setuptools]\ndynamic=5"),
    (
        "pyproject.toml",
        "[project]\ndynamic=['dependencies']\n[tool.setuptools.dynamic]\ndependencies={file=5}",
    ),
    ("pyproject.toml", "[dependency-groups]\na=5"),
    ("pyproject.toml", "[dependency-groups]\na=[5]"),
    ("pyproject.toml", "[dependency-groups]\na=[{include-group=5}]"),
    ("pyproject.toml", "[tool.uv.workspace]\nmembers=5"),
    ("pyproject.toml", "[tool.uv.workspace]\nmembers=[5,'/abs','../up','**']"),
    ("pyproject.toml", "[tool.uv]\nworkspace=5"),
    ("pyproject.toml", "[tool.uv]\noverride-dependencies=[5,'a b']"),
    ("pyproject.toml", "[tool.hatch]\nbuild=5\n[build-system]\nx=1"),
    ("pyproject.toml", "[tool.pdm]\nresolution=5\n[project]\nname='a'"),
    ("pyproject.toml", "[build-system]\n[tool.setuptools]\npackage-dir={''='/etc'}"),
    ("uv.lock", "package=5"),
    ("uv.lock", "package=[5]"),
    ("uv.lock", "[[package]]\nversion=5"),
    ("uv.lock", "[[package]]\nname='a'\nsource=5"),
    ("Pipfile.lock", "[]"),
    ("Pipfile.lock", '{"default":[1]}'),
    ("Pipfile.lock", '{"default":{"a":5}}'),
    ("conda-lock.yml", "5"),
    ("conda-lock.yml", "package: [5]"),
    ("Pipfile", "[packages]\na=5\nb={version=[1]}\n[requires]\npython_version=5"),
    ("Pipfile", "packages=5"),
    ("Pipfile", "requires=5"),
    ("setup.cfg", "[options]\ninstall_requires=%(x)s\n[options.extras_require]\na=b c d"),
    (
        "setup.py",
        "setup(install_requires=5, extras_require=[1], python_requires=3.8, name=5, package_dir=5)",
    ),
    ("setup.py", "setup(**x)"),
    (
        "requirements.txt",
        "-r\n-e\n-c \n-r /etc\n-r .\n--hash\n;\n@\n#egg\nhttp://[\ngit+\n-e git+https://x#egg=\n./x[\n",
    ),
    ("requirements.txt", "a @ file:///no\n/etc/passwd\n~/x\n%s\n${X}==1\n"),
    (".python-version", "\xff"),
    ("config.json", "[" * 5000),
    ("config.yaml", "a: &a [*a]"),
    ("config.yaml", "? [1]: 2\n1: {2: 3, port: 99999999999999999999}"),
    ("config.yaml", "!!python/object:os.system x"),
    (".env.example", "=\nA\nA=\n" + "B_KEY=" * 1000),
    ("app.py", "import " + "a." * 500 + "b"),
    ("app.py", "(" * 500),
]


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(("name", "text"), MALFORMED)
def test_a_malformed_file_stops_nothing(name: str, text: str, tmp_path: Path):
    write_files(tmp_path, [(name, text), ("m.py", "import os")])
    found = list(judge_packages(tmp_path, account("a 1")))
    assert {"interpreter", "conflicts", "imports"} <= {each.name for each in found}
    suggest_parameters({"project": str(tmp_path)})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[project]\ndependencies = 'torch'\n"),
        ("pyproject.toml", "[dependency-groups]\na = 5\n"),
        ("pyproject.toml", "tool = 5\n"),
        ("pyproject.toml", "[tool.poetry.dependencies]\na = 'latest'\n"),
        ("Pipfile", "packages = 5\n"),
        ("uv.lock", "package = [5]\n"),
        ("Pipfile.lock", "[]"),
        ("requirements.txt", "https://[\n"),
        ("environment.yml", "name: a\ndependencies: ['a b c d']\n"),
    ],
)
def test_what_its_tool_would_refuse_is_told_with_the_file(name: str, text: str, tmp_path: Path):
    write_files(tmp_path, [(name, text)])
    issues = [i for each in judge_packages(tmp_path, account()) for i in each.issues]
    assert issues != []
    assert all(name in issue for issue in issues)


def test_a_folder_of_another_user_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_files(tmp_path, [("data/a.py", "import absentee"), ("b.py", "import json")])
    asked = os.access
    monkeypatch.setattr(
        "os.access", lambda path, mode: Path(path).name != "data" and asked(path, mode)
    )
    assert [each.issues for each in judge_packages(tmp_path, account()) if each.issues] == []
