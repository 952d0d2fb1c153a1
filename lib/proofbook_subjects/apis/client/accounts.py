"""What was used and what it cost, by the caller's own prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from proofbook_subjects.apis.client.answers import Usage
from proofbook_subjects.apis.client.settings import Price

__all__ = ["Accounts", "cost_of"]

_MILLION = 1_000_000


def cost_of(usage: Usage | None, price: Price | None) -> float | None:
    """Return what ``usage`` cost; None where the server did not count, or no price is known."""
    if usage is None or price is None:
        return None
    cached = price.input if price.cached_input is None else price.cached_input
    fresh = usage.input_tokens - usage.cached_tokens
    spent = fresh * price.input + usage.cached_tokens * cached + usage.output_tokens * price.output
    return spent / _MILLION


@dataclass
class Accounts:
    """The sums of one client."""

    prices: Mapping[str, Price]
    calls: int = 0
    """Answered."""
    uncounted: int = 0
    """Answered, without a count of tokens."""
    unpriced: int = 0
    """Answered by a model that has no price."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0

    def add(self, usage: Usage | None, model: str, asked: str) -> float | None:
        """Add one answer, and return its cost.

        Args:
            usage: What the server counted.
            model: The model as the server names it.
            asked: The model as the caller named it: its price is tried first.
        """
        price = self.prices.get(asked) or self.prices.get(model)
        cost = cost_of(usage, price)
        self.calls += 1
        self.uncounted += usage is None
        self.unpriced += price is None
        if usage is not None:
            self.input_tokens += usage.input_tokens
            self.output_tokens += usage.output_tokens
        self.cost += cost or 0.0
        return cost
