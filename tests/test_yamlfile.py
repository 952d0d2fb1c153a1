"""A profile's YAML is read by JSON's measure, and what is wrong with it is one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from proofbook import yamlloaders
from proofbook.errors import ProfileError
from proofbook.yamlfile import parse_scalar, read_yaml
from proofbook.yamlloaders import load


def test_every_value_knows_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: 1\nb:\n  - c\n  - d: 2\n")
    file = read_yaml(path)
    assert file.value == {"a": 1, "b": ["c", {"d": 2}]}
    assert [file.line(p) for p in (("a",), ("b", 0), ("b", 1, "d"), ("b", 1, "e"))] == [1, 3, 4, 4]


UNUSUAL = """\
# a comment
%s: &one {"quoted": 'single', x: [1, 2.5, 5e-6, .inf, ~, yes, 2024-01-02]}
again: *one
folded: >
  several
  lines
literal: |
  # not a comment
? long key
: value
"""


@pytest.mark.parametrize("key", ["plain", "größe", "'with: colon'"])
def test_both_parsers_read_the_same_values_and_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """The quick one reads profiles; the other one says what is wrong with a broken one."""
    path = tmp_path / "x.yaml"
    path.write_text(UNUSUAL % key)
    quick = read_yaml(path)
    lines = [quick.line((name,)) for name in quick.value]
    assert quick.value["again"]["x"] == [1, 2.5, 5e-6, float("inf"), None, True, "2024-01-02"]
    assert lines == [2, 3, 4, 7, 9]
    monkeypatch.setattr(yamlloaders, "_QuickLoader", yamlloaders._Loader)
    other = read_yaml(path)
    assert (other.value, [other.line((name,)) for name in other.value]) == (quick.value, lines)


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)


@pytest.mark.exhaustive
@given(_VALUES, st.booleans())
def test_a_document_means_the_same_read_by_events_as_by_its_tree(value: Any, flow: bool) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True)
    tree = yamlloaders.compose(text)
    expected = tree and yamlloaders._Loader("").construct_document(tree)
    assert (repr(load(text))) == repr(expected)


@pytest.mark.parametrize(
    "text", ["", "a: &x [1]\nb: *x", "{1: a, yes: b}", "<<: {a: 1}", "!!str 3", "a: 1\n<<: {a: 2}"]
)
def test_what_is_unusual_is_read_all_the_same(text: str) -> None:
    value = yaml.safe_load(text)
    assert load(text) == value


def test_a_second_document_is_refused() -> None:
    with pytest.raises(yaml.YAMLError, match="expected a single document"):
        load("a: 1\n--- b")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: x\x01y", 2, r"'\x01' is not allowed"),
        ("a: 1\nb: 0x_", 2, "'0x_' is not a valid int; quote it"),
        ("a: 1\nb: &a [*a]", 2, "contains itself"),
        ("a: &a\n  b: *a", 2, "contains itself"),
        ("a: 1\nb: !!timestamp 2024-01-01", 2, "could not determine a constructor"),
        ("a: 1\nb: !!set {x}", 2, "could not determine a constructor"),
        ("a: 1\nb: 2\na: 3", 3, "'a' is given twice"),
        ("a: 1\n? []\n: 2", 2, "unhashable"),
        ("a: !!int [1]", 1, "expected a scalar"),
        ("a: 1\nb: !!bool maybe", 2, "'maybe' is not a valid bool; quote it"),
    ],
)
def test_each_mistake_is_one_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(ProfileError) as error:
        read_yaml(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.path == path
    if "contains itself" not in message:
        assert error.value.line == line


@pytest.mark.exhaustive
def test_nesting_beyond_measure_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("a: " + "[" * 3000)
    with pytest.raises(ProfileError, match="nested too deeply"):
        read_yaml(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="cannot be read"):
        read_yaml(tmp_path)


def test_a_path_that_no_file_can_have_is_one_line() -> None:
    with pytest.raises(ProfileError, match="cannot be read"):
        read_yaml(Path("x\0.yaml"))


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5e-6", 5e-6),
        ("3", 3),
        ("true", True),
        ("[1, a]", [1, "a"]),
        ("2024-13-45", "2024-13-45"),
        ("2024-01-02", "2024-01-02"),
        ("[2024-01-02]", ["2024-01-02"]),
        ("0x_", "0x_"),
        ("&a [*a]", "&a [*a]"),
        ("{a: 1, a: 2}", "{a: 1, a: 2}"),
        ("a\x01", "a\x01"),
        ("[" * 3000, "[" * 3000),
        ("", None),
    ],
)
def test_a_value_of_the_command_line_is_parsed_or_is_text(text: str, value: Any) -> None:
    assert parse_scalar(text) == value
