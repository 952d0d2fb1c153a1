"""The protocols that the client speaks, one file each."""

from __future__ import annotations

import importlib

from proofbook_subjects.apis.client.backends.base import Backend
from proofbook_subjects.apis.client.errors import UnknownBackendError

__all__ = ["BACKENDS", "Backend", "find_backend"]

BACKENDS = {
    "openai_api": "OpenAI",
    "claude": "Claude",
    "groq": "Groq",
    "ollama": "Ollama",
    "hf_tgi": "TextGeneration",
    "hf_tei": "TextEmbeddings",
    "gemini": "Gemini",
    "vllm": "Vllm",
    "llvm": "LlamaCpp",
    "ovms": "ModelServer",
    "opea": "Opea",
    "s3_kit": "S3",
}
"""Name, which is also that of the file, to class."""


def find_backend(name: str) -> Backend:
    """Return the backend that is called ``name``.

    Raises:
        UnknownBackendError: There is none.
    """
    if name not in BACKENDS:
        raise UnknownBackendError(
            f"there is no backend {name!r}; take one of {', '.join(BACKENDS)}"
        )
    module = importlib.import_module(f"{__name__}.{name}")
    backend: Backend = getattr(module, BACKENDS[name])()
    return backend
