"""What one machine keeps for all attempts of a run: warm kernels, and files that were sent."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofbook.hardware import describe, missing
from proofbook.processes import TemporaryFolder
from proofbook.records import Node
from proofbook.requirements import unmet
from proofbook.runner.events import Event, Note
from proofbook.runner.executors.cluster.environment import without_ray
from proofbook.runner.forkservers import forkserver_for
from proofbook.runner.provenance import read_environment
from proofbook.runner.temporary import NODE_PREFIX, remove_orphans

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Host", "HostFacts"]


@dataclass(frozen=True, kw_only=True)
class HostFacts:
    """What an attempt has to know of its machine."""

    folder: Path
    """Where attempts make their folders; gone with the run."""
    environment: Mapping[str, str] = field(repr=False)
    """What kernels inherit, with the socket of the forkserver that they come from."""
    node: Node
    id: str = ""
    """Of the node, as Ray has it."""
    notes: tuple[str, ...] = ()
    """What a person should know of it."""


class Host:
    """An actor on each machine that executes jobs of a run.

    Args:
        warm: What kernels have imported when they start.
        cold: Start an ordinary kernel for each job.
    """

    def __init__(self, warm: Sequence[str], *, cold: bool) -> None:
        self._stack = ExitStack()
        remove_orphans()  # a Ray node that has lost its head ends all processes, guards included
        self._folder = self._stack.enter_context(TemporaryFolder(NODE_PREFIX)).path
        environment = without_ray(os.environ)
        notes: list[str] = []
        forkserver = self._stack.enter_context(
            forkserver_for(warm, _collect(notes), cold=cold, environment=environment)
        )
        self._facts = HostFacts(
            folder=self._folder,
            environment={**environment, "PROOFBOOK_FORKSERVER": forkserver},
            node=Node(
                name=f"{socket.gethostname()} ({_node_id()[:8]})",
                environment=read_environment(),
                hardware=describe(self._folder),
            ),
            id=_node_id(),
            notes=tuple(note for note in notes if "kernels only" in note),
        )

    def facts(self) -> HostFacts:
        """Return what attempts need."""
        return self._facts

    def lacks(self, hardware: Mapping[str, float], requires: Mapping[str, str]) -> list[str]:
        """Return what this machine lacks of what a job needs, one sentence each."""
        return [*missing(hardware, self._folder), *unmet(requires)]

    def close(self) -> None:
        """End the kernels, and remove the files."""
        self._stack.close()


def _node_id() -> str:
    import ray

    return str(ray.get_runtime_context().get_node_id())


def _collect(notes: list[str]) -> Any:
    def take(event: Event) -> None:
        if isinstance(event, Note) and event.text:
            notes.append(event.text)

    return take
