"""How far two answers lie apart, and what cannot be compared."""

from __future__ import annotations

import pytest
import torch

from proofbook_systems.models.outputs import (
    equal,
    first_sample,
    flatten,
    measure_distance,
    name_hollow,
)


def test_answers_are_flattened_without_caches() -> None:
    answer = {"logits": torch.ones(2), "cache": torch.ones(3), "hidden": (torch.ones(1), None)}
    assert set(flatten(answer)) == {"logits", "hidden[0]"}


def test_an_answer_without_a_finite_number_is_named() -> None:
    some = {"a": torch.tensor([float("nan")] * 3), "b": torch.tensor([1.0, float("inf")])}
    assert name_hollow(some) == ["a"]


def test_a_mask_does_not_hide_a_difference() -> None:
    ours, theirs = torch.tensor([-3.4e38, 1.0]), torch.tensor([-3.4e38, 1.5])
    distance = measure_distance({"a": ours}, {"a": theirs})
    assert distance.share > 0.3 and distance.where == "a"


def test_other_outputs_shapes_and_infinities_are_infinitely_far() -> None:
    one = {"a": torch.ones(2)}
    for other in (
        {"b": torch.ones(2)},
        {"a": torch.ones(3)},
        {"a": torch.tensor([1.0, torch.inf])},
    ):
        assert measure_distance(one, other).share == float("inf")


def test_a_sample_is_found_in_every_dimension_of_a_batch() -> None:
    single = {"similar": torch.ones(1, 1), "states": torch.ones(1, 3)}
    batch = {"similar": torch.eye(2), "states": torch.arange(6.0).reshape(2, 3)}
    first = first_sample(batch, single)
    assert first["similar"].shape == (1, 1)
    assert torch.equal(first["states"], batch["states"][:1])


@pytest.mark.parametrize("apart", [False, True])
def test_rows_of_one_sample_lie_together_or_apart(apart: bool) -> None:
    """A model that answers with and without a condition has two rows a sample."""
    one, other = torch.tensor([[1.0], [2.0]]), torch.tensor([[5.0], [6.0]])
    rows = torch.cat([one, other])[[0, 2, 1, 3] if apart else [0, 1, 2, 3]]
    assert torch.equal(first_sample({"a": rows}, {"a": one})["a"], one)


def test_sample_that_another_one_has_reached_is_found_in_neither_order() -> None:
    one, mixed = torch.tensor([[1.0], [2.0]]), torch.tensor([[1.5], [2.5], [5.0], [6.0]])
    assert measure_distance({"a": one}, first_sample({"a": mixed}, {"a": one})).share > 0.1


@pytest.mark.parametrize("other", [0.0, float("inf"), 3.4028234663852886e38, -1.0])
def test_what_is_not_a_number_equals_itself_alone(other: float) -> None:
    broken = torch.tensor([float("nan"), 1.0])
    assert equal(broken, broken.clone())
    assert not equal(broken, torch.tensor([other, 1.0]))
    assert not equal(torch.tensor([float("inf")]), torch.tensor([3.4028234663852886e38]))


def test_equal_takes_whole_numbers_truth_values_and_complex_ones() -> None:
    for value in (torch.tensor([1, 2]), torch.tensor([True]), torch.tensor([1j])):
        assert equal(value, value.clone()) and not equal(value, value[:0])
        assert not equal(value, value.to(torch.complex128))
