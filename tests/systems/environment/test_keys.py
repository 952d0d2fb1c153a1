"""Keys are known by name and state; no value leaves the module."""

from __future__ import annotations

from pathlib import Path

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.environment.keys.key_files import inspect_keys

SECRET = "sk-proj-4uN8qWfZ0Lr7"


def states(text: str, tmp_path: Path, *names: str) -> list[str]:
    (tmp_path / ".env").write_text(text)
    return [key.state for key in inspect_keys(names, {}, tmp_path / ".env")]


def test_a_key_of_the_environment_is_present():
    (key,) = inspect_keys(["API_KEY"], {"API_KEY": SECRET})
    assert (key.state, key.source) == ("present", "environment")


def test_no_value_is_kept(tmp_path: Path):
    (tmp_path / ".env").write_text(f"FILE_KEY={SECRET}\n")
    found = inspect_keys(["API_KEY", "FILE_KEY"], {"API_KEY": SECRET}, tmp_path / ".env")
    assert SECRET not in repr(found)
    assert [key.source for key in found] == ["environment", ".env"]


def test_missing_and_empty_are_told_apart():
    found = inspect_keys(["A", "B", "C"], {"B": "", "C": "  "})
    assert [key.state for key in found] == ["missing", "empty", "empty"]


def test_a_set_key_in_the_file_goes_before_an_empty_one_in_the_environment(tmp_path: Path):
    (tmp_path / ".env").write_text(f"A={SECRET}\n")
    (key,) = inspect_keys(["A"], {"A": ""}, tmp_path / ".env")
    assert (key.state, key.source) == ("present", ".env")


def test_the_forms_of_a_line_are_understood(tmp_path: Path):
    text = f"""\
# A={SECRET}
export B={SECRET}
C = "{SECRET}"   # said of it
D=''
E=   # nothing but a remark
F='with # inside'
G
"""
    assert states(text, tmp_path, *"ABCDEFG") == [
        "missing", "present", "present", "empty", "empty", "present", "missing",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "value", ["your_api_key_here", "<key>", "changeme", "REPLACE-ME", "xxxx", "...", "TODO"]
)
def test_what_a_template_left_is_a_placeholder(tmp_path: Path, value: str):
    assert states(f"A={value}\n", tmp_path, "A") == ["placeholder"]


def test_a_file_that_does_not_exist_holds_no_keys(tmp_path: Path):
    (key,) = inspect_keys(["A"], {}, tmp_path / ".env")
    assert key.state == "missing"


def test_a_file_that_is_no_text_is_an_error_that_quotes_nothing(tmp_path: Path):
    (tmp_path / ".env").write_bytes(b"A=" + SECRET.encode() + b"\xff\xfe")
    with pytest.raises(SubjectError) as caught:
        inspect_keys(["A"], {}, tmp_path / ".env")
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
