"""Which endpoints are set up, and with which key. Keys come from the environment alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from proofbook_subjects.pipeline.errors import SettingsError
from proofbook_subjects.pipeline.settings import Project

__all__ = ["OFFICIAL", "Endpoint", "find_endpoint"]

OFFICIAL = {
    "OPENAI": "https://api.openai.com/v1",
    "ANTHROPIC": "https://api.anthropic.com",
    "ELEVENLABS": "https://api.elevenlabs.io",
    "INSTAGRAM": "https://graph.instagram.com",
}
"""What is called where USE_MOCK_APIS is off and no other address is set."""
_KEYS = {"INSTAGRAM": "INSTAGRAM_ACCESS_TOKEN"}


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An endpoint with its key."""

    name: str
    """As its settings begin."""
    url: str
    key_name: str
    key: str = field(repr=False)


def find_endpoint(project: Project, name: str) -> Endpoint | None:
    """Return an endpoint; None where none is set up.

    Raises:
        SettingsError: It has no key.
    """
    key_name = _KEYS.get(name, f"{name}_API_KEY")
    url, key = project.text(f"{name}_BASE_URL"), project.text(key_name)
    if not url and (project.flag("USE_MOCK_APIS") or not key):
        return None
    url = (url or OFFICIAL[name]).rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"{name}_BASE_URL={url!r} is no http address")
    if not key:
        raise SettingsError(f"{key_name} is not set in the environment, and {url} needs it")
    return Endpoint(name=name, url=url, key_name=key_name, key=key)
