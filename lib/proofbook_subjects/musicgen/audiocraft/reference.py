"""The reference checkpoints: tiny, random, and in audiocraft's own format.

With them is what audiocraft's arithmetic computes from them, so that a model mapped from them can
be compared with the original. The codec makes noise like surf, around -20 dBFS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from proofbook.caching import cache_root, cached_folder
from proofbook_subjects.musicgen.audiocraft import codec, language
from proofbook_subjects.musicgen.audiocraft.forms import Form, in_form
from proofbook_subjects.musicgen.audiocraft.shapes import codec_shapes, language_shapes
from proofbook_subjects.musicgen.reference import save_text_encoder

if TYPE_CHECKING:
    import torch

__all__ = [
    "CODEC_FILE",
    "LANGUAGE_FILE",
    "OUTPUTS_FILE",
    "SIZES",
    "CheckpointSize",
    "configuration",
    "random_codec",
    "reference_checkpoints",
    "write_checkpoint",
]

LANGUAGE_FILE = "state_dict.bin"
CODEC_FILE = "compression_state_dict.bin"
OUTPUTS_FILE = "reference_outputs.safetensors"
RATIOS = (8, 5, 4, 4)
_CODEBOOK_SPREAD = 3.0
_LOUDNESS = 0.1
_SMOOTHED = ("decoder.model.9.convtr.convtr.weight", "decoder.model.12.convtr.convtr.weight")
_LAST = "decoder.model.15.conv.conv.weight"


@dataclass(frozen=True, kw_only=True)
class CheckpointSize:
    """What one size is made of."""

    width: int
    layers: int
    heads: int
    filters: int = 4
    dimension: int = 32
    text_width: int = 48
    seed: int = 20230608
    version: int = 1
    """Raised whenever the same sizes would give other files."""


SIZES = {
    "tiny": CheckpointSize(width=64, layers=2, heads=4),
    "large": CheckpointSize(width=96, layers=8, heads=6),
}


def reference_checkpoints(size: str, form: Form = "pair", cache: Path | None = None) -> Path:
    """Return the folder of one size in one form, built first where the cache lacks it.

    It holds both checkpoints, ``t5/`` and the reference outputs.
    """
    recipe = SIZES[size]
    return cached_folder(
        (cache or cache_root()) / "musicgen",
        f"checkpoints-{size}-{form}",
        {**asdict(recipe), "form": form},
        lambda folder: _build(recipe, form, folder),
    )


def write_checkpoint(
    path: Path, state: Mapping[str, torch.Tensor], config: str | None, *, exported: bool = True
) -> Path:
    """Write tensors as audiocraft exports them; without ``config`` as its oldest versions did."""
    import torch

    content: dict[str, object] = {"best_state": dict(state)}
    if config is not None:
        content |= {"xp.cfg": config, "version": "1.4.0", "exported": exported}
    torch.save(content, path)
    return path


def _build(size: CheckpointSize, form: str, folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(size.seed)
        spoken = _random_state(
            language_shapes(width=size.width, layers=size.layers, text_width=size.text_width)
        )
        sounding = random_codec(size)
        outputs = _outputs(size, spoken, sounding)
        config = configuration(size)
        write_checkpoint(folder / LANGUAGE_FILE, in_form(spoken, form, size.seed), config)
        write_checkpoint(folder / CODEC_FILE, in_form(sounding, form, size.seed), config)
    save_file(outputs, folder / OUTPUTS_FILE)
    save_text_encoder(folder / "t5", size.seed, size.text_width)


def random_codec(size: CheckpointSize) -> dict[str, torch.Tensor]:
    """Return a random codec, folded, that makes an audible sound of random codes."""
    state = _random_state(_folded(codec_shapes(filters=size.filters, dimension=size.dimension)))
    _voice(state)
    return state


def _folded(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Return the shapes with one weight for each weight-norm pair."""
    kept = {name: shape for name, shape in shapes.items() if not name.endswith("weight_g")}
    return {name.replace("weight_v", "weight"): shape for name, shape in kept.items()}


