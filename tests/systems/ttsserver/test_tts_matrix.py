"""The matrix is read strictly, and chosen from by engine."""

import re

import pytest
from speaking import MATRIX, RUNBOOK

from proofbook.errors import SubjectError
from proofbook.notebooks import read_runbook
from proofbook_systems.ttsserver.config import BinaryE2EConfig
from proofbook_systems.ttsserver.matrix import choose_rows

ENGINES = [
    "qwen",
    "qwen_custom_voice",
    "luxtts",
    "chatterbox",
    "chatterbox_turbo",
    "tada",
    "kokoro",
]


def test_the_default_is_the_ten_rows_with_their_models() -> None:
    assert [(row.name, row.model_name) for row in choose_rows(MATRIX)] == [
        ("qwen-1.7B", "qwen-tts-1.7B"),
        ("qwen-0.6B", "qwen-tts-0.6B"),
        ("qwen_custom_voice-1.7B", "qwen-custom-voice-1.7B"),
        ("qwen_custom_voice-0.6B", "qwen-custom-voice-0.6B"),
        ("luxtts", "luxtts"),
        ("chatterbox", "chatterbox-tts"),
        ("chatterbox_turbo", "chatterbox-turbo"),
        ("tada-1B", "tada-1b"),
        ("tada-3B", "tada-3b-ml"),
        ("kokoro", "kokoro"),
    ]


def test_seven_rows_share_the_cloned_voice() -> None:
    assert sum(row.cloned for row in choose_rows(MATRIX)) == 7


def test_engines_are_chosen_and_left_out_in_the_matrix_order() -> None:
    chosen = choose_rows(MATRIX, only=["kokoro", "qwen", "tada"], skip=["tada"])
    assert [row.name for row in chosen] == ["qwen-1.7B", "qwen-0.6B", "kokoro"]


def test_a_row_of_the_future_names_its_model() -> None:
    (row,) = choose_rows([{"engine": "new", "voice": "cloned", "model": "new-9b"}])
    assert (row.name, row.model_name) == ("new", "new-9b")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"only": ["kokorro"]}, "only: no engine 'kokorro' in the matrix; did you mean kokoro?"),
        ({"skip": ["zzz"]}, "skip: no engine 'zzz' in the matrix; the matrix has chatterbox, "),
        ({"skip": ENGINES}, "only and skip leave no row of the matrix"),
    ],
)
def test_a_choice_that_cannot_be_is_one_line(options: dict[str, list[str]], problem: str) -> None:
    with pytest.raises(SubjectError, match=f"^{re.escape(problem)}"):
        choose_rows(MATRIX, **options)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"voice": "cloned"}, "matrix row 2: engine: Field required"),
        ({"engine": "x", "voice": ""}, "matrix row 2: voice: String should have at least 1"),
        ({"engine": "x", "voice": "y", "size": "1"}, "matrix row 2: size: Extra inputs"),
        (MATRIX[0], "matrix has qwen-1.7B more than once"),
    ],
)
def test_a_row_that_is_none_is_one_line(row: dict[str, str], problem: str) -> None:
    with pytest.raises(SubjectError, match=f"^{re.escape(problem)}"):
        choose_rows([MATRIX[0], row])


@pytest.mark.parametrize(
    ("given", "read"),
    [("kokoro,qwen", ["kokoro", "qwen"]), ("kokoro", ["kokoro"]), ("a, b", ["a", "b"]),
     ("", []), (["a"], ["a"])],
)  # fmt: skip
def test_engines_are_given_as_plain_papermill_gives_them(given: object, read: list[str]) -> None:
    usual = {name: p.default for name, p in read_runbook(RUNBOOK).parameters.items()}
    assert BinaryE2EConfig.model_validate({**usual, "only": given}).only == read
