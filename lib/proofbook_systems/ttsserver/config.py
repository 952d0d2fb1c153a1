"""Types and bounds of the parameters of the runbook on a text-to-speech server.

The runbook's parameters cell has their defaults and says what they mean. Imports pydantic alone, so
that a profile is validated at once.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = ["MOST_RERUNS", "RUNBOOKS", "BinaryE2EConfig", "SpeechServerConfig"]

MOST_RERUNS = 3
"""How many rows are run a second time, at most."""
_ROW_SECONDS = 60.0
"""For what a row does beside its limit: the audio is fetched and judged, a cancellation heeded."""

_PORT_SECONDS = 80.0
"""For which a fixed port may be kept by connections of a server that has died."""
_SLACK = 300.0
"""Seconds for all that has no limit of its own: importing, judging audio, drawing."""


def _split(value: object) -> object:
    """Read ``kokoro,qwen``, as a command line gives it."""
    return [w for w in value.replace(",", " ").split() if w] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_split)]
PathText = Annotated[str, Field(json_schema_extra={"format": "path"})]
SubjectPath = Annotated[str, Field(json_schema_extra={"format": "path", "subject": True})]


class BinaryE2EConfig(BaseModel):
    """Parameters of ``ttsserver/binary_e2e``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: Annotated[PathText, Field(min_length=1)]
    binary: SubjectPath
    skip_build: bool
    build_command: list[str]
    python: PathText
    build_timeout: float = Field(gt=0)
    reference_wav: PathText
    reference_text: str
    matrix: list[dict[str, str]] = Field(min_length=1)
    only: Names
    skip: Names
    text: str = Field(min_length=1)
    language: str = Field(min_length=2)
    seed: int = Field(ge=0, lt=2**63)
    normalize: bool
    duration_tolerance: float = Field(ge=0)
    quietest: float
    most_silence: float = Field(ge=0, le=1)
    audio_limits: dict[str, float]
    timeout_health: float = Field(gt=0)
    timeout_upload: float = Field(gt=0)
    timeout_cached: float = Field(gt=0)
    timeout_download: float = Field(gt=0)
    parent_death_bound: float = Field(gt=0)
    shutdown_bound: float = Field(gt=0)
    port: int = Field(ge=0, le=65535)
    keep_data_dir: bool
    isolated_cache: bool
    environment: dict[str, str]
    output_dir: PathText

    def longest_seconds(self) -> float:
        """Return how long a job may take while every step keeps to its own limit.

        Each row has its limit and may cost one start of the server, which may need a second try;
        some rows are run again on a fresh server, as a control. Each start has its voices uploaded.
        """
        rows = len([r for r in self.matrix if self._is_chosen(r.get("engine", ""))]) + MOST_RERUNS
        port = _PORT_SECONDS if self.port else 0.0
        start = port + self.timeout_health + self.shutdown_bound + self.timeout_upload
        limit = max(self.timeout_cached, self.timeout_download) + _ROW_SECONDS
        build = 0.0 if self.binary or self.skip_build else self.build_timeout
        return build + rows * (limit + 2 * start) + 3 * start + self.parent_death_bound + _SLACK

    def _is_chosen(self, engine: str) -> bool:
        return (not self.only or engine in self.only) and engine not in self.skip


class SpeechServerConfig(BaseModel):
    """Parameters of ``ttsserver/speech_server``."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    contract: Annotated[str, Field(min_length=1)]
    command: Annotated[str, Field(json_schema_extra={"starts": "project"})]
    url: Annotated[str, Field(json_schema_extra={"subject": True})]
    project: Annotated[PathText, Field(min_length=1)]
    python: PathText
    voices: Names
    texts: list[str] = Field(min_length=2)
    model: str
    language: str
    reference_wav: PathText
    reference_text: str
    key_variable: str
    seed: int = Field(ge=0, lt=2**63)
    repeatable: bool
    length_spread: float = Field(gt=0, lt=1)
    slowest: float = Field(ge=0)
    fastest: float = Field(gt=0)
    rate: int = Field(ge=0)
    duration_tolerance: float = Field(ge=0)
    quietest: float
    most_silence: float = Field(ge=0, le=1)
    audio_limits: dict[str, float]
    at_once: int = Field(ge=2, le=64)
    repetitions: int = Field(ge=6)
    leak_mb: float = Field(gt=0)
    timeout_health: float = Field(gt=0)
    timeout_row: float = Field(gt=0)
    timeout_refusal: float = Field(gt=0)
    parent_death_bound: float = Field(gt=0)
    shutdown_bound: float = Field(gt=0)
    port: int = Field(ge=0, le=65535)
    environment: dict[str, str]
    output_dir: PathText

    def longest_seconds(self) -> float:
        """Return how long a job may take while every step keeps to its own limit.

        A row may be run again on a fresh server, and costs a start where it fails; the same text
        is said again some times, and wrong requests are refused.
        """
        rows = max(1, len(self.voices)) * len(self.texts) + 1
        said = rows + MOST_RERUNS + self.repetitions + self.at_once + 4
        start = (_PORT_SECONDS if self.port else 0.0) + self.timeout_health + self.shutdown_bound
        starts = 2 * (rows + MOST_RERUNS) + 3
        refusals = 6 * (self.timeout_refusal + self.timeout_row / 2)
        rest = refusals + self.parent_death_bound + _SLACK
        return said * (self.timeout_row + _ROW_SECONDS) + starts * start + rest


RUNBOOKS: dict[str, type[BaseModel]] = {
    "binary_e2e": BinaryE2EConfig,
    "speech_server": SpeechServerConfig,
}
