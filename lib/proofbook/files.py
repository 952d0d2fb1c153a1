"""Write files so that nothing is ever half there, and hash them.

Files are written beside, synced and renamed, or appended with one write a line. Knows nothing about
what is in them.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import select
import stat
from io import BufferedReader
from pathlib import Path

__all__ = [
    "append_line",
    "atomic_write",
    "hash_file",
    "is_readable",
    "open_file",
    "read_at_most",
    "read_file",
    "read_given",
    "read_given_text",
]

_LARGEST = 64 * 1024 * 1024
"""Of what a person names to be read at once: a profile, a key, a list of signers."""
_PATIENCE = 5.0


def atomic_write(path: Path, data: str | bytes, *, sync: bool = True) -> None:
    """Replace ``path`` with ``data``: beside, fsync, rename. Readers see the old or the new.

    Without ``sync`` it survives the end of any process, but perhaps not a power cut.
    """
    payload = data.encode() if isinstance(data, str) else data
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with beside.open("xb") as file:  # with the mode that this user's umask leaves
            file.write(payload)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def append_line(path: Path, line: str) -> None:
    """Append one line with a single write and sync it. A torn last line is ended first."""
    with path.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def is_readable(path: Path) -> bool:
    """Say whether a file is there that this user may read."""
    effective = os.access in os.supports_effective_ids
    try:
        return path.is_file() and os.access(path, os.R_OK, effective_ids=effective)
    except PermissionError:
        return False


def open_file(path: Path) -> BufferedReader:
    """Open a file of a folder that was received, to read it.

    Raises:
        OSError: It cannot be read, or is no regular file: of a pipe or a device, reading may never
            end.
    """
    file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise OSError(errno.EINVAL, "it is a pipe or a device, and no file", str(path))


def _open_at_once(path: str, flags: int) -> int:
    # Otherwise, to open a pipe waits until somebody writes into it: fifo(7).
    return os.open(path, flags | os.O_NONBLOCK)


def read_file(path: Path) -> bytes:
    """Return what is in a file of a folder that was received.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    with open_file(path) as file:
        return file.read()


def read_given(path: Path, *, largest: int = _LARGEST, patience: float = _PATIENCE) -> bytes:
    """Return what is in a file that a person has named; a pipe may be one, as of ``<(command)``.

    Raises:
        OSError: It cannot be read, is a device, is larger than ``largest`` bytes, or is a pipe
            into which nobody writes.
    """
    data = read_at_most(path, largest + 1, patience=patience)
    if len(data) > largest:
        raise OSError(errno.EFBIG, f"it is larger than {largest // 2**20} MB", str(path))
    return data


def read_given_text(path: Path) -> str:
    """Return the text in a file that a person has named, each line ended as on Unix.

    Raises:
        OSError: As :func:`read_given`.
        UnicodeDecodeError: It is no UTF-8.
    """
    text = read_given(path).decode()
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_at_most(path: Path, largest: int, *, patience: float = _PATIENCE) -> bytes:
    """Return the first bytes of a file; of a pipe, what somebody writes into it.

    Args:
        path: The file.
        largest: How many bytes.
        patience: How many seconds to wait for each piece that comes through a pipe.

    Raises:
        TimeoutError: It is a pipe, and nobody writes into it.
        OSError: It cannot be read, or is a device.
    """
    with open(path, "rb", buffering=0, opener=_open_at_once) as file:
        status = os.fstat(file.fileno())
        mode = status.st_mode
        is_empty = os.path.samestat(status, Path(os.devnull).stat())  # people say none so
        if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode) and not is_empty:
            raise OSError(errno.EINVAL, "it is a device, and no file", str(path))
        data = b""
        while len(data) < largest:
            # A password manager, or a shell's <(command), fills a pipe and closes it then.
            if stat.S_ISFIFO(mode) and not select.select([file], [], [], patience)[0]:
                words = "it is a pipe, and nobody writes into it"
                raise TimeoutError(errno.ETIMEDOUT, words, str(path))
            if not (piece := file.read(largest - len(data))):
                break
            data += piece
        return data


def hash_file(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
