"""An input counts as looked at where the scores depend on it, and not what is answered beside."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from proofbook_systems.models.comparing import check_sensitivity
from proofbook_systems.models.outputs import call

DRAW = torch.Generator().manual_seed(0)


def sample() -> dict[str, Any]:
    words = torch.randint(64, 99, (1, 4), generator=DRAW)
    return {"input_ids": words, "pixel_values": torch.randn(1, 3, 4, 4, generator=DRAW)}


class Seeing(torch.nn.Module):
    """Answers what it has made of an image beside its scores, as models of images and text do."""

    def __init__(self, *, merges: bool, scores: str = "logits") -> None:
        super().__init__()
        self.merges, self.scores = merges, scores

    def forward(self, input_ids: Any, pixel_values: Any) -> dict[str, Any]:
        features = pixel_values.mean((2, 3))
        seen = features if self.merges else torch.ones_like(features)
        scores = input_ids[..., None] + seen[:, None]
        return {self.scores: scores, "image_hidden_states": features}


def judge(model: torch.nn.Module) -> str:
    one, other = sample(), sample()
    return check_sensitivity(model, one, other, call(model, one))


def test_image_that_is_answered_beside_the_scores_alone_was_not_looked_at() -> None:
    assert judge(Seeing(merges=False)) == "the answer does not depend on pixel_values"


@pytest.mark.parametrize("scores", ["logits", "logits_per_image"])
def test_image_that_the_scores_depend_on_was_looked_at(scores: str) -> None:
    assert judge(Seeing(merges=True, scores=scores)) == ""


def test_model_without_scores_answers_in_every_part() -> None:
    assert judge(Seeing(merges=False, scores="last_hidden_state")) == ""


class TwoHeads(torch.nn.Module):
    """Scores a text, and finds a box in an image: each input has a result of its own."""

    def forward(self, input_ids: Any, pixel_values: Any) -> dict[str, Any]:
        features = pixel_values.mean((2, 3))
        return {"logits": input_ids / 99, "pred_boxes": features.sigmoid(), "embeds": features}


class Shares(torch.nn.Module):
    """Answers the share of each text among all: of one text it is 1, whatever was looked at."""

    def forward(self, input_ids: Any, pixel_values: Any) -> dict[str, Any]:
        image, text = pixel_values.mean((1, 2, 3)), input_ids.float().mean(1) / 99
        shares = (image[:, None] * text[None]).softmax(-1)
        return {"logits_per_image": shares, "image_embeds": image, "text_embeds": text}


@pytest.mark.parametrize("model", [TwoHeads(), Shares()])
def test_input_with_a_result_of_its_own_was_looked_at(model: Any) -> None:
    assert judge(model) == ""
