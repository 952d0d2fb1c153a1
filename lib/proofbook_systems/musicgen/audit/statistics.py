"""Measure each tensor that a model is made of, one after another.

A tensor is known by the checkpoint's own name of it. Judges nothing.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from proofbook_systems.musicgen.audit.text import text_tensors
from proofbook_systems.musicgen.keymap import Recipe, build_tensor
from proofbook_systems.musicgen.keymap.names import canonical, role

if TYPE_CHECKING:
    import torch

    from proofbook_systems.musicgen.mapping import MappedModel

__all__ = ["Kind", "Statistics", "measure_tensor", "measure_tensors"]

Kind = Literal[
    "matrix", "norm", "bias", "magnitude", "direction", "codebook", "average", "count", "flag"
]
_STACKED = "qkv"
_SAMPLE = 100_000
"""Values from which medians and shares are taken; of a larger tensor, every so many."""
_ROWS = 64
"""Rows of a matrix, evenly spread, that are compared with the same rows of others."""
_LONG_ROW = 8
"""Values from which two rows are never the same by chance."""
_SAFE = 1e10
"""Below this, squares of single precision do not overflow."""
_ENDS: dict[str, Kind] = {
    "codebook.embed": "codebook",
    "codebook.embed_avg": "average",
    "codebook.cluster_size": "count",
    "codebook.inited": "flag",
}


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """One tensor in numbers."""

    name: str
    """The checkpoint's."""
    group: str
    """The same for all of a kind that differ by their number alone."""
    kind: Kind
    shape: tuple[int, ...]
    broken: int
    """Values that are not finite; if there are any, nothing below says anything."""
    constant: float | None
    """The value, where all are the same."""
    dead_rows: int
    """Of a matrix: rows that are all zero."""
    repeated_rows: int
    """Of a matrix: rows that are the same as another, bit for bit, and not zero."""
    dead_columns: int
    """Of a matrix: columns that are all zero."""
    repeated_columns: int
    rms: float
    median: float
    """Of the sizes of the values."""
    largest: float
    negative: float
    """Share of the values."""
    zeros: float
    """Share of the values."""
    at_limit: float
    """Share of the values that are as large as the largest."""
    near_zero: float
    """Share of the values that are far smaller than the median."""
    rows: tuple[int, ...]
    """Of a matrix: hashes of some rows, by place; 0 for one of zeros."""
    digest: str

    @property
    def count(self) -> int:
        """Number of values."""
        product = 1
        for length in self.shape:
            product *= length
        return product


def measure_tensors(model: MappedModel) -> Iterator[Statistics]:
    """Yield the statistics of each parameter of a mapped model, the text encoder's included.

    No more than one tensor is in memory at a time.
    """
    for part, plan in model.plans.items():
        tensors = model.checkpoints[part].tensors
        for target, recipe in plan.recipes.items():
            if recipe.operation in ("copy", "rows"):
                tensor = build_tensor(recipe, tensors)
                yield _measure(_name(recipe), _group(part, target), _kind(target, tensor), tensor)
            elif recipe.operation != "magnitude":  # of the same folded weight as the direction
                for key in recipe.sources:
                    kind = _kind(key, tensors[key])
                    yield _measure(key, _group(part, key), kind, tensors[key])
    for name, tensor in text_tensors(model.files.text):
        yield _measure(f"t5 {name}", _group("text", name), _kind(name, tensor), tensor)


def measure_tensor(part: str, name: str, tensor: torch.Tensor) -> Statistics:
    """Return the statistics of a tensor under transformers' name of it.

    ``part`` is ``language``, ``codec`` or ``text``.
    """
    return _measure(name, _group(part, name), _kind(name, tensor), tensor)


def _name(recipe: Recipe) -> str:
    key = recipe.sources[-1]
    place, of = recipe.part
    return f"{key} ({_STACKED[place]})" if of == len(_STACKED) else key


def _group(part: str, target: str) -> str:
    """Return the name without its numbers; convolutions are each of a kind of their own."""
    name = canonical(target)
    if part == "codec" and ".codebook." not in name:
        return f"{part} {name}"
    return f"{part} {re.sub(r'(?<=[._])[0-9]+(?=[._]|$)', '*', name)}"


