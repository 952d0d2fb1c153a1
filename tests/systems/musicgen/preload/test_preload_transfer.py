"""Files arrive whole or not at all, over a real connection that breaks, changes and lies."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from faulty_mirror import CONTENT, Mirror
from waiting import HANG, wait_for

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.preload.mirrors import MirrorOrigin
from proofbook_systems.musicgen.preload.origins import FolderOrigin, Origin, RemoteFile
from proofbook_systems.musicgen.preload.transfer import bring

DIGEST = hashlib.sha256(CONTENT).hexdigest()


def fetched(origin: Origin, place: Path, sha256: str = "") -> list[float]:
    """Bring the file and return the pauses that were taken."""
    pauses: list[float] = []
    file = RemoteFile("weights.bin", None, sha256)
    digest = bring(origin, file, place, lambda *_: None, sleep=pauses.append)
    assert digest == hashlib.sha256(place.read_bytes()).hexdigest()
    return pauses


def half(place: Path, content: bytes, version: str) -> None:
    """Leave a part behind, as a preload that was killed does."""
    place.with_name(f"{place.name}.part").write_bytes(content)
    place.with_name(f"{place.name}.part.version").write_text(version)


def test_a_file_arrives_whole(origin: MirrorOrigin, tmp_path: Path):
    assert fetched(origin, tmp_path / "w") == []
    assert (tmp_path / "w").read_bytes() == CONTENT
    assert [p.name for p in tmp_path.iterdir()] == ["w"]


def test_a_cut_connection_is_taken_up_where_it_ended(
    mirror: Mirror, origin: MirrorOrigin, tmp_path: Path
):
    mirror.cuts = [500_000]
    assert len(fetched(origin, tmp_path / "w")) == 1
    assert (tmp_path / "w").read_bytes() == CONTENT
    assert mirror.ranges_asked[0] == ""
    assert int(mirror.ranges_asked[1].removeprefix("bytes=").rstrip("-")) > 0


def test_a_line_that_keeps_breaking_but_moves_on_is_not_given_up(
    mirror: Mirror, origin: MirrorOrigin, tmp_path: Path
):
    mirror.cuts = [100_000] * 7
    pauses = fetched(origin, tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == CONTENT
    assert len(pauses) == 7
    assert set(pauses) == {1.0}


@pytest.mark.parametrize("fault", ["no ranges", "wrong range", "changed", "no version"])
def test_what_cannot_be_taken_up_is_begun_anew(
    mirror: Mirror, origin: MirrorOrigin, tmp_path: Path, fault: str
):
    half(tmp_path / "w", CONTENT[:500] if fault != "changed" else b"x" * 500, '"one"')
    if fault == "no ranges":
        mirror.ranges = False
    elif fault == "wrong range":
        mirror.offset = 100
    elif fault == "changed":
        mirror.etag = '"two"'
    else:
        (tmp_path / "w.part.version").unlink()
    assert fetched(origin, tmp_path / "w") == []
    assert (tmp_path / "w").read_bytes() == CONTENT


def test_a_part_that_is_complete_is_not_fetched_again(
    mirror: Mirror, origin: MirrorOrigin, tmp_path: Path
):
    half(tmp_path / "w", CONTENT, '"one"')
    fetched(origin, tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == CONTENT
    assert mirror.ranges_asked == [f"bytes={len(CONTENT)}-"]


def test_a_part_that_is_longer_than_the_file_is_begun_anew(origin: MirrorOrigin, tmp_path: Path):
    half(tmp_path / "w", CONTENT + b"more", '"one"')
    fetched(origin, tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == CONTENT


def test_a_time_of_change_tells_versions_apart_where_there_is_no_etag(
    mirror: Mirror, origin: MirrorOrigin, tmp_path: Path
):
    mirror.etag, mirror.changed = 'W/"weak"', "Wed, 21 Oct 2015 07:28:00 GMT"
    mirror.cuts = [300_000]
    fetched(origin, tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == CONTENT


def test_a_part_of_another_version_shows_in_the_checksum_and_is_begun_anew(
    mirror: Mirror, origin: MirrorOrigin, tmp_path: Path
):
    half(tmp_path / "w", b"x" * 500, '"one"')
    fetched(origin, tmp_path / "w", DIGEST)
    assert (tmp_path / "w").read_bytes() == CONTENT


def test_a_wrong_checksum_is_thrown_away(origin: MirrorOrigin, tmp_path: Path):
    with pytest.raises(SubjectError, match=r"has sha256 .* should have 000000000000"):
        fetched(origin, tmp_path / "w", sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [404, 403])
def test_a_refusal_is_named_at_once(
    mirror: Mirror, origin: MirrorOrigin, tmp_path: Path, status: int
):
    mirror.statuses = [status]
    with pytest.raises(SubjectError, match=f"answers {status}"):
        fetched(origin, tmp_path / "w")
    assert len(mirror.asked) == 1


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_in_trouble_is_asked_again(
    mirror: Mirror, origin: MirrorOrigin, tmp_path: Path, status: int
):
    mirror.statuses = [status, status, 0]
    assert fetched(origin, tmp_path / "w") == [1.0, 2.0]
    mirror.statuses = [status]
    with pytest.raises(SubjectError, match=f"it answers {status}.*what has arrived is kept"):
        fetched(origin, tmp_path / "v")


def test_a_server_that_stalls_is_left_and_what_came_is_kept(
    mirror: Mirror, origin: MirrorOrigin, tmp_path: Path
):
    origin.client.timeout = httpx.Timeout(HANG, read=0.05)
    half(tmp_path / "w", CONTENT[:500], '"one"')
    mirror.pause = 0.4
    with pytest.raises(SubjectError, match="ReadTimeout"):
        fetched(origin, tmp_path / "w")
    assert (tmp_path / "w.part").read_bytes() == CONTENT[:500]


def test_a_web_page_is_no_weight(mirror: Mirror, origin: MirrorOrigin, tmp_path: Path):
    mirror.type = "text/html; charset=utf-8"
    with pytest.raises(SubjectError, match="is a web page"):
        fetched(origin, tmp_path / "w")


def test_what_is_compressed_on_the_way_is_refused(
    mirror: Mirror, origin: MirrorOrigin, tmp_path: Path
):
    mirror.encoding = "gzip"
    with pytest.raises(SubjectError, match="comes gzip-encoded"):
        fetched(origin, tmp_path / "w")


def test_a_mirror_that_is_gone_is_named_and_the_part_kept(
    mirror: Mirror, origin: MirrorOrigin, tmp_path: Path
):
    mirror.server_close()
    (tmp_path / "w.part").write_bytes(b"half")
    with pytest.raises(SubjectError, match=r"could not be read .*what has arrived is kept"):
        fetched(origin, tmp_path / "w")
    assert (tmp_path / "w.part").read_bytes() == b"half"


def test_a_folder_is_taken_up_too_unless_its_file_has_changed(tmp_path: Path):
    there = tmp_path / "there"
    there.mkdir()
    (there / "weights.bin").write_bytes(CONTENT)
    stat = (there / "weights.bin").stat()
    version = f"{stat.st_size}-{stat.st_mtime_ns}"
    for content, of in ((CONTENT[:700], version), (b"x" * 700, "1-2")):
        half(tmp_path / "w", content, of)
        fetched(FolderOrigin(folder=there), tmp_path / "w")
        assert (tmp_path / "w").read_bytes() == CONTENT


def test_a_source_that_cannot_be_read_is_not_called_a_full_disk(tmp_path: Path):
    with pytest.raises(SubjectError, match=r"weights\.bin cannot be read \(No such file"):
        fetched(FolderOrigin(folder=tmp_path), tmp_path / "w")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_named(origin: MirrorOrigin, tmp_path: Path):
    (tmp_path / "w.part").symlink_to("/dev/full")
    with pytest.raises(SubjectError, match=r"No space left.*what has arrived is kept"):
        fetched(origin, tmp_path / "w")
    assert not (tmp_path / "w").exists()


def test_what_never_changes_is_linked_and_never_written_into(
    mirror: Mirror, origin: MirrorOrigin, tmp_path: Path
):
    there = tmp_path / "there"
    there.mkdir()
    (there / "weights.bin").write_bytes(b"linked")
    (tmp_path / "w.part").write_bytes(b"old")
    fetched(FolderOrigin(folder=there, linked=True), tmp_path / "w")
    assert (tmp_path / "w").stat().st_ino == (there / "weights.bin").stat().st_ino
    os.link(there / "weights.bin", tmp_path / "w.part")  # killed before it was renamed
    fetched(origin, tmp_path / "w")
    assert (there / "weights.bin").read_bytes() == b"linked"
    assert (tmp_path / "w").read_bytes() == CONTENT


_PRELOAD = (
    "import logging, sys, httpx; from pathlib import Path\n"
    "from proofbook_systems.musicgen.preload.mirrors import MirrorOrigin\n"
    "from proofbook_systems.musicgen.preload.store import preload\n"
    "logging.basicConfig(level=logging.INFO, format='%(message)s')\n"
    "origin = MirrorOrigin(base=sys.argv[1], client=httpx.Client(timeout=None))\n"
    "print(preload(origin, Path(sys.argv[2])).bytes_brought)\n"
)


def start(mirror: Mirror, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _PRELOAD, mirror.base, str(folder)]
    pipe: Any = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_killed_preload_is_taken_up(mirror: Mirror, tmp_path: Path):
    mirror.publish_sums()
    mirror.goes_on.clear()
    process = start(mirror, tmp_path / "small")
    part = tmp_path / "small" / "weights.bin.part"
    wait_for(lambda: part.exists() and part.stat().st_size > 0)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "small" / "weights.bin").exists()
    mirror.goes_on.set()
    again = start(mirror, tmp_path / "small")
    assert again.communicate(timeout=HANG)[0] == f"{len(CONTENT)}\n"
    assert (tmp_path / "small" / "weights.bin").read_bytes() == CONTENT
    assert mirror.ranges_asked[-1].startswith("bytes=")


@pytest.mark.exhaustive
@pytest.mark.slow
def test_two_at_once_bring_it_once_and_the_second_says_that_it_waits(
    mirror: Mirror, tmp_path: Path
):
    mirror.publish_sums()
    mirror.goes_on.clear()
    first = start(mirror, tmp_path / "small")
    wait_for(lambda: (tmp_path / "small" / "weights.bin.part").exists())
    second = start(mirror, tmp_path / "small")
    assert second.stderr is not None
    assert "another process preloads small; waiting for it" in second.stderr.readline()
    mirror.goes_on.set()
    brought, waited = (each.communicate(timeout=HANG)[0] for each in (first, second))
    assert (brought, waited) == (f"{len(CONTENT)}\n", "0\n")
