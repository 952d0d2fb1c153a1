"""Hugging Face's text-embeddings-inference: ``embed``, of the one model that it serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proofbook_subjects.apis.client.backends.base import Backend, as_dict, without_version
from proofbook_subjects.apis.client.exchange import Call, Vectors

__all__ = ["TextEmbeddings"]


class TextEmbeddings(Backend):
    """``hf_tei``."""

    name = "hf_tei"
    title = "text-embeddings-inference"
    url_form = "http://127.0.0.1:8080, without a version path"
    key_names = ("HF_TOKEN",)
    key_required = False

    def base_url(self, given: str) -> str:
        """Return the base above ``/v1``."""
        return without_version(given)

    def write_embeddings(self, texts: Sequence[str], model: str) -> Call:
        """``POST embed``."""
        return Call(path="/embed", body={"inputs": list(texts)}, model=model)

    def read_embeddings(self, value: Any) -> Vectors:
        """Read a list of vectors."""
        if not isinstance(value, list) or not all(isinstance(row, list) for row in value):
            self.foreign(value, "a list of vectors")
        return Vectors(tuple(tuple(row) for row in value))

    def write_models(self) -> Call:
        """``GET info``."""
        return Call(method="GET", path="/info")

    def read_models(self, value: Any) -> list[str]:
        """Read ``model_id``."""
        if "model_id" not in as_dict(value):
            self.foreign(value, "model_id")
        return [value["model_id"]]
