"""Find a secret in a media file: in its bytes, and in the metadata that some formats set apart.

Metadata of PNG (also compressed) and of RIFF files (WAV, WebP, AVI) is read as text, in which a
short secret, or one known by its form alone, is found too. Elsewhere a secret is found as the
bytes that it is in UTF-8 and UTF-16, in base64 or in hexadecimal.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from proofbook.runs.redaction import Redactor

__all__ = ["find_secret_in_media"]

_BLOCK = 4 * 1024 * 1024
_LARGEST_CHUNK = 4 * 1024 * 1024
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf"})
_RIFF_TEXTS = frozenset(
    {b"LIST", b"INFO", b"id3 ", b"ID3 ", b"bext", b"iXML", b"_PMX", b"EXIF", b"XMP "}
)


def find_secret_in_media(redact: Redactor, source: Path | bytes) -> str:
    """Return the name of a secret that a file holds; empty where none is found.

    Raises:
        OSError: The file cannot be read.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        for text in _metadata(file):
            if name := redact.name_in(text):
                return name
        file.seek(0)
        return _search(redact, file)


def _search(redact: Redactor, file: BinaryIO) -> str:
    """Look through a file in blocks that overlap by the longest of what is looked for."""
    overlap, before = redact.longest_in_bytes, b""
    while overlap and (block := file.read(_BLOCK)):
        data = before + block
        if name := redact.name_in_bytes(data):
            return name
        before = data[-overlap:]
    return ""


def _metadata(file: BinaryIO) -> Iterator[str]:
    """Yield the texts of a file's metadata, where its format has a place for them."""
    start = file.read(12)
    if start.startswith(_PNG):
        file.seek(len(_PNG))
        for name, data in _chunks(file, "big", 4):
            if name in _PNG_TEXTS:
                yield from _texts(data)
    elif start[:4] in (b"RIFF", b"RIFX"):
        order = "little" if start[:4] == b"RIFF" else "big"
        for name, data in _chunks(file, order, 0):
            if name in _RIFF_TEXTS:
                yield from _texts(data)


def _chunks(file: BinaryIO, order: str, checksum: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield each chunk's name and the beginning of what it holds."""
    while len(head := file.read(8)) == 8:
        size, name = (head[:4], head[4:]) if checksum else (head[4:], head[:4])
        length = int.from_bytes(size, "big" if order == "big" else "little")
        begin = file.tell()
        yield name, file.read(min(length, _LARGEST_CHUNK)) if name.isascii() else b""
        file.seek(begin + length + (checksum or length % 2))


def _texts(data: bytes) -> Iterator[str]:
    yield data.replace(b"\0", b" ").decode(errors="replace")
    # Of a compressed text, the data begin after its keyword, languages and flags.
    for begin in (i for i in range(len(data[:400])) if data[i : i + 1] == b"\x78"):
        try:
            inside = zlib.decompressobj().decompress(data[begin:], _LARGEST_CHUNK)
        except zlib.error:
            continue
        yield inside.decode(errors="replace")
