"""A smoothed copy behind a prefix of its own is set apart; another model's keys are not."""

from __future__ import annotations

import pytest

from proofbook_systems.musicgen.keymap.copies import find_copies
from proofbook_systems.musicgen.keymap.slots import TensorSpec

LAYERS = {f"layers.{n}.linear.{kind}": (4, 8 + n) for n in range(3) for kind in ("weight", "bias")}


def specs(*groups: dict[str, tuple[int, ...]]) -> dict[str, TensorSpec]:
    shapes = {key: shape for group in groups for key, shape in group.items()}
    return {key: TensorSpec(shape=shape, dtype="float32") for key, shape in shapes.items()}


def behind(prefix: str) -> dict[str, tuple[int, ...]]:
    return {prefix + key: shape for key, shape in LAYERS.items()}


@pytest.mark.parametrize(
    ("raw", "smoothed"),
    [
        ("model.", "model_ema."), ("model.", "ema_model."), ("lm.", "ema_lm."),
        ("module.model.", "module.ema_model."), ("", "ema_model."), ("model.", "ema.module."),
        ("", "optimizer_ema.shadow."), ("net.", "swa_model.module."),
        ("module.", "averaged_model.module."),
    ],
)  # fmt: skip
def test_a_whole_copy_behind_a_smoothed_prefix_is_set_apart(raw: str, smoothed: str) -> None:
    copies = find_copies(specs(behind(raw), behind(smoothed)))
    assert copies == {smoothed + key: raw + key for key in LAYERS}
    assert find_copies(specs(behind(smoothed), behind(raw))) == copies


def test_a_copy_whose_names_lost_their_dots_and_its_counters_are_set_apart() -> None:
    plain = {"model_ema." + key.replace(".", ""): shape for key, shape in LAYERS.items()}
    found = find_copies(specs(behind("model."), plain, {"model_ema.decay": ()}))
    assert len(found) == 7
    assert found["model_ema.layers0linearweight"] == "model.layers.0.linear.weight"
    assert found["model_ema.decay"] == ""


@pytest.mark.parametrize("prefix", ["shadow_params.", "ema.shadow_params."])
def test_a_numbered_copy_is_known_by_having_every_shape(prefix: str) -> None:
    numbered = {f"{prefix}{n}": shape for n, shape in enumerate(LAYERS.values())}
    assert set(find_copies(specs(LAYERS, numbered))) == set(numbered)
    numbered[f"{prefix}0"] = (9, 9)
    assert find_copies(specs(LAYERS, numbered)) == {}


@pytest.mark.parametrize(
    "smoothed",
    [
        {**behind("ema."), "ema.layers.9.linear.weight": (4, 8)},  # a layer too many
        {**behind("ema."), "ema.layers.0.linear.weight": (8, 4)},  # another shape
        {"ema." + key: shape for key, shape in list(LAYERS.items())[:2]},  # too few to say
        behind("teacher."),  # no word says that it is an average
    ],
)
def test_what_is_no_whole_copy_is_left(smoothed: dict[str, tuple[int, ...]]) -> None:
    assert find_copies(specs(behind("model."), smoothed)) == {}


def test_an_average_alone_is_the_model() -> None:
    assert find_copies(specs(behind("ema_model."))) == {}


def test_a_copy_that_a_person_asks_for_is_left() -> None:
    both = specs(behind("model."), behind("model_ema."))
    assert find_copies(both, ["model_ema.layers.0.linear.weight"]) == {}
