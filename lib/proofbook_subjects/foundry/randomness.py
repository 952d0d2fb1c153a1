"""Random numbers: seeds that follow from their purpose, and the state of every generator.

What prepares data draws from generators that follow from a seed and the item's number, so that it
is the same in whichever process, and after any interruption. What the network draws comes from
PyTorch's own generators, whose state is in every checkpoint.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

__all__ = ["derive_seed", "generator_for", "random_states", "restore_random_states", "set_seed"]


def derive_seed(*parts: int | str) -> int:
    """Return a 63-bit seed that follows from the parts."""
    words = [int.from_bytes(part.encode()) if isinstance(part, str) else part for part in parts]
    state = np.random.SeedSequence(words).generate_state(1, np.uint64)
    return int(state[0]) >> 1


def generator_for(*parts: int | str) -> np.random.Generator:
    """Return a generator that follows from the parts."""
    return np.random.default_rng(derive_seed(*parts))


def set_seed(seed: int) -> None:
    """Seed the generators of Python, numpy and PyTorch, of every device."""
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def random_states() -> dict[str, Any]:
    """Return the state of every global generator, as plain values and tensors.

    They load without running any code: numpy's own arrays would not.
    """
    import torch

    name, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {
        "random_state": random.getstate(),
        "numpy_random_state": {
            "name": name, "keys": torch.from_numpy(np.asarray(keys, dtype=np.int64)),
            "position": int(position), "has_gauss": int(has_gauss), "gauss": float(gauss),
        },
        "torch_random_state": torch.get_rng_state(),
        "torch_cuda_random_state": cuda,
    }  # fmt: skip


def restore_random_states(states: dict[str, Any]) -> None:
    """Put back what :func:`random_states` returned."""
    import torch

    version, words, gauss = states["random_state"]
    random.setstate((version, tuple(words), gauss))
    known = states["numpy_random_state"]
    keys = known["keys"].numpy().astype(np.uint32)
    np.random.set_state(
        (known["name"], keys, known["position"], known["has_gauss"], known["gauss"])
    )
    torch.set_rng_state(states["torch_random_state"])
    if torch.cuda.is_available() and len(states["torch_cuda_random_state"]):
        torch.cuda.set_rng_state_all(states["torch_cuda_random_state"])
