"""Pairs of checkpoints of a few kilobytes, in memory, that a test may change as it likes.

Random, with what random weights lack and trained ones have put in: layers that grow with depth,
channels that stand out, codes that are hardly used.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from proofbook_subjects.musicgen.audiocraft.shapes import codec_shapes, language_shapes
from proofbook_systems.musicgen.checkpoints import CODEC_FILE, LANGUAGE_FILE, Checkpoint
from proofbook_systems.musicgen.keymap import Options
from proofbook_systems.musicgen.mapping import MappedModel, map_opened
from proofbook_systems.musicgen.sources import CheckpointFiles

State = dict[str, torch.Tensor]
Config = dict[str, Any] | None


@dataclass(kw_only=True)
class Pair:
    """Tensors and configurations of both checkpoints."""

    spoken: State
    sounding: State
    lm_config: Config
    codec_config: Config
    text: Path

    def copy(self) -> Pair:
        return Pair(
            spoken={name: tensor.clone() for name, tensor in self.spoken.items()},
            sounding={name: tensor.clone() for name, tensor in self.sounding.items()},
            lm_config=copy.deepcopy(self.lm_config),
            codec_config=copy.deepcopy(self.codec_config),
            text=self.text,
        )

    def files(self, folder: Path = Path("nowhere")) -> CheckpointFiles:
        return CheckpointFiles(
            name="small", language=folder / LANGUAGE_FILE, codec=folder / CODEC_FILE,
            text=self.text, outputs=None,
        )  # fmt: skip

    def mapped(self, **options: Any) -> MappedModel:
        files = self.files()
        parts = {
            "language": Checkpoint(path=files.language, tensors=self.spoken,
                                   config=self.lm_config, version="", pretrained=""),
            "codec": Checkpoint(path=files.codec, tensors=self.sounding,
                                config=self.codec_config, version="", pretrained=""),
        }  # fmt: skip
        return map_opened(files, parts, Options(**options))  # type: ignore[arg-type]

    def write(self, folder: Path, **options: Any) -> Path:
        import yaml

        folder.mkdir(parents=True, exist_ok=True)
        for name, state, config in (
            (LANGUAGE_FILE, self.spoken, self.lm_config),
            (CODEC_FILE, self.sounding, self.codec_config),
        ):
            content: dict[str, Any] = {"best_state": state}
            if config is not None:
                content["xp.cfg"] = yaml.safe_dump(config)
            torch.save(content, folder / name, **options)
        return folder


@dataclass(frozen=True, kw_only=True)
class Size:
    width: int = 32
    layers: int = 5
    heads: int = 4
    codebooks: int = 4
    codes: int = 64
    filters: int = 2
    dimension: int = 16
    seed: int = 0
    stereo: bool = False
    delays: list[int] = field(default_factory=lambda: [0, 1, 2, 3])


def small_pair(text: Path, size: Size | None = None) -> Pair:
    size = size or Size()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(size.seed)
        spoken, sounding = _language(size), _codec(size)
    lm, codec = _configs(size)
    return Pair(spoken=spoken, sounding=sounding, lm_config=lm, codec_config=codec, text=text)


def _language(size: Size) -> State:
    shapes = language_shapes(
        width=size.width, layers=size.layers, text_width=48, codes=size.codes,
        codebooks=size.codebooks * (2 if size.stereo else 1),
    )  # fmt: skip
    state = {}
    for name, shape in shapes.items():
        depth = int(name.split(".")[2]) if ".layers." in name else 0
        if "norm" in name:
            tensor = torch.randn(shape) * 0.1 + (1.0 if name.endswith("weight") else 0.0)
        else:
            tensor = torch.randn(shape) / shape[-1] ** 0.5 * (1 + 0.3 * depth)
        if len(shape) > 1:
            tensor[:, 3] *= 6  # channels that stand out, as in trained models
        state[name] = tensor
    return state


def _codec(size: Size) -> State:
    shapes = codec_shapes(filters=size.filters, dimension=size.dimension, codes=size.codes,
                          codebooks=size.codebooks)  # fmt: skip
    state = {name: torch.randn(shape) * 0.3 for name, shape in shapes.items()}
    for name in [n for n in state if n.endswith("weight_v")]:
        state[name.replace("weight_v", "weight_g")] = torch.rand(state[name].shape[0], 1, 1) + 0.5
    for k in range(size.codebooks):
        stem = f"quantizer.vq.layers.{k}._codebook"
        counts = torch.rand(size.codes) * 100 + 20
        counts[:3] = 0.01  # hardly used
        state[f"{stem}.embed"] = torch.randn(size.codes, size.dimension) / (1 + k)
        state[f"{stem}.embed_avg"] = state[f"{stem}.embed"] * counts[:, None]
        state[f"{stem}.cluster_size"] = counts
        state[f"{stem}.inited"] = torch.ones(1)
    return state


def _configs(size: Size) -> tuple[dict[str, Any], dict[str, Any]]:
    """As hydra resolves them for a published model, what no model reads left out."""
    sides = 2 if size.stereo else 1
    lm = {
        "solver": "musicgen", "sample_rate": 32000, "channels": sides, "lm_model": "transformer_lm",
        "compression_model_checkpoint": "//pretrained/facebook/encodec_32khz",
        "transformer_lm": {
            "dim": size.width, "num_heads": size.heads, "num_layers": size.layers,
            "hidden_scale": 4, "n_q": size.codebooks * sides, "card": size.codes, "dropout": 0.0,
            "emb_lr": None, "activation": "gelu", "norm_first": True, "bias_ff": False,
            "bias_attn": False, "bias_proj": False, "past_context": None, "causal": True,
            "custom": False, "memory_efficient": True, "attention_as_float32": False,
            "layer_scale": None, "positional_embedding": "sin", "xpos": False,
            "checkpointing": "torch", "weight_init": "gaussian", "depthwise_init": "current",
            "zero_bias_init": True, "norm": "layer_norm", "cross_attention": False,
            "qk_layer_norm": False, "qk_layer_norm_cross": False, "attention_dropout": None,
            "kv_repeat": 1, "two_step_cfg": False,
        },
        "codebooks_pattern": {
            "modeling": "delay",
            "delay": {"delays": [k for k in size.delays for _ in range(sides)],
                      "flatten_first": 0, "empty_initial": 0},
            "unroll": {"flattening": [0, 1, 2, 3], "delays": [0, 0, 0, 0]},
        },
        "conditioners": {
            "args": {"merge_text_conditions_p": 0.25, "drop_desc_p": 0.5},
            "description": {"model": "t5", "t5": {"name": "t5-base", "finetune": False,
                                                  "word_dropout": 0.3, "normalize_text": False}},
        },
        "fuser": {"cross_attention_pos_emb": False, "cross_attention_pos_emb_scale": 1, "sum": [],
                  "prepend": [], "cross": ["description"], "input_interpolate": []},
        "interleave_stereo_codebooks": {"use": size.stereo, "per_timestep": False},
        "classifier_free_guidance": {"training_dropout": 0.3, "inference_coef": 3.0},
    }  # fmt: skip
    codec = {
        "solver": "compression", "sample_rate": 32000, "channels": 1,
        "compression_model": "encodec",
        "encodec": {"autoencoder": "seanet", "quantizer": "rvq", "sample_rate": 32000,
                    "channels": 1, "causal": False, "renormalize": False},
        "seanet": {
            "dimension": size.dimension, "channels": 1, "causal": False, "n_filters": size.filters,
            "n_residual_layers": 1, "ratios": [8, 5, 4, 4], "activation": "ELU",
            "activation_params": {"alpha": 1.0}, "norm": "weight_norm", "norm_params": {},
            "kernel_size": 7, "residual_kernel_size": 3, "last_kernel_size": 7, "dilation_base": 2,
            "pad_mode": "reflect", "true_skip": True, "compress": 2, "lstm": 2,
            "disable_norm_outer_blocks": 0, "encoder": {},
            "decoder": {"trim_right_ratio": 1.0, "final_activation": None,
                        "final_activation_params": None},
        },
        "rvq": {"n_q": size.codebooks, "q_dropout": False, "bins": size.codes, "decay": 0.99},
    }  # fmt: skip
    return lm, codec
