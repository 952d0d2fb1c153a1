"""GPUs of which only the driver's program is there, and machines without any."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_SMI = """#!/bin/sh
case "$*" in
  *index,uuid*) echo "0, GPU-1, {name}, 24576, 20000, 550.54" ;;
  *-lms*) while :; do echo "{utilisation}, {memory}, {temperature}, 300.5"; sleep 0.05; done ;;
  *) echo "{utilisation}, 500, {temperature}, [N/A]" ;;
esac
"""


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without GPUs, whatever this one has."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


@pytest.fixture
def put_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Return a function that puts a GPU's ``nvidia-smi`` first on the PATH."""

    def put(**readings: Any) -> None:
        usual = {"name": "NVIDIA GeForce RTX 4090", "utilisation": 97, "memory": 9000,
                 "temperature": 70}  # fmt: skip
        program = tmp_path / "bin" / "nvidia-smi"
        program.parent.mkdir(exist_ok=True)
        program.write_text(_SMI.format(**{**usual, **readings}))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)

    return put
