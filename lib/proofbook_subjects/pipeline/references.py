"""What ``reference:<name>`` names in the pipeline's runbooks: projects and two servers."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

from proofbook.files import atomic_write
from proofbook.subjects import Makers
from proofbook_subjects.pipeline.finished import prepare_finished_project
from proofbook_subjects.pipeline.project import prepare_project

__all__ = ["PROJECTS", "SERVERS"]

_KEYS = {"posting": "double-posting-token", "voice": "double-voice-key"}
_ACTIONS = {"posting": ["post"], "voice": ["speech", "voices"]}


def _write_server(api: str, root: Path) -> Path:
    """Write what starts a double, and return its path."""
    module = "proofbook_subjects.pipeline.doubles"
    document = {
        "name": f"double-{api}", "version": "1", "implementation": "MOCK",
        "command": [sys.executable, "-m", module, "--api", api, "--port", "{port}"],
        "environment": {}, "health": "/health", "start_seconds": 30, "api_key": _KEYS[api],
        "serves": {api: {"base_path": "", "model": "double", "actions": _ACTIONS[api]}},
    }  # fmt: skip
    path = root / "pipeline-servers" / api / "server.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, json.dumps(document, indent=2) + "\n")
    return path


PROJECTS: Makers = {"shortform": prepare_project, "shortform-finished": prepare_finished_project}
"""Folders of a pipeline, ready for ``init_databases.py``, and with a film that it has made."""
SERVERS: Makers = {api: partial(_write_server, api) for api in _KEYS}
"""Each gives the path of a ``server.json``."""
