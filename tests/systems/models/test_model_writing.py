"""What a head that writes has written: neither the text that it was given, nor its first word."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from proofbook_systems.models import writing

PROMPT = torch.tensor([[5, 6, 7, 8]])


class Head:
    """Answers a text with what it was made with, as its own way to write."""

    def __init__(self, made: Any, *, start: int | None = None) -> None:
        self.made = torch.tensor([made])
        self.config = SimpleNamespace(is_encoder_decoder=start is not None)
        self.generation_config = SimpleNamespace(decoder_start_token_id=start, bos_token_id=0)

    def can_generate(self) -> bool:
        return True

    def generate(self, **asked: Any) -> torch.Tensor:
        return self.made


def _reason(head: Head) -> str:
    return writing.check_generate(head, {"input_ids": PROMPT}, {})[0]


@pytest.mark.parametrize(("made", "start"), [
    ([5, 6, 7, 8], None), ([], None), ([2], 2), ([5, 6], None),
])  # fmt: skip
def test_a_text_that_is_only_given_back_is_not_written(made: list[int], start: int | None) -> None:
    assert _reason(Head(made, start=start)) == "nothing was written"


@pytest.mark.parametrize(("made", "start"), [
    ([5, 6, 7, 8, 8], None),  # the text, and a word more
    ([9, 6], None),  # new words alone, as a way to write of its own may give
    ([5, 6, 1, 1], None),  # the text was too long, and was given in part
    ([2, 2], 2),  # the word that begins a text is written as well
    ([3], 2),  # no such word is given back
    ([0.5, 0.1], None),  # sound
])  # fmt: skip
def test_what_is_written_is_found_in_any_form(made: list[Any], start: int | None) -> None:
    assert _reason(Head(made, start=start)) == ""


class Remembering:
    """Scores each word by all that came before, and can forget how many those were."""

    config = SimpleNamespace(is_encoder_decoder=False)

    def __init__(self, *, forgets: bool = False, caches: bool = True) -> None:
        self.forgets, self.caches = forgets, caches

    def can_generate(self) -> bool:
        return True

    def __call__(
        self, input_ids: Any, attention_mask: Any, cache: Any = None, use_cache: bool = False
    ) -> dict[str, Any]:
        before = input_ids[:, :0] if cache is None else cache
        words = torch.cat([before, input_ids], 1)
        places = torch.arange(words.shape[1]) + 1
        if self.forgets and cache is not None:
            places = places - 1
        scores = (words * places).cumsum(-1).double()[:, before.shape[1] :, None]
        return {"logits": scores, **({"cache": words} if use_cache and self.caches else {})}


WORDS = {"input_ids": torch.tensor([[5, 7, 9, 4]]), "attention_mask": torch.ones(1, 4)}


def test_model_that_forgets_where_its_cache_ends_is_found_without_being_told() -> None:
    assert writing._check_last_word(Remembering(), WORDS, 1e-6) == ""
    found = writing._check_last_word(Remembering(forgets=True), WORDS, 1e-6)
    assert found.startswith("with the cache alone, the last word is scored")


@pytest.mark.parametrize("inputs", [
    {"input_ids": torch.tensor([[5]]), "attention_mask": torch.ones(1, 1)},
    WORDS | {"pixel_values": torch.ones(1)}, {"input_values": torch.ones(1, 4)},
])  # fmt: skip
def test_what_is_no_text_of_several_words_has_no_last_word(inputs: dict[str, Any]) -> None:
    assert writing._check_last_word(Remembering(forgets=True), inputs, 1e-6) == ""


def test_answer_without_a_cache_has_nothing_to_go_on_with() -> None:
    forgetful = Remembering(forgets=True, caches=False)
    assert writing._check_last_word(forgetful, WORDS, 1e-6) == ""


class Cutting(Remembering):
    """Is given the whole text, and leaves out by itself what its cache holds."""

    def prepare_inputs_for_generation(
        self, input_ids: Any, next_sequence_length: int | None = None
    ) -> dict[str, Any]:
        return {"input_ids": input_ids}

    def __call__(
        self, input_ids: Any, attention_mask: Any, cache: Any = None, use_cache: bool = False
    ) -> dict[str, Any]:
        held = 0 if cache is None else cache.shape[1]
        return super().__call__(input_ids[:, held:], attention_mask, cache, use_cache)


def test_model_that_cuts_its_text_by_itself_is_given_the_whole() -> None:
    assert writing._check_last_word(Cutting(), WORDS, 1e-6) == ""
    assert writing._check_last_word(Cutting(forgets=True), WORDS, 1e-6)
