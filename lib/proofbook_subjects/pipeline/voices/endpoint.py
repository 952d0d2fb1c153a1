"""Speak by an endpoint of ElevenLabs' form: a line in, an MP3 out."""

from __future__ import annotations

import json
from urllib.parse import quote

from proofbook_subjects.pipeline.calling import Caller
from proofbook_subjects.pipeline.documents import Line
from proofbook_subjects.pipeline.endpoints import Endpoint
from proofbook_subjects.pipeline.errors import MediaError, ServiceError
from proofbook_subjects.pipeline.settings import CHARACTERS, Project
from proofbook_subjects.pipeline.sounds import decode
from proofbook_subjects.pipeline.voices.engine import Engine

__all__ = ["endpoint_engine"]

_VOICES = {"Butcher": "butcher", "Nutsy": "nutsy"}
_MODEL = "eleven_multilingual_v2"
_STYLES = {
    "angry": 0.8, "excited": 0.9, "happy": 0.6, "neutral": 0.0, "sad": 0.4, "surprised": 0.7,
}  # fmt: skip


def endpoint_engine(project: Project, endpoint: Endpoint) -> Engine:
    """Return the voice endpoint; ELEVENLABS_VOICE_BUTCHER and so on name its voices."""
    voices = {
        name: project.text(f"ELEVENLABS_VOICE_{name.upper()}", _VOICES[name]) for name in CHARACTERS
    }
    model = project.text("ELEVENLABS_MODEL", _MODEL)
    caller = Caller(project, endpoint, {"xi-api-key": endpoint.key, "Accept": "audio/mpeg"})

    def speak(line: Line) -> bytes:
        path = f"/v1/text-to-speech/{quote(voices[line.character], safe='')}"
        body = {
            "text": line.text, "model_id": model,
            "voice_settings": {"stability": 0.5, "similarity_boost": 0.75,
                               "style": _STYLES[line.emotion]},
        }  # fmt: skip
        query = {"output_format": "mp3_44100_128"}
        sound = caller.send("POST", path, body=body, query=query)
        try:
            decode(sound, "the answer")
        except MediaError as error:
            shown = " ".join(sound[:120].decode(errors="replace").split()) or "nothing"
            raise ServiceError(
                f"line {line.number}: elevenlabs endpoint {endpoint.url} answered no sound: "
                f"{shown.replace(endpoint.key, '***')}"
            ) from error
        return sound

    identity = json.dumps(["elevenlabs", endpoint.url, model, voices])
    return Engine(name="elevenlabs", identity=identity, suffix=".mp3", speak=speak)
