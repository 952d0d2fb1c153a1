"""Types and bounds of the parameters of ``apis/faults``.

The runbook's parameters cell has their defaults and says what they mean. Imports pydantic alone, so
that a profile is validated at once.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = ["FaultsConfig"]

_CASES = 70
"""There are fewer."""
_START_SECONDS = 120.0
_SLACK = 300.0
"""For the environment of a client that is made on demand: it is kept, and made once."""


def _split(value: object) -> object:
    """Read ``hang,refused``, as a command line gives it."""
    return [w for w in value.replace(",", " ").split() if w] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_split)]


class FaultsConfig(BaseModel):
    """Parameters of ``apis/faults``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client: str
    client_command: list[str]
    client_options: dict  # type: ignore[type-arg]  # whatever the client takes
    client_environment: dict[str, str]
    protocol: Literal["openai_api", "claude", "ollama"]
    server: str = Field(min_length=1)
    retries: int = Field(ge=-1)
    honours: Names
    timeout: float = Field(gt=0)
    patience: float = Field(gt=0)
    longest_sleep: float = Field(gt=0)
    crowd: int = Field(ge=1)
    workers: int = Field(ge=1, le=64)
    only: Names
    skip: Names
    output_dir: Annotated[str, Field(json_schema_extra={"format": "path"})]

    def longest_seconds(self) -> float:
        """Return how long a job may take while every step keeps to its own limit.

        Each case waits for its requests and for the one afterwards, and is tried again where
        something is wrong; some cases ask many times, one after the other.
        """
        cases = len(self.only) + 2 if self.only else _CASES
        rounds = -(-cases // self.workers) + 1
        each = 3 * self.patience + self.longest_sleep
        return rounds * 2 * (each + 10.0) + 2 * self.workers * _START_SECONDS + _SLACK
