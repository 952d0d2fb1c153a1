"""Types and bounds of the parameters of ``pipeline/integrations``. Imports pydantic alone."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from proofbook_systems.pipeline.project.config import PipelineConfig, Words

__all__ = ["APIS", "IntegrationsConfig"]

APIS = ("openai_api", "claude", "voice", "posting")
"""The forms of APIs that a pipeline may call: two of language models, ElevenLabs', Graph's."""
_PREPARING = 12
_CASES = 80


class IntegrationsConfig(PipelineConfig):
    """Parameters of ``pipeline/integrations``."""

    apis: Words
    addresses: dict[str, dict[str, str]]
    servers: dict[str, str]
    faulty_server: str = Field(min_length=1)
    script_answer: str
    caption: str
    retries: int = Field(ge=0, le=50)
    fallback: bool
    refreshes: bool
    most_at_once: dict[str, int]
    most_a_second: dict[str, int]
    refresh_path: str
    publish_path: str = Field(min_length=1)
    dry_run: list[str]
    longest_film: float = Field(gt=0)
    patience: float = Field(gt=0)
    workers: int = Field(ge=1, le=16)
    only: Words
    skip: Words

    @field_validator("apis")
    @classmethod
    def _apis_are_known(cls, apis: list[str]) -> list[str]:
        if unknown := [api for api in apis if api not in APIS]:
            raise ValueError(f"there is no API {unknown[0]!r}; there are {', '.join(APIS)}")
        return [api for api in APIS if api in apis]

    @field_validator("addresses", "servers", "most_at_once", "most_a_second")
    @classmethod
    def _keys_are_apis(cls, given: dict[str, object]) -> dict[str, object]:
        if unknown := [api for api in given if api not in APIS]:
            raise ValueError(f"there is no API {unknown[0]!r}; there are {', '.join(APIS)}")
        return given

    @model_validator(mode="after")
    def _apis_have_addresses(self) -> IntegrationsConfig:
        if missing := [api for api in self.apis if not self.addresses.get(api)]:
            raise ValueError(
                f"addresses has no {missing[0]}; give the variables that point the pipeline at it, "
                'as {"OPENAI_BASE_URL": "{url}", "OPENAI_API_KEY": "{key}"}'
            )
        return self

    def longest_seconds(self) -> float:
        """Return how long a job may take while every case keeps to its patience."""
        return float(_PREPARING * self.timeout + _CASES * self.patience / self.workers)
