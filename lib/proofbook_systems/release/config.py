"""Types and bounds of the parameters of the checklists before a release and before posting.

Each runbook's parameters cell has their defaults and says what they mean. Imports pydantic alone,
so that a profile is validated at once.
"""

from __future__ import annotations

from pydantic import BaseModel, Field, model_validator

from proofbook_systems.pipeline.integrations.config import IntegrationsConfig
from proofbook_systems.pipeline.project.config import SLACK, PipelineConfig, Words

__all__ = ["RUNBOOKS", "BeforePostingConfig", "BeforeReleaseConfig"]

_STAGES = 12
_TRIALS = 60


class _ReleaseConfig(PipelineConfig):
    """What both have in common."""

    addresses: dict[str, dict[str, str]]
    servers: dict[str, str]
    faulty_server: str = Field(min_length=1)
    dry_run: list[str]
    patience: float = Field(gt=0)
    reviewer_role: str

    def integrations(self, apis: list[str], caption: str, **more: object) -> IntegrationsConfig:
        """Return what tries this pipeline on APIs that misbehave."""
        common = {name: getattr(self, name) for name in PipelineConfig.model_fields}
        usual: dict[str, object] = {
            "script_answer": "", "retries": 6, "fallback": True, "refreshes": False,
            "most_at_once": {}, "most_a_second": {}, "refresh_path": "refresh_access_token",
            "publish_path": "media_publish", "longest_film": 90.0, "workers": 2, "only": [],
            "skip": [],
        }  # fmt: skip
        own = {"addresses": self.addresses, "servers": self.servers, "dry_run": self.dry_run,
               "faulty_server": self.faulty_server, "patience": self.patience}  # fmt: skip
        return IntegrationsConfig.model_validate(
            {**common, **usual, **own, "apis": apis, "caption": caption, **more}
        )


class BeforeReleaseConfig(_ReleaseConfig):
    """Parameters of ``release/before_release``."""

    apis: Words
    caption: str
    workspace: str = Field(json_schema_extra={"subject": True})
    episode: str
    keys: Words
    folders: list[str]
    disk_gb: float = Field(ge=0)
    gpu_driver: str
    characters: list[str]
    features: dict[str, str]
    attacks_skipped: Words
    logs: list[str]
    documents: list[str]

    def longest_seconds(self) -> float:
        """Return how long a job may take while every command keeps to its limit."""
        return float(_STAGES * self.timeout + _TRIALS * self.patience + SLACK)


class BeforePostingConfig(_ReleaseConfig):
    """Parameters of ``release/before_posting``."""

    workspace: str = Field(json_schema_extra={"subject": True})
    episode: str
    video: str = Field(json_schema_extra={"subject": True})
    caption: str = Field(json_schema_extra={"subject": True})
    limits: str = Field(pattern="^(checklist|instagram)$")
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    quietest: float
    most_silence: float = Field(ge=0, le=1)
    platform: str = Field(json_schema_extra={"subject": True})
    token_variable: str
    account: str
    token_expires: str
    least_days: float = Field(ge=0)
    least_posts: int = Field(ge=0)
    posted: str

    @model_validator(mode="after")
    def _film_of_a_workspace_is_named(self) -> BeforePostingConfig:
        if self.workspace and not (self.video or self.episode):
            raise ValueError("give episode, too: the name of the film that workspace holds")
        return self

    def longest_seconds(self) -> float:
        """Return how long a job may take while every command keeps to its limit."""
        return float(_STAGES * self.timeout + 4 * self.patience + SLACK)


RUNBOOKS: dict[str, type[BaseModel]] = {
    "before_posting": BeforePostingConfig,
    "before_release": BeforeReleaseConfig,
}