def _kind(target: str, tensor: torch.Tensor) -> Kind:
    name = canonical(target)
    for end, kind in _ENDS.items():
        if name.endswith(end):
            return kind
    found = role(name)
    if found in ("magnitude", "direction"):
        return "magnitude" if found == "magnitude" else "direction"
    if "bias" in name.rsplit(".", 1)[-1] and tensor.ndim == 1:
        return "bias"
    return "norm" if tensor.ndim == 1 else "matrix"


def _measure(name: str, group: str, kind: Kind, tensor: torch.Tensor) -> Statistics:
    import torch

    with torch.inference_mode():
        values = tensor.detach().float()
        flat = values.flatten()
        broken = _broken(flat)
        rows = values.flatten(1) if values.ndim > 1 and not broken else values[:0, None]
        dead, repeated = _rows(rows)
        columns = rows.T if rows.ndim == tensor.ndim == 2 else flat[:0]
        dead_columns, repeated_columns = _rows(columns)
        sample = flat[:: max(1, flat.numel() // _SAMPLE)]
        first = float(flat[0]) if flat.numel() else 0.0
        same = first == (float(flat[-1]) if flat.numel() else 0.0)
        largest = float(flat.abs().max()) if flat.numel() else 0.0
        return Statistics(
            name=name, group=group, kind=kind, shape=tuple(tensor.shape), broken=broken,
            constant=first if same and bool((flat == first).all()) else None,
            dead_rows=dead, repeated_rows=repeated, dead_columns=dead_columns,
            repeated_columns=repeated_columns, rms=_rms(flat, largest),
            median=float(sample.abs().median()) if flat.numel() else 0.0,
            largest=largest,
            negative=_share(sample < 0), zeros=_share(sample == 0),
            at_limit=_share(sample.abs() >= largest),
            near_zero=_share(sample.abs() < sample.abs().median() / 8) if flat.numel() else 0.0,
            rows=_some_rows(rows), digest=_digest(tensor),
        )  # fmt: skip


def _share(mask: torch.Tensor) -> float:
    return float(mask.float().mean()) if mask.numel() else 0.0


def _some_rows(rows: torch.Tensor) -> tuple[int, ...]:
    import torch

    if rows.ndim != 2 or rows.shape[0] < 2 or rows.shape[1] < _LONG_ROW:
        return ()
    places = torch.linspace(0, rows.shape[0] - 1, min(_ROWS, rows.shape[0])).long()
    return tuple(
        hash(row.numpy().tobytes()) if bool(row.any()) else 0 for row in rows[places].contiguous()
    )


def _broken(flat: torch.Tensor) -> int:
    """Count what is not finite; where the sum is finite, so is all."""
    import torch

    if bool(torch.isfinite(flat.sum())):
        return 0
    return int((~torch.isfinite(flat)).sum())


def _rms(flat: torch.Tensor, largest: float) -> float:
    """Return the root of the mean square; a value near the end of the range does not overflow."""
    import torch

    if not largest or not math.isfinite(largest):
        return largest
    if largest < _SAFE:
        return float(torch.linalg.vector_norm(flat)) / math.sqrt(flat.numel())
    return largest * float(torch.linalg.vector_norm(flat / largest)) / math.sqrt(flat.numel())


def _rows(rows: torch.Tensor) -> tuple[int, int]:
    """Count zero rows, and rows that another equals; only rows of equal sums are compared."""
    import torch

    if not rows.numel() or rows.shape[1] < 2:
        return 0, 0
    alive = torch.linalg.vector_norm(rows, ord=math.inf, dim=1) > 0
    sums, order = rows.sum(1).sort()
    alike = (sums[1:] == sums[:-1]).nonzero().flatten().tolist()
    repeated = sum(
        bool(alive[order[i]]) and torch.equal(rows[order[i]], rows[order[i + 1]]) for i in alike
    )
    return rows.shape[0] - int(alive.sum()), repeated


def _digest(tensor: torch.Tensor) -> str:
    import torch

    data: Any = tensor.detach().contiguous().flatten().view(torch.uint8).numpy()
    return hashlib.blake2b(data, digest_size=16).hexdigest()
