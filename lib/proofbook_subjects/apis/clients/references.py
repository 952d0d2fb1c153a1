"""The clients of others that ``reference:<name>`` names in the runbooks on APIs."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path

from proofbook.files import atomic_write
from proofbook.subjects import Makers

__all__ = ["PACKAGES", "PEER_CLIENTS"]

PACKAGES: Mapping[str, str] = {
    "anthropic": "anthropic==2.14.0",
    "litellm": "litellm==1.110.2",
    "ollama": "ollama==0.6.3",
    "openai": "openai==3.57.0",
}
"""What is installed for each, where it is asked for."""


def _write_client_file(name: str, root: Path) -> Path:
    """Make the environment, and return the file that says how the client is started."""
    from proofbook_subjects.apis.environments import make_environment

    python = make_environment(name, [PACKAGES[name]], root)
    driver = Path(__file__).with_name(f"{name}_driver.py")
    path = root / "apis" / "clients" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"callable": f"{driver}:run", "python": str(python)}
    atomic_write(path, json.dumps(document, indent=2) + "\n")
    return path


PEER_CLIENTS: Makers = {name: functools.partial(_write_client_file, name) for name in PACKAGES}
