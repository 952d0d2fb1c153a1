"""A model that reads words looks at their order; one that does not is found."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from proofbook_systems.models.order import check_order
from proofbook_systems.models.outputs import call

WORDS = {"input_ids": torch.tensor([[5, 7, 9, 4, 8]])}


class Reader(torch.nn.Module):
    """Attends to all words, or to those before; answers each word, or the whole text."""

    def __init__(self, *, placed: float, causal: bool = False, pooled: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words, self.table = torch.nn.Embedding(16, 8), torch.randn(1, 5, 8) * placed
        self.ways = torch.nn.ModuleList(
            torch.nn.MultiheadAttention(8, 2, batch_first=True) for _ in range(2)
        )
        self.causal, self.pooled = causal, pooled

    def forward(self, input_ids: Any) -> dict[str, Any]:
        states = self.words(input_ids) + self.table[:, : input_ids.shape[1]]
        hidden = torch.ones(states.shape[1], states.shape[1], dtype=torch.bool).triu(1)
        for way in self.ways:
            made = way(states, states, states, attn_mask=hidden if self.causal else None)
            states = states + made[0]
        return {"logits": states.mean(1) if self.pooled else states}


def _reason(model: Any, inputs: dict[str, Any] = WORDS) -> str:
    return check_order(model, inputs, call(model, inputs), 1e-5)


@pytest.mark.parametrize("pooled", [False, True])
def test_reader_without_places_is_found(pooled: bool) -> None:
    assert _reason(Reader(placed=False, pooled=pooled)).endswith("their order is not seen")
    assert _reason(Reader(placed=True, pooled=pooled)) == ""


def test_order_that_a_rounding_nearly_hides_is_looked_at() -> None:
    assert _reason(Reader(placed=1e-6)) == ""


def test_what_sees_only_the_words_before_needs_no_places() -> None:
    assert _reason(Reader(placed=False, causal=True)) == ""


@pytest.mark.parametrize("ids", [[[5, 7, 9]], [[5, 7, 7, 4]], [[5, 7, 7, 7, 8]]])
def test_text_of_which_no_words_can_be_exchanged_says_nothing(ids: list[list[int]]) -> None:
    assert _reason(Reader(placed=False), {"input_ids": torch.tensor(ids)}) == ""


def test_model_that_sees_an_image_as_well_is_not_asked() -> None:
    class Seeing(Reader):
        def forward(self, input_ids: Any, pixel_values: Any) -> dict[str, Any]:
            return super().forward(input_ids)

    inputs = {**WORDS, "pixel_values": torch.ones(1)}
    assert _reason(Seeing(placed=False), inputs) == ""
