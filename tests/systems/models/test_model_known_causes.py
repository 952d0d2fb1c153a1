"""The causes that ``upstream.yaml`` names are the causes: without each, its check holds."""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from proofbook_systems.models import upstream
from proofbook_systems.models.catalogue import list_types
from proofbook_systems.models.checking import Ready, Trial, make_subject
from proofbook_systems.models.findings import Verdict
from proofbook_systems.models.lifecycle import load
from proofbook_systems.models.outputs import call
from proofbook_systems.models.reasons import describe
from proofbook_systems.models.trial import Options, get_ready

Mend = Callable[[Ready, pytest.MonkeyPatch], None]


def code_of(name: str) -> Any:
    return importlib.import_module(f"transformers.models.{name}.modeling_{name}")


def instead(patch: pytest.MonkeyPatch, kind: Any, name: str, made: Callable[[Any], Any]) -> None:
    """Let ``made`` of what is there stand for it."""
    before = getattr(kind, name)
    patch.setattr(kind, name, functools.wraps(before)(made(before)))


def count_places_onwards(_: Ready, patch: pytest.MonkeyPatch) -> None:
    def mended(forward: Any) -> Any:
        def onwards(
            self: Any,
            input_ids: Any = None,
            cache: Any = None,
            position_ids: Any = None,
            **rest: Any,
        ) -> Any:
            if position_ids is None:
                past = cache.get_seq_length() if cache is not None else 0
                position_ids = (torch.arange(input_ids.shape[1]) + past)[None]
            return forward(
                self, input_ids=input_ids, cache=cache, position_ids=position_ids, **rest
            )

        return onwards

    instead(patch, code_of("bamba").BambaModel, "forward", mended)


def mask_causal_attention(_: Ready, patch: pytest.MonkeyPatch) -> None:
    def mended(masks: Any) -> Any:
        def both(slen: Any, lengths: Any, causal: Any, padding_mask: Any = None) -> Any:
            mask, attention = masks(slen, lengths, causal, padding_mask)
            return mask, attention & padding_mask.bool()[:, None, :]

        return both

    instead(patch, code_of("xlm"), "get_masks", mended)


def average_words_alone(ready: Ready, patch: pytest.MonkeyPatch) -> None:
    def mended(forward: Any) -> Any:
        def masked(*given: Any, attention_mask: Any = None, **rest: Any) -> Any:
            answer = forward(*given, attention_mask=attention_mask, **rest)
            share = attention_mask.shape[1] / attention_mask.sum(-1)
            answer["last_hidden_state"] = (
                answer[0] * attention_mask[..., None] * share[:, None, None]
            )
            return answer

        return masked

    instead(patch, ready.built.model.transformer, "forward", mended)


def attend_with_ones_and_zeros(_: Ready, patch: pytest.MonkeyPatch) -> None:
    code, seen = code_of("yoso"), {}

    def mended(forward: Any) -> Any:
        def noted(self: Any, states: Any, attention_mask: Any = None, *rest: Any) -> Any:
            seen["mask"] = attention_mask
            return forward(self, states, attention_mask, *rest)

        return noted

    class Masked:
        @staticmethod
        def apply(mask: Any, _: Any, *rest: Any) -> Any:
            heads = mask.shape[0] // seen["mask"].shape[0]
            right = seen["mask"].repeat_interleave(heads, 0).int()
            return cumulate(right, right, *rest)

    cumulate = code.YosoCumulation.apply
    instead(patch, code.YosoSelfAttention, "forward", mended)
    patch.setattr(code, "YosoCumulation", Masked)


def attend_as_torch_does(ready: Ready, _: pytest.MonkeyPatch) -> None:
    ready.built.model.model.text_backbone.set_attn_implementation("sdpa")


def hide_padding_from_convolutions(ready: Ready, _: pytest.MonkeyPatch) -> None:
    for layer in ready.built.model.modules():
        if type(layer).__name__ == "ConvBertSelfAttention":
            _hide_in(layer)


