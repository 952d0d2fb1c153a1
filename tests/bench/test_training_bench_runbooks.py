"""The benchmarks of the trainer: small and real where that is quick, judged where it is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from proofbook.errors import ChecksFailed, SubjectError
from proofbook_bench.pairs import Pairs
from proofbook_bench.plain_training import measure_plain_loop, measure_trainer, write_config
from proofbook_bench.saving_state import SaveCost, measure_saving
from proofbook_subjects.dreambooth.drawing import write_characters
from proofbook_subjects.dreambooth.reference import build_reference


def cell_names(**names: Any) -> Callable[[dict[str, Any]], None]:
    return lambda found: found.update(names)


@pytest.mark.parametrize(("ours", "red"), [((1.0, 1.0), []), ((1.2, 1.1), ["seconds-per-step"])])
def test_speed_is_held_to_its_bar(
    run_cells: Callable[..., Any], ours: tuple[float, ...], red: list[str]
) -> None:
    after = {"imports": cell_names(
        alternate=lambda *_, names: Pairs(subject=ours, peer=(1.0, 1.1), names=names),
        measure_trainer=lambda config: 1.0,
    )}  # fmt: skip
    found = run_cells("benchmarks/training_speed", after=after)
    assert found.red == red
    assert isinstance(found.error, ChecksFailed) is bool(red)


@pytest.mark.parametrize(
    ("ours", "red"),
    [
        (SaveCost(2.0, 0.01, 0.5, 0.0), []),
        (SaveCost(2.0, 0.2, 0.5, 0.0), ["stall"]),
        (SaveCost(2.0, 0.01, 1.5, 0.0), ["cost"]),
        (SaveCost(2.0, 0.01, 0.5, 99.0), ["written-in-time"]),
    ],
)
def test_saving_is_held_to_its_bars(
    run_cells: Callable[..., Any], ours: SaveCost, red: list[str]
) -> None:
    costs = {"subject": ours, "peer": SaveCost(1.5, 1.0, 0.0, 0.0)}
    after = {"imports": cell_names(measure_saving=lambda side, **_: costs[side])}
    assert run_cells("benchmarks/checkpoint_saving", after=after).red == red


@pytest.mark.exhaustive
@pytest.mark.slow
def test_both_sides_of_saving_are_real(tmp_path: Path) -> None:
    given = {"parameters": 8_000_000, "step_seconds": 0.1, "steps": 30}
    ours = measure_saving("subject", tmp_path, **given)
    theirs = measure_saving("peer", tmp_path, **given)
    assert 0 < ours.stall < theirs.stall
    assert theirs.slowed == 0
    with pytest.raises(SubjectError, match="saving by the peer ended with 1: ValueError"):
        measure_saving("peer", tmp_path, **{**given, "step_seconds": "soon"})  # type: ignore[arg-type]


@pytest.mark.exhaustive
@pytest.mark.slow
def test_both_sides_of_the_speed_are_real(tmp_path: Path) -> None:
    build_reference(tmp_path / "base", vae_steps=0, unet_steps=0)
    write_characters(tmp_path / "images", 3)
    write_characters(tmp_path / "class", 2)
    values = {
        "base_model": str(tmp_path / "base"), "instance_data_dir": "images",
        "instance_prompt": "a photo of sks mouse", "class_data_dir": "class",
        "class_prompt": "an animal", "with_prior_preservation": True, "num_class_images": 2,
        "resolution": 32, "output_dir": "x",
    }  # fmt: skip
    config = tmp_path / "c.yaml"
    config.write_text(yaml.safe_dump(values))
    both = write_config(config, tmp_path, steps=12, batch=1, precision="no")
    assert 0.001 < measure_trainer(both) < 5
    assert 0.001 < measure_plain_loop(both) < 5
    (tmp_path / "images" / "butcher-00.png").write_bytes(b"no")
    with pytest.raises(SubjectError, match=r"exited with 1: train: \S+butcher-00.png cannot be"):
        measure_trainer(both)


def moment(words: str, *departed: str, lost: bool = False) -> SimpleNamespace:
    return SimpleNamespace(words=words, departed=departed, lost_too_much=lost)


@pytest.fixture(scope="module")
def trained_once() -> Callable[[dict[str, Any]], None]:
    """Return what has a runbook's trainings without interruption done once for all tests here."""
    kept: dict[str, Any] = {}

    def once(train: Callable[..., Any], where: int) -> Callable[..., Any]:
        def run(*given: Any) -> Any:
            name = given[where].name
            if name not in kept:
                kept[name] = train(*given)
            return kept[name]

        return run

    def replace(names: dict[str, Any]) -> None:
        names["run_control"] = once(names["run_control"], where=1)
        names["repeat"] = once(names["repeat"], where=1)

    return replace


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize(
    ("bad", "red"),
    [
        (moment("fine"), []),
        (moment("drifts", "loss departs"), ["bit-identical"]),
        (moment("forgets", lost=True), ["loses-no-more-than-it-may"]),
    ],
)
def test_an_interruption_that_shows_is_red(
    run_cells: Callable[..., Any],
    trained_once: Callable[[dict[str, Any]], None],
    bad: SimpleNamespace,
    red: list[str],
) -> None:
    after = {"imports": trained_once,
             "alone": cell_names(interrupt_at_random=lambda number, **_: bad)}  # fmt: skip
    found = run_cells("benchmarks/training_kills", after=after)
    assert found.red == red
    assert len(found.names["moments"]) == 3
    assert found.names["control"].ended.state == "exited with code 0"
