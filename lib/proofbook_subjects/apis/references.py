"""The servers that ``reference:<name>`` names in the runbooks on APIs."""

from __future__ import annotations

from proofbook.subjects import Makers
from proofbook_subjects.apis.doubles.references import DOUBLES
from proofbook_subjects.apis.peers.references import PEERS

__all__ = ["SERVERS"]

SERVERS: Makers = {**DOUBLES, **PEERS}
"""Each gives the path of a ``server.json``."""
