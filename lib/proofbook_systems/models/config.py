"""Types and bounds of the parameters of the runbooks on model types.

Each runbook's parameters cell has their defaults and says what they mean. Imports pydantic alone,
so that a profile is validated at once.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

__all__ = ["RUNBOOKS", "FaultsConfig", "MatrixConfig", "SingleConfig", "VersionsConfig"]

_TYPES = 2000
"""More than any transformers has."""
_SLACK = 600.0


def _split(value: object) -> object:
    """Read ``bert t5`` or ``bert,t5``, as a command line gives it."""
    return [w for w in value.replace(",", " ").split() if w] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_split)]
PathText = Annotated[str, Field(json_schema_extra={"format": "path"})]


def _known(names: list[str]) -> list[str]:
    if unknown := sorted(set(names) - set(_DEVICES)):
        raise ValueError(f"no device is called {unknown[0]}; there are {', '.join(_DEVICES)}")
    return names


_DEVICES = ("cpu", "cuda", "openvino", "onnxruntime")
Devices = Annotated[list[str], BeforeValidator(_split), AfterValidator(_known)]


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    devices: Devices
    device_time_limit: float = Field(gt=0)
    time_limit: float = Field(gt=0)
    memory_limit_gb: float = Field(gt=0)
    seed: int = Field(ge=0)
    benchmark: bool
    output_dir: PathText

    def type_seconds(self) -> float:
        """Return how long one type may take, with two tries on each device."""
        return self.time_limit + 2 * len(self.devices) * self.device_time_limit


class SingleConfig(_Config):
    """Parameters of ``models/single``."""

    model: str = Field(min_length=1)
    weights: str = Field(json_schema_extra={"subject": True})

    def longest_seconds(self) -> float:
        """Return how long a job may take."""
        return self.type_seconds() + _SLACK


class MatrixConfig(_Config):
    """Parameters of ``models/matrix``."""

    type: str = Field(pattern="^(model|all)$")
    models: Names
    category: str = Field(pattern="^(all|language|vision|audio|multimodal|specialized)$")
    limit: int = Field(ge=0)
    sample_seed: int
    list_missing: bool
    impl_type: str = Field(pattern="^(all|real|mock)$")
    generator: str = Field(pattern="^(advanced|basic)$")
    workers: int = Field(ge=1, le=64)
    least_init: float = Field(ge=0, le=1)
    least_forward: float = Field(ge=0, le=1)
    least_generate: float = Field(ge=0, le=1)
    least_openvino: float = Field(ge=0, le=1)
    least_onnxruntime: float = Field(ge=0, le=1)
    least_cuda: float = Field(ge=0, le=1)
    expected: PathText
    verbose: bool
    report: PathText

    @model_validator(mode="after")
    def _has_models(self) -> Self:
        if self.impl_type == "mock":
            raise ValueError("impl_type mock would try nothing: no mock stands in for a model here")
        return self

    def longest_seconds(self) -> float:
        """Return how long a job may take where every type takes all that it may."""
        count = len(self.models) or self.limit or _TYPES
        return -(-count // self.workers) * self.type_seconds() + _SLACK


class _SampleConfig(BaseModel):
    """A number of types, tried a few times."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: Names
    category: str = Field(pattern="^(all|language|vision|audio|multimodal|specialized)$")
    limit: int = Field(ge=0)
    sample_seed: int
    workers: int = Field(ge=1, le=64)
    time_limit: float = Field(gt=0)
    memory_limit_gb: float = Field(gt=0)
    seed: int = Field(ge=0)
    output_dir: PathText

    def round_seconds(self) -> float:
        """Return how long it takes to try every type once, where each takes all that it may."""
        count = len(self.models) or self.limit or _TYPES
        return -(-count // self.workers) * self.time_limit


class FaultsConfig(_SampleConfig):
    """Parameters of ``models/planted_faults``."""

    rounds: int = Field(ge=1)
    least_found: float = Field(ge=0, le=1)

    def longest_seconds(self) -> float:
        """Return how long a job may take."""
        return self.rounds * self.round_seconds() + _SLACK


class VersionsConfig(_SampleConfig):
    """Parameters of ``models/versions``."""

    before: str = Field(min_length=1)
    after: str = Field(min_length=1)
    may_vanish: Names

    def longest_seconds(self) -> float:
        """Return how long a job may take."""
        return 2 * self.round_seconds() + _SLACK


RUNBOOKS: dict[str, type[BaseModel]] = {
    "matrix": MatrixConfig,
    "planted_faults": FaultsConfig,
    "single": SingleConfig,
    "versions": VersionsConfig,
}
