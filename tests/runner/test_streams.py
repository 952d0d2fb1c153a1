"""Printed text is kept as a terminal would show it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofbook.runner.streams import collapse_returns, join_streams


def stream(text: str, name: str = "stdout") -> dict[str, str]:
    return {"output_type": "stream", "name": name, "text": text}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10%\r20%\r30%\n", "30%\n"),
        ("a\nb\rc\nd", "a\nc\nd"),
        ("10%\r", "10%\r"),
        ("one\r\ntwo\r\n", "one\r\ntwo\r\n"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_a_carriage_return_overwrites_its_line(text: str, shown: str) -> None:
    assert collapse_returns(text) == shown


@given(st.text(alphabet="ab\r\n", max_size=30), st.text(alphabet="ab\r\n", max_size=30))
def test_pieces_show_the_same_as_the_whole(first: str, second: str) -> None:
    outputs = [stream(collapse_returns(first)), stream(second)]
    join_streams(outputs)
    assert [o["text"] for o in outputs] == [collapse_returns(first + second)]


def test_other_streams_and_outputs_stay_apart() -> None:
    outputs = [stream("a"), stream("b", "stderr")]
    join_streams(outputs)
    assert len(outputs) == 2
    outputs = [{"output_type": "display_data"}, stream("1\r2")]  # type: ignore[list-item]
    join_streams(outputs)
    assert outputs[1]["text"] == "2"
    join_streams([])


def test_it_does_not_grow_with_the_square_of_a_line() -> None:
    assert collapse_returns("x" * 10_000_000) == "x" * 10_000_000
