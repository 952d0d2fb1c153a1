"""A speech server: how one of a contract is started, and a client of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from proofbook_systems.serving.health import Health
from proofbook_systems.serving.launch import Launch
from proofbook_systems.serving.server import Server
from proofbook_systems.ttsserver.client import SpeechClient
from proofbook_systems.ttsserver.contract_files import Contract

__all__ = ["SpeechServer", "polled_paths", "speech_launch"]

_MODEL_FOLDERS = ("VOICEBOX_MODELS_DIR", "HF_HUB_CACHE")
_PREFIX = "voicebox-e2e-"
_ANY_ID = re.escape("{id}")


def speech_launch(
    contract: Contract,
    binary: Path | None = None,
    *,
    command: Sequence[str] = (),
    python: str = "",
    folder: Path | None = None,
    log: Path,
    timeout_health: float,
    port: int = 0,
    keep_data: Path | None = None,
    isolated_cache: bool = False,
    environment: Mapping[str, str] | None = None,
    grace: float = 10.0,
) -> Launch:
    """Return how a server is started.

    Args:
        contract: What it keeps; names the options that its program takes.
        binary: The program, where it takes these options.
        command: The whole command instead, with ``{host}``, ``{port}``, ``{data_dir}`` and
            ``{parent_pid}`` where it takes them; ``{python}`` is ``python``.
        python: An interpreter.
        folder: Where it is started; None is a temporary one.
        log: Everything that it prints.
        timeout_health: Seconds from launch to healthy.
        port: 0 picks a free one.
        keep_data: Where its data stay; None is a folder that goes with the server.
        isolated_cache: Whether it starts without any model.
        environment: Variables beyond this process's.
        grace: Seconds between being asked to end and being forced.
    """
    program = _literal(str(binary))
    words = tuple(word.replace("{python}", _literal(python)) for word in command)
    health = Health(path=contract.health.path, expected=contract.health.expected)
    return Launch(
        command=words or (program, *contract.options), folder=folder,
        health=health, log=log, timeout_health=timeout_health, port=port, keep_data=keep_data,
        own_folders=dict.fromkeys(_MODEL_FOLDERS, "models") if isolated_cache else {},
        environment=environment or {}, grace=grace, folder_prefix=_PREFIX,
    )  # fmt: skip


def _literal(word: str) -> str:
    return word.replace("{", "{{").replace("}", "}}")


class SpeechServer(Server):
    """A server that speaks, with a connection to it. Leaving its context ends both."""

    def __init__(self, launch: Launch, contract: Contract) -> None:
        super().__init__(launch)
        self.contract = contract
        self._client: SpeechClient | None = None

    @property
    def client(self) -> SpeechClient:
        """The connection to it; another one after each start."""
        if self._client is None:
            self._client = SpeechClient(self.url, self.contract)
        return self._client

    @property
    def polled(self) -> Sequence[str]:
        """Regular expressions of the paths that are asked for only to learn its state."""
        return polled_paths(self.contract)

    def disconnect(self) -> None:
        """Close the connection; the next use opens another one."""
        if self._client is not None:
            self._client.close()
            self._client = None


def polled_paths(contract: Contract) -> list[str]:
    """Return regular expressions of the paths that tell the state of a server or a generation."""
    job = contract.job
    paths = [contract.health.path]
    others = [contract.models.path] if contract.models else []
    others += [job.history.path] if job and job.history else []
    others += [job.status.path] if job else []
    paths += [f"{contract.prefix}{path}" for path in others]
    return [re.escape(path).replace(_ANY_ID, r"[^\s\"'/?]+") for path in paths]
