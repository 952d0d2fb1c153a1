"""Of a flood of output the beginning and the end stay, and a note says how much has gone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_output

from proofbook.runner.output_limits import OutputLimiter, OutputLimits
from proofbook.runner.streams import join_streams

LIMITS = OutputLimits(text=400, data=400, outputs=40)


class Cell:
    """The outputs of a cell, as a client adds them."""

    def __init__(self, limits: OutputLimits = LIMITS) -> None:
        self.outputs: list[Any] = []
        self.limiter = OutputLimiter(limits)

    def print(self, text: str, name: str = "stdout") -> dict[int, int]:
        self.outputs.append(new_output("stream", name=name, text=text))
        join_streams(self.outputs)
        return self.limiter.limit(self.outputs, text=len(text) or 1)

    def display(self, text: str) -> dict[int, int]:
        self.outputs.append(new_output("display_data", data={"text/plain": text}))
        return self.limiter.limit(self.outputs, data=len(text) or 1)

    def fail(self) -> dict[int, int]:
        self.outputs.append(new_output("error", ename="E", evalue="v", traceback=[]))
        return self.limiter.limit(self.outputs, data=1)

    @property
    def text(self) -> str:
        return "".join(o["text"] for o in self.outputs if o["output_type"] == "stream")

    @property
    def displayed(self) -> list[str]:
        return [o["data"]["text/plain"] for o in self.outputs if "data" in o]

    @property
    def notes(self) -> list[str]:
        return re.findall(r"\[.* left out here\]", self.text)


def test_little_output_stays_as_it_is() -> None:
    cell = Cell()
    assert cell.print("x" * 200) == {}
    assert cell.display("y" * 400) == {}
    assert cell.print("z" * 200) == {}
    assert cell.notes == []


def test_one_print_that_is_too_long_keeps_both_ends() -> None:
    cell = Cell()
    cell.print("first" + "x" * 1000 + "last")
    assert cell.text.startswith("firstx")
    assert cell.text.endswith("xlast")
    assert len(cell.notes) == 1
    assert len(cell.text) < 450


def test_many_prints_keep_the_first_and_the_last() -> None:
    cell = Cell()
    for number in range(1000):
        cell.print(f"line {number}\n")
    assert cell.text.startswith("line 0\nline 1\n")
    assert cell.text.endswith("line 998\nline 999\n")
    assert len(cell.notes) == 1
    assert [o["name"] for o in cell.outputs] == ["stdout", "stderr", "stdout"]


def test_the_note_says_how_much_has_gone() -> None:
    cell = Cell(OutputLimits(text=1_000_000))
    for _ in range(30):
        cell.print("x" * 100_000)
    gone = float(re.findall(r"\[([\d.]+) MB of text", cell.text)[0])
    kept = cell.text.count("x") / 1e6
    assert gone + kept == pytest.approx(3.0, abs=0.05)


@pytest.mark.exhaustive
def test_many_displays_keep_the_first_and_the_last() -> None:
    cell = Cell()
    for number in range(1000):
        cell.display(str(number))
    assert cell.displayed[0] == "0"
    assert cell.displayed[-1] == "999"
    assert len(cell.outputs) <= 41
    lost = int(re.findall(r"\[(\d+) outputs", cell.text)[0])
    assert lost + len(cell.displayed) == 1000


def test_a_large_display_at_the_end_stays() -> None:
    cell = Cell()
    for _ in range(10):
        cell.display("x" * 50)
    cell.display("y" * 390)
    assert cell.displayed[-1] == "y" * 390
    assert cell.notes


def test_a_flood_of_text_loses_no_display_and_the_other_way_round() -> None:
    cell = Cell()
    cell.print("before\n")
    cell.display("figure")
    for _ in range(100):
        cell.print("x" * 100)
    cell.display("second")
    assert cell.displayed == ["figure", "second"]
    for _ in range(100):
        cell.display("d" * 50)
    assert cell.text.startswith("before\n")
    assert len(cell.notes) == 2


def test_what_is_cleared_does_not_count() -> None:
    cell = Cell()
    for _ in range(80):
        cell.outputs.clear()
        cell.display("x" * 300)
        cell.print("y" * 300)
    assert cell.notes == []
    assert cell.displayed == ["x" * 300]


def test_after_a_clear_the_loss_is_counted_from_nothing() -> None:
    cell = Cell(OutputLimits(text=1_000_000))
    for _ in range(2):
        cell.outputs.clear()
        cell.print("x" * 3_000_000)
    assert "[2.2 MB of text left out here]" in cell.text


def test_a_progress_bar_counts_as_what_is_seen_of_it() -> None:
    cell = Cell()
    for percent in range(1000):
        cell.print(f"\r{percent:3d} %")
    cell.print("\ndone\n")
    assert cell.text == "999 %\ndone\n"


def test_an_update_counts_as_the_output_that_it_replaces() -> None:
    cell = Cell()
    cell.display("x")
    for _ in range(50):
        cell.outputs[0]["data"]["text/plain"] = "y" * 300
        assert cell.limiter.limit(cell.outputs, data=300) == {}
    assert cell.notes == []


def test_the_first_exception_always_stays() -> None:
    cell = Cell()
    for _ in range(100):
        cell.display("x" * 20)
        if len(cell.outputs) == 15:
            cell.fail()
    for _ in range(100):
        cell.print("x" * 20)
    assert [o["output_type"] for o in cell.outputs].count("error") == 1


def test_what_is_to_be_kept_is_never_left_out() -> None:
    cell = Cell()
    cell.limiter = OutputLimiter(LIMITS, lambda output: "record" in str(output.get("data")))
    for number in range(300):
        cell.display(f"record {number}" if number % 10 == 5 else "x" * 20)
    assert [t for t in cell.displayed if "record" in t] == [
        f"record {n}" for n in range(5, 300, 10)
    ]
    assert cell.notes


def test_the_moves_lead_to_the_same_outputs() -> None:
    cell = Cell()
    places: dict[str, int] = {}
    for number in range(500):
        text = f"n{number}"
        places[text] = len(cell.outputs)
        steps = [cell.display(text)]
        if number % 3 == 0:
            steps.append(cell.print("some text\n"))
        for moves in filter(None, steps):
            places = {t: moves[p] for t, p in places.items() if p in moves}
    assert len(places) > 10
    for text, place in places.items():
        found = cell.outputs[place]
        assert found["output_type"] == "display_data"
        assert found["data"]["text/plain"] == text


@pytest.mark.exhaustive
@given(
    st.lists(
        st.tuples(st.sampled_from(["print", "warn", "show", "clear"]), st.integers(0, 500)),
        max_size=60,
    )
)
def test_it_never_holds_much_more_than_the_limits(steps: list[tuple[str, int]]) -> None:
    cell = Cell()
    for step, size in steps:
        match step:
            case "print":
                cell.print("x" * size)
            case "warn":
                cell.print("w" * size, "stderr")
            case "show":
                cell.display("d" * min(size, LIMITS.data))
            case _:
                cell.outputs.clear()
        assert sum(map(len, cell.displayed)) <= LIMITS.data
        assert len(cell.text) <= LIMITS.text + 2 * 60
        assert len(cell.outputs) <= 2 * LIMITS.outputs + 2
        assert len(cell.notes) <= 2
