"""The doubles that ``reference:double-<protocol>`` names."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from proofbook.subjects import Makers
from proofbook_subjects.apis.doubles.echo import KEY, MODEL
from proofbook_subjects.apis.servers import Served, Server, write_server

__all__ = ["DOUBLES", "SERVES"]

_TEXT = ("chat", "completion", "models")
_ALL = (*_TEXT, "embeddings")
_OBJECTS = ("put_object", "get_object", "list_objects", "delete_object")


def _served(base_path: str, *actions: str) -> Served:
    return Served(base_path=base_path, model=MODEL, actions=actions)


SERVES: Mapping[str, Served] = {
    "claude": _served("", "chat", "models"),
    "gemini": _served("", "chat", "embeddings", "models"),
    "groq": _served("/openai/v1", "chat", "models"),
    "hf_tei": _served("", "embeddings"),
    "hf_tgi": _served("", *_TEXT),
    "llvm": _served("/v1", *_ALL),
    "ollama": _served("", *_ALL),
    "openai_api": _served("/v1", *_ALL),
    "opea": _served("", "chat", "embeddings"),
    "ovms": _served("", "infer"),
    "s3_kit": _served("", *_OBJECTS),
    "vllm": _served("/v1", *_ALL),
}
"""What each double serves, by protocol."""


def _write(protocol: str, root: Path) -> Path:
    command = [sys.executable, "-m", "proofbook_subjects.apis.doubles"]
    server = Server(
        name=f"double-{protocol}",
        version="1",
        implementation="MOCK",
        command=[*command, "--protocol", protocol, "--port", "{port}"],
        serves={protocol: SERVES[protocol]},
        start_seconds=30.0,
        # S3 has a key of two halves.
        api_key=f"{KEY}:{KEY}" if protocol == "s3_kit" else KEY,
    )
    return write_server(server, root)


DOUBLES: Makers = {f"double-{protocol}": partial(_write, protocol) for protocol in SERVES}
"""Each writes its ``server.json`` and returns it."""
