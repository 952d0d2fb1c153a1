"""Reference models for all tests of the session, and copies that may be broken."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proofbook_subjects.musicgen.reference import reference_folder


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Compute with one thread: tiny tensors on several wait for each other on a busy machine."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def reference(cache: Path) -> Path:
    """The folder of the small reference model; not to be changed."""
    return reference_folder("small", cache)


@pytest.fixture
def folder(reference: Path, tmp_path: Path) -> Path:
    """A copy of the small reference model."""
    return Path(shutil.copytree(reference, tmp_path / "musicgen-mine"))


@pytest.fixture
def rewrite(folder: Path) -> Callable[[Callable[[dict[str, Any]], object]], Path]:
    """Return a function that changes the copy's tensors and returns its folder."""

    def apply(change: Callable[[dict[str, Any]], object]) -> Path:
        from safetensors.torch import load_file, save_file

        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return folder

    return apply
