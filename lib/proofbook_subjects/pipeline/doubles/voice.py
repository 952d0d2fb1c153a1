"""A double of ElevenLabs' text-to-speech: eSpeak NG behind its routes, as MP3."""

from __future__ import annotations

import io
import threading
import time
from collections import deque
from typing import Any

from proofbook_subjects.pipeline.documents import Line
from proofbook_subjects.pipeline.doubles.serving import Answer, Asked
from proofbook_subjects.pipeline.errors import MediaError
from proofbook_subjects.pipeline.sounds import Samples, level_speech, read_wav
from proofbook_subjects.pipeline.voices.programs import espeak_engine

__all__ = ["KEY", "VoiceDouble"]

KEY = "double-voice-key"
_VOICES = {"butcher": "Butcher", "nutsy": "Nutsy"}
_SPEECH = "/v1/text-to-speech/"
_BLOCK = 1152


class VoiceDouble:
    """The voice API. Two voices: ``butcher`` and ``nutsy``."""

    def __init__(self, a_minute: float = 0.0) -> None:
        self._a_minute = a_minute
        self._times: deque[float] = deque()
        self._lock = threading.Lock()

    def key_of(self, asked: Asked) -> str:
        """Say whether the key in ``xi-api-key`` is right."""
        key = asked.headers.get("xi-api-key", "")
        return "right" if key == KEY else "wrong" if key else "none"

    def refuse(self, key: str) -> Answer:
        """Return 401 as the API words it."""
        return _error(401, "invalid_api_key", f"the API key is {key}")

    def is_public(self, asked: Asked) -> bool:
        """No route is without a key."""
        return False

    def answer(self, asked: Asked) -> Answer:
        """Speak, or list the voices."""
        if (asked.method, asked.path) == ("GET", "/v1/voices"):
            return Answer(body={"voices": [{"voice_id": v, "name": n} for v, n in _VOICES.items()]})
        if asked.method != "POST" or not asked.path.startswith(_SPEECH):
            return _error(404, "not_found", f"there is no {asked.method} {asked.path}")
        voice = asked.path.removeprefix(_SPEECH).partition("/")[0]
        text = str(asked.fields().get("text", "")).strip()
        if voice not in _VOICES:
            return _error(404, "voice_not_found", f"there is no voice {voice}")
        if not text:
            return _error(422, "invalid_text", "the text is empty")
        if not self._has_room():
            return _error(429, "too_many_requests", "the rate is limited", {"Retry-After": "1"})
        try:
            return Answer(body=_speak(_VOICES[voice], text), kind="audio/mpeg")
        except MediaError as error:
            return _error(500, "speech_failed", str(error))

    def _has_room(self) -> bool:
        if not self._a_minute:
            return True
        with self._lock:
            at = time.monotonic()
            while self._times and self._times[0] < at - 60:
                self._times.popleft()
            if len(self._times) >= self._a_minute:
                return False
            self._times.append(at)
        return True


def _error(status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> Answer:
    body = {"detail": {"status": kind, "message": message}}
    return Answer(status=status, body=body, headers=headers or {})


def _speak(character: str, text: str) -> bytes:
    line = Line(number=1, character=character, text=text, emotion="neutral")
    sound = level_speech(read_wav(espeak_engine().speak(line), "eSpeak NG's answer"))
    return _to_mp3(sound.samples, sound.rate)


def _to_mp3(samples: Samples, rate: int) -> bytes:
    import av
    import numpy as np

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3") as container:
        stream: Any = container.add_stream("mp3", rate=rate, layout="mono")
        stream.bit_rate = 128_000
        whole = (np.clip(samples, -1, 1) * 32767).astype(np.int16)
        for start in range(0, len(whole), _BLOCK):
            part = np.ascontiguousarray(whole[None, start : start + _BLOCK])
            frame = av.AudioFrame.from_ndarray(part, format="s16p", layout="mono")
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()
