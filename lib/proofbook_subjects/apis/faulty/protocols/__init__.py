"""The protocols in which the server gives right answers of its own, one a module."""

from __future__ import annotations

from collections.abc import Mapping

from proofbook_subjects.apis.faulty.answers import Dialect
from proofbook_subjects.apis.faulty.protocols.claude import Claude
from proofbook_subjects.apis.faulty.protocols.ollama import Ollama
from proofbook_subjects.apis.faulty.protocols.openai_api import OpenAI

__all__ = ["PROTOCOLS"]

PROTOCOLS: Mapping[str, Dialect] = {
    "claude": Claude(), "ollama": Ollama(), "openai_api": OpenAI(),
}  # fmt: skip
