"""Read tensors, networks and optimizers of any PyTorch; changes nothing of them.

Belongs to the program beside it, and may import nothing but Python's own library.
"""

from __future__ import annotations

import hashlib
from typing import Any

__all__ = [
    "bit_sums", "can_tell_draws", "choose_batch", "dense", "digest", "dropout_rates",
    "is_without_data", "left_out", "names_of", "parameters_of", "random_states", "read_row",
    "settings_of", "tensors_of", "unmasked", "without_wrappers",
]  # fmt: skip

_IDS = ("input_ids", "idx", "tokens", "input_tokens", "decoder_input_ids")
"""What batches of tokens are called, the likeliest first."""
_BESIDE = ("attention_mask", "position_ids", "token_type_ids", "labels")
"""What is of a batch's shape, and no batch."""
_WRAPPERS = (
    "_orig_mod", "module", "_forward_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
)  # fmt: skip
"""What compilers and those that spread a network over processes put into names, dots around."""


def bit_sums(torch: Any, tensor: Any) -> str:
    """Return two sums over a tensor's bits; they are equal where it is equal to the bit.

    The second one tells places, too: rows that are exchanged are another value.
    """
    kinds = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    with torch.no_grad():
        values = tensor.detach().contiguous()
        values = torch.view_as_real(values) if values.is_complex() else values
        bits = values.view(kinds[values.element_size()]).to(torch.int64).reshape(-1)
        weighed = torch.arange(len(bits), device=bits.device).add_(bits).mul_(bits)
        sums = int(bits.sum()), int(weighed.sum())
    return "".join(f"{each & 0xFFFFFFFFFF:010x}" for each in sums)


def parameters_of(optimizer: Any) -> list[Any]:
    """Return all parameters of an optimizer, group by group."""
    return [each for group in optimizer.param_groups for each in group["params"]]


def dropout_rates(network: Any) -> Any:
    """Yield the rates of dropout that the parts of a network have."""
    for module in network.modules():
        kind = type(module).__name__.lower()
        for key, value in vars(module).items():
            named = "drop" in key.lower() or (key == "p" and "drop" in kind)
            if named and isinstance(value, float) and 0 < value < 1:
                yield value


def left_out(networks: Any, parameters: list[Any]) -> list[str]:
    """Return the names of the networks' parameters that have a gradient, and are not among these.

    A gradient of zeros counts for nothing.
    """
    known = {id(each) for each in parameters}
    return [
        without_wrappers(name)
        for network in networks
        for name, each in network.named_parameters()
        if id(each) not in known
        and each.requires_grad
        and each.grad is not None
        and bool((dense(each.grad) != 0).any())
    ]


def names_of(networks: Any, parameters: list[Any]) -> list[str]:
    """Return the names of parameters in their networks; the place of one that is in none."""
    names: dict[int, str] = {}
    for network in networks:
        for name, parameter in network.named_parameters():
            names.setdefault(id(parameter), without_wrappers(name))
    return [names.get(id(each), str(place)) for place, each in enumerate(parameters)]


def random_states(torch: Any) -> list[Any]:
    """Return the states of the generators that networks draw from."""
    on_gpu = [torch.cuda.get_rng_state()] if torch.cuda.is_initialized() else []
    return [torch.get_rng_state(), *on_gpu]


def can_tell_draws(network: Any) -> bool:
    """Say whether random numbers of a network come from generators that are looked at."""
    return all(each.device.type in ("cpu", "cuda") for each in network.parameters())


def dense(gradient: Any) -> Any:
    """Return a gradient's values."""
    return gradient.coalesce().values() if gradient.is_sparse else gradient


def digest(sums: list[str]) -> str:
    """Return what tells several sums."""
    return hashlib.blake2b(" ".join(sums).encode(), digest_size=12).hexdigest()


def settings_of(group: dict[str, Any]) -> dict[str, float]:
    """Return what a group is set to; its rate is told on its own."""
    found = {}
    for key, value in group.items():
        values = value if isinstance(value, (list, tuple)) and key != "params" else [value]
        for place, each in enumerate(values):
            if isinstance(each, (bool, int, float)) and key not in ("lr", "initial_lr"):
                found[f"{key}.{place}" if len(values) > 1 else key] = float(each)
    return found


def without_wrappers(name: str) -> str:
    """Return a parameter's name as the network itself has it."""
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


def tensors_of(torch: Any, args: Any, keywords: Any) -> Any:
    """Yield names and tensors of a call; those in a list or a mapping, too."""
    for name, value in (*((str(i), v) for i, v in enumerate(args)), *keywords.items()):
        if isinstance(value, torch.Tensor):
            yield name, value
        elif isinstance(value, (list, tuple)):
            yield from tensors_of(torch, value, {})
        elif hasattr(value, "items"):
            yield from tensors_of(torch, (), dict(value.items()))


def is_without_data(tensors: Any) -> bool:
    """Say whether any of some tensors has a shape alone, on the device that is called meta."""
    return any(each.is_meta for each in tensors)


def choose_batch(found: list[tuple[str, Any]]) -> Any:
    """Return the tensor that is the batch: ids by their name, integers, other values."""
    by_name = dict(reversed(found))
    for name in _IDS:
        if name in by_name and by_name[name].dim():
            return by_name[name]
    wide = [value for name, value in found if value.dim() > 1 and name not in _BESIDE]
    integers = [value for value in wide if not value.is_floating_point()]
    flat = [value for _, value in found if value.dim() == 1 and not value.is_floating_point()]
    return next(iter([*integers, *wide, *flat]), None)


def read_row(torch: Any, row: Any, first_ids: int | None) -> list[Any]:
    """Return a row's digest, and its first ids where it has ids."""
    row = row.detach().cpu()
    if row.is_floating_point() or row.is_complex():
        content, first = row.contiguous().view(torch.uint8).numpy().tobytes(), []
    else:
        ids = row.to(torch.int64).contiguous()
        content, first = ids.numpy().tobytes(), ids.flatten()[:first_ids].tolist()
    return [hashlib.blake2b(content, digest_size=12).hexdigest(), first]


def unmasked(torch: Any, rows: Any, labels: Any) -> Any:
    """Return rows as they were before a masked model's tokens were replaced; none of another's."""
    if labels is None or labels.shape != rows.shape or rows.is_floating_point():
        return []
    known = labels >= 0
    # Most labels of a masked model stand for nothing; a causal model's are the tokens.
    is_masked = 2 * int(known.sum()) < known.numel()
    return torch.where(known, labels, rows) if is_masked else []
