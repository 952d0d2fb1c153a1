"""How a server says that it is healthy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue, RootModel

from proofbook_systems.serving.client import JsonClient

__all__ = ["Health"]

_SECONDS = 5.0
"""For an answer: a server that is healthy gives it at once."""


class _Answer(RootModel[dict[str, JsonValue]]):
    """Any JSON object."""


@dataclass(frozen=True, kw_only=True)
class Health:
    """A request, and the answer of a healthy server: any success, or JSON with these fields."""

    path: str = "/health"
    expected: Mapping[str, JsonValue] = field(default_factory=dict)
    """Fields of the answer and their values; without any, the answer's status alone counts."""

    def find_fault(self, client: JsonClient) -> str:
        """Return why the server is not healthy; empty where it is.

        Raises:
            ServerError: It gives no answer, no success, or no JSON object where fields are
                expected.
        """
        if not self.expected:
            client.send("GET", self.path, timeout=_SECONDS)
            return ""
        answer = client.get(self.path, _Answer, timeout=_SECONDS).root
        for name, value in self.expected.items():
            if name not in answer:
                return f"GET {self.path} says nothing of {name!r}, which should be {value!r}"
            if answer[name] != value:
                return f"GET {self.path} says that {name!r} is {answer[name]!r}, not {value!r}"
        return ""
