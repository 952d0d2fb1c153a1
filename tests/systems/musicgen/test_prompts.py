"""Prompt files of many shapes become one text; what is no prompt is one clear line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.prompts import LONGEST, read_prompt


def written(folder: Path, content: Any) -> Path:
    path = folder / "prompt.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"prompt": "slow piano"}, "slow piano"),
        ({"style": "jazz", "bpm": 92}, "jazz, 92 bpm"),
        ({"genre": ["jazz", "swing"], "tempo": "slow", "mood": "calm"}, "jazz, swing, calm, slow"),
        ({"metadata": {"genre": "pop"}, "lyrics": "one\n\ntwo"},
         "pop, a song about: one / two"),
        ({"style": {"genre": "rock", "instruments": ["drums"]}}, "rock, drums"),
        ({"lyrics": [{"section": "verse", "lines": ["a", "b"]}, {"section": "x", "text": "c"}]},
         "a song about: a / b / c"),
        ({"lyrics": {"verse": ["a"], "chorus": "b"}}, "a song about: a / b"),
        ({"lyrics": "[Verse 1]\na  [echo]\n[Chorus]\nb"}, "a song about: a [echo] / b"),
        ({"Genre": "folk", "Style Metadata": {"BPM": 80.5}}, "folk, 80.5 bpm"),
        ({"prompt": "a waltz", "description": "a waltz", "tempo": 90, "bpm": "90"},
         "a waltz, 90 bpm"),
    ],
)  # fmt: skip
def test_files_of_many_shapes_are_understood(tmp_path: Path, content: Any, text: str):
    assert read_prompt(written(tmp_path, content)).text == text


def test_what_is_used_and_what_is_not_is_told(tmp_path: Path):
    content = {"style": "jazz", "lyrics": ["la"], "author": "x", "metadata": {"isrc": 1}}
    found = read_prompt(written(tmp_path, content))
    assert (found.used, found.ignored) == (("style", "lyrics"), ("author", "isrc"))


def test_a_field_with_nothing_in_it_is_not_used(tmp_path: Path):
    content = {"style": [], "mood": None, "tags": ["", " "], "lyrics": "[Intro]", "genre": "ska"}
    found = read_prompt(written(tmp_path, content))
    assert (found.text, found.used) == ("ska", ("genre",))
    assert found.ignored == ("lyrics", "mood", "style", "tags")


def test_what_the_file_says_outside_wins_over_its_metadata(tmp_path: Path):
    for content in (
        {"metadata": {"genre": "pop", "mood": "sad"}, "genre": "ska"},
        {"genre": "ska", "metadata": {"genre": "pop", "mood": "sad"}},
    ):
        assert read_prompt(written(tmp_path, content)).text == "ska, sad"


def test_a_text_that_just_fits_is_not_cut(tmp_path: Path):
    path = written(tmp_path, {"prompt": "slow soft piano"})
    assert read_prompt(path, longest=15).text == "slow soft piano"
    assert read_prompt(path, longest=14).text == "slow soft"
    assert read_prompt(path, longest=9).text == "slow soft"
    assert read_prompt(path, longest=2).text == "sl"


def test_a_long_text_is_cut_between_words(tmp_path: Path):
    text = read_prompt(written(tmp_path, {"style": "jazz", "lyrics": "word " * 400})).text
    assert LONGEST - 10 < len(text) <= LONGEST
    assert text.endswith("word")


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "is not JSON"), ("[" * 9999, "is not JSON"), ('{"bpm": NaN}', "NaN is not a number"),
     ("[]", "is not an object"), ({}, "says nothing to play"),
     ({"author": "x"}, "says nothing to play"), ({"style": [], "lyrics": ""}, "says nothing")],
)  # fmt: skip
def test_what_is_no_prompt_is_one_line(tmp_path: Path, content: Any, said: str):
    with pytest.raises(SubjectError, match=said) as error:
        read_prompt(written(tmp_path, content))
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(SubjectError, match=r"none\.json cannot be read"):
        read_prompt(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("prompt.txt", "a slow waltz\nfor two pianos\n", "a slow waltz for two pianos"),
        ("song", "[Verse 1]\nla la\n\n[Chorus]\nlo", "la la lo"),
        ("prompt.txt", "\ufeffein Walzer für zwei", "ein Walzer für zwei"),
        ("prompt.txt", '{"prompt": "slow piano"}', "slow piano"),
    ],
)
def test_a_text_is_a_prompt_as_it_stands(tmp_path: Path, name: str, content: str, text: str):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert read_prompt(path).text == text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfea\x00", "is not UTF-8 text"),
        (b"RIFF\0\0", "holds null bytes"),
        (b" \n", "nothing to play"),
    ],
)
def test_what_is_no_text_is_one_line(tmp_path: Path, content: bytes, said: str):
    path = tmp_path / "prompt.txt"
    path.write_bytes(content)
    with pytest.raises(SubjectError, match=said) as error:
        read_prompt(path)
    assert "\n" not in str(error.value)
