"""The files of the models: present or not, fetched at first use, loaded.

What would come over the network is in the program; it is written piece by piece, so that a
download takes its time and can be seen.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from proofbook_subjects.ttsserver.engines import MODELS, OTHER_MODELS, Model, VoiceSettings

__all__ = ["ModelFolder", "models_folder"]

_PIECES = 5
_PIECE_SECONDS = 0.04
_FILE = "model.json"


def models_folder(data: Path, environ: Mapping[str, str]) -> Path:
    """Return where models are: ``VOICEBOX_MODELS_DIR``, ``HF_HUB_CACHE``, or the data folder."""
    for name in ("VOICEBOX_MODELS_DIR", "HF_HUB_CACHE"):
        if environ.get(name):
            return Path(environ[name])
    return data / "models"


class ModelFolder:
    """The models in a folder, and those in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[str, VoiceSettings] = {}
        self._downloading = ""
        self._lock = threading.Lock()

    def states(self) -> list[dict[str, Any]]:
        """Return the state of every model, in the contract's form."""
        speech = [self._state(m.name, self._is_there(m)) for m in MODELS]
        return speech + [self._state(name, False) for name in OTHER_MODELS]

    @property
    def loaded(self) -> str:
        """The model that was loaded last; empty if none."""
        return next(reversed(self._loaded), "")

    def is_loaded(self, model: Model) -> bool:
        """Say whether a model is in memory."""
        return model.name in self._loaded

    def load(self, model: Model) -> VoiceSettings:
        """Return a model's settings, fetching and reading its file if need be."""
        with self._lock:
            if model.name not in self._loaded:
                if not self._is_there(model):
                    self._download(model)
                settings = json.loads(self._path(model).read_bytes())
                settings.pop("model")
                self._loaded[model.name] = VoiceSettings(**settings)
            return self._loaded[model.name]

    def _state(self, name: str, there: bool) -> dict[str, Any]:
        return {
            "model_name": name,
            "display_name": name.replace("-", " ").title(),
            "hf_repo_id": f"voicebox/{name}",
            "downloaded": there,
            "downloading": self._downloading == name,
            "size_mb": 0.001 if there else None,
            "loaded": name in self._loaded,
        }

    def _path(self, model: Model) -> Path:
        return self._folder / model.name / _FILE

    def _is_there(self, model: Model) -> bool:
        try:
            return self._path(model).read_bytes() == model.content
        except OSError:
            return False

    def _download(self, model: Model) -> None:
        path = self._path(model)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.part")
        size = -(-len(model.content) // _PIECES)
        self._downloading = model.name
        try:
            with partial.open("wb") as file:
                for start in range(0, len(model.content), size):
                    file.write(model.content[start : start + size])
                    time.sleep(_PIECE_SECONDS)
            partial.replace(path)
        finally:
            self._downloading = ""
