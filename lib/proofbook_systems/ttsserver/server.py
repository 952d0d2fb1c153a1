"""A server with Voicebox's contract: the command line that it takes, and a client of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from proofbook_systems.serving.health import Health
from proofbook_systems.serving.launch import Launch
from proofbook_systems.serving.server import Server
from proofbook_systems.ttsserver.client import VoiceboxClient

__all__ = ["VoiceboxServer", "voicebox_launch"]

_OPTIONS = (
    "--host", "{host}", "--port", "{port}", "--data-dir", "{data_dir}",
    "--parent-pid", "{parent_pid}",
)  # fmt: skip
_MODEL_FOLDERS = ("VOICEBOX_MODELS_DIR", "HF_HUB_CACHE")
_PREFIX = "voicebox-e2e-"


def voicebox_launch(
    binary: Path,
    *,
    log: Path,
    timeout_health: float,
    port: int = 0,
    keep_data: Path | None = None,
    isolated_cache: bool = False,
    environment: Mapping[str, str] | None = None,
    grace: float = 10.0,
) -> Launch:
    """Return how a frozen server is started.

    Args:
        binary: The program.
        log: Everything that it prints.
        timeout_health: Seconds from launch to healthy.
        port: 0 picks a free one.
        keep_data: Where its data stay; None is a folder that goes with the server.
        isolated_cache: Whether it starts without any model.
        environment: Variables beyond this process's.
        grace: Seconds between being asked to end and being forced.
    """
    program = str(binary).replace("{", "{{").replace("}", "}}")
    return Launch(
        command=(program, *_OPTIONS), health=Health(expected={"status": "healthy"}), log=log,
        timeout_health=timeout_health, port=port, keep_data=keep_data,
        own_folders=dict.fromkeys(_MODEL_FOLDERS, "models") if isolated_cache else {},
        environment=environment or {}, grace=grace, folder_prefix=_PREFIX,
    )  # fmt: skip


class VoiceboxServer(Server):
    """A server that speaks, with a connection to it. Leaving its context ends both."""

    polled = (
        r"/health", r"/models/status", r"/history/[^\s\"'/?]+", r"/generate/[^\s\"'/?]+/status",
    )  # fmt: skip
    _client: VoiceboxClient | None = None

    @property
    def client(self) -> VoiceboxClient:
        """The connection to it; another one after each start."""
        if self._client is None:
            self._client = VoiceboxClient(self.url)
        return self._client

    def disconnect(self) -> None:
        """Close the connection; the next use opens another one."""
        if self._client is not None:
            self._client.close()
            self._client = None
