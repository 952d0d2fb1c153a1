"""Types and bounds of the parameters of the runbooks on APIs.

Each runbook's parameters cell has their defaults and says what they mean. Imports pydantic alone,
so that a profile is validated at once.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

__all__ = ["RUNBOOKS", "BackendsConfig", "FaultsConfig", "LoadConfig"]

_STARTS = 900.0
"""Seconds for making the environment of a server and starting it."""
_REQUESTS = 40
"""How many requests, one after the other, a backend is asked at most."""
_WAITS = ("fraction", "milliseconds", "ratelimit")
_SLACK = 300.0
_FAULT_CASES = 70
"""There are fewer."""
_CLIENT_STARTS = 120.0
"""Seconds for starting a client once."""


def _split(value: object) -> object:
    """Read ``groq,ollama``, as a command line gives it."""
    return [w for w in value.replace(",", " ").split() if w] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_split)]
PathText = Annotated[str, Field(json_schema_extra={"format": "path"})]


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    client: str = Field(min_length=1)
    client_command: list[str] = Field(json_schema_extra={"subject": True})
    client_options: dict[str, Any]
    prompt: str = Field(min_length=1)
    timeout: float = Field(gt=0)
    output_dir: PathText


class BackendsConfig(_Config):
    """Parameters of ``apis/backends``."""

    apis: Names
    backends: list[dict[str, str]] = Field(min_length=1)
    impl_type: str = Field(pattern="^(all|real|mock)$")
    proxy: str = Field(min_length=1)
    workers: int = Field(ge=1)
    hold_seconds: float = Field(gt=0)
    verbose: bool
    report: PathText

    def longest_seconds(self) -> float:
        """Return how long a job may take where each request keeps to its own limit."""
        chosen = [row for row in self.backends if not self.apis or row.get("api") in self.apis]
        waves = -(-len(chosen) // self.workers)
        return waves * (_STARTS + _REQUESTS * self.timeout) + _SLACK


class FaultsConfig(BaseModel):
    """Parameters of ``apis/faults``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client: str
    client_command: list[str] = Field(json_schema_extra={"subject": True})
    client_options: dict[str, Any]
    client_environment: dict[str, str]
    protocol: str = Field(pattern="^(openai_api|claude|ollama)$")
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
    output_dir: PathText

    @field_validator("honours")
    @classmethod
    def _are_known(cls, honours: list[str]) -> list[str]:
        if unknown := [each for each in honours if each not in _WAITS]:
            raise ValueError(f"{unknown[0]!r} is no form of waiting; take {', '.join(_WAITS)}")
        return honours

    def longest_seconds(self) -> float:
        """Return how long a job may take while every step keeps to its own limit.

        Each case waits for its requests and for the one afterwards, and is tried again where
        something is wrong; some cases ask many times, one after the other.
        """
        cases = len(self.only) + 2 if self.only else _FAULT_CASES
        rounds = -(-cases // self.workers) + 1
        each = 3 * self.patience + self.longest_sleep
        return rounds * 2 * (each + 10.0) + 2 * self.workers * _CLIENT_STARTS + _SLACK


class LoadConfig(_Config):
    """Parameters of ``apis/load``."""

    api: str = Field(min_length=1)
    server: str = Field(min_length=1)
    model: str
    key: str
    max_tokens: int = Field(ge=1)
    stream: bool
    clients: list[int]
    rates: list[float]
    requests: int = Field(ge=1)
    warmup: int = Field(ge=0)
    ttft_bound: float = Field(ge=0)
    tpot_bound: float = Field(ge=0)
    latency_bound: float = Field(ge=0)
    least_goodput: float = Field(ge=0, le=1)
    error_share: float = Field(ge=0, le=1)
    marker_in_answer: bool
    seed: int = Field(ge=0)

    @model_validator(mode="after")
    def _has_rounds(self) -> Self:
        if not self.clients and not self.rates:
            raise ValueError("give clients, rates, or both: without a round there is no load")
        if any(amount <= 0 for amount in (*self.clients, *self.rates)):
            raise ValueError("each of clients and rates must be greater than 0")
        return self

    def longest_seconds(self) -> float:
        """Return how long a job may take where each request keeps to its own limit."""
        waves = sum(-(-self.requests // clients) for clients in self.clients)
        spread = sum(self.requests / rate for rate in self.rates)
        alone = (self.warmup + 3) * self.timeout
        return _STARTS + alone + waves * self.timeout + spread + self.timeout + _SLACK


RUNBOOKS: dict[str, type[BaseModel]] = {
    "backends": BackendsConfig, "faults": FaultsConfig, "load": LoadConfig,
}  # fmt: skip
