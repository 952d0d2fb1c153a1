"""What is left over in a checkpoint does no harm only where it is a copy, or counts."""

from __future__ import annotations

import pytest

from proofbook_systems.musicgen.keymap.slots import TensorSpec
from proofbook_systems.musicgen.keymap.spares import find_spares

USED = {"layers.0.linear.weight": (4, 8), "layers.1.linear.weight": (4, 8)}


@pytest.mark.parametrize(
    ("key", "shape", "dtype", "copied"),
    [
        ("ema.layers.0.linear.weight", (4, 8), "float32", "layers.0.linear.weight"),
        ("layers.1.linear_ema.weight", (4, 8), "float32", "layers.1.linear.weight"),
        ("steps_taken", (), "int64", ""),
        ("ema.layers.0.linear.weight", (8, 4), "float32", None),  # of another model
        ("layers.2.linear.weight", (4, 8), "float32", None),  # a layer too many
        ("adapter.weight", (4, 8), "float32", None),
        ("ema.layers.7.linear.weight", (4, 8), "float32", None),
    ],
)
def test_a_key_is_spare_where_it_is_a_copy_or_counts(
    key: str, shape: tuple[int, ...], dtype: str, copied: str | None
) -> None:
    sources = {name: TensorSpec(shape=each, dtype="float32") for name, each in USED.items()}
    sources[key] = TensorSpec(shape=shape, dtype=dtype)
    assert find_spares([key], USED, sources) == ({} if copied is None else {key: copied})
