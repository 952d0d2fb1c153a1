"""A second server on the same synthesis: OpenAI's speech endpoint, which answers with the audio.

The program: ``--host --port``.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from fastapi import FastAPI, HTTPException, Response
from pydantic import BaseModel, Field

from proofbook_subjects.ttsserver.engines import VoiceSettings, find_model
from proofbook_subjects.ttsserver.server import listen

__all__ = ["build_direct", "main"]

_MODELS = ("tts-1", "tts-1-hd")
_VOICES = {
    "af_heart": ("kokoro", 210.0), "am_adam": ("qwen_custom_voice", 110.0),
    "bf_emma": ("tada", 190.0),
}  # fmt: skip
"""Engine and pitch in hertz, by name."""

_ONE_AT_A_TIME = threading.Lock()
"""eSpeak NG keeps its voice and its buffers in the process."""


class SpeechBody(BaseModel):
    """Body of ``POST /v1/audio/speech``."""

    model: Literal["tts-1", "tts-1-hd"] = "tts-1"
    input: str = Field(min_length=1, max_length=4096, pattern=r"\S")
    voice: str
    response_format: Literal["wav"] = "wav"
    speed: float = Field(default=1.0, ge=0.25, le=4.0)


def build_direct(synthesise: Callable[..., bytes] | None = None) -> FastAPI:
    """Return the application; ``synthesise`` takes text, settings and hertz, and gives a WAV."""
    app = FastAPI(title="Direct reference server", docs_url=None, redoc_url=None)
    speak = synthesise or _synthesise

    @app.get("/v1/models")
    def models() -> dict[str, Any]:
        return {"object": "list", "data": [{"id": name, "object": "model"} for name in _MODELS]}

    @app.post("/v1/audio/speech", response_model=None)
    def speech(body: SpeechBody) -> Response:
        if body.voice not in _VOICES:
            raise HTTPException(400, f"there is no voice {body.voice!r}")
        settings, hertz = _settings(body)
        return Response(speak(body.input, settings, hertz), media_type="audio/wav")

    return app


def main(argv: list[str] | None = None) -> int:
    """Serve until told to end; return the exit code."""
    parser = argparse.ArgumentParser(prog="speech_api")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8880)
    options = parser.parse_args(argv)
    try:
        listener = listen(options.host, options.port)
    except OSError as error:
        reason = error.strerror or error
        print(f"cannot listen on {options.host}:{options.port}: {reason}", file=sys.stderr)  # noqa: T201 - this is a program
        return 1
    import uvicorn

    config = uvicorn.Config(build_direct(), timeout_graceful_shutdown=1, loop="asyncio")
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def _settings(body: SpeechBody) -> tuple[VoiceSettings, float]:
    engine, hertz = _VOICES[body.voice]
    model = find_model(engine, None)
    assert model is not None, "each voice names an engine"
    speed = round(model.settings.speed * body.speed)
    return replace(model.settings, speed=speed), hertz


def _synthesise(text: str, settings: VoiceSettings, hertz: float) -> bytes:
    from proofbook_subjects.ttsserver.speech import synthesise

    with _ONE_AT_A_TIME:
        return synthesise(text, settings, hertz=hertz).wav
