"""Prove that a mapped model is the one that the checkpoints hold.

Where it is known what the original computed, the mapped model must compute the same; otherwise it
must at least agree with itself. Knows nothing about how keys were aligned.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.generation import Model

if TYPE_CHECKING:
    import torch

__all__ = ["changed_weights", "compare_outputs"]

_NEEDED = ("codes", "audio", "tokens", "states", "logits")


def compare_outputs(model: Model, path: Path | None) -> dict[str, float]:
    """Compute what the file says the original computed, and return the largest differences.

    The file holds ``codes`` (1, codebooks, frames) and their ``audio`` (1, channels, samples);
    ``tokens`` (codebooks, steps) and ``states`` (1, length, width of the text encoder), from which
    the original computed ``logits`` (codebooks, steps, codes). Without a file there is nothing to
    compare, and the result is empty.

    Raises:
        SubjectError: The file is not that.
    """
    import torch

    if path is None:
        return {}
    known = _read(path)
    network = model.network
    with torch.inference_mode():
        audio = network.audio_encoder.decode(known["codes"][None], [None]).audio_values
        logits = network(
            decoder_input_ids=known["tokens"],
            encoder_outputs=(known["states"],),
            attention_mask=torch.ones(known["states"].shape[:2], dtype=torch.long),
        ).logits
    return {
        "codec-decode": _distance(audio, known["audio"], "audio"),
        "language-logits": _distance(logits, known["logits"], "logits"),
    }


def changed_weights(first: Model, second: Model) -> list[str]:
    """Return the names of tensors that differ in any bit, or are in one model alone."""
    import torch

    ours, theirs = first.network.state_dict(), second.network.state_dict()
    different = {n for n in ours.keys() & theirs.keys() if not torch.equal(ours[n], theirs[n])}
    return sorted(different | (ours.keys() ^ theirs.keys()))


def _distance(ours: torch.Tensor, theirs: torch.Tensor, name: str) -> float:
    if ours.shape != theirs.shape:
        raise SubjectError(
            f"the reference {name} has shape {tuple(theirs.shape)} and the model computes "
            f"{tuple(ours.shape)}; they belong to different models"
        )
    distance = float((ours.double() - theirs.double()).abs().max())
    return distance if distance == distance else float("inf")


def _read(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, torch.Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise SubjectError(
            f"reference output {path} cannot be read ({error}); write it again as safetensors"
        ) from error
    if missing := [name for name in _NEEDED if name not in tensors]:
        raise SubjectError(
            f"reference output {path} lacks {', '.join(missing)}; it must hold {', '.join(_NEEDED)}"
        )
    return tensors
