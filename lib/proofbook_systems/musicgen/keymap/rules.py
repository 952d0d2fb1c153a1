"""The exact rules: what audiocraft calls a tensor, and what transformers calls it.

The table is data and is read both ways. A row with three targets is stacked: the rows of one
tensor are those of query, key and value. Names are canonical, as :mod:`.names` makes them. Knows
nothing about shapes.
"""

from __future__ import annotations

import functools
import re
from typing import Literal, NamedTuple

__all__ = ["RULES", "Part", "Rule", "Source", "sources_of", "targets_of"]

Part = Literal["language", "codec"]

_LAYER = "decoder.model.decoder.layers.{n}"
_STACKED = ("q_proj", "k_proj", "v_proj")
_PATTERNS = {
    "n": r"\d+",
    "b": r"\d+",
    "p": "weight|bias",
    "w": "weight_g|weight_v|weight|bias",
    "r": r"(?:weight|bias)_(?:ih|hh)_l\d+(?:_reverse)?",
    "c": "inited|cluster_size|embed_avg|embed",
    "side": "encoder|decoder",
}


class Rule(NamedTuple):
    """One row: a template of audiocraft's name, and of each name that transformers has for it."""

    source: str
    targets: tuple[str, ...]


class Source(NamedTuple):
    """Where a parameter comes from, by the rules."""

    name: str
    place: int
    """Which of the stacked parts."""
    of: int
    """Into how many parts the rows are cut."""


def _attention(theirs: str, ours: str) -> tuple[Rule, ...]:
    source, target = f"transformer.layers.{{n}}.{theirs}", f"{_LAYER}.{ours}"
    stacked = tuple(f"{target}.{name}.{{p}}" for name in _STACKED)
    return (
        Rule(f"{source}.in_proj_{{p}}", stacked),
        Rule(f"{source}.out_proj.{{p}}", (f"{target}.out_proj.{{p}}",)),
    )


RULES: dict[Part, tuple[Rule, ...]] = {
    "language": (
        Rule("emb.{n}.weight", ("decoder.model.decoder.embed_tokens.{n}.weight",)),
        Rule("linears.{n}.{p}", ("decoder.lm_heads.{n}.{p}",)),
        Rule("out_norm.{p}", ("decoder.model.decoder.layer_norm.{p}",)),
        Rule(
            "condition_provider.conditioners.description.output_proj.{p}", ("enc_to_dec_proj.{p}",)
        ),
        *_attention("self_attn", "self_attn"),
        *_attention("cross_attention", "encoder_attn"),
        Rule("transformer.layers.{n}.linear1.{p}", (f"{_LAYER}.fc1.{{p}}",)),
        Rule("transformer.layers.{n}.linear2.{p}", (f"{_LAYER}.fc2.{{p}}",)),
        Rule("transformer.layers.{n}.norm1.{p}", (f"{_LAYER}.self_attn_layer_norm.{{p}}",)),
        Rule("transformer.layers.{n}.norm2.{p}", (f"{_LAYER}.final_layer_norm.{{p}}",)),
        Rule("transformer.layers.{n}.norm_cross.{p}", (f"{_LAYER}.encoder_attn_layer_norm.{{p}}",)),
    ),
    "codec": (
        Rule("{side}.model.{n}.conv.conv.{w}", ("audio_encoder.{side}.layers.{n}.conv.{w}",)),
        Rule("{side}.model.{n}.convtr.convtr.{w}", ("audio_encoder.{side}.layers.{n}.conv.{w}",)),
        Rule(
            "{side}.model.{n}.block.{b}.conv.conv.{w}",
            ("audio_encoder.{side}.layers.{n}.block.{b}.conv.{w}",),
        ),
        Rule(
            "{side}.model.{n}.shortcut.conv.conv.{w}",
            ("audio_encoder.{side}.layers.{n}.shortcut.conv.{w}",),
        ),
        Rule("{side}.model.{n}.lstm.{r}", ("audio_encoder.{side}.layers.{n}.lstm.{r}",)),
        Rule(
            "quantizer.vq.layers.{n}._codebook.{c}",
            ("audio_encoder.quantizer.layers.{n}.codebook.{c}",),
        ),
    ),
}
"""Sinusoidal positions are computed, not stored, and so have no row."""


def targets_of(part: Part, source: str) -> tuple[str, ...]:
    """Return the parameters that a tensor of audiocraft's feeds; none where no rule knows it."""
    for rule in RULES[part]:
        if match := _compiled(rule.source).fullmatch(source):
            return tuple(target.format(**match.groupdict()) for target in rule.targets)
    return ()


def sources_of(part: Part, target: str) -> tuple[Source, ...]:
    """Return the tensors that a parameter may come from; a convolution has two names."""
    sources = []
    for rule in RULES[part]:
        for place, template in enumerate(rule.targets):
            if match := _compiled(template).fullmatch(target):
                name = rule.source.format(**match.groupdict())
                sources.append(Source(name, place, len(rule.targets)))
    return tuple(sources)


@functools.cache
def _compiled(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    texts = [f"(?P<{p}>{_PATTERNS[p]})" if i % 2 else re.escape(p) for i, p in enumerate(parts)]
    return re.compile("".join(texts))
