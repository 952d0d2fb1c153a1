"""Judge tensors by what must hold between them: copies, codebooks and their averages, sizes.

A codebook is kept with the sums and the counts that it was averaged from, so that it can be made
again: one that was exchanged, negated or scaled by itself does not fit them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from proofbook_systems.musicgen.audit.statistics import Statistics
from proofbook_systems.musicgen.keymap import build_tensor

if TYPE_CHECKING:
    import torch

    from proofbook_systems.musicgen.mapping import MappedModel

__all__ = ["find_copies", "find_strange_codebooks", "find_strange_sizes"]

_BOOK = "audio_encoder.quantizer.layers.{}.codebook.{}"
_COPIED = ("matrix", "direction")
_SAME_ROWS = 2
_ALIKE = 0.5
_STRANGERS = 0.15
"""Share of a codebook's codes that may point elsewhere; those that expired are drawn anew."""
_SCALES = (0.6, 1.6)
"""An average of averages, as smoothed weights are, is near; another codebook or twice is not."""


def find_copies(tensors: Sequence[Statistics]) -> list[str]:
    """Return where two tensors are the same, bit for bit; training never makes that."""
    same: dict[tuple[str, tuple[int, ...]], list[str]] = defaultdict(list)
    for each in tensors:
        plain = each.kind in ("matrix", "direction", "codebook", "norm", "magnitude")
        tied = each.group.startswith("text ")  # its embeddings are kept under two names
        if plain and not tied and each.constant is None and not each.broken and each.count > 1:
            same[each.digest, each.shape].append(each.name)
    whole = [names for names in same.values() if len(names) > 1]
    told = {name for names in whole for name in names}
    parts = _partial_copies([each for each in tensors if each.name not in told])
    return [*(" = ".join(names) for names in [*whole, *_scales_as_biases(tensors)]), *parts]


def _partial_copies(tensors: Sequence[Statistics]) -> Iterator[str]:
    """Yield where rows of a tensor are those of a peer, at the same places: a torn copy."""
    seen: dict[tuple[str, tuple[int, ...], int, int], str] = {}
    for each in tensors:
        alike: dict[str, int] = defaultdict(int)
        for place, row in enumerate(each.rows if each.kind in _COPIED else ()):
            first = seen.setdefault((each.group, each.shape, place, row), each.name)
            if row and first != each.name:
                alike[first] += 1
        for first, count in alike.items():
            if count >= _SAME_ROWS:
                yield f"{first} = {each.name} in {count} of {len(each.rows)} rows looked at"


def _scales_as_biases(tensors: Sequence[Statistics]) -> Iterator[list[str]]:
    """Yield a scale and a bias that are the same; two biases may be."""
    kinds = {
        kind: {t.digest: t.name for t in tensors if t.kind == kind and t.constant is None}
        for kind in ("norm", "bias")
    }
    for digest, name in kinds["norm"].items():
        if digest in kinds["bias"]:
            yield [name, kinds["bias"][digest]]


def find_strange_codebooks(model: MappedModel) -> list[str]:
    """Return the codebooks that the sums and counts kept with them do not make."""
    return list(_codebooks(model))


def _codebooks(model: MappedModel) -> Iterator[str]:
    recipes, tensors = model.plans["codec"].recipes, model.checkpoints["codec"].tensors
    for number in range(len(recipes)):
        names = [_BOOK.format(number, end) for end in ("embed", "embed_avg", "cluster_size")]
        if not all(name in recipes for name in names):
            if names[0] not in model.targets["codec"]:
                return
            continue
        embed, sums, counts = (build_tensor(recipes[name], tensors).float() for name in names)
        if problem := _misfit(embed, sums, counts):
            yield f"{recipes[names[0]].sources[-1]} {problem}"


def _misfit(embed: torch.Tensor, sums: torch.Tensor, counts: torch.Tensor) -> str:
    """Say how a codebook is not ``sums / counts``; empty where it is, or where none are kept."""
    import torch

    if torch.equal(embed, sums):
        return ""  # as initialised: nothing was averaged yet
    if bool((counts == 0).all()) and bool((sums != 0).any()):
        return "has sums (embed_avg) and no counts (cluster_size): they are zero"
    used = (counts > counts.float().mean() / 10) & torch.isfinite(sums).all(1)
    used &= (sums != 0).any(1) & (embed != 0).any(1) & torch.isfinite(embed).all(1)
    if int(used.sum()) < 2:
        return ""
    ours, made = embed[used], sums[used] / counts[used, None]
    each = torch.cosine_similarity(ours, made, dim=1)
    alike, strangers = float(each.median()), int((each < _ALIKE).sum())
    scale = float((ours.norm(dim=1) / made.norm(dim=1)).median())
    if alike < -_ALIKE:
        return "points against the sums it was averaged from (embed_avg): it is negated"
    if alike < _ALIKE:
        return "does not point where the sums it was averaged from do (embed_avg): it is another's"
    if strangers > max(1, _STRANGERS * len(each)):
        return (
            f"has {strangers} of {len(each)} codes that do not point where the sums they were "
            "averaged from do (embed_avg)"
        )
    if not _SCALES[0] < scale < _SCALES[1]:
        return f"is {scale:.3g} times its sums over its counts (embed_avg, cluster_size)"
    return ""


def find_strange_sizes(model: MappedModel) -> list[str]:
    """Return where the language model speaks of other codes than the codec has."""
    decoder, codec = model.architecture.config.decoder, model.architecture.config.audio_encoder
    lines = []
    if decoder.vocab_size != codec.codebook_size:
        lines.append(
            f"the language model has {decoder.vocab_size} codes and the codec {codec.codebook_size}"
        )
    spoken = decoder.num_codebooks // decoder.audio_channels
    books = len([n for n in model.targets["codec"] if n.endswith("codebook.embed")])
    if spoken != books:
        lines.append(f"the language model has {spoken} codebooks and the codec {books}")
    return lines
