"""What does a network learn to predict of the ids that it is given? By loss or gradient.

Belongs to the program beside it, and may import nothing but Python's own library.
"""

from __future__ import annotations

from typing import Any

__all__ = ["find_offset", "find_taught_offset", "tell_offset"]

_OFFSETS = (1, 0, 2, -1, 3, -2)
_SAME = 1e-5
"""Part by which a loss that is computed again may differ: rounding."""
_FEWEST = 8
"""Known labels from which on it is no chance that they are ids."""
_LARGEST = 2**24
"""Logits from which on a second look would take too much of a device's memory."""


def tell_offset(
    torch: Any,
    network: Any,
    batch: Any,
    others: list[Any],
    output: list[Any],
    write: Any,
    attempt: Any,
) -> None:
    """Write how many places after an id the one is that a network is to predict, once it is known.

    At once where the network returns its loss. Else in the backward pass, by the gradient of its
    logits: a trainer that computes its own loss has asked for that id. Never where neither tells.

    Args:
        torch: The trainer's.
        network: What was called.
        batch: Its ids.
        others: The other tensors that it was called with.
        output: The tensors that it returned.
        write: Takes what is noted.
        attempt: Calls a function with its arguments, and keeps what it raises from the trainer.
    """

    def note(offset: int | None) -> None:
        if offset is not None:
            write({"predicts": offset})

    def look(gradient: Any) -> None:
        note(find_taught_offset(torch, batch, gradient))

    offset = find_offset(torch, network, batch, others, output)
    note(offset)
    logits = [each for each in output if each.requires_grad and _is_of(each, batch)]
    if offset is None and len(logits) == 1:
        logits[0].register_hook(lambda gradient: attempt(look, gradient))


def find_taught_offset(torch: Any, batch: Any, gradient: Any) -> int | None:
    """Return how many places after an id the one is that logits are pulled to; 1 is the next.

    Of a cross-entropy's gradient the smallest is that of the id that was to be predicted, with
    weights and smoothed labels, too. None where these are no ids of the batch.

    Args:
        torch: The trainer's.
        batch: Its ids: rows, and their places.
        gradient: Of the logits: rows, places, ids; or with all places in one row.
    """
    with torch.no_grad():
        lowest, asked = gradient.view(*batch.shape, -1).min(-1)
        labels = torch.where(lowest < 0, asked, -1)
        found = [by for by in _OFFSETS if _lie_after(batch, labels, by)]
    return found[0] if len(found) == 1 else None


def find_offset(
    torch: Any, network: Any, batch: Any, others: list[Any], output: list[Any]
) -> int | None:
    """Return how many places after an id the one is that it is to predict; 1 is the next.

    None where that cannot be told: there is no loss beside the logits, it is another one than the
    cross-entropy of all known labels, or the labels are no ids of the batch.

    Args:
        torch: The trainer's.
        network: What was called.
        batch: Its ids.
        others: The other tensors that it was called with.
        output: The tensors that it returned.
    """
    is_seq2seq = getattr(getattr(network, "config", None), "is_encoder_decoder", False)
    if batch.dim() != 2 or batch.is_floating_point() or is_seq2seq:
        return None
    losses = [each for each in output if each.dim() == 0 and each.requires_grad]
    logits = [each for each in output if each.dim() == 3 and each.shape[:2] == batch.shape]
    if len(losses) != 1 or len(logits) != 1 or logits[0].numel() > _LARGEST:
        return None
    with torch.no_grad():
        found = set()
        for labels in others:
            if labels.shape == batch.shape and not labels.is_floating_point():
                found |= _offsets(torch, batch, labels.long(), logits[0].float(), losses[0])
    return found.pop() if len(found) == 1 else None


def _is_of(logits: Any, batch: Any) -> bool:
    """Say whether there is a number of each id for each place of a batch, and a look is cheap."""
    if batch.dim() != 2 or batch.is_floating_point() or not 0 < logits.numel() <= _LARGEST:
        return False
    rows, places = batch.shape
    at_each = logits.dim() > 1 and logits.shape[:-1] in ((rows, places), (rows * places,))
    return at_each and logits.shape[-1] > int(batch.max())


def _offsets(torch: Any, batch: Any, labels: Any, logits: Any, loss: Any) -> set[int]:
    given = [by for by in _OFFSETS if _lie_after(batch, labels, by)]
    if len(given) != 1:
        return set()
    known = torch.where(labels < 0, -100, labels)
    fits = set()
    for shift in (0, 1):
        end = logits.shape[1] - shift
        own = torch.nn.functional.cross_entropy(
            logits[:, :end].flatten(0, 1), known[:, shift:].flatten(), ignore_index=-100
        )
        if abs(float(own) - float(loss)) <= _SAME * abs(float(loss)):
            fits.add(given[0] + shift)
    return fits if len(fits) == 1 else set()


def _lie_after(batch: Any, labels: Any, by: int) -> bool:
    """Say whether each known label is the id so many places later."""
    length = batch.shape[1] - abs(by)
    if length < 1:
        return False
    mine = labels[:, max(0, -by) :][:, :length]
    theirs = batch[:, max(0, by) :][:, :length]
    known = mine >= 0
    return int(known.sum()) >= _FEWEST and bool((mine == theirs)[known].all())
