"""``transformers serve`` with a tiny Llama of our own: OpenAI's routes, random weights."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from proofbook_subjects.apis.environments import make_environment
from proofbook_subjects.apis.peers.launching import launched
from proofbook_subjects.apis.peers.models import make_tiny_llama
from proofbook_subjects.apis.servers import Served, Server, write_server

__all__ = ["write_transformers_serve"]

_OPENAI = "openai==3.57.0"
"""What ``transformers[serving]`` needs beside what is here already."""


def write_transformers_serve(root: Path) -> Path:
    """Make the environment and the model, and write the server's file."""
    model = make_tiny_llama(root)
    python = make_environment("transformers-serve", [_OPENAI], root, shares_packages=True)
    words = ["-m", "transformers.cli.transformers", "serve", str(model), "--device", "cpu"]
    version = importlib.metadata.version("transformers")
    server = Server(
        name="transformers-serve",
        version=f"{version}, RANDOM weights: a Llama of 0.2 million parameters",
        implementation="REAL",
        command=launched(python, [*words, "--host", "127.0.0.1", "--port", "{port}"]),
        environment={"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        serves={
            "openai_api": Served(
                base_path="/v1", model=str(model), actions=("chat", "completion", "models")
            )
        },
        start_seconds=300.0,
    )
    return write_server(server, root)
