"""The server that ``reference:faulty`` names in the runbooks on APIs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from proofbook.files import atomic_write
from proofbook.subjects import Makers

__all__ = ["FAULTY_SERVERS", "write_server_file"]


def write_server_file(root: Path) -> Path:
    """Write what starts the server, and return its path."""
    ports = ["--port", "{port}", "--control-port", "{control_port}"]
    meaning = ["--protocol", "{protocol}", "--upstream", "{upstream}"]
    document = {
        "name": "faulty", "version": "1", "implementation": "MOCK",
        "command": [sys.executable, "-m", "proofbook_subjects.apis.faulty", *ports, *meaning],
        "environment": {}, "health": "/health", "start_seconds": 30,
        "serves": {
            "openai_api": {"base_path": "/v1", "model": "double-small",
                           "actions": ["chat", "completion", "embeddings", "models"]},
            "claude": {"base_path": "", "model": "double-small", "actions": ["chat", "models"]},
            "ollama": {"base_path": "", "model": "double-small",
                       "actions": ["chat", "completion", "embeddings", "models"]},
        },
    }  # fmt: skip
    path = root / "apis" / "faulty" / "server.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, json.dumps(document, indent=2) + "\n")
    return path


FAULTY_SERVERS: Makers = {"faulty": write_server_file}
