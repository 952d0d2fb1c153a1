"""From which place of a row to which is a network taught? By the gradient of its logits.

Belongs to the program beside it, and may import nothing but Python's own library.
"""

from __future__ import annotations

from typing import Any

__all__ = ["follow_logits", "taught_places"]


def follow_logits(shape: Any, output: list[Any], look: Any) -> None:
    """Have ``look`` called with the gradient of a network's logits in the backward pass.

    Never called where they are not among what it returns, or have no part in the loss.

    Args:
        shape: Of the batch: rows, and their places.
        output: The tensors that the network returned.
        look: Takes the gradient, and changes nothing of it.
    """
    found = [each for each in output if each.requires_grad and _is_of(each.shape, shape)]
    if len(found) == 1:
        found[0].register_hook(look)


def taught_places(torch: Any, shape: Any, gradient: Any) -> tuple[list[int], list[int]]:
    """Return, for each row, how many places are before the first whose logits have a gradient.

    And how many there are up to the last one. A row without any has all its places before it.
    """
    with torch.no_grad():
        taught = (gradient != 0).any(-1).view(shape[0], shape[1])
        places = torch.arange(1, shape[1] + 1, device=taught.device)
        before: list[int] = (~taught).long().cumprod(1).sum(1).tolist()
        counts: list[int] = (taught * places).amax(1).tolist()
    return before, counts


def _is_of(own: Any, batch: Any) -> bool:
    """Say whether logits of this shape, which may be flat, have a line for each place."""
    rows, places = batch
    return len(own) > 1 and tuple(own[:-1]) in ((rows, places), (rows * places,))
