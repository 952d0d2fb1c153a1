"""GPUs, searches, limits and paces, without any training."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofbook.errors import SubjectError
from proofbook.hardware import find_gpus
from proofbook_systems.training.gpu_watch import added_use, memory_in_use
from proofbook_systems.training.limited import limit_memory, main
from proofbook_systems.training.magnitudes import common_factor
from proofbook_systems.training.pace import find_pace
from proofbook_systems.training.running import MemorySample
from proofbook_systems.training.search import find_largest
from proofbook_systems.training.speed_table import Speed, draw_table, find_speed, read_table

SPEEDS = {"RTX 4090": [3, 4], "RTX 4080": [5, 6], "RTX 4070 Ti": [7, 8], "RTX 4070": [7, 8.5]}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NVIDIA GeForce RTX 4070 Ti", Speed(7, 8)),
        ("NVIDIA GeForce RTX 4070", Speed(7, 8.5)),
        ("NVIDIA H100 80GB HBM3", None),
        ("NVIDIA GeForce RTX 4080 SUPER", None),
        ("CPU", None),
    ],
)
def test_a_gpu_is_found_by_its_whole_name(name: str, expected: Speed | None) -> None:
    assert find_speed(read_table(SPEEDS), name) == expected


def test_the_table_has_a_row_for_what_was_measured() -> None:
    lines = draw_table(read_table(SPEEDS), "RTX 9999", 2.5).splitlines()
    assert len(lines) == 2 + len(SPEEDS)
    assert lines[-1].split() == ["RTX", "9999,", "measured", "2.5"]
    assert lines[-2].split() == ["RTX", "4070", "7", "to", "8.5"]


@pytest.mark.parametrize("seconds", [[], [3], [4, 3], [0, 3], [1, 2, 3]])
def test_a_table_that_cannot_be_read_is_one_line(seconds: list[float]) -> None:
    with pytest.raises(SubjectError, match=r"^gpu_speeds: 'RTX 1' has \[.*\]; give the fewest and"):
        read_table({"RTX 1": seconds})


@pytest.mark.exhaustive
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
    words = limit_memory(300, [sys.executable, "-c", "bytearray(900_000_000)"])
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "MemoryError" in done.stderr
    assert limit_memory(0, ["a", "b"]) == ("a", "b")


def test_a_trainers_interpreter_needs_nothing_of_ours_to_be_limited(tmp_path: Path) -> None:
    """As one that is not installed beside Proofbook."""
    words = limit_memory(5000, [sys.executable, "-I", "-S", "-c", "print('went')"])
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path, env={})
    assert (done.returncode, done.stdout) == (0, "went\n")


def test_a_limited_program_that_is_not_there_is_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["x"]) == 2
    assert main(["disk", "1", "x"]) == 2
    done = subprocess.run(
        limit_memory(5000, ["no-such-program"]), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (
        2, "limited: no-such-program: No such file or directory\n")  # fmt: skip
    assert capsys.readouterr().err == 2 * "limited: give memory or files, BYTES and PROGRAM …\n"


def test_a_pace_is_known_from_samples() -> None:
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


def test_a_trainer_that_waits_while_others_have_the_cores_is_not_blamed() -> None:
    crowded = [MemorySample(i * 0.1, i // 2, 1, i * 0.03, i * 0.065) for i in range(60)]
    idle = [MemorySample(i * 0.1, i // 2, 1, i * 0.03, 0) for i in range(60)]
    for samples, cores in ((crowded, 0.95), (idle, 0.3)):
        pace = find_pace(samples)
        assert pace is not None
        assert pace.cores == pytest.approx(cores)


def test_without_a_gpu_shared_memory_counts() -> None:
    assert memory_in_use(None) is not None
    assert added_use({"a": 5.0, "b": 2.0}, {"b": 3.0, "c": 4.0}) == 5.0


def test_a_driver_that_tells_nothing_is_one_line(put_gpu, tmp_path) -> None:  # type: ignore[no-untyped-def]
    put_gpu()
    (gpu,) = find_gpus().gpus
    put_gpu(utilisation="error, what")
    with pytest.raises(SubjectError, match="nvidia-smi tells nothing of GPU 0: error"):
        memory_in_use(gpu)
    (tmp_path / "bin" / "nvidia-smi").unlink()
    with pytest.raises(SubjectError, match="nvidia-smi is not on the PATH"):
        memory_in_use(gpu)


@pytest.mark.parametrize(
    ("rates", "factor"),
    [
        ([(0.5, 1.0), (0.4501, 0.9), (0.4, 0.8)], 0.5),
        ([(0.5, 1.0), (0.4, 0.9)], None),
        ([(0.5, 1.0), (0.5, 1.0)], None),
        ([(0.0, 1.0), (0.45, 0.9), (0.4, 0.8)], None),
        ([], None),
    ],
)
def test_rates_of_a_schedule_with_another_peak_have_one_factor(
    rates: list[tuple[float, float]], factor: float | None
) -> None:
    """A constant rate that is another one may be of any schedule, as of one that begins again."""
    assert common_factor(rates) == (None if factor is None else pytest.approx(factor))
