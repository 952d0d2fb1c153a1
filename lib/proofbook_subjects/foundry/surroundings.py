"""Where a training runs: project folder, commit, device, versions."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofbook.errors import SubjectError

if TYPE_CHECKING:
    import torch

__all__ = ["choose_device", "describe_environment", "find_project_root", "git_commit_hash"]

_PACKAGES = ("torch", "transformers", "tokenizers", "datasets", "sentencepiece", "numpy")
_GIT_SECONDS = 60.0


def find_project_root(start: Path) -> Path:
    """Return the nearest folder at or above ``start`` that git knows, else ``start`` itself."""
    start = start.resolve()
    return next((p for p in (start, *start.parents) if (p / ".git").exists()), start)


def git_commit_hash(folder: Path) -> str | None:
    """Return the commit that a folder is at; None without git, or without a commit."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=False,
            timeout=_GIT_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def choose_device(wanted: str = "auto") -> torch.device:
    """Return the device that a config names; ``auto`` is the GPU if there is one.

    Raises:
        SubjectError: It names one that is not there.
    """
    import torch

    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise SubjectError(f"training.device {wanted!r} is none; give cpu or cuda") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SubjectError("training.device is cuda, and there is no GPU; give cpu or auto")
    return device


def describe_environment(folder: Path, device: torch.device) -> dict[str, Any]:
    """Return what a result depends on beside the configuration."""
    import torch

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "command": sys.argv,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "git_commit_hash": git_commit_hash(folder),
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
