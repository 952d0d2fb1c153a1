"""A cache of the hub as other programs leave it, laid out by hand."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

REPOSITORY = "someone/musicgen-tiny"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".safetensors", ".bin", ".model")


def blob_name(name: str, content: bytes) -> str:
    """Return what the hub calls the content of a file: git's hash, or of large ones sha256."""
    if name.endswith(LARGE):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def lay(
    cache: Path,
    files: Mapping[str, bytes],
    *,
    repository: str = REPOSITORY,
    commit: str = COMMIT,
    ref: str = "main",
    linked: bool = True,
    listed: Iterable[str] = (),
) -> Path:
    """Lay a revision into ``cache`` and return its snapshot.

    ``listed`` are the names that the repository has, as huggingface_hub notes them.
    """
    folder = cache / f"models--{repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True)
    for name, content in files.items():
        place = snapshot / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not linked:
            place.write_bytes(content)
            continue
        blob = folder / "blobs" / blob_name(name, content)
        blob.parent.mkdir(exist_ok=True)
        blob.write_bytes(content)
        place.symlink_to(os.path.relpath(blob, place.parent))
    if ref:
        (folder / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
        (folder / "refs" / ref).write_text(commit)
    if names := list(listed):
        (folder / "trees").mkdir()
        tree = {"format_version": 1, "files": {name: {} for name in names}}
        (folder / "trees" / f"{commit}.json").write_text(json.dumps(tree))
    return snapshot
