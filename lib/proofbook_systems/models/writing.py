"""Checks of heads that write: twice the same, and the same words with and without the cache."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch

from proofbook_systems.models.comparing import NoSuchPartError, NotApplicableError
from proofbook_systems.models.inputs import Inputs
from proofbook_systems.models.outputs import equal, measure_distance
from proofbook_systems.models.padding import writes_onwards

__all__ = ["NEW_TOKENS", "check_cache", "check_generate", "write"]

NEW_TOKENS = 4
_MOST_REVISIONS = 3
_TEXT_DIMS = 2
"""Of a text: one of samples, one of words."""
_CACHES = ("cache", "past_key_values", "cache_params")
"""What an answer calls the cache that the next call is given."""
_FIRST_CACHED = 2
"""The first word that is written with what a cache holds: there is nothing in it before."""


def check_generate(model: Any, inputs: Inputs, more: Mapping[str, Any]) -> tuple[str, Any]:
    """Return why nothing is written, or not the same twice, and what was written.

    Args:
        model: The model.
        inputs: What its forward takes.
        more: What its generation wants beside them.

    Raises:
        NoSuchPartError: The model has no head that writes.
    """
    if not getattr(model, "can_generate", bool)():
        raise NoSuchPartError("has no head that writes")
    own = _own_generate(model)
    limits = {} if own else {"min_new_tokens": NEW_TOKENS, "num_beams": 1}
    first = _first_tensor(write(model, inputs, {**limits, **more}))
    again = _first_tensor(write(model, inputs, {**limits, **more}))
    if not equal(first, again):
        return "greedy generation differs from call to call", first
    wrote = _without_prompt(model, first, inputs.get("input_ids"))
    return ("" if wrote.numel() else "nothing was written"), first


def _without_prompt(model: Any, made: torch.Tensor, prompt: Any) -> torch.Tensor:
    """Return what was written beside the text that was given, or the word that begins any text."""
    if made.is_floating_point() or made.dim() != _TEXT_DIMS:
        return made
    if getattr(model.config, "is_encoder_decoder", False):
        first = getattr(model.generation_config, "decoder_start_token_id", None)
        prompt = made.new_full((1, 1), -1 if first is None else first)
    if not isinstance(prompt, torch.Tensor) or prompt.dim() != _TEXT_DIMS:
        return made
    length = min(made.shape[1], prompt.shape[1])  # a text that was too long was given in part
    same = (made[:, :length] == prompt[:, :length]).all(0)
    return made[:, int(same.long().cumprod(0).sum()) :]


def write(model: Any, inputs: Inputs, options: Mapping[str, Any]) -> Any:
    """Return what a model writes; what its own error asks for is given, a few times.

    Raises:
        Exception: Whatever the model has against it.
    """
    asked = {"max_new_tokens": NEW_TOKENS, "do_sample": False, **options}
    asked = _given(model, inputs) | asked
    for _ in range(_MOST_REVISIONS):
        try:
            with torch.no_grad():
                return model.generate(**_fresh(asked))
        except (ValueError, KeyError) as error:
            revised = _revise(error, asked)
            if revised is None:
                raise
            asked = revised
    with torch.no_grad():
        return model.generate(**_fresh(asked))


def _revise(error: Exception, asked: Inputs) -> Inputs | None:
    """Return what to ask instead; None where the error asks for nothing."""
    words, text = str(error), asked.get("input_ids")
    if "MinNewTokens" in words and "min_new_tokens" in asked:
        return {name: value for name, value in asked.items() if name != "min_new_tokens"}
    if not isinstance(text, torch.Tensor):
        return None
    if error.args == ("attention_mask",) and "attention_mask" not in asked:
        return {**asked, "attention_mask": torch.ones_like(text)}
    if "`max_length` is set to" in words and text.shape[1] > 1:
        return _shortened(asked, text)
    return None


def _shortened(asked: Inputs, text: torch.Tensor) -> Inputs:
    """Return the first half of a text that fills all that a model may write."""
    half = text.shape[1] // 2
    return {
        name: value[:, :half]
        if isinstance(value, torch.Tensor) and value.shape[:2] == text.shape[:2]
        else value
        for name, value in asked.items()
    }


def _given(model: Any, inputs: Inputs) -> Inputs:
    given = dict(inputs)
    if getattr(model.config, "is_encoder_decoder", False):
        given.pop("decoder_input_ids", None)
        settings = model.generation_config
        if settings.decoder_start_token_id is None and settings.bos_token_id is None:
            given["decoder_start_token_id"] = 0  # a tokenizer's business, which is not here
    return given


def _fresh(asked: Inputs) -> Inputs:
    torch.manual_seed(0)
    return {n: v.clone() if isinstance(v, torch.Tensor) else v for n, v in asked.items()}


def _own_generate(model: Any) -> bool:
    from transformers import GenerationMixin

    return type(model).generate is not GenerationMixin.generate


def _first_tensor(made: Any) -> torch.Tensor:
    if isinstance(made, torch.Tensor):
        return made
    if isinstance(made, dict):
        made = list(made.values())
    for each in made:
        found = _first_tensor(each) if isinstance(each, (list, tuple, dict, torch.Tensor)) else None
        if found is not None:
            return found
    raise ValueError("generation returned no tensor")


def check_cache(model: Any, inputs: Inputs, tolerance: float, more: Mapping[str, Any]) -> str:
    """Return how words written with the cache depart from those written without.

    Compares the scores of each step, so that a fault that turns no word over is seen as well.

    Raises:
        NoSuchPartError: The model does not write, writes in its own way, or has no cache.
    """
    if not getattr(model, "can_generate", bool)() or _own_generate(model):
        raise NoSuchPartError("does not write, or in a way of its own")
    if "use_cache" not in inspect.signature(model.forward).parameters and not writes_onwards(model):
        raise NoSuchPartError("has no cache")
    cached, plain = (_scores(model, inputs, use_cache, more) for use_cache in (True, False))
    steps = min(len(cached), len(plain))
    if steps < _FIRST_CACHED:
        raise NotApplicableError(f"{steps} words are scored, and the first is written without it")
    for step in range(steps):
        distance = measure_distance({"scores": plain[step]}, {"scores": cached[step]})
        if distance.share > tolerance:
            return f"with the cache, word {step + 1} is scored {distance.share:.1e} away"
        if not torch.equal(plain[step].argmax(-1), cached[step].argmax(-1)):
            if step + 1 < _FIRST_CACHED:
                raise NotApplicableError("two first words are scored alike: the texts are two")
            break  # a tie, within the tolerance: from here on the texts are two
    return _check_last_word(model, inputs, tolerance)


def _check_last_word(model: Any, inputs: Inputs, tolerance: float) -> str:
    """Return how the last word is scored otherwise where those before it are in the cache alone.

    Generation tells a model where each word is; called by itself it has to know from its cache.
    """
    ids = inputs.get("input_ids")
    if ids is None or set(inputs) - {"input_ids", "attention_mask"} or ids.shape[1] < _TEXT_DIMS:
        return ""
    if not writes_onwards(model):
        return ""
    before = {name: value[:, :-1] for name, value in inputs.items()}
    with torch.no_grad():
        whole, begun = model(**inputs), model(**before, use_cache=True)
        name = next((n for n in _CACHES if begun.get(n) is not None), None)
        if name is None:
            return ""
        rest = ids if _cuts_by_itself(model, ids) else ids[:, -1:]
        ended = model(**{**inputs, "input_ids": rest, name: begun[name]}, use_cache=True)
    last = {"scores": whole["logits"][:, -1:]}
    share = measure_distance(last, {"scores": ended["logits"][:, -1:]}).share
    return (
        f"with the cache alone, the last word is scored {share:.1e} away"
        if share > tolerance
        else ""
    )


def _cuts_by_itself(model: Any, ids: torch.Tensor) -> bool:
    """Say whether a model is given the whole text, and leaves out what its cache holds."""
    prepare = getattr(model, "prepare_inputs_for_generation", None)
    if prepare is None or "next_sequence_length" not in inspect.signature(prepare).parameters:
        return False
    prepared = prepare(ids, next_sequence_length=1).get("input_ids")
    return isinstance(prepared, torch.Tensor) and prepared.shape == ids.shape


def _scores(
    model: Any, inputs: Inputs, use_cache: bool, more: Mapping[str, Any]
) -> list[torch.Tensor]:
    options = {
        "min_new_tokens": NEW_TOKENS,
        "num_beams": 1,
        "use_cache": use_cache,
        "output_logits": True,
        "return_dict_in_generate": True,
    }
    made = write(model, inputs, {**more, **options})
    return list(made.logits or [])
