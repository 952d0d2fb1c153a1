"""Which inputs are offered to a model, without computing with it."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from proofbook_systems.models.hints import Hint
from proofbook_systems.models.inputs import Layout, candidates, join
from proofbook_systems.models.maker import Maker, fill
from proofbook_systems.models.outputs import map_tensors


class Seeing:
    """Takes an image and, where it is told, its size."""

    config = SimpleNamespace(image_size=32, num_channels=3)

    def forward(self, pixel_values: Any, image_sizes: Any = None) -> None: ...


def _layouts(hint: Hint | None = None) -> list[Layout]:
    return list(candidates(Seeing(), Seeing.config, hint or Hint()))


def test_what_goes_with_an_image_is_left_out_where_nothing_else_is_taken() -> None:
    layouts = _layouts()
    told = [Layout.make(each, Seeing(), Seeing.config, Hint(), 0) for each in layouts]
    assert "image_sizes" in told[0]
    assert "image_sizes" not in told[-1]
    assert [each.places for each in layouts if each.left_out] == [
        each.places for each in layouts if not each.left_out
    ]


def test_a_hinted_companion_is_always_given() -> None:
    hint = Hint(inputs={"image_sizes": ["values", [[32, 32]]]})
    assert not any(layout.left_out for layout in _layouts(hint))


def test_frames_are_offered_as_if_they_were_images_too() -> None:
    config = SimpleNamespace(image_size=32, num_channels=3, num_frames=4)
    shapes = [
        tuple(each.make(Seeing(), config, Hint(), 0)["pixel_values"].shape)
        for each in candidates(Seeing(), config, Hint())
    ]
    assert (1, 4, 3, 32, 32) in shapes and (4, 3, 32, 32) in shapes


@pytest.mark.parametrize(("beside", "rows"), [("pixel_values", 2), ("vision_features", 1)])
def test_shapes_are_a_row_an_image_or_a_row_a_level_of_features(beside: str, rows: int) -> None:
    sample = {"spatial_shapes": torch.tensor([[4, 4]]), beside: torch.ones(1, 16, 8)}
    both = join([sample, sample])
    assert both["spatial_shapes"].shape == (rows, 2) and both[beside].shape == (2, 16, 8)


def test_a_mapping_of_tensors_is_filled_and_joined() -> None:
    maker = Maker(Seeing(), Seeing.config, 0)
    made = fill(maker, {"full": ["tensors", [1, 2], [1, 3]], "eng": 64})
    assert [tuple(each.shape) for each in made["full"]] == [(1, 2), (1, 3)] and made["eng"] == 64
    both = join([{"states": {"full": made["full"]}}, {"states": {"full": made["full"]}}])
    assert torch.equal(both["states"]["full"][0], made["full"][0].expand(2, -1))


class Hearing:
    """Takes a sound, and a mask of which each one may hide or show."""

    config = SimpleNamespace(num_mel_bins=8)

    def forward(self, input_features: Any, input_features_mask: Any) -> None: ...


def test_masks_hide_nothing_once_an_answer_was_blank() -> None:
    layout = next(iter(candidates(Hearing(), Hearing.config, Hint())))
    given = layout.make(Hearing(), Hearing.config, Hint(), 0)
    (turned,) = layout.turn_masks(given)
    again = turned.make(Hearing(), Hearing.config, Hint(), 0)

    assert given["input_features_mask"].all() and not again["input_features_mask"].any()
    assert again["input_features_mask"].dtype == given["input_features_mask"].dtype
    assert turned.turn_masks(again) == []
    assert layout.turn_masks({"attention_mask": torch.ones(1, 8)}) == []


class _Films(torch.nn.Module):
    def get_video_features(self, pixel_values: torch.Tensor) -> torch.Tensor:
        return torch.ones(1, 3 * pixel_values.shape[1], 8)

    def forward(self, pixel_values: torch.Tensor, input_ids: torch.Tensor) -> torch.Tensor:
        return pixel_values


@pytest.mark.parametrize(
    ("tokens", "places"),
    [({"video_token_id": 17}, 6), ({"video_token_id": 17, "image_token_id": -1}, 0), ({}, 0)],
)
def test_a_film_that_is_called_an_image_has_places_in_the_text(
    tokens: dict[str, int], places: int
) -> None:
    hint = Hint(reason="reads films", inputs={"pixel_values": ["noise", 1, 2, 3, 4, 4]})
    config = SimpleNamespace(vocab_size=256, **tokens)
    made = Layout(places={}).make(_Films(), config, hint, 0)
    assert int((made["input_ids"] == 17).sum()) == places


@dataclass
class Atoms:
    """Several inputs that a model wants in one."""

    places: torch.Tensor
    kinds: torch.Tensor


class Folding:
    """Takes an object of fields, as its annotation says."""

    config = SimpleNamespace(vocab_size=100)

    def forward(self, atoms: Atoms) -> None: ...


Folding.forward.__annotations__["atoms"] = Atoms


def test_a_mapping_becomes_the_object_that_a_parameter_is_annotated_with() -> None:
    hint = Hint(inputs={"atoms": {"places": ["noise", 1, 2, 3], "kinds": ["ids", 5, 1, 2]}})
    one, two = (Layout(places={}).make(Folding(), Folding.config, hint, seed) for seed in (0, 1))
    both = join([one, two])["atoms"]
    assert isinstance(both, Atoms) and both.places.shape == (2, 2, 3)
    assert torch.equal(both.kinds[1:], two["atoms"].kinds)
    wide = map_tensors(one["atoms"], lambda value: value.double())
    assert isinstance(wide, Atoms) and wide.places.dtype is torch.float64
    assert one["atoms"].places.dtype is torch.float32
