"""Write down what is in the cache, for a person to read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from proofbook.systems.musicgen.preload.store import read_sums

__all__ = ["write_listing"]


def write_listing(path: Path, folders: Mapping[str, Path]) -> Path:
    """Write every file with its size and checksum on arrival, model by model; return ``path``."""
    lines = []
    for key, folder in folders.items():
        sums = read_sums(folder)
        total = sum(size for size, _ in sums.values())
        lines.append(f"{key}: {len(sums)} files, {total:,} bytes")
        lines += [f"  {size:>14,}  {digest}  {name}" for name, (size, digest) in sums.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