def _hide_in(layer: Any) -> None:
    def note(_: Any, given: Any, named: Any) -> None:
        mask = given[1] if len(given) > 1 else named["attention_mask"]
        words = given[0] if given else named["hidden_states"]
        layer.seen = torch.ones(words.shape[:2]) if mask is None else (mask[:, 0, 0] >= 0).float()

    layer.register_forward_pre_hook(note, with_kwargs=True)
    layer.key_conv_attn_layer.register_forward_pre_hook(
        lambda _, given: (given[0] * layer.seen[:, None],)
    )
    layer.conv_out_layer.register_forward_hook(lambda _, __, made: made * layer.seen[..., None])


def add_places_to_a_copy(_: Ready, patch: pytest.MonkeyPatch) -> None:
    def mended(forward: Any) -> Any:
        def copied(self: Any, *given: Any, encoder_hidden_states: Any, **rest: Any) -> Any:
            return forward(
                self, *given, encoder_hidden_states=encoder_hidden_states.clone(), **rest
            )

        return copied

    decoder = code_of("moonshine_streaming").MoonshineStreamingDecoder
    instead(patch, decoder, "forward", mended)


def stack_matches_of_a_sample(_: Ready, patch: pytest.MonkeyPatch) -> None:
    join = torch.cat

    def mended(matches: Any) -> Any:
        def stacked(self: Any, scores: Any) -> Any:
            with pytest.MonkeyPatch.context() as inner:
                inner.setattr(torch, "cat", _stack_two(join))
                return matches(self, scores)

        return stacked

    kind = code_of("efficientloftr").EfficientLoFTRForKeypointMatching
    instead(patch, kind, "_get_matches_from_scores", mended)


def _stack_two(join: Any) -> Any:
    def stack(parts: Any, *rest: Any, **named: Any) -> Any:
        alike = len(parts) == 2 and not parts[0].is_floating_point()
        return torch.stack(parts, 1) if alike else join(parts, *rest, **named)

    return stack


def see_no_later_word(_: Ready, patch: pytest.MonkeyPatch) -> None:
    def mended(prepare: Any) -> Any:
        def causal(self: Any, *given: Any) -> Any:
            mask = prepare(self, *given)
            place = torch.arange(mask.shape[-1])
            return mask & (place[None] <= place[:, None])

        return causal

    instead(patch, code_of("cpmant").CpmAntModel, "_prepare_attention_mask", mended)


def keep_what_the_large_model_made(_: Ready, patch: pytest.MonkeyPatch) -> None:
    def mended(prepare: Any) -> Any:
        def kept(self: Any, input_ids: Any, *given: Any, **named: Any) -> Any:
            made = prepare(self, input_ids, *given, **named)
            if named.get("cache") is None:
                made["backbone_last_hidden_state"] = named["backbone_last_hidden_state"]
            return made

        return kept

    kind = code_of("csm").CsmDepthDecoderForCausalLM
    instead(patch, kind, "prepare_inputs_for_generation", mended)


def make_a_mask_without_padding(_: Ready, patch: pytest.MonkeyPatch) -> None:
    def mended(forward: Any) -> Any:
        def masked(
            self: Any,
            input_ids: Any = None,
            cache: Any = None,
            attention_mask: Any = None,
            **rest: Any,
        ) -> Any:
            past = cache.get_seq_length() if cache is not None else 0
            ones = torch.ones(1, input_ids.shape[1] + past, dtype=torch.int64)
            return forward(self, input_ids=input_ids, cache=cache, attention_mask=ones, **rest)

        return masked

    instead(patch, code_of("moshi").MoshiDepthDecoder, "forward", mended)


