"""Spoil a copy of a checkpoint as disks and people do, to see whether that is found."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from random import Random

__all__ = ["KINDS", "corrupt"]

KINDS = ("bit", "cut", "missing", "swapped", "zeroed", "renamed")


def corrupt(checkpoint: Path, place: Path, seed: int) -> tuple[Path, str]:
    """Copy a checkpoint into ``place``, spoil the copy, and return it with what was done to it.

    Args:
        checkpoint: A sound one; it is left alone.
        place: An empty folder.
        seed: Chooses what is done, and where.
    """
    chance = Random(seed)
    kind = chance.choice(KINDS)
    copy = place / checkpoint.name
    if kind == "renamed":
        further = chance.randint(1, 999)
        name = re.sub(r"\d+$", lambda step: str(int(step[0]) + further), checkpoint.name)
        copy = place / name
    shutil.copytree(checkpoint, copy)
    if kind == "renamed":
        return copy, f"renamed to {copy.name}"
    files = sorted(path for path in copy.iterdir() if path.is_file() and path.stat().st_size)
    path = chance.choice(files)
    if kind == "missing":
        path.unlink()
        return copy, f"{path.name} deleted"
    ours = path.read_bytes()
    others = [file for file in files if file.read_bytes() != ours]
    if kind == "swapped" and others:
        other = chance.choice(others)
        path.write_bytes(other.read_bytes())
        other.write_bytes(ours)
        return copy, f"{path.name} and {other.name} swapped"
    return copy, _spoil(path, kind, chance)


def _spoil(path: Path, kind: str, chance: Random) -> str:
    data = bytearray(path.read_bytes())
    where = chance.randrange(len(data))
    if kind == "cut":
        path.write_bytes(data[:where])
        return f"{path.name} cut after {where} bytes"
    if kind == "zeroed":
        end = min(len(data), where + chance.randint(1, 4096))
        if not any(data[where:end]):
            kind = "bit"  # these bytes are zeros already, so nothing would be spoilt
        else:
            data[where:end] = bytes(end - where)
            path.write_bytes(data)
            return f"{path.name} zeroed from byte {where} to {end}"
    data[where] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    return f"{path.name}: one bit of byte {where} flipped"
