"""Which executor a person asks for; imports none of them."""

from __future__ import annotations

from dataclasses import dataclass

from proofbook.errors import UsageError

__all__ = ["LOCAL", "Choice"]


@dataclass(frozen=True)
class Choice:
    """Which executor a person asked for."""

    kind: str = "local"
    address: str = ""
    """Of a cluster; empty takes the one that runs on this machine."""
    store: str = ""
    """Where files travel through; empty takes the cluster's own memory."""

    def __post_init__(self) -> None:
        """Refuse what does not exist.

        Raises:
            UsageError: There is no such executor, or an address without a cluster.
        """
        if self.kind not in ("local", "ray"):
            raise UsageError(f"--executor {self.kind}: give local or ray")
        if self.address and self.kind == "local":
            raise UsageError(f"--address {self.address} names a cluster: give --executor ray, too")
        if self.store and self.kind == "local":
            raise UsageError(f"--store {self.store} is for a cluster: give --executor ray, too")

    @property
    def is_local(self) -> bool:
        """Whether jobs run in the run's own folder on this machine."""
        return self.kind == "local"


LOCAL = Choice()