def put_heads_before_places(_: Ready, patch: pytest.MonkeyPatch) -> None:
    turn = torch.Tensor.permute

    def right(tensor: Any, *dims: int) -> Any:
        return turn(tensor, *((0, 1, 4, 2, 3) if dims == (0, 2, 1, 4, 3) else dims))

    def mended(embeddings: Any) -> Any:
        def ordered(*given: Any) -> Any:
            with pytest.MonkeyPatch.context() as inner:
                inner.setattr(torch.Tensor, "permute", right)
                return embeddings(*given)

        return ordered

    kind = code_of("prophetnet").ProphetNetNgramSelfAttention
    instead(patch, kind, "get_predict_relative_pos_embeddings", mended)


def place_one_sample_at_a_time(_: Ready, patch: pytest.MonkeyPatch) -> None:
    def mended(add: Any) -> Any:
        return lambda self, grid, **rest: torch.cat([add(self, one[None], **rest) for one in grid])

    kind = code_of("tvp").TvpVisualInputEmbedding
    instead(patch, kind, "add_2d_positional_embeddings", mended)


def have_one_head(ready: Ready, _: pytest.MonkeyPatch) -> None:
    for module in ready.built.model.modules():
        if hasattr(module, "num_heads"):
            module.num_heads, module.head_dim = 1, module.embed_dim


def attend_without_a_kernel(_: Ready, patch: pytest.MonkeyPatch) -> None:
    def attend(query: Any, key: Any, value: Any, mask: Any, *rest: Any, **named: Any) -> Any:
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        hidden = (mask < 0.5).reshape(*scores.shape[:2], 1, -1)
        return scores.masked_fill(hidden, -1e9).softmax(-1) @ value

    patch.setattr(code_of("mra"), "mra2_attention", attend)


def share_scores_with_no_other_video(_: Ready, patch: pytest.MonkeyPatch) -> None:
    add = torch.sum

    def one(value: Any, *rest: Any, **named: Any) -> Any:
        made = add(value, *rest, **named)
        return torch.ones_like(made) if named.get("keepdims") else made

    def mended(forward: Any) -> Any:
        def alone(*given: Any, **named: Any) -> Any:
            with pytest.MonkeyPatch.context() as inner:
                inner.setattr(torch, "sum", one)
                return forward(*given, **named)

        return alone

    instead(patch, code_of("videoprism").VideoPrismClipModel, "forward", mended)


