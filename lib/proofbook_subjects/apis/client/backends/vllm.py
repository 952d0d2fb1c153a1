"""vLLM's server: OpenAI's API, with a key only where it was started with one."""

from __future__ import annotations

from proofbook_subjects.apis.client.backends.openai_api import OpenAI

__all__ = ["Vllm"]


class Vllm(OpenAI):
    """``vllm``."""

    name = "vllm"
    title = "vLLM"
    default_url = None
    url_form = "http://127.0.0.1:8000/v1, with its version path"
    key_names = ("VLLM_API_KEY",)
    key_required = False
