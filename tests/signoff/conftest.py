"""A run that asks, a key to sign with, and a run that was signed."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from reviewed_run import approve_all, key, key_file, run

from proofbook.report import write_report
from proofbook.runs.folder import RunFolder

__all__ = ["key", "key_file", "run", "signed"]


@pytest.fixture
def signed(run: RunFolder, key: Ed25519PrivateKey) -> RunFolder:
    """A run that is approved, signed and reported."""
    approve_all(run, key=key)
    write_report(run)
    return run
