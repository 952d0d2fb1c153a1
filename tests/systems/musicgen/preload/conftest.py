"""A mirror that can be made to fail, and the origin that reads from it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from faulty_mirror import Mirror, serving
from waiting import HANG

from proofbook_systems.musicgen.preload.mirrors import MirrorOrigin


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """A server with one file, ``weights.bin``."""
    server = Mirror()
    with serving(server):
        yield server


@pytest.fixture
def origin(mirror: Mirror) -> Iterator[MirrorOrigin]:
    """The mirror, read with as much patience as a busy machine needs."""
    with httpx.Client(timeout=HANG) as client:
        yield MirrorOrigin(base=mirror.base, client=client)
