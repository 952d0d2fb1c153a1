"""Cards, searches, limits and paces, without any training."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofbook.errors import SubjectError
from proofbook_systems.gpu.cards import draw_table, find_card
from proofbook_systems.gpu.devices import compute, describe_torch, reaches
from proofbook_systems.gpu.limited import limit_command, main
from proofbook_systems.gpu.search import find_largest
from proofbook_systems.gpu.watching import CardWatch, find_pace, in_use, kept
from proofbook_systems.training.running import MemorySample


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NVIDIA GeForce RTX 4070 Ti", "RTX 4070 Ti"),
        ("NVIDIA GeForce RTX 4070", "RTX 4070"),
        ("NVIDIA H100 80GB HBM3", None),
        ("NVIDIA GeForce RTX 4080 SUPER", None),
    ],
)
def test_a_card_is_found_by_its_whole_name(name: str, expected: str | None) -> None:
    card = find_card(name)
    assert (card.name if card else None) == expected


def test_the_table_has_a_row_for_what_was_measured() -> None:
    lines = draw_table("RTX 9999", 2.5).splitlines()
    assert len(lines) == 9
    assert lines[-1].split() == ["RTX", "9999,", "measured", "2.5"]
    assert "RTX 3060" in lines[-2] and lines[-2].endswith("12 to 15")


@given(st.integers(0, 300), st.integers(1, 40), st.integers(1, 200))
def test_the_largest_that_fits_is_found_exactly(truth: int, first: int, limit: int) -> None:
    tried: list[int] = []

    def fits(size: int) -> bool:
        tried.append(size)
        return size <= truth

    found = find_largest(fits, first, limit)
    smallest = min(first, limit)
    assert found == (min(truth, limit) if truth >= smallest else 0)
    assert max(tried) <= limit
    assert len(tried) == len(set(tried))


@given(st.integers(1, 300), st.floats(0.05, 0.5))
def test_a_tolerance_saves_trials_and_is_kept(truth: int, tolerance: float) -> None:
    found = find_largest(lambda size: size <= truth, 1, 1000, tolerance=tolerance)
    assert truth - max(1, tolerance * truth) <= found <= truth


def test_memory_is_limited_before_the_program_begins() -> None:
    script = "bytearray(900_000_000)"
    words = [sys.executable, "-m", "proofbook_systems.gpu.limited"]
    done = subprocess.run(
        [*words, "300", sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "MemoryError" in done.stderr
    assert limit_command(0, ["a", "b"]) == ("a", "b")
    assert limit_command(7, ["a"])[-2:] == ("7", "a")


def test_a_limited_program_that_is_not_there_is_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["x"]) == 2
    words = [sys.executable, "-m", "proofbook_systems.gpu.limited", "5000", "no-such-program"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        2, "limited: no-such-program: No such file or directory\n")  # fmt: skip
    assert capsys.readouterr().err == "limited: give MEGABYTES PROGRAM …\n"


def test_a_pace_is_known_from_looks() -> None:
    even = [MemorySample(i * 0.1, i // 2, 1, i * 0.15) for i in range(60)]
    pace = find_pace(even)
    assert pace is not None
    assert pace.seconds == pytest.approx(0.2)
    assert pace.slowest == pytest.approx(0.2)
    assert pace.cores == pytest.approx(1.5)
    pause = [s if s.step < 20 else s._replace(seconds=s.seconds + 5) for s in even]
    slowed = find_pace(pause)
    assert slowed is not None
    assert slowed.slowest > 10 * slowed.seconds
    assert find_pace(even[:4]) is None


def test_products_are_right_on_the_processor() -> None:
    found = compute("cpu", 64)
    assert [each.format for each in found] == ["float32", "float16", "bfloat16"]
    assert all(0 < each.error <= each.allowed for each in found)
    assert found[0].error < found[1].error < found[2].error


def test_versions_of_cuda_are_compared_as_versions() -> None:
    assert reaches("11.8", "12.1")
    assert not reaches("11.8", "9.2")
    assert not reaches("11.8", "")
    assert describe_torch(99).usable is False


@pytest.mark.usefixtures("no_card")
def test_without_a_card_a_watch_sees_nothing() -> None:
    with CardWatch(None) as watch:
        pass
    assert (watch.looks, watch.busy(), watch.largest("memory")) == ([], 0, 0)
    assert in_use(None) is not None
    assert kept({"a": 5.0, "b": 2.0}, {"b": 3.0, "c": 4.0}) == 5.0


def test_a_driver_that_tells_nothing_is_one_line(card, tmp_path) -> None:
    from proofbook.hardware import find_gpus

    card()
    (found,) = find_gpus().gpus
    card(utilisation="error, what")
    with pytest.raises(SubjectError, match="nvidia-smi tells nothing of card 0: error"):
        in_use(found)
    (tmp_path / "bin" / "nvidia-smi").unlink()
    with pytest.raises(SubjectError, match="nvidia-smi is not on the PATH"):
        in_use(found)
