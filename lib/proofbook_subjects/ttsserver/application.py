"""The server's routes, in Voicebox's contract."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, File, Form, HTTPException, UploadFile
from fastapi.responses import FileResponse, HTMLResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from proofbook_subjects.ttsserver.engines import ENGINES, Model, find_model
from proofbook_subjects.ttsserver.faults import Faults
from proofbook_subjects.ttsserver.models import ModelFolder
from proofbook_subjects.ttsserver.sounds import Recording, estimate_pitch, read_wav
from proofbook_subjects.ttsserver.store import Row, Store
from proofbook_subjects.ttsserver.streams import Streams
from proofbook_subjects.ttsserver.worker import Worker

__all__ = ["build_application"]

_LARGEST = 50_000_000
_SHORTEST, _LONGEST = 2.0, 30.0
_QUIETEST = 300
"""Peak of a 16-bit sample below which a recording is silent."""


class ProfileBody(BaseModel):
    """Body of ``POST /profiles``."""

    name: str = Field(min_length=1, max_length=100)
    voice_type: str = Field(default="cloned", pattern="^(cloned|preset)$")
    language: str = Field(default="en", min_length=2, max_length=5)
    preset_engine: str | None = None
    preset_voice_id: str | None = None


class GenerateBody(BaseModel):
    """Body of ``POST /generate``."""

    model_config = ConfigDict(protected_namespaces=())

    profile_id: str
    text: str = Field(min_length=1, max_length=5000)
    language: str = "en"
    engine: str = "qwen"
    model_size: str | None = None
    seed: int | None = None
    normalize: bool = True


def build_application(
    data: Path, models: ModelFolder, faults: Faults, shut_down: Callable[[], None]
) -> FastAPI:
    """Return the application on a data folder; ``shut_down`` ends the process, politely."""
    store = Store(data)
    worker = Worker(data, store, models, faults)
    app = FastAPI(title="Voicebox reference server", docs_url=None, redoc_url=None)
    _add_health(app, models, faults, shut_down)
    _add_profiles(app, data, store)
    _add_generations(app, data, store, worker)
    _add_streams(app, Streams(store, faults))
    return app


def _add_health(
    app: FastAPI, models: ModelFolder, faults: Faults, shut_down: Callable[[], None]
) -> None:
    @app.get("/health", response_model=None)
    async def health() -> Row | HTMLResponse:
        if faults.server == "error":
            raise HTTPException(500, "the server is not well (a fault on demand)")
        if faults.server == "html":
            return HTMLResponse("<!doctype html><title>It works!</title>")
        return {
            "status": "starting" if faults.server == "unhealthy" else "healthy",
            "model_loaded": bool(models.loaded),
            "model_downloaded": None,
            "model_size": None,
            "gpu_available": False,
            "gpu_type": None,
            "vram_used_mb": None,
            "backend_type": "pytorch",
            "backend_variant": "cpu",
        }

    @app.get("/models/status")
    async def models_status() -> Row:
        return {"models": models.states()}

    @app.post("/shutdown")
    async def shutdown() -> Row:
        shut_down()
        return {"message": "shutting down"}


def _add_profiles(app: FastAPI, data: Path, store: Store) -> None:
    @app.post("/profiles")
    async def create_profile(body: ProfileBody) -> Row:
        if body.voice_type == "preset":
            _refuse_unknown_preset(body)
        try:
            return store.add("profiles", **body.model_dump())
        except sqlite3.IntegrityError as error:
            raise HTTPException(400, f"a profile called {body.name!r} exists already") from error

    @app.post("/profiles/{profile_id}/samples")
    async def add_sample(
        profile_id: str,
        file: Annotated[UploadFile, File()],
        reference_text: Annotated[str, Form(min_length=1)],
    ) -> Row:
        _found(store, "profiles", profile_id, "profile")
        content = await file.read(_LARGEST + 1)
        recording = _accepted(content)
        path = Path("samples") / f"{profile_id}.wav"
        (data / path).parent.mkdir(exist_ok=True)
        (data / path).write_bytes(content)
        return store.add(
            "samples", profile_id=profile_id, path=path.as_posix(),
            reference_text=reference_text, hertz=estimate_pitch(recording),
        )  # fmt: skip


def _add_generations(app: FastAPI, data: Path, store: Store, worker: Worker) -> None:
    @app.post("/generate")
    async def generate(body: GenerateBody) -> Row:
        profile = _found(store, "profiles", body.profile_id, "profile")
        model = _chosen(body)
        _refuse_wrong_voice(store, profile, model)
        values = {**body.model_dump(), "model_size": model.size or None}
        row = store.add("generations", **values, status="generating")
        worker.put(row["id"])
        return row

    @app.post("/generate/{generation_id}/cancel")
    async def cancel(generation_id: str) -> Row:
        _found(store, "generations", generation_id, "generation")
        worker.cancel(generation_id)
        return {"message": "cancelling"}

    @app.get("/history/{generation_id}")
    async def history(generation_id: str) -> Row:
        return _found(store, "generations", generation_id, "generation")

    @app.get("/audio/{generation_id}", response_model=None)
    async def audio(generation_id: str) -> FileResponse:
        row = _found(store, "generations", generation_id, "generation")
        if not row["audio_path"]:
            raise HTTPException(404, f"generation {generation_id} has no audio")
        return FileResponse(data / row["audio_path"], media_type="audio/wav")


def _add_streams(app: FastAPI, streams: Streams) -> None:
    @app.get("/generate/{generation_id}/status", response_model=None)
    async def status(generation_id: str) -> StreamingResponse:
        return StreamingResponse(streams.events(generation_id), media_type="text/event-stream")


def _found(store: Store, table: str, id: str, what: str) -> Row:
    row: dict[str, Any] | None = store.find(table, id=id)
    if row is None:
        raise HTTPException(404, f"there is no {what} {id}")
    return row


def _refuse_unknown_preset(body: ProfileBody) -> None:
    if not body.preset_engine or not body.preset_voice_id:
        raise HTTPException(400, "a preset profile needs preset_engine and preset_voice_id")
    engine = ENGINES.get(body.preset_engine)
    if engine is None or body.preset_voice_id not in engine.presets:
        raise HTTPException(400, f"{body.preset_engine} has no voice {body.preset_voice_id!r}")


def _accepted(content: bytes) -> Recording:
    if len(content) > _LARGEST:
        raise HTTPException(400, "the sample is larger than 50 MB")
    try:
        recording = read_wav(content)
    except ValueError as error:
        raise HTTPException(400, f"the sample is {error}") from error
    if not _SHORTEST <= recording.seconds <= _LONGEST:
        raise HTTPException(400, f"the sample lasts {recording.seconds:.1f} s; 2 to 30 are taken")
    if recording.peak < _QUIETEST:
        raise HTTPException(400, "the sample is silent")
    return recording


def _chosen(body: GenerateBody) -> Model:
    model = find_model(body.engine, body.model_size)
    if model is None:
        raise HTTPException(400, f"there is no engine {body.engine} {body.model_size or ''}")
    if body.language not in model.languages:
        raise HTTPException(400, f"{model.name} does not speak {body.language}")
    return model


def _refuse_wrong_voice(store: Store, profile: Row, model: Model) -> None:
    presets = ENGINES[model.engine].presets
    if presets and profile["preset_engine"] != model.engine:
        raise HTTPException(400, f"{model.engine} needs a profile with one of its preset voices")
    if not presets and not store.find("samples", profile_id=profile["id"]):
        raise HTTPException(400, f"{model.engine} needs a profile with a sample to clone")
