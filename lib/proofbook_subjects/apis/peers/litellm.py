"""litellm's proxy before llama.cpp's server: OpenAI's and Anthropic's routes.

Its key is in ``LITELLM_MASTER_KEY`` of the environment, and in no file.
"""

from __future__ import annotations

from pathlib import Path

from proofbook_subjects.apis.environments import make_environment
from proofbook_subjects.apis.peers.launching import PROGRAMS, launched
from proofbook_subjects.apis.peers.llama import MODEL, llama_words
from proofbook_subjects.apis.servers import Served, Server, write_server

__all__ = ["write_litellm"]

_VERSION = "1.108.7"


def write_litellm(root: Path) -> Path:
    """Make the environments, and write the server's file."""
    python = make_environment("litellm", [f"litellm[proxy]=={_VERSION}"], root)
    behind, upstream = llama_words(root, "PORT")
    words = [str(PROGRAMS / "litellm_proxy.py"), "--port", "{port}", "--model", MODEL, "--"]
    chat = ("chat", "models")
    server = Server(
        name="litellm",
        version=f"{_VERSION} before xllamacpp, REAL weights: SmolLM2-135M-Instruct Q4_1",
        implementation="REAL",
        command=launched(python, [*words, str(behind), *upstream], "UPSTREAM_PORT"),
        health="/health/liveliness",
        serves={
            "openai_api": Served(base_path="/v1", model=MODEL, actions=chat),
            "claude": Served(base_path="", model=MODEL, actions=("chat",)),
        },
        start_seconds=180.0,
    )
    return write_server(server, root)
