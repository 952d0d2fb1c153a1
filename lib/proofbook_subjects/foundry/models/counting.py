"""How large a network is."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["ParameterCount", "count_parameters"]


class ParameterCount(NamedTuple):
    """Numbers in a network; those that are shared count once."""

    total: int
    trainable: int
    embedding: int
    """Of the input's embedding."""


def count_parameters(model: Any) -> ParameterCount:
    """Count a network's parameters."""
    parameters = {id(each): each for each in model.parameters()}.values()
    return ParameterCount(
        sum(each.numel() for each in parameters),
        sum(each.numel() for each in parameters if each.requires_grad),
        sum(each.numel() for each in model.get_input_embeddings().parameters()),
    )
