"""What a server said is compared: texts, voices, formats, lengths, and one time with another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from proofbook.errors import SubjectError
from proofbook_systems.ttsserver import comparison
from proofbook_systems.ttsserver.matrix import DEFAULT, Row, plan_rows
from proofbook_systems.ttsserver.repeats import find_growth
from proofbook_systems.ttsserver.rows import RowResult

Make = Callable[..., RowResult]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that makes the result of a row that said ``text`` in ``seconds``."""

    def build(
        text: str, seconds: float, *, voice: str = "ann", seed: int = 0, rate: int = 8000,
        label: str = "", lead: float = 0.0, passed: bool = True,
    ) -> RowResult:  # fmt: skip
        row = Row(engine="any", voice=voice, text=text, label=label or f"{voice}-{text[:5]}")
        place = tmp_path / f"{len(list(tmp_path.iterdir()))}.wav"
        sound = np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * rate))
        silence = np.zeros(round(lead * rate))
        soundfile.write(place, np.concatenate([silence, sound, silence]), rate)
        return RowResult(
            row=row, status="passed" if passed else "failed", error="" if passed else "broken",
            audio_path=place, audible=True, audio_duration=seconds,
        )  # fmt: skip

    return build


def test_different_texts_that_sound_alike_are_named(make: Make) -> None:
    one, other = make("one", 1, seed=1), make("other", 1, seed=2)
    assert comparison.find_same_texts([one, other, make("one", 1, seed=1)]) == []
    (fault,) = comparison.find_same_texts([one, make("other", 1, seed=1)])
    assert fault == "ann-one and ann-other say different texts, and sound exactly alike"


def test_different_voices_that_sound_alike_are_named(make: Make) -> None:
    ann, bob = make("one", 1, seed=1), make("one", 1, voice="bob", seed=1)
    (fault,) = comparison.find_same_voices([ann, bob])
    assert fault.startswith("ann-one and bob-one are different voices")
    assert comparison.find_same_voices([ann, make("one", 1, voice="bob", seed=2)]) == []
    assert comparison.find_same_voices([ann, make("two", 1, voice="bob", seed=1)]) == []


def test_another_rate_of_the_same_voice_is_named(make: Make) -> None:
    rows = [make("one", 1), make("two", 1, rate=4000), make("one", 1, voice="bob", rate=4000)]
    (fault,) = comparison.find_format_changes(rows)
    assert fault == "ann-two is 4000 Hz, 1 channels, wav, and ann-one 8000 Hz, 1 channels, wav"
    assert comparison.find_format_changes([rows[0], rows[2]]) == []
    (fault,) = comparison.find_format_changes([rows[0], rows[2]], rate=8000)
    assert fault == "bob-one has 4000 Hz, not 8000 Hz"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5.0, ""), (5.9, ""), (4.1, ""), (3.5, "some of it is not said"), (6.5, "more than that")],
)
def test_a_text_lasts_as_long_as_its_parts(make: Make, seconds: float, words: str) -> None:
    # The silence around each is no part of what is said.
    rows = [make("A b.", 2, lead=1), make("C d.", 3, lead=1), make("A b. C d.", seconds, label="x")]
    faults = comparison.find_unsaid(rows, 0.2)
    assert bool(faults) == bool(words)
    assert words in "".join(faults)


def test_a_text_whose_parts_another_voice_says_is_left_alone(make: Make) -> None:
    rows = [make("A", 2), make("B", 3, voice="bob"), make("A B", 9)]
    assert comparison.find_unsaid(rows, 0.2) == []


def test_what_is_repeated_is_held_against_the_first_time(make: Make) -> None:
    was, other = make("one", 2, seed=1), make("two", 3, seed=2)

    def find(now: RowResult, *, repeatable: bool) -> str:
        options = {"repeatable": repeatable, "spread": 0.2}
        return "".join(comparison.find_changes([was, other], [now, other], **options))

    assert find(make("one", 2, seed=1), repeatable=True) == ""
    assert "it sounds otherwise than alone" in find(make("one", 2, seed=3), repeatable=True)
    assert find(make("one", 2.3, seed=3), repeatable=False) == ""
    assert "it lasts 2.50 s; alone it lasted 2.00 s" in find(
        make("one", 2.5, seed=3), repeatable=False
    )
    assert "exactly what ann-two was" in find(make("one", 3, seed=2), repeatable=False)
    assert "ann-one: failed: broken" in find(make("one", 2, passed=False), repeatable=False)


