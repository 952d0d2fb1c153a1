"""A secret in a media file's metadata is found, whatever the format and the encoding."""

from __future__ import annotations

import io
import random
import wave
import zlib
from pathlib import Path
from typing import Literal

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from proofbook.checks import Checks
from proofbook.checks.journal import Journal
from proofbook.errors import UsageError
from proofbook.media import audio, image
from proofbook.runs import media_metadata
from proofbook.runs.media_metadata import find_secret_in_media
from proofbook.runs.redaction import Redactor

SECRET = "Zq81xyzw42Ab"
SHORT = "x7Q2"


@pytest.fixture
def redact() -> Redactor:
    return Redactor.from_environment({"A_TOKEN": SECRET, "DB_PASSWORD": SHORT})


def picture(text: str, *, packed: bool = False, international: bool = False) -> bytes:
    tags, file = PngInfo(), io.BytesIO()
    add = tags.add_itxt if international else tags.add_text
    add("Comment", text, zip=packed)
    Image.new("RGB", (4, 4)).save(file, "png", pnginfo=tags)
    return file.getvalue()


def photograph(text: str) -> bytes:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x010E] = text
    Image.new("RGB", (4, 4)).save(file, "jpeg", exif=exif)
    return file.getvalue()


def sound(text: str) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(bytes(64))
    data = text.encode() + bytes(2 - len(text) % 2)
    info = b"INFOICMT" + len(data).to_bytes(4, "little") + data
    chunk = b"LIST" + len(info).to_bytes(4, "little") + info
    whole = file.getvalue() + chunk
    return whole[:4] + (len(whole) - 8).to_bytes(4, "little") + whole[8:]


FILES = {
    "png": picture(f"by {SECRET}"),
    "packed png": picture(f"by {SECRET}", packed=True),
    "international png": picture(f"by {SECRET}", packed=True, international=True),
    "jpeg": photograph(SECRET),
    "wav": sound(f"made with {SECRET}"),
    "utf-16 tag": b"ID3" + SECRET.encode("utf-16"),
    "base64 in a tag": b"ftypmp42" + b"YVpxODF4eXp3NDJBYg==",
    "hex in a tag": b"OggS" + SECRET.encode().hex().encode(),
}


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_a_secret_in_a_file_is_found(redact: Redactor, data: bytes) -> None:
    assert find_secret_in_media(redact, data) == "A_TOKEN"


def test_a_short_secret_is_found_in_metadata_and_nowhere_else(redact: Redactor) -> None:
    assert find_secret_in_media(redact, picture(f"by {SHORT}")) == "DB_PASSWORD"
    assert find_secret_in_media(redact, sound(f"by {SHORT}")) == "DB_PASSWORD"
    assert find_secret_in_media(redact, b"\xff" + SHORT.encode() + b"\xff") == ""


def test_a_known_token_in_metadata_is_found() -> None:
    token = "ghp_" + "a1B2c3D4e5F6" * 3
    assert find_secret_in_media(Redactor({}), picture(token)) == "GitHub token"


def test_a_secret_across_two_blocks_is_found(
    redact: Redactor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_metadata, "_BLOCK", 64)
    for before in range(40, 70):
        file = tmp_path / "a.bin"
        file.write_bytes(bytes(before) + SECRET.encode() + bytes(100))
        assert find_secret_in_media(redact, file) == "A_TOKEN"


def test_random_bytes_and_broken_files_are_innocent(redact: Redactor) -> None:
    noise = random.Random(1)
    for start in (b"", b"\x89PNG\r\n\x1a\n", b"RIFF1234WAVE", FILES["png"][:40]):
        assert find_secret_in_media(redact, start + noise.randbytes(100_000)) == ""


def test_showing_such_a_file_raises_and_stores_nothing(redact: Redactor, tmp_path: Path) -> None:
    journal = Journal(folder=tmp_path, media=tmp_path / "media", redact=redact)
    checks = Checks("demo/one", journal=journal)
    for name, draw in (("a.png", image), ("a.wav", audio)):
        path = tmp_path / name
        path.write_bytes(FILES[name[2:]])
        with pytest.raises(
            UsageError, match=r"evidence 'a': the file .* holds the value of A_TOKEN"
        ):
            checks.show(draw(path))
    assert not (tmp_path / "media").exists()


FORM = "ghp_" + "a1B2c3D4e5F6" * 3
"""A secret that is one by its form alone: it is found in what is read as text."""


def riff(order: Literal["little", "big"], *chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        name + len(data).to_bytes(4, order) + data + b"\0" * (len(data) % 2)
        for name, data in chunks
    )
    name = b"RIFF" if order == "little" else b"RIFX"
    return name + (len(body) + 4).to_bytes(4, order) + b"WAVE" + body


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("before", [b"", b"x" * 299, b"x" * 300])
def test_a_chunk_is_found_behind_others(
    redact: Redactor, order: Literal["little", "big"], before: bytes
) -> None:
    text = b"x" * 300 + f" {FORM} ".encode()
    found = riff(order, (b"data", before), (b"\xff\xfe\xfd\xfc", before), (b"LIST", text))
    assert find_secret_in_media(redact, found)
    assert not find_secret_in_media(redact, riff(order, (b"data", text)))


def test_only_the_beginning_of_what_is_packed_is_read(
    redact: Redactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_metadata, "_LARGEST_CHUNK", 400)
    for blanks, is_found in ((300, True), (500, False)):
        packed = zlib.compress(b"x" * blanks + f" {FORM} ".encode())
        # What is no packed text, though it begins as one does, hides none behind it.
        found = riff("little", (b"LIST", b"xx\0" + packed))
        assert bool(find_secret_in_media(redact, found)) is is_found


@pytest.mark.parametrize("before", [0, 1, 3, 7, 8, 20])
def test_a_file_is_looked_through_from_its_first_byte_to_its_last(
    redact: Redactor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, before: int
) -> None:
    monkeypatch.setattr(media_metadata, "_BLOCK", 8)
    data = bytes(before) + SECRET.encode()
    (tmp_path / "clip").write_bytes(data)
    assert find_secret_in_media(redact, data) == "A_TOKEN"
    assert find_secret_in_media(redact, tmp_path / "clip") == "A_TOKEN"
