"""Groq: OpenAI's API below ``/openai/v1``; a stream's usage comes in ``x_groq``."""

from __future__ import annotations

from proofbook_subjects.apis.client.backends.openai_api import OpenAI
from proofbook_subjects.apis.client.exchange import Call, TextRequest

__all__ = ["Groq"]


class Groq(OpenAI):
    """``groq``."""

    name = "groq"
    title = "Groq"
    default_url = "https://api.groq.com/openai/v1"
    url_form = "https://api.groq.com/openai/v1, with its version path"
    key_names = ("GROQ_API_KEY",)

    def write_completion(self, request: TextRequest, *, stream: bool) -> Call:
        """Refuse: there are chats only."""
        self._refuse("completion")
