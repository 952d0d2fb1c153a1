"""Choose what speaks, and how each character and each emotion sounds."""

from __future__ import annotations

from proofbook_subjects.pipeline.endpoints import Endpoint, find_endpoint
from proofbook_subjects.pipeline.errors import SettingsError
from proofbook_subjects.pipeline.settings import Project
from proofbook_subjects.pipeline.voices import piper, programs
from proofbook_subjects.pipeline.voices.endpoint import endpoint_engine
from proofbook_subjects.pipeline.voices.engine import Engine

__all__ = ["ENGINES", "choose_engine"]

ENGINES = ("elevenlabs", "espeak", "piper")


def choose_engine(project: Project) -> Engine:
    """Return what speaks in this project: VOICE_ENGINE, else an endpoint, Piper, eSpeak NG.

    Raises:
        SettingsError: What was asked for is not there.
    """
    name = project.text("VOICE_ENGINE").lower() or _first_there(project)
    if name == "espeak":
        return programs.espeak_engine()
    if name == "piper":
        return piper.piper_engine(project)
    if name == "elevenlabs":
        return endpoint_engine(project, _endpoint(project))
    raise SettingsError(f"VOICE_ENGINE={name!r} is none of {', '.join(ENGINES)}")


def _first_there(project: Project) -> str:
    if find_endpoint(project, "ELEVENLABS"):
        return "elevenlabs"
    return "piper" if piper.find_piper(project) else "espeak"


def _endpoint(project: Project) -> Endpoint:
    endpoint = find_endpoint(project, "ELEVENLABS")
    if endpoint is None:
        raise SettingsError("VOICE_ENGINE=elevenlabs needs ELEVENLABS_BASE_URL or its key")
    return endpoint
