"""Padding on the side that a model takes it from, and texts that cannot be longer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Literal

import pytest
import torch

from proofbook_systems.models.comparing import NotApplicableError
from proofbook_systems.models.hints import Hint
from proofbook_systems.models.inputs import Layout
from proofbook_systems.models.outputs import call
from proofbook_systems.models.padding import check_padding

TEXT = {"input_ids": torch.tensor([[3, 4, 5, 6]]), "attention_mask": torch.ones(1, 4).long()}
Fault = Literal["", "blind", "half-blind"]


class Judge(torch.nn.Module):
    """Reads a text in order, and answers from its last place, as a classifier with a decoder."""

    config = SimpleNamespace(pad_token_id=0, is_encoder_decoder=False)

    def __init__(self, fault: Fault = "") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words, self.fault = torch.nn.Embedding(16, 4), fault

    def forward(self, input_ids: Any, attention_mask: Any) -> dict[str, Any]:
        mask = attention_mask[..., None].float()
        mask = {"": mask, "blind": torch.ones_like(mask), "half-blind": mask.clamp(min=0.01)}[
            self.fault
        ]
        return {"logits": (self.words(input_ids) * mask).cumsum(1)[:, -1] * mask[:, -1]}


def judge(fault: Fault) -> str:
    model = Judge(fault)
    return check_padding(model, TEXT, call(model, TEXT), 1e-5)


def test_answer_from_the_last_place_takes_its_padding_in_front() -> None:
    assert judge("") == ""


@pytest.mark.parametrize("fault", ["blind", "half-blind"])
def test_mask_that_is_ignored_shows_on_both_sides(fault: Fault) -> None:
    assert judge(fault).startswith("beside masked padding logits is")


class Beside(torch.nn.Module):
    """Lays each word over a piece of sound."""

    config = SimpleNamespace(pad_token_id=0, is_encoder_decoder=False)

    def __init__(self, *, fixed: bool) -> None:
        super().__init__()
        self.fixed = fixed

    def forward(self, input_ids: Any, attention_mask: Any, sound: Any) -> dict[str, Any]:
        if self.fixed:
            return {"states": input_ids + sound}
        if not attention_mask.all():
            raise RuntimeError("no mask here")
        return {"states": input_ids.float()}


def test_text_that_is_as_long_as_its_sound_cannot_be_padded() -> None:
    model, inputs = Beside(fixed=True), {**TEXT, "sound": torch.ones(1, 1, 4)}
    with pytest.raises(NotApplicableError, match="takes no longer text"):
        check_padding(model, inputs, call(model, inputs), 1e-5)


def test_padding_that_breaks_a_model_which_takes_longer_texts_is_its_fault() -> None:
    model, inputs = Beside(fixed=False), {**TEXT, "sound": torch.ones(1, 1, 4)}
    with pytest.raises(RuntimeError, match="no mask here"):
        check_padding(model, inputs, call(model, inputs), 1e-5)


class Reader(torch.nn.Module):
    """Adds up the words of a part of a text, where types tell which words those are."""

    config = SimpleNamespace(pad_token_id=0, is_encoder_decoder=False)

    def __init__(self, *, looks: bool) -> None:
        super().__init__()
        self.looks = looks

    def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> dict[str, Any]:
        mask = attention_mask if self.looks else (input_ids > 0)
        mine = token_type_ids == 1
        size = mine.sum(1, keepdim=True)
        return {"mean": (input_ids * mask * mine).sum(1, keepdim=True) / size}


def test_padding_is_of_no_part_of_a_text() -> None:
    inputs = {**TEXT, "token_type_ids": torch.tensor([[0, 1, 1, 1]])}
    ours = call(Reader(looks=True), inputs)
    assert check_padding(Reader(looks=True), inputs, ours, 1e-5) == ""
    blind = Reader(looks=False)
    found = check_padding(blind, inputs, call(blind, inputs), 1e-5)
    assert found == "masking a word changes nothing: the mask is not looked at"


class Listener(torch.nn.Module):
    """Reads a text beside what another encoder has made, each in its own length."""

    config = SimpleNamespace(pad_token_id=0, is_encoder_decoder=False, hidden_size=3)

    def forward(
        self, input_ids: Any, attention_mask: Any, encoder_hidden_states: Any
    ) -> dict[str, Any]:
        words = (input_ids * attention_mask).float()
        return {"states": words + encoder_hidden_states.sum((1, 2))[:, None] + words.sum()}


def test_what_another_encoder_made_is_not_padded_with_the_text() -> None:
    model = Listener()
    inputs = Layout(places={}).make(model, model.config, Hint(), 0)
    assert inputs["encoder_hidden_states"].shape[:2] != inputs["input_ids"].shape
    assert check_padding(model, inputs, call(model, inputs), 1e-5) == ""