def test_a_row_that_failed_before_is_not_blamed_again(make: Make) -> None:
    was, now = make("one", 2, passed=False), make("one", 2, passed=False)
    assert comparison.find_changes([was], [now], repeatable=True, spread=0.2) == []
    assert comparison.why_nothing("same-again", [was]).startswith("no row has passed")
    assert comparison.why_nothing("refusals", [was]).startswith("no row has passed")
    assert comparison.why_nothing("called-audio", [was]) == ""


def test_a_check_without_a_counterpart_says_so(make: Make) -> None:
    one = [make("one", 1), make("two", 1)]
    assert "fewer than two voices" in comparison.why_nothing("voices-differ", one)
    assert comparison.why_nothing("voices-listed", one) == ""
    assert "no voice is given" in comparison.why_nothing(
        "voices-listed", [make("one", 1, voice=DEFAULT)]
    )
    both = [*one, make("one", 1, voice="bob")]
    assert comparison.why_nothing("voices-differ", both) == ""


@pytest.mark.parametrize(
    ("seconds", "is_heeded"), [(2.0, True), (2.3, True), (2.6, False), (3.0, False), (4.5, False)]
)
def test_half_of_a_change_of_speed_must_be_heard(
    make: Make, seconds: float, is_heeded: bool
) -> None:
    found = comparison.find_same_speed(make("one", 3), make("one", seconds), 1.5)
    assert (found == []) == is_heeded
    assert all("at speed 1.5 it lasts" in fault for fault in found)


def test_repeatable_is_sample_for_sample(make: Make) -> None:
    same = [make("one", 1, seed=1) for _ in range(3)]
    assert comparison.is_repeatable(same)
    assert not comparison.is_repeatable([*same, make("one", 1, seed=2)])


def test_the_shortest_row_that_can_be_compared_is_said_again(make: Make) -> None:
    brief, short, long = make("one", 1), make("two", 2.5), make("ten", 4)
    broken = make("six", 3, passed=False)
    assert comparison.choose_row([brief, long, short, broken]) is short
    assert comparison.choose_row([make("a", 0.5), brief]) is brief
    assert comparison.choose_row([broken, make("a", 9, passed=False)]) is broken


@pytest.mark.parametrize(
    ("memory", "words"),
    [
        ([100, 150, 180, 200, 200, 200, 200, 200, 200], ""),
        ([100, 150, 180, 200, 260, 200, 260, 200, 260], ""),
        ([100, 150, 180, 200, 201, 202, 203, 204, 205], ""),
        (
            [100, 120, 140, 160, 180, 200, 220, 240, 260],
            "each request adds 20.0 MB: 160 MB after 3",
        ),
        ([100, 105, 110, 115, 120, 125], "each request adds 5.0 MB"),
    ],
)
def test_memory_that_grows_with_each_request_is_a_leak(memory: list[int], words: str) -> None:
    found = find_growth([size * 10**6 for size in memory], 2e6)
    assert found.startswith(words)
    assert bool(found) == bool(words)


def test_rows_are_each_voice_with_each_text_and_one_with_all() -> None:
    rows = plan_rows(["Ann Lee", "ann/lee"], ["A.", "B."], model="tts-1")
    assert [row.name for row in rows] == [
        "1-ann-lee-1", "1-ann-lee-2", "2-ann-lee-1", "2-ann-lee-2", "1-ann-lee-joined"
    ]  # fmt: skip
    assert rows[-1].text == "A. B."
    assert rows[-1].voice == "Ann Lee"


@pytest.mark.parametrize(
    ("voices", "texts", "problem"),
    [
        (["a", "a"], ["x"], "voices has 'a' more than once"),
        (["a"], ["x", "x"], "texts has 'x' more than once"),
        (["a"], ["x", " "], "texts has none, or a blank one"),
        (["a"], [], "texts has none"),
    ],
)
def test_rows_that_would_be_the_same_are_refused(
    voices: list[str], texts: list[str], problem: str
) -> None:
    with pytest.raises(SubjectError, match=problem):
        plan_rows(voices, texts, model="")
