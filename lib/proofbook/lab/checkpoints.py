"""Jupyter's checkpoints in a folder of the session: none appears in a run, or beside a runbook."""

from __future__ import annotations

import hashlib
from pathlib import Path

from jupyter_server.services.contents.filecheckpoints import AsyncFileCheckpoints
from traitlets import Unicode

__all__ = ["LabCheckpoints"]


class LabCheckpoints(AsyncFileCheckpoints):  # type: ignore[misc]  # jupyter_server is untyped here
    """Keeps one checkpoint a file, for as long as ``proofbook lab`` runs."""

    folder = Unicode(config=True, help="The folder of all checkpoints.")

    def checkpoint_path(self, checkpoint_id: str, path: str) -> str:
        """Return the file of a checkpoint."""
        name = hashlib.sha256(path.strip("/").encode()).hexdigest()
        return str(Path(self.folder, f"{name}-{checkpoint_id}"))
