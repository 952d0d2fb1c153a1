"""The files that texts come in: whole files, JSON lines and lists, compressed or not.

A file is read as text or as JSON lines, and is written back in its own form. Knows nothing about
what is in the texts.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError

__all__ = ["is_lines", "iterate_documents", "read_text", "write_text"]

_KEYS = ("text", "content", "document", "story", "raw")
"""Of the text, in a line or an entry of JSON."""


def _zstd() -> Any:
    import pyarrow as pa

    return pa.Codec("zstd")


def _unzstd(raw: bytes) -> bytes:
    import pyarrow as pa

    return bytes(pa.CompressedInputStream(pa.BufferReader(raw), "zstd").read())


_PACKED: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    ".gz": (gzip.decompress, gzip.compress),
    ".bz2": (bz2.decompress, bz2.compress),
    ".xz": (lzma.decompress, lzma.compress),
    ".zst": (_unzstd, lambda raw: bytes(_zstd().compress(raw, asbytes=True))),
}
"""How compressed files are read and written, by their last suffix."""
_LINES, _JSON = (".jsonl", ".ndjson"), ".json"


def is_lines(path: Path) -> bool:
    """Say whether a file's texts are read as JSON lines."""
    return _suffix(path) in (*_LINES, _JSON)


def read_text(path: Path) -> str:
    """Return what a file says; a list of JSON as JSON lines.

    Raises:
        OSError, ValueError, EOFError: It is not UTF-8, no JSON, or cannot be unpacked.
    """
    raw = path.read_bytes()
    unpack = _PACKED[path.suffix][0] if path.suffix in _PACKED else bytes
    text = unpack(raw).decode("utf-8").replace("\r\n", "\n")
    if _is_list(path, text):
        return "".join(f"{json.dumps(each, ensure_ascii=False)}\n" for each in json.loads(text))
    return text


def write_text(path: Path, text: str) -> None:
    """Write a text, as :func:`read_text` gives it, in the form that the file has now.

    Raises:
        OSError, ValueError, EOFError: What is there, or the text, is not in this form.
    """
    pack = _PACKED[path.suffix][1] if path.suffix in _PACKED else bytes
    unpack = _PACKED[path.suffix][0] if path.suffix in _PACKED else bytes
    if _is_list(path, unpack(path.read_bytes()).decode("utf-8")):
        entries = [json.loads(line) for line in text.split("\n") if line.strip()]
        text = json.dumps(entries, ensure_ascii=False)
    path.write_bytes(pack(text.encode("utf-8")))


def iterate_documents(path: Path) -> Iterator[str]:
    """Yield the documents of a file: the entries of JSON, or all of a text.

    Raises:
        SubjectError: It is none of these forms.
    """
    try:
        text = read_text(path)
        if not is_lines(path):
            yield text
            return
        for line in filter(str.strip, text.split("\n")):
            value = json.loads(line)
            yield value if isinstance(value, str) else next(value[k] for k in _KEYS if k in value)
    except (OSError, ValueError, EOFError, StopIteration, TypeError) as error:
        raise SubjectError(
            f"text {path} cannot be read ({type(error).__name__}: {error}); texts are UTF-8, JSON "
            f"lines or a list of JSON with one of the keys {', '.join(_KEYS)}; "
            f"they may be packed as {', '.join(_PACKED)}"
        ) from error


def _suffix(path: Path) -> str:
    name = path.name.removesuffix(path.suffix) if path.suffix in _PACKED else path.name
    return Path(name).suffix


def _is_list(path: Path, text: str) -> bool:
    return _suffix(path) == _JSON and text.lstrip().startswith("[")
