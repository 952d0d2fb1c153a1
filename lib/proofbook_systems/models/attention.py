"""Which attention a model computes with: the plain one, or torch's own where that cannot be.

Models are made with the plain one: it takes every mask, and runs in float64.
"""

from __future__ import annotations

from typing import Any

__all__ = ["change_attention", "leave_plain_attention"]


def leave_plain_attention(model: Any) -> bool:
    """Let a model use torch's own attention; return whether it had the plain one and could."""
    if getattr(getattr(model, "config", None), "_attn_implementation", "") != "eager":
        return False
    try:
        model.set_attn_implementation("sdpa")
    except (AttributeError, ValueError):
        return False
    return bool(model.config._attn_implementation == "sdpa")


def change_attention(model: Any, error: BaseException) -> bool:
    """Let a model whose code has no plain attention use torch's own; return whether that was it."""
    if not (isinstance(error, KeyError) and error.args == ("eager",)):
        return False
    model.set_attn_implementation("sdpa")
    return True
