"""The benchmarks of the language-model framework: judged by their bars, and real where small."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proofbook_bench import language_training
from proofbook_bench.chunk_cutting import Cut, are_the_same, cut_by_framework, cut_by_map
from proofbook_bench.language_saving import Stall, begin_training
from proofbook_bench.language_training import Speeds, measure_nanogpt, measure_pairs, write_project
from proofbook_bench.pairs import Pairs

Run = Callable[..., Any]


def replaced(**names: Any) -> dict[str, Callable[[dict[str, Any]], None]]:
    return {"imports": lambda found: found.update(names)}


@pytest.mark.parametrize(("ours", "red"), [(1.0, []), (1.2, ["tokens-per-second"])])
def test_speed_is_held_to_its_bar(run_cells: Run, ours: float, red: list[str]) -> None:
    def measure(config: object, steps: int, rounds: int) -> Speeds:
        names = ("ours", "plain")
        # By the clock the other way round: another program must not decide.
        return Speeds(Pairs((ours,), (1.0,), names), Pairs((1.0,), (ours,), names))

    after = replaced(write_project=lambda folder: folder, measure_pairs=measure)
    assert run_cells("benchmarks/language_speed", after=after).red == red


SAME = np.arange(12).reshape(3, 4)
OTHER = SAME[:, ::-1]


@pytest.mark.parametrize(
    ("ours", "theirs", "given", "red"),
    [
        (Cut(1.0, 9.0, SAME), Cut(6.0, 9.0, SAME), {}, []),
        (Cut(1.0, 1.0, SAME), Cut(4.0, 9.0, SAME), {}, ["chunking"]),
        (Cut(1.0, 1.0, SAME), Cut(6.0, 9.0, OTHER), {}, ["equal-tokens"]),
        (Cut(1.0, 1.0, SAME), Cut(6.0, 9.0, SAME[:2]), {}, ["equal-tokens"]),
        (Cut(1.0, 1.0, SAME), Cut(6.0, 9.0, SAME[:2]), {"batch": 5}, []),
    ],
)
def test_chunking_is_held_to_its_bar_and_to_the_same_tokens(
    run_cells: Run, ours: Cut, theirs: Cut, given: dict[str, int], red: list[str]
) -> None:
    after = replaced(
        write_tokens=lambda *_: None, cut_by_framework=lambda *_: ours, cut_by_map=lambda *_: theirs
    )
    assert run_cells("benchmarks/chunk_cutting", after=after, **given).red == red


@pytest.mark.parametrize(("still", "red"), [(0.05, []), (0.2, ["stall"])])
def test_a_stall_is_held_to_its_bar(run_cells: Run, still: float, red: list[str]) -> None:
    class Canned:
        parameters = 10

        def save_as_framework(self) -> Stall:
            return Stall(still, 2.0)

        def save_plainly(self) -> Stall:
            return Stall(1.0, 1.0)

    after = replaced(begin_training=lambda *_: Canned())
    assert run_cells("benchmarks/language_saving", after=after).red == red


@pytest.mark.filterwarnings("ignore")
def test_both_sides_of_chunking_are_real(tmp_path: Path) -> None:
    from proofbook_bench.chunk_cutting import write_tokens

    tokens = write_tokens(60, tmp_path)
    ours = cut_by_framework(tokens, 16, tmp_path / "ours").chunks
    assert are_the_same([ours, cut_by_map(tokens, 16, tmp_path / "map", 0).chunks]) == ""
    lossy = cut_by_map(tokens, 16, tmp_path / "map", 7).chunks
    assert are_the_same([ours, lossy]) == f"there are {len(ours)} chunks, and {len(lossy)}"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_both_sides_of_saving_are_real(tmp_path: Path) -> None:
    training = begin_training(32, tmp_path / "saved")
    ours, theirs = training.save_as_framework(), training.save_plainly()
    assert 0 < ours.still < ours.written and theirs.still > 0
    (kept,) = (tmp_path / "saved" / "ours").glob("checkpoint-*")
    assert (kept / "manifest.json").is_file()


@pytest.mark.exhaustive
@pytest.mark.slow
def test_both_loops_are_real(tmp_path: Path) -> None:
    speeds = measure_pairs(write_project(tmp_path), 3, 1)
    assert min(*speeds.cpu.subject, *speeds.cpu.peer, *speeds.wall.subject) > 0


def test_the_start_of_nanogpt_does_not_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(language_training, "_cpu_seconds", lambda train, steps: 5 + steps * 0.25)
    (tmp_path / "train.py").write_text("")
    assert measure_nanogpt(str(tmp_path), tmp_path / "p" / "c.yaml", 60) == 0.25
