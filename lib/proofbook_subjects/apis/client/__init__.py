"""One client for twelve APIs of language models and objects: queue, retries, streams, accounts.

    async with ApiClient("openai_api", base_url=…, limits=Limits(max_concurrency=4)) as client:
        answer = await client.chat(messages, model="…")
        async for delta in client.stream_chat(messages, model="…"):
            …

``SyncApiClient`` is the same for code without an event loop. Keys come from the environment, or
from ``api_key``, and are shown nowhere. Nothing is ever made up: without a key there is an error.
"""

from __future__ import annotations

from proofbook_subjects.apis.client.accounts import Accounts
from proofbook_subjects.apis.client.answers import (
    Answer,
    Delta,
    Embeddings,
    Inference,
    StoredObject,
    Timing,
    Usage,
)
from proofbook_subjects.apis.client.backends import BACKENDS
from proofbook_subjects.apis.client.blocking import SyncApiClient
from proofbook_subjects.apis.client.client import ApiClient
from proofbook_subjects.apis.client.errors import ApiError, StreamBrokenError
from proofbook_subjects.apis.client.outside import Outside
from proofbook_subjects.apis.client.settings import Breaker, Limits, Price, Retries, Timeout
from proofbook_subjects.apis.client.text_stream import TextStream

__all__ = [
    "BACKENDS",
    "Accounts",
    "Answer",
    "ApiClient",
    "ApiError",
    "Breaker",
    "Delta",
    "Embeddings",
    "Inference",
    "Limits",
    "Outside",
    "Price",
    "Retries",
    "StoredObject",
    "StreamBrokenError",
    "SyncApiClient",
    "TextStream",
    "Timeout",
    "Timing",
    "Usage",
]