def put_states_in_order(ready: Ready, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers.cache_utils import Cache
    from transformers.models.recurrent_gemma import modeling_recurrent_gemma as code

    reorder = Cache.reorder_cache
    blocks = [
        each
        for each in ready.built.model.modules()
        if isinstance(each, code.RecurrentGemmaRecurrentBlock)
    ]

    def reorder_all(self: Any, order: torch.Tensor) -> None:
        reorder(self, order)
        for block in blocks:
            block.conv1d_state = block.conv1d_state[order]
            block.rg_lru.recurrent_states = block.rg_lru.recurrent_states[order]

    monkeypatch.setattr(Cache, "reorder_cache", reorder_all)


def put_linear_states_in_order(_: Ready, patch: pytest.MonkeyPatch) -> None:
    def mended(reorder: Any) -> Any:
        def both(self: Any, order: torch.Tensor) -> None:
            reorder(self, order)
            states = self.linear_cache
            self.linear_cache = [s[order] if isinstance(s, torch.Tensor) else s for s in states]

        return both

    instead(patch, code_of("minimax").MiniMaxCache, "reorder_cache", mended)


def forget_the_mask_for_the_next_word(ready: Ready, patch: pytest.MonkeyPatch) -> None:
    def mended(prepare: Any) -> Any:
        def cut_back(self: Any, input_ids: torch.Tensor, cache: Any = None, **rest: Any) -> Any:
            if cache is not None and cache.get_seq_length():
                cache.crop(-1)
            return prepare(self, input_ids, cache=cache, **rest)

        return cut_back

    instead(patch, type(ready.built.model), "prepare_inputs_for_generation", mended)


def derive_places(_: Ready, patch: pytest.MonkeyPatch) -> None:
    class Derived:
        no_grad = contextlib.nullcontext

        def __getattr__(self, name: str) -> Any:
            return getattr(torch, name)

    patch.setattr(code_of("layoutlmv3"), "torch", Derived())


def read_each_code_by_its_own_table(ready: Ready, patch: pytest.MonkeyPatch) -> None:
    model, first = ready.built.model, ready.inputs["generation_steps"]
    tables = model.model.get_input_embeddings()

    class Each:
        def __init__(self, written: int) -> None:
            self.written = written

        def __getitem__(self, _: int) -> Any:
            return self.read

        def read(self, ids: Any) -> Any:
            begun = ids.shape[1] - self.written
            parts = [tables[first - 1](ids[:, :begun])]
            parts += [tables[first + n](ids[:, begun + n, None]) for n in range(self.written)]
            return torch.cat(parts, 1)

    def mended(forward: Any) -> Any:
        def each(self: Any, cache: Any = None, generation_steps: Any = None, **rest: Any) -> Any:
            with pytest.MonkeyPatch.context() as inner:
                if cache is None and generation_steps > first:
                    read = Each(generation_steps - first)
                    inner.setattr(self.model, "get_input_embeddings", lambda: read)
                return forward(self, cache=cache, generation_steps=generation_steps, **rest)

        return each

    instead(patch, type(model), "forward", mended)


CAUSES: list[tuple[str, str, Mend]] = [
    ("bamba", "cache", count_places_onwards),
    ("qwen3_omni_moe_talker_code_predictor", "cache", read_each_code_by_its_own_table),
    ("recurrent_gemma", "cache", put_states_in_order),
    ("xlm", "cache", forget_the_mask_for_the_next_word),
    ("minimax", "cache", put_linear_states_in_order),
    ("layoutlmv3", "gradient", derive_places),
    ("xlm", "padding", mask_causal_attention),
    ("imagegpt", "padding", average_words_alone),
    ("yoso", "padding", attend_with_ones_and_zeros),
    ("grounding-dino", "padding", attend_as_torch_does),
    ("mm-grounding-dino", "padding", attend_as_torch_does),
    ("convbert", "padding", hide_padding_from_convolutions),
    ("moonshine_streaming", "cache", add_places_to_a_copy),
    ("efficientloftr", "batch", stack_matches_of_a_sample),
    ("cpmant", "cache", see_no_later_word),
    ("csm_depth_decoder_model", "cache", keep_what_the_large_model_made),
    ("moshi_depth", "cache", make_a_mask_without_padding),
    ("prophetnet", "cache", put_heads_before_places),
    ("tvp", "batch", place_one_sample_at_a_time),
    ("autoformer", "batch", have_one_head),
    ("mra", "padding", attend_without_a_kernel),
    ("videoprism", "batch", share_scores_with_no_other_video),
]


def judge(ready: Ready, trial: Trial, check: str, folder: Path) -> str:
    ready.outputs.clear()
    ready.outputs.update(call(ready.built.model, ready.inputs))
    subject = make_subject(trial, ready, folder)
    subject.checks["reference"](load)
    try:
        return subject.checks[check](load)
    except Exception as error:  # noqa: BLE001 - as where a trial runs it
        return describe(error)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("name", "check", "mend"), CAUSES, ids=lambda each: getattr(each, "__name__", each)
)
def test_without_its_named_cause_a_check_holds(
    name: str, check: str, mend: Mend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_ = list_types()[name]
    trial = Trial(verdict=Verdict(type=name, category=type_.category), tell=lambda _: None)
    ready = get_ready(trial, type_, Options())
    assert ready is not None
    wrong = judge(ready, trial, check, tmp_path)
    assert wrong and upstream.find_issue(name, check, wrong) is not None, wrong
    mend(ready, monkeypatch)
    assert judge(ready, trial, check, tmp_path) == ""
