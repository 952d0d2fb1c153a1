"""A mirror tells what it has, by its own list or the usual names; what makes no sense is named."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from faulty_mirror import CONTENT, Mirror

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.preload.checksums import read_notes
from proofbook_systems.musicgen.preload.mirrors import MirrorOrigin, without_password
from proofbook_systems.musicgen.preload.store import preload


def test_published_checksums_and_sizes_are_taken(
    mirror: Mirror, origin: MirrorOrigin, tmp_path: Path
):
    mirror.publish_sums()
    (file,) = origin.files()
    assert (file.path, file.size, len(file.sha256)) == ("weights.bin", len(CONTENT), 64)
    assert preload(origin, tmp_path / "small").bytes_brought == len(CONTENT)
    assert read_notes(tmp_path / "small")["weights.bin"].sha256 == file.sha256
    assert preload(origin, tmp_path / "small").bytes_brought == 0


def test_a_mirror_without_head_requests_is_read_all_the_same(
    mirror: Mirror, origin: MirrorOrigin, tmp_path: Path
):
    mirror.publish_sums()
    mirror.heads = False
    assert origin.files()[0].size is None
    assert preload(origin, tmp_path / "small").bytes_brought == len(CONTENT)


@pytest.mark.parametrize(
    "line", ["nothing", f"{'0' * 64}  ../x", f"{'0' * 64}  /etc/x", f"{'0' * 64}  C:\\x"]
)
def test_checksums_that_lead_elsewhere_are_refused(mirror: Mirror, origin: MirrorOrigin, line: str):
    mirror.files["SHA256SUMS"] = f"{line}\n".encode()
    with pytest.raises(SubjectError, match=r"SHA256SUMS, line 1, is not a checksum"):
        origin.files()


def index(*shards: str) -> bytes:
    return json.dumps({"weight_map": {f"t{i}": name for i, name in enumerate(shards)}}).encode()


def test_without_checksums_the_usual_names_and_an_index_are_asked_for(
    mirror: Mirror, origin: MirrorOrigin
):
    names = {"config.json", "model.safetensors.index.json", "model-00001.safetensors"}
    mirror.files |= dict.fromkeys(names, b"x")
    mirror.files["model.safetensors.index.json"] = index("model-00001.safetensors")
    assert {file.path for file in origin.files()} == names
    assert all(file.size for file in origin.files())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (index("../../evil.bin"), r"names \.\./\.\./evil\.bin, which is not next to it"),
        (index("/evil.bin"), "not next to it"),
        (b"[1", "is not a weight index"),
        (b"[]", "is not a weight index"),
    ],
)
def test_an_index_that_makes_no_sense_is_refused(
    mirror: Mirror, origin: MirrorOrigin, content: bytes, said: str
):
    mirror.files["model.safetensors.index.json"] = content
    with pytest.raises(SubjectError, match=said):
        origin.files()


def test_a_place_without_models_is_named(mirror: Mirror, origin: MirrorOrigin):
    with pytest.raises(SubjectError, match="neither SHA256SUMS nor a model"):
        origin.files()
    mirror.files = {"SHA256SUMS": b"<html>", "config.json": b"<html>"}
    mirror.type = "text/html"
    with pytest.raises(SubjectError, match="neither SHA256SUMS nor a model"):
        origin.files()


def test_a_mirror_that_fails_or_is_gone_is_named(mirror: Mirror, origin: MirrorOrigin):
    mirror.statuses = [500]
    with pytest.raises(SubjectError, match="answers 500; try again later"):
        origin.files()
    mirror.server_close()
    gone = MirrorOrigin(base=mirror.base, client=httpx.Client())
    with pytest.raises(SubjectError, match="does not answer"):
        gone.files()


def test_a_password_is_in_no_message(mirror: Mirror, origin: MirrorOrigin, tmp_path: Path):
    assert without_password("https://ann:se%40cret@host:8/x") == "https://host:8/x"
    secret = MirrorOrigin(base=mirror.base.replace("//", "//ann:secret@"), client=origin.client)
    mirror.files = {}
    with pytest.raises(SubjectError) as error:
        secret.files()
    assert "secret" not in str(error.value)
    with pytest.raises(SubjectError) as error, secret.open("x", 0, ""):
        pass
    assert "secret" not in str(error.value)
