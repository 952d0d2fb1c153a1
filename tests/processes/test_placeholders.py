"""Placeholders of a command are filled, and one that nobody knows is one line."""

from __future__ import annotations

import pytest

from proofbook.errors import SubjectError
from proofbook.processes.placeholders import fill_command, has_placeholder

VALUES = {"python": "/usr/bin/python", "port": "80"}


def test_every_placeholder_is_filled_and_doubled_braces_are_kept_once() -> None:
    words = ["{python}", "--port={port}", '{{"a": {port}}}', "plain"]
    assert fill_command(words, VALUES, "command") == [
        "/usr/bin/python", "--port=80", '{"a": 80}', "plain"]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ([], r"^command is empty; give program and arguments as a list of words$"),
        (["x", "{prot}"], r"^command has \{prot\} in '\{prot\}'; known are \{python\}, \{port\}$"),
        (["{}"], r"^command has \{\} in '\{\}'; known are"),
        (['{"a": 1}'], r"^command has \{\"a\"\} in"),
        (["a}b"], r"^command: 'a\}b' has a lone brace .*; double it where it belongs to the word$"),
    ],
)
def test_what_cannot_be_filled_is_one_line(words: list[str], problem: str) -> None:
    with pytest.raises(SubjectError, match=problem):
        fill_command(words, VALUES, "command")


def test_a_placeholder_is_found_in_any_word() -> None:
    assert has_placeholder(["a", "--port={port}"], "port")
    assert not has_placeholder(["port", "{ports}"], "port")