def _random_state(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Return random tensors, scaled as layers are initialised: norms and counts are ones."""
    import torch

    state = {}
    for name, shape in shapes.items():
        fan_in = max(1, shape[-1] if len(shape) < 3 else shape[1] * shape[2])
        tensor = torch.randn(shape) / fan_in**0.5
        if "norm" in name:
            tensor = tensor * 0.1 + (1.0 if name.endswith("weight") else 0.0)
        if name.endswith(("inited", "cluster_size")):
            tensor = torch.ones(shape)
        state[name] = tensor
    return state


def _voice(state: dict[str, torch.Tensor]) -> None:
    """Make random codes decode to a sound that is audible, centred and unclipped."""
    import torch

    for name in [n for n in state if n.endswith("_codebook.embed")]:
        state[name] = torch.randn_like(state[name]) * _CODEBOOK_SPREAD
        state[f"{name}_avg"] = state[name].clone()
    for name in [n for n in state if n.startswith("decoder.") and n.endswith("conv.bias")]:
        state[name] = torch.zeros_like(state[name])  # upsampled, they would be a steady whine
    for name in [n for n in state if n.startswith("decoder.") and n.endswith("convtr.bias")]:
        state[name] = torch.zeros_like(state[name])
    for name in _SMOOTHED:
        width = state[name].shape[-1]
        window = torch.hann_window(width + 2, periodic=False)[1:-1] * width**0.5
        state[name] = state[name].mean(dim=-1, keepdim=True) * window
    # A kernel that sums to zero passes no constant, whatever the layers before it emit.
    state[_LAST] = state[_LAST] - state[_LAST].mean(dim=-1, keepdim=True)
    codes = torch.randint(2048, (1, 4, 100))
    state[_LAST] = state[_LAST] * (_LOUDNESS / codec.decode(state, codes, RATIOS).std())


def _outputs(
    size: CheckpointSize,
    spoken: Mapping[str, torch.Tensor],
    sounding: Mapping[str, torch.Tensor],
) -> dict[str, torch.Tensor]:
    import torch

    codes = torch.randint(2048, (1, 4, 25))
    tokens = torch.randint(2049, (4, 12))
    states = torch.randn(1, 7, size.text_width)
    return {
        "codes": codes,
        "audio": codec.decode(sounding, codes, RATIOS).contiguous(),
        "tokens": tokens,
        "states": states,
        "logits": language.compute_logits(spoken, tokens, states, heads=size.heads),
    }


def configuration(size: CheckpointSize) -> str:
    """Return ``xp.cfg`` with the sections that describe a model, references included."""
    import yaml

    value = {
        "sample_rate": 32000,
        "channels": 1,
        "transformer_lm": {
            "dim": size.width, "num_heads": size.heads, "num_layers": size.layers,
            "hidden_scale": 4, "n_q": 4, "card": 2048, "norm_first": True, "bias_ff": False,
            "bias_attn": False, "bias_proj": False, "positional_embedding": "sin",
        },
        "codebooks_pattern": {"modeling": "delay", "delay": {"delays": [0, 1, 2, 3]}},
        "conditioners": {"description": {"model": "t5", "t5": {"name": "t5-base"}}},
        "encodec": {"sample_rate": "${sample_rate}", "channels": "${channels}",
                    "causal": False, "renormalize": False},
        "seanet": {
            "dimension": size.dimension, "channels": "${channels}", "causal": "${encodec.causal}",
            "n_filters": size.filters, "n_residual_layers": 1, "ratios": list(RATIOS),
            "norm": "weight_norm", "kernel_size": 7, "residual_kernel_size": 3,
            "last_kernel_size": 7, "dilation_base": 2, "pad_mode": "reflect", "true_skip": True,
            "compress": 2, "lstm": 2, "decoder": {"trim_right_ratio": 1.0},
        },
        "rvq": {"n_q": 4, "bins": 2048},
    }  # fmt: skip
    return yaml.safe_dump(value, sort_keys=False)
