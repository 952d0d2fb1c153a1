"""What ``xp.cfg`` asks for and transformers' MusicGen cannot do, each in a line.

One table: where it stands, what transformers does, and what else it means. A setting that is not
there asks for nothing. Shapes are compared elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from proofbook_systems.musicgen.checkpoints import Checkpoint
from proofbook_systems.musicgen.preload.support import count_codebooks, find_unsupported

__all__ = ["find_lost_projection", "find_other_rates", "find_unbuildable"]


class _Setting(NamedTuple):
    """A setting, and the values of it that transformers' model computes."""

    path: str
    possible: tuple[Any, ...]
    meaning: str


_OFF = (None, False)
_LANGUAGE = (
    _Setting("lm_model", ("transformer_lm",), "the kind of language model"),
    _Setting("transformer_lm.activation", ("gelu", "relu", "silu"), "the activation"),
    _Setting("transformer_lm.causal", (True,), "whether a step sees only those before it"),
    _Setting("transformer_lm.norm_first", (True,), "whether layers normalise first"),
    _Setting("transformer_lm.norm", ("layer_norm",), "the normalisation"),
    _Setting("transformer_lm.positional_embedding", ("sin",), "the positional embedding"),
    _Setting("transformer_lm.positional_scale", (None, 1), "the scale of positions"),
    _Setting("transformer_lm.max_period", (None, 10_000), "the longest period of positions"),
    _Setting("transformer_lm.past_context", (None,), "how far back a step sees"),
    _Setting("transformer_lm.layer_scale", (None,), "a scale at the end of each layer"),
    _Setting("transformer_lm.qk_layer_norm", _OFF, "normalised queries and keys"),
    _Setting("transformer_lm.qk_layer_norm_cross", _OFF, "normalised queries and keys"),
    _Setting("transformer_lm.kv_repeat", (None, 1), "keys and values that heads share"),
    _Setting("transformer_lm.bias_ff", _OFF, "biases in the feed-forward layers"),
    _Setting("transformer_lm.bias_attn", _OFF, "biases in the attention"),
    _Setting("transformer_lm.bias_proj", _OFF, "biases in the output layers"),
    _Setting("codebooks_pattern.modeling", ("delay",), "the pattern of the codebooks"),
    _Setting("codebooks_pattern.delay.flatten_first", (None, 0), "steps that are flattened"),
    _Setting("codebooks_pattern.delay.empty_initial", (None, 0), "empty steps at the start"),
    _Setting("fuser.sum", (None, []), "conditions that are added"),
    _Setting("fuser.prepend", (None, []), "conditions that come before the first step"),
    _Setting("fuser.input_interpolate", (None, []), "conditions that are interpolated"),
    _Setting("fuser.cross", (["description"],), "what the cross attention sees"),
    _Setting("fuser.cross_attention_pos_emb", _OFF, "positions in the cross attention"),
    _Setting("conditioners.description.t5.normalize_text", _OFF, "texts that are normalised"),
)
_CODEC = (
    _Setting("compression_model", ("encodec",), "the kind of codec"),
    _Setting("encodec.autoencoder", ("seanet",), "the kind of encoder and decoder"),
    _Setting("encodec.quantizer", ("rvq",), "the kind of quantizer"),
    _Setting("seanet.activation", ("ELU",), "the activation"),
    _Setting("seanet.activation_params.alpha", (None, 1), "the slope of the activation"),
    _Setting("seanet.norm", ("weight_norm", "time_group_norm"), "the normalisation"),
    _Setting("seanet.disable_norm_outer_blocks", (None, 0), "blocks without normalisation"),
    _Setting("seanet.pad_mode", ("reflect", "constant", "replicate", "circular"), "the padding"),
    _Setting("seanet.decoder.final_activation", (None,), "an activation at the end"),
)


def find_unbuildable(language: Checkpoint, codec: Checkpoint) -> list[str]:
    """Return what stands against building these checkpoints as transformers' MusicGen."""
    if known := find_unsupported(language, codec):
        return [f"{finding.file}: {finding.actual}" for finding in known]
    spoken, sounding = language.config or {}, codec.config or {}
    rules: tuple[tuple[str, Callable[[], Iterator[str]]], ...] = (
        (language.path.name, lambda: _settings(spoken, _LANGUAGE)),
        (language.path.name, lambda: _delays(spoken, count_codebooks(language))),
        (language.path.name, lambda: _heads(spoken)),
        (codec.path.name, lambda: _settings(sounding, _CODEC)),
        (codec.path.name, lambda: find_other_rates(spoken, sounding)),
    )
    return [f"{file}: {line}" for file, rule in rules for line in rule()]


def find_lost_projection(language: Checkpoint, config: Any) -> list[str]:
    """Return a line where transformers' model would leave the checkpoint's text projection out."""
    width, text = config.decoder.hidden_size, config.text_encoder.hidden_size
    if width != text or not any("output_proj." in name for name in language.tensors):
        return []
    return [
        f"{language.path.name}: the language model and the T5 are both {width} wide, where "
        "transformers' MusicGen has no text projection, and the checkpoint has one"
    ]


def _settings(config: Mapping[str, Any], table: tuple[_Setting, ...]) -> Iterator[str]:
    for setting in table:
        value, there = _at(config, setting.path)
        if there and not any(_same(value, each) for each in setting.possible):
            able = " or ".join(str(each) for each in setting.possible if each is not None)
            yield (
                f"{setting.path} is {value} ({setting.meaning}), and transformers' MusicGen has "
                f"{able or 'none'} alone"
            )


def _same(value: Any, possible: Any) -> bool:
    """Compare as configurations do: 1.0 is 1, and True is not."""
    return bool(value == possible) and isinstance(value, bool) == isinstance(possible, bool)


def _delays(config: Mapping[str, Any], books: int) -> Iterator[str]:
    """Yield a line where the codebooks that are there do not start one step after another."""
    delays, there = _at(config, "codebooks_pattern.delay.delays")
    if not there or not books:
        return
    sides = 2 if _at(config, "interleave_stereo_codebooks.use")[0] else 1
    wanted = [book // sides for book in range(books)]
    short = list(range(books // sides))
    if delays not in (wanted, short) and delays is not None:
        yield (
            f"codebooks_pattern.delay.delays is {delays}, and transformers' MusicGen has "
            f"{wanted} alone"
        )


def _heads(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line where the heads cannot share the width."""
    width, heads = (_at(config, f"transformer_lm.{name}")[0] for name in ("dim", "num_heads"))
    if isinstance(width, int) and isinstance(heads, int) and (heads < 1 or width % heads):
        yield f"transformer_lm.num_heads is {heads}, which does not divide the width {width}"


def find_other_rates(language: Mapping[str, Any], codec: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line where the two were trained for sounds of different rates."""
    theirs, ours = language.get("sample_rate"), codec.get("sample_rate")
    if theirs is not None and ours is not None and theirs != ours:
        yield f"sample_rate is {ours}, and the language model was trained for {theirs}"


def _at(config: Mapping[str, Any], path: str) -> tuple[Any, bool]:
    """Return what stands at a dotted path, and whether anything does."""
    node: Any = config
    for name in path.split("."):
        if not isinstance(node, Mapping) or name not in node:
            return None, False
        node = node[name]
    return node, True
