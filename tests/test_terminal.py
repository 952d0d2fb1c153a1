"""What the terminal shows of texts that others wrote, and of numbers that a report writes."""

from __future__ import annotations

import pytest

from proofbook.report.wording import say_count, say_number
from proofbook.terminal import as_shown, say
from proofbook.values import count_noun


@pytest.mark.parametrize("text", ["plain", "naïve, 12 µs", "two\nlines\tand a tab", "3 ± 0.1"])
def test_what_can_be_seen_is_shown_as_it_is(text: str) -> None:
    assert as_shown(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("turned\u202etxt.exe", r"turned\u202etxt.exe"),
        ("3.04\u202fPM.png", r"3.04\u202fPM.png"),
        ("a\u202f12", r"a\u202f12"),
    ],
)
def test_what_hides_or_commands_is_escaped(text: str, shown: str) -> None:
    assert as_shown(text) == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (say_count(3000, "job"), "3,000 jobs"),
        (say_number(1234567), "1,234,567"),
        (f"{say_number(500000)} to {say_number(2000000.5)}", "500,000 to 2e+06"),
    ],
)
def test_thousands_that_a_page_sets_apart_have_commas(written: str, shown: str) -> None:
    assert as_shown(written) == shown


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs"), (3000, "3000 runs")]
)
def test_one_is_not_many(count: int, words: str) -> None:
    assert count_noun(count, "run") == words


def test_a_line_is_written_to_either_stream(capsys: pytest.CaptureFixture[str]) -> None:
    say("to be read")
    say("\x07 rings", err=True)
    assert capsys.readouterr() == ("to be read\n", "\\x07 rings\n")
