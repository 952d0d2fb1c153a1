"""How a server is started, asked for its health, and ended. Starts nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from proofbook.processes.placeholders import fill_command
from proofbook_systems.serving.health import Health
from proofbook_systems.serving.ports import HOST

__all__ = ["Launch"]

_TOLD_AT_ONCE = {"PYTHONUNBUFFERED": "1"}
"""Otherwise what a server in Python prints is in its log only when it ends, or not at all."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """What a server of any kind is described by."""

    command: tuple[str, ...]
    """Program and arguments; ``{host}``, ``{port}``, ``{data_dir}`` and ``{parent_pid}`` are
    filled in."""
    log: Path
    """Everything that it prints, over all its starts."""
    timeout_health: float
    """Seconds from launch to healthy."""
    folder: Path | None = None
    """Where it is started; None is a temporary folder."""
    health: Health = field(default_factory=Health)
    port: int = 0
    """0 picks a free one."""
    keep_data: Path | None = None
    """Where the server's data stay; None is a folder that goes with the server."""
    own_folders: Mapping[str, str] = field(default_factory=dict)
    """Variables that name folders of the server's own, by the folder's name: ``HF_HOME: models``.
    They go with the server."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables beyond this process's."""
    parent: int = 0
    """Process that the server is told to end with; 0 is this one."""
    grace: float = 10.0
    """Seconds between being asked to end and being forced."""
    folder_prefix: str = "server-"
    """What the names of temporary folders begin with; folders of killed owners are found by it."""

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"the server {self.command[0]}"

    def fill(self, port: int, data: Path) -> list[str]:
        """Return the words that start it.

        Raises:
            SubjectError: There are none, or one has an unknown placeholder.
        """
        values = {
            "host": HOST, "port": str(port), "data_dir": str(data),
            "parent_pid": str(self.parent or os.getpid()),
        }  # fmt: skip
        return fill_command(self.command, values, "the server's command")

    def variables(self, folder: Path) -> dict[str, str]:
        """Return the whole environment of a server whose temporary folder is ``folder``."""
        # A frozen program unpacks itself into TMPDIR, and leaves that behind where it is killed.
        names = {"TMPDIR": "tmp", "TMP": "tmp", "TEMP": "tmp", **self.own_folders}
        own = {variable: str(folder / name) for variable, name in names.items()}
        return {**os.environ, **_TOLD_AT_ONCE, **own, **self.environment}
