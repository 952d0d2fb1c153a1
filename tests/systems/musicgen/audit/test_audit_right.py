"""Right checkpoints of every form and habit are never called wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from small_checkpoints import Pair, Size, State, small_pair

from proofbook_subjects.musicgen.audiocraft.forms import in_form
from proofbook_systems.musicgen import audit
from proofbook_systems.musicgen.checkpoints import CODEC_FILE, LANGUAGE_FILE
from proofbook_systems.musicgen.mapping import MappedModel, map_checkpoints
from proofbook_systems.musicgen.sources import find_checkpoints

Change = Callable[[Pair], object]


def wrong(model: MappedModel) -> list[tuple[str, ...]]:
    claims, _told = audit.audit_checkpoints(model)
    return [*(c.findings for c in claims if c.findings), *([model.unfilled] * bool(model.unfilled))]


def each(state: State, change: Callable[[str, torch.Tensor], torch.Tensor]) -> None:
    state.update({name: change(name, tensor) for name, tensor in state.items()})


def rename(state: State, new: Callable[[str], str]) -> None:
    renamed = {new(name): tensor for name, tensor in state.items()}
    state.clear()
    state.update(renamed)


def with_mha(pair: Pair) -> None:
    rename(pair.spoken, lambda n: n.replace("_attn.", "_attn.mha.").replace(
        "cross_attention.", "cross_attention.mha."))  # fmt: skip


def wrapped(pair: Pair) -> None:
    for state in (pair.spoken, pair.sounding):
        rename(state, lambda name: f"_fsdp_wrapped_module._orig_mod.module.{name}")


def newer_weight_norm(pair: Pair) -> None:
    rename(pair.sounding, lambda n: n.replace(
        "weight_g", "parametrizations.weight.original0").replace(
        "weight_v", "parametrizations.weight.original1"))  # fmt: skip


def folded(pair: Pair) -> None:
    for name in [n for n in pair.sounding if n.endswith("weight_v")]:
        direction, stem = pair.sounding.pop(name), name.removesuffix("_v")
        norm = torch.linalg.vector_norm(direction, dim=(1, 2), keepdim=True)
        pair.sounding[stem] = pair.sounding.pop(f"{stem}_g") * direction / norm


def scrambled(pair: Pair) -> None:
    pair.spoken = in_form(pair.spoken, "scrambled", 4)


def without_configuration(pair: Pair) -> None:
    pair.lm_config = pair.codec_config = None


def in_precision(kind: torch.dtype) -> Change:
    def change(pair: Pair) -> None:
        for state in (pair.spoken, pair.sounding):
            each(state, lambda _n, t: t.to(kind))

    return change


def as_initialised(pair: Pair) -> None:
    """Norms of ones, biases of zeros: a model that has not been trained."""
    each(pair.spoken, lambda n, t: torch.full_like(t, float(n.endswith("weight")))
         if "norm" in n else t * 0 if n.endswith("bias") else t)  # fmt: skip
    each(pair.sounding, lambda n, t: t * 0 if "bias" in n else t)


def grown_with_depth(pair: Pair) -> None:
    each(pair.spoken, lambda n, t: t * 1.6 ** int(n.split(".")[2]) if ".layers." in n else t)


def one_channel_stands_out(pair: Pair) -> None:
    for name in [n for n in pair.spoken if "linear2" in n]:
        pair.spoken[name][5, 7] = 300.0


def pruned_everywhere(pair: Pair) -> None:
    for name in [n for n in pair.spoken if "linear1" in n]:
        pair.spoken[name][::3] = 0


def smoothed_codebooks(pair: Pair) -> None:
    each(pair.sounding, lambda n, t: t * 1.1 + 0.2 * t.std() * torch.randn_like(t)
         if n.endswith(".embed") else t)  # fmt: skip


def without_sums(pair: Pair) -> None:
    each(pair.sounding, lambda n, t: t * 0 if n.endswith("embed_avg") else t)


def codebooks_as_initialised(pair: Pair) -> None:
    """The means of the first batch: no sums yet, but counts."""
    for k in range(4):
        stem = f"quantizer.vq.layers.{k}._codebook."
        pair.sounding[f"{stem}embed_avg"] = pair.sounding[f"{stem}embed"].clone()


def codebooks_that_fade(pair: Pair) -> None:
    """Each keeps what those before it leave over; a codec of few sounds leaves little."""
    for k in range(4):
        for end in ("embed", "embed_avg"):
            pair.sounding[f"quantizer.vq.layers.{k}._codebook.{end}"] *= 0.02**k


def two_unused_codes_alike(pair: Pair) -> None:
    for k in range(4):
        stem = f"quantizer.vq.layers.{k}._codebook."
        pair.sounding[f"{stem}embed"][0] = pair.sounding[f"{stem}embed"][1]


def unused_token(pair: Pair) -> None:
    pair.spoken["emb.0.weight"][-1] = 0


def some_negative_scales(pair: Pair) -> None:
    each(pair.spoken, lambda n, t: t - 1.0 if "norm1.weight" in n else t)


def same_biases(pair: Pair) -> None:
    """Both biases of a recurrent layer get one gradient: begun alike, they stay alike."""
    for name in [n for n in pair.sounding if "bias_hh" in n]:
        pair.sounding[name] = pair.sounding[name.replace("_hh", "_ih")].clone()


def pruned_channels(pair: Pair) -> None:
    """Whole channels cut from every layer, as structured pruning does."""
    for name in [n for n in pair.spoken if "linear2" in n or "out_proj.weight" in n]:
        pair.spoken[name][:, ::4] = 0


def flags_of_other_types(pair: Pair) -> None:
    each(pair.sounding, lambda n, t: (t.bool() if ".0." in n else t.long())
         if n.endswith("inited") else t)  # fmt: skip


def rates_with_a_point(pair: Pair) -> None:
    assert pair.lm_config
    assert pair.codec_config
    pair.lm_config["sample_rate"] = pair.codec_config["sample_rate"] = 32000.0


def every_second_column_pruned(pair: Pair) -> None:
    each(pair.spoken, lambda n, t: t * (torch.arange(t.shape[1]) % 2) if t.ndim == 2 else t)


def with_relu(pair: Pair) -> None:
    assert pair.lm_config
    pair.lm_config["transformer_lm"]["activation"] = "relu"


def with_little_configuration(pair: Pair) -> None:
    pair.lm_config = {"transformer_lm": {"num_heads": 4}}
    pair.codec_config = {"sample_rate": 32000}


VARIANTS: list[Change] = [
    lambda pair: None, with_mha, wrapped, newer_weight_norm, folded, scrambled,
    without_configuration, with_little_configuration, in_precision(torch.float16),
    in_precision(torch.bfloat16), as_initialised, grown_with_depth, one_channel_stands_out,
    pruned_everywhere, smoothed_codebooks, without_sums, codebooks_as_initialised,
    codebooks_that_fade, two_unused_codes_alike, unused_token,
    some_negative_scales, same_biases, with_relu, pruned_channels,
    flags_of_other_types, rates_with_a_point, every_second_column_pruned,
]  # fmt: skip


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("change", VARIANTS, ids=lambda change: change.__qualname__)
def test_a_right_pair_is_not_called_wrong(pair: Pair, change: Change):
    change(pair)
    assert wrong(pair.mapped()) == []


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    "size",
    [Size(stereo=True, seed=1), Size(layers=12, width=64, seed=2), Size(layers=1, seed=3),
     Size(layers=2, width=96, heads=6, filters=4, dimension=32, seed=4),
     Size(codebooks=8, delays=list(range(8)), seed=5), Size(codes=128, seed=6)],
    ids=lambda size: f"{size.layers}x{size.width}x{size.codebooks}x{size.codes}",
)  # fmt: skip
def test_other_sizes_are_not_called_wrong(text_encoder: Path, size: Size):
    assert wrong(small_pair(text_encoder, size).mapped()) == []


def from_files(folder: Path, pair: Pair) -> MappedModel:
    return map_checkpoints(find_checkpoints(str(folder), text_encoder=str(pair.text)))


def test_files_in_the_old_format_are_not_called_wrong(pair: Pair, tmp_path: Path):
    pair.write(tmp_path, _use_new_zipfile_serialization=False)
    assert wrong(from_files(tmp_path, pair)) == []


def test_a_pointer_to_the_codec_is_not_called_wrong(pair: Pair, tmp_path: Path):
    pair.write(tmp_path)
    (tmp_path / CODEC_FILE).rename(tmp_path / "encodec_32khz")
    torch.save({"pretrained": "facebook/encodec_32khz", "exported": True}, tmp_path / CODEC_FILE)
    assert wrong(from_files(tmp_path, pair)) == []


def test_safetensors_are_read_with_their_configuration(pair: Pair, tmp_path: Path):
    for name, state, config in (
        (LANGUAGE_FILE, pair.spoken, pair.lm_config),
        (CODEC_FILE, pair.sounding, pair.codec_config),
    ):
        path = (tmp_path / name).with_suffix(".safetensors")
        save_file(state, path, metadata={"xp.cfg": json.dumps(config)})
    model = from_files(tmp_path, pair)
    assert wrong(model) == []
    assert model.architecture.config.decoder.num_attention_heads == 4
    assert not model.architecture.assumptions


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("kind", ["whole", "bin", "shards"])
def test_a_text_encoder_in_any_form_is_not_called_wrong(pair: Pair, tmp_path: Path, kind: str):
    from transformers import T5Config, T5ForConditionalGeneration

    network = T5ForConditionalGeneration(T5Config.from_pretrained(pair.text))
    pair.text = Path(shutil.copytree(pair.text, tmp_path / "t5"))
    (pair.text / "model.safetensors").unlink()
    if kind == "bin":
        torch.save(network.state_dict(), pair.text / "pytorch_model.bin")
    else:
        network.save_pretrained(pair.text, max_shard_size="40KB" if kind == "shards" else "1GB")
    assert wrong(pair.mapped()) == []
