"""What lies around a project while hostile input is tried on it: watched, and full of bait.

place = surround(folder)
before = place.picture()
place.changes(before)
"""

from __future__ import annotations

import hashlib
import secrets
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["MARK", "Surroundings", "surround"]

MARK = "pwned"
"""What files are called that nobody should have made."""
_DEEP = ("a", "b", "c")
_LARGEST = 32 << 20
_MAGENTA = (255, 0, 255)
_SHARE = 0.2


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """A folder with a project deep in it, and around that what no stage should touch."""

    folder: Path
    token: str
    """In each piece of bait."""

    @property
    def root(self) -> Path:
        """Where the project is copied to: some folders deep, so that a way up ends among bait."""
        return self.folder.joinpath(*_DEEP)

    @property
    def outside(self) -> Path:
        """The bait beside the project; there is some on each level above it, too."""
        return self.root / "outside"

    @property
    def environment(self) -> Mapping[str, str]:
        """Where a program's home and its temporary files are."""
        return {"HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp")}

    def picture(self) -> dict[str, str]:
        """Return every file beside the project, and what it holds."""
        files = (p for p in sorted(self.folder.rglob("*")) if self._is_watched(p))
        return {str(p.relative_to(self.folder)): _state(p) for p in files}

    def changes(self, before: Mapping[str, str]) -> list[str]:
        """Return what was written, changed or removed beside the project."""
        now = self.picture()
        made = [f"it wrote {name}, outside of the project" for name in now if name not in before]
        gone = [f"it removed {name}, outside of the project" for name in before if name not in now]
        other = [f"it changed {name}, outside of the project" for name in now
                 if name in before and now[name] != before[name]]  # fmt: skip
        return [*made, *other, *gone]

    def executed(self, project: Path) -> list[str]:
        """Return the files that only a shell can have made."""
        names = [p.name for p in project.rglob(f"{MARK}-*") if p.name.startswith(f"{MARK}-by-")]
        return [f"a shell took a part of it for a command: it made {name}" for name in names]

    def betrayed(self, project: Path, since: float, output: str) -> list[str]:
        """Return where the bait shows up in what a stage wrote or printed."""
        faults = ["it prints what a file outside of the project holds"] \
            if self.token in output else []  # fmt: skip
        for file in sorted(project.rglob("*")):
            if not file.is_file() or file.is_symlink() or file.stat().st_mtime < since:
                continue
            name = file.relative_to(project)
            if file.stat().st_size <= _LARGEST and self.token.encode() in file.read_bytes():
                faults.append(f"{name} holds what a file outside of the project does")
            elif file.suffix in (".mp4", ".mov", ".webm", ".mkv") and _shows_bait(file):
                faults.append(f"{name} shows an image from outside of the project")
        return faults

    def _is_watched(self, path: Path) -> bool:
        ignored = (self.root / "project", self.root / "logs", self.folder / "tmp")
        return not any(path.is_relative_to(each) for each in ignored)


def surround(folder: Path) -> Surroundings:
    """Lay out the bait below ``folder``."""
    token = f"canary-{secrets.token_hex(8)}"
    place = Surroundings(folder=folder, token=token)
    for name in ("home", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    levels = [folder, *(folder.joinpath(*_DEEP[:n]) for n in range(1, len(_DEEP) + 1))]
    for level in levels:
        (level / "outside").mkdir(parents=True, exist_ok=True)
        (level / "outside" / "canary.png").write_bytes(_png(token))
        (level / "outside" / "canary.wav").write_bytes(_wav(token))
    (folder / "home" / ".secret").write_text(f"{token}\n")
    return place


def _state(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"


def _png(token: str) -> bytes:
    """Return a magenta image of 90 x 160 with the token in a text chunk."""
    rows = b"".join(b"\0" + bytes(_MAGENTA) * 90 for _ in range(160))

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", 90, 160, 8, 2, 0, 0, 0)
    text = b"Comment\0" + token.encode()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"tEXt", text) \
        + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")  # fmt: skip


def _wav(token: str) -> bytes:
    """Return a second of a buzz, with the token among its samples."""
    samples = (struct.pack("<h", 6000) * 20 + struct.pack("<h", -6000) * 20) * 400
    body = samples + token.encode() + b"\0" * (len(token) % 2)
    return b"RIFF" + struct.pack("<I", 36 + len(body)) + b"WAVEfmt " \
        + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16) \
        + b"data" + struct.pack("<I", len(body)) + body  # fmt: skip


def _shows_bait(film: Path) -> bool:
    import av
    import numpy as np

    try:
        with av.open(str(film)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number % 5:
                    continue
                small = frame.reformat(36, 64, format="rgb24").to_ndarray().astype(int)
                away = np.abs(small - np.array(_MAGENTA)).max(axis=2)
                if (away < 60).mean() > _SHARE:
                    return True
    except (av.error.FFmpegError, IndexError):
        return False
    return False
