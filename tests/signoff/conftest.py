"""A run that asks, a key to sign with, and a run that was signed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forged_runs import RUN, TRUST, signed_run
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


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that Ann approved and signed, whom the project trusts."""
    outputs = tmp_path_factory.mktemp("original") / "outputs"
    write_report(signed_run(outputs, RUN), trust=TRUST)
    return outputs


@pytest.fixture
def signed_by_ann(original: Path, tmp_path: Path) -> RunFolder:
    """A copy of that run, to be forged."""
    shutil.copytree(original, tmp_path / "outputs")
    return RunFolder(tmp_path / "outputs" / RUN)
