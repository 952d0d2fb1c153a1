"""A secret in a media file's metadata is found, whatever the format and the encoding."""

from __future__ import annotations

import io
import random
import wave
from pathlib import Path

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
