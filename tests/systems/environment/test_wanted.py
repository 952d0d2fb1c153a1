"""Constraints of pip, poetry and conda accept the versions that those tools accept."""

from __future__ import annotations

from pathlib import Path

import pytest
from accounts import MARKERS, write_files

from proofbook.errors import SubjectError
from proofbook_systems.environment.declared.pyproject import read_pyproject
from proofbook_systems.environment.declared.requirement_files import read_lines, read_requirements
from proofbook_systems.environment.declared.wanted import from_conda, from_pep508, from_poetry


@pytest.mark.parametrize(
    ("constraint", "accepted", "refused"),
    [
        ("^1.2.3", ["1.2.3", "1.9"], ["1.2.2", "2.0"]),
        ("^0.2.3", ["0.2.9"], ["0.3.0", "0.2.2"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4"]),
        ("^1", ["1.0", "1.9.9"], ["2.0"]),
        ("^0.0", ["0.0.9"], ["0.1"]),
        ("^0", ["0.9"], ["1.0"]),
        ("~1.2.3", ["1.2.9"], ["1.3"]),
        ("~1.2", ["1.2.9"], ["1.3"]),
        ("~1", ["1.9"], ["2.0"]),
        ("1.2.*", ["1.2.9"], ["1.3"]),
        ("1.2.3", ["1.2.3"], ["1.2.4"]),
        (">=1,<2", ["1.5"], ["2.0"]),
        (">= 1.0, < 2.0", ["1.5"], ["2.0"]),
        (">=1 <2", ["1.5"], ["2.0"]),
        ("^1.0 || ^3.0", ["1.5", "3.1"], ["2.0"]),
        ("*", ["0.1", "99"], []),
        ("!=1.5", ["1.4"], ["1.5"]),
    ],
)
def test_poetry(constraint: str, accepted: list[str], refused: list[str]):
    wanted = from_poetry("a", constraint, "pyproject.toml")
    assert [v for v in accepted if not wanted.accepts(v)] == []
    assert [v for v in refused if wanted.accepts(v)] == []


@pytest.mark.parametrize(
    ("text", "name", "accepted", "refused"),
    [
        ("numpy", "numpy", ["1.0"], []),
        ("numpy=1.19", "numpy", ["1.19.2", "1.19"], ["1.20", "1.190"]),
        ("numpy==1.19", "numpy", ["1.19.0"], ["1.19.2"]),
        ("numpy=1.19.*", "numpy", ["1.19.2"], ["1.20"]),
        ("numpy >=1.19,<2", "numpy", ["1.20"], ["2.0"]),
        ("numpy 1.19", "numpy", ["1.19"], ["1.20"]),
        ("numpy=1.19.2=py38hbc911f0_0", "numpy", ["1.19.2"], ["1.19.3"]),
        ("conda-forge::ffmpeg>=4", "ffmpeg", ["4.3"], ["3.9"]),
        ("python=3.8|3.9", "python", ["3.8.5", "3.9"], ["3.10"]),
        ("pytorch-cuda=11.8", "pytorch-cuda", ["11.8"], ["12.1"]),
    ],
)
def test_conda(text: str, name: str, accepted: list[str], refused: list[str]):
    wanted = from_conda(text, "environment.yml")
    assert wanted.name == name
    assert [v for v in accepted if not wanted.accepts(v)] == []
    assert [v for v in refused if wanted.accepts(v)] == []


@pytest.mark.parametrize("text", ["torch=>2", "torch 2", "==2", "a b c"])
def test_what_pip_refuses_is_refused_with_its_place(text: str):
    with pytest.raises(SubjectError, match=r"a\.txt:3"):
        from_pep508(text, "a.txt:3")


def test_a_marker_is_evaluated_in_the_environment_that_is_given():
    wanted = from_pep508("tomli; python_version < '3.11'", "a.txt:1")
    assert not wanted.applies(MARKERS)
    assert wanted.applies({**MARKERS, "python_version": "3.8"})


def test_lines_are_joined_and_remarks_are_left_out():
    text = "a==1 \\\n  --hash=sha256:x\n# b\n\nc  # why\nd @ https://e.org/#egg=d\n"
    assert read_lines(text) == [
        (1, "a==1    --hash=sha256:x"), (5, "c"), (6, "d @ https://e.org/#egg=d"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("git+https://example.org/o/CLIP.git@main#egg=clip", "clip"),
        ("-e git+ssh://git@example.org/o/taming.git#egg=taming-t", "taming-t"),
        ("--editable=git+https://example.org/o/tool.git", "tool"),
        ("https://example.org/en_core_web_sm-3.8.0-py3-none-any.whl", "en-core-web-sm"),
        ("./wheels/my_tool-1.0-py3-none-any.whl", "my-tool"),
        ("./sub", "sub-name"),
        ("-e ./sub[extra]", "sub-name"),
        ("torch==2.1 --hash=sha256:ab --hash=sha256:cd", "torch"),
    ],
)
def test_addresses_and_places_are_named(line: str, name: str, tmp_path: Path):
    files = {
        "requirements.txt": f"{line}\n",
        "wheels/my_tool-1.0-py3-none-any.whl": "",
        "sub/pyproject.toml": "[project]\nname='sub_name'\n",
    }
    write_files(tmp_path, files.items())
    read = read_requirements(tmp_path / "requirements.txt", tmp_path)
    assert (read.problems, [each.name for each in read.wanted]) == ((), [name])


def test_files_that_include_each_other_end(tmp_path: Path):
    write_files(tmp_path, [("a.txt", "-r b.txt\nx\n"), ("b.txt", "-r a.txt\ny\n")])
    read = read_requirements(tmp_path / "a.txt", tmp_path)
    assert [each.name for each in read.wanted] == ["y", "x"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_that_powershell_wrote_is_read(encoding: str, tmp_path: Path):
    (tmp_path / "requirements.txt").write_text("numpy==1.26\r\n", encoding=encoding)
    read = read_requirements(tmp_path / "requirements.txt", tmp_path)
    assert [each.words for each in read.wanted] == ["numpy==1.26"]


def test_a_file_that_is_no_text_is_a_problem(tmp_path: Path):
    (tmp_path / "requirements.txt").write_bytes(b"\xff\x00\xd8numpy")
    read = read_requirements(tmp_path / "requirements.txt", tmp_path)
    assert read.problems[0].startswith("requirements.txt cannot be read")


def test_a_group_that_includes_itself_ends(tmp_path: Path):
    write_files(tmp_path, [("pyproject.toml", "[dependency-groups]\na = [{include-group='b'}]\n"
                                              "b = [{include-group='a'}]\n")])  # fmt: skip
    first, _ = read_pyproject(tmp_path / "pyproject.toml", tmp_path)
    assert first.problems == ("pyproject.toml: group 'a' includes itself",)
