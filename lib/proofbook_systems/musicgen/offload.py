"""Spread a MusicGen over GPU, memory and disk so that it keeps to a budget.

Accelerate decides what goes where and moves the weights; this module states the budget, keeps
whole what must not be split, and says afterwards whether anything was left without weights. Knows
nothing about checkpoints.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError

__all__ = ["PROCESS_BYTES", "Placement", "parse_budget", "place", "stranded_weights", "use_threads"]

PROCESS_BYTES = 256 * 2**20
"""What a process takes for itself while it loads: two pieces of a file, buffers, code."""

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(?:([kmg]i?)?b?|(%))", re.IGNORECASE)
_WHOLE = ["MusicgenDecoderLayer", "T5Block", "EncodecModel"]
"""Modules that compute with several of their parts at once."""
_CODEC = "audio_encoder"


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Which part of a model goes where."""

    device_map: Mapping[str, str | int]
    """Module to ``cpu``, ``disk`` or the number of a GPU."""
    bytes_by_device: Mapping[str, int]
    """Weights on each."""
    model_bytes: int
    largest_layer_bytes: int
    """Of what is moved as one piece; this much is needed beyond the budget while it computes."""


def parse_budget(text: str, whole: int) -> int:
    """Return bytes for ``4GiB``, ``500 MB``, ``123456``, or ``50%`` of ``whole``.

    Raises:
        SubjectError: It is none of these.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise SubjectError(f"memory budget {text!r} is not a size; write 4GiB, 500MB or 50%")
    number, unit, percent = match.groups()
    if percent:
        return int(whole * float(number) / 100)
    return int(float(number) * _UNITS[(unit or "").lower()])


def place(
    folder: Path, *, cpu: str, gpu: str = "0", dtype: str = "float32", codec_on_cpu: bool = False
) -> Placement:
    """Plan the model in ``folder`` for budgets as :func:`parse_budget` takes them.

    ``gpu`` is for each GPU; 0 uses none. What fits nowhere goes to the disk. With
    ``codec_on_cpu`` the codec stays in memory, within its budget, wherever the rest goes.

    Raises:
        SubjectError: A budget is not a size, or the codec alone exceeds the one for memory.
    """
    import torch
    from accelerate import infer_auto_device_map

    kind = getattr(torch, dtype)
    network = _empty_network(folder)
    codec = network.audio_encoder
    whole = _bytes(network, kind)
    budgets = _budgets(parse_budget(cpu, whole), parse_budget(gpu, whole))
    fixed: dict[str, str | int] = {}
    if codec_on_cpu:
        fixed, budgets = _reserve(budgets, _bytes(codec, kind))
        network.audio_encoder = torch.nn.Identity()  # it takes no part in what follows
    automatic = infer_auto_device_map(
        network, max_memory=budgets, no_split_module_classes=_WHOLE, dtype=kind
    )
    network.audio_encoder = codec
    device_map = _fixed_apart(automatic, fixed, [name for name, _ in network.named_children()])
    return Placement(
        device_map=device_map,
        bytes_by_device=_bytes_by_device(network, device_map, kind),
        model_bytes=whole,
        largest_layer_bytes=_largest(network, kind),
    )


def use_threads(number: int) -> int:
    """Let ``number`` threads compute, or leave it to torch for 0; return how many do."""
    import torch

    if number:
        torch.set_num_threads(number)
    return torch.get_num_threads()


def stranded_weights(network: Any) -> list[str]:
    """Return the parameters and buffers that are on the meta device with nowhere to come from.

    A dispatched layer on the disk is on the meta device too; its hook knows its weights.
    """
    covered = set()
    for module_name, module in network.named_modules():
        for weights in _weight_maps(module):
            prefix = getattr(weights, "prefix", "")
            covered |= {_join(module_name, key.removeprefix(prefix)) for key in weights}
    tensors = [*network.named_parameters(), *network.named_buffers()]
    return sorted(name for name, tensor in tensors if tensor.is_meta and name not in covered)


def _weight_maps(module: Any) -> list[Mapping[str, Any]]:
    hook = getattr(module, "_hf_hook", None)
    hooks = [hook, *getattr(hook, "hooks", ())]
    return [h.weights_map for h in hooks if getattr(h, "weights_map", None) is not None]


def _join(module: str, name: str) -> str:
    return f"{module}.{name}" if module else name


def _empty_network(folder: Path) -> Any:
    """Build the network without memory for its weights."""
    import torch
    from transformers import AutoConfig, MusicgenForConditionalGeneration

    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    with torch.device("meta"):
        network = MusicgenForConditionalGeneration(config)
    network.tie_weights()
    return network


def _budgets(cpu: int, gpu: int) -> dict[str | int, int]:
    import torch

    cards: dict[str | int, int] = dict.fromkeys(range(torch.cuda.device_count()), gpu)
    return {**(cards if gpu else {}), "cpu": cpu}


def _reserve(
    budgets: dict[str | int, int], codec: int
) -> tuple[dict[str, str | int], dict[str | int, int]]:
    if codec > budgets["cpu"]:
        raise SubjectError(
            f"the codec needs {codec:,} bytes and the memory budget is {budgets['cpu']:,}; "
            "raise the budget, or do not force the codec to the CPU"
        )
    return {_CODEC: "cpu"}, {**budgets, "cpu": budgets["cpu"] - codec}


def _fixed_apart(
    automatic: Mapping[str, str | int], fixed: Mapping[str, str | int], children: Iterable[str]
) -> dict[str, str | int]:
    """Return the map with each module named once; accelerate writes ``""`` for all of them."""
    if not fixed:
        return dict(automatic)
    everywhere = dict.fromkeys(children, automatic[""]) if "" in automatic else {}
    named = {k: v for k, v in automatic.items() if k and k.split(".")[0] not in fixed}
    return {k: v for k, v in everywhere.items() if k not in fixed} | named | dict(fixed)


def _bytes(module: Any, kind: Any) -> int:
    return sum(_tensor_bytes(module, kind).values())


def _tensor_bytes(module: Any, kind: Any) -> dict[int, int]:
    """Return the bytes of each tensor once, by identity: tied weights are one tensor."""
    tensors = {id(t): t for t in (*module.parameters(), *module.buffers())}
    return {
        name: t.numel() * (kind if t.is_floating_point() else t.dtype).itemsize
        for name, t in tensors.items()
    }


def _bytes_by_device(
    network: Any, device_map: Mapping[str, str | int], kind: Any
) -> dict[str, int]:
    sizes: dict[str, int] = {}
    counted: set[int] = set()
    for name, device in device_map.items():
        tensors = _tensor_bytes(network.get_submodule(name), kind)
        fresh = sum(size for key, size in tensors.items() if key not in counted)
        counted |= tensors.keys()
        if fresh or not tensors:
            sizes[str(device)] = sizes.get(str(device), 0) + fresh
    return {device: size for device, size in sizes.items() if size}


def _largest(network: Any, kind: Any) -> int:
    """Return the bytes of the largest piece that is moved at once: a whole block, or a leaf."""
    blocks = [m for m in network.modules() if type(m).__name__ in _WHOLE[:2]]
    leaves = [m for m in network.modules() if not any(m.children())]
    return max(_bytes(module, kind) for module in (*blocks, *leaves))
