"""Files arrive whole or not at all, over a real connection that breaks, changes and lies."""

from __future__ import annotations

import hashlib
import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from proofbook.errors import SubjectError
from proofbook.systems.musicgen.preload.origins import FolderOrigin, MirrorOrigin, RemoteFile
from proofbook.systems.musicgen.preload.store import preload, read_sums
from proofbook.systems.musicgen.preload.transfer import bring

CONTENT = bytes(range(256)) * 4096
"""One megabyte."""


class Mirror(http.server.ThreadingHTTPServer):
    """A server whose faults a test sets."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = {"weights.bin": CONTENT}
        self.etag = '"one"'
        self.ranges = True
        self.cut_after = 0
        """Bytes after which the next answer is cut off; 0 is never."""
        self.status = 0
        self.html = False
        self.pause = 0.0
        self.asked: list[tuple[str, str]] = []

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Mirror
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        name, wanted = self.path.lstrip("/"), self.headers.get("Range", "")
        self.server.asked.append((name, wanted))
        content = self.server.files.get(name)
        if content is None or self.server.status:
            self.send_response(self.server.status or 404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        fresh = self.headers.get("If-Range", self.server.etag) == self.server.etag
        start = int(wanted[6:].rstrip("-")) if wanted and self.server.ranges and fresh else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", "text/html" if self.server.html else "application/data")
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", self.server.etag)
        self.end_headers()
        if body:
            self._send(content[start:])

    def _send(self, content: bytes) -> None:
        cut, self.server.cut_after = self.server.cut_after, 0
        for place in range(0, len(content), 65536):
            if cut and place >= cut:
                self.close_connection = True
                self.connection.close()
                return
            time.sleep(self.server.pause)
            self.wfile.write(content[place : place + 65536])


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    server = Mirror()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def origin(mirror: Mirror) -> Iterator[MirrorOrigin]:
    with httpx.Client(timeout=5) as client:
        yield MirrorOrigin(base=mirror.base, client=client)


def fetched(origin: MirrorOrigin, place: Path, sha256: str = "") -> list[float]:
    """Bring the file and return the pauses that were taken."""
    pauses: list[float] = []
    file = RemoteFile("weights.bin", None, sha256)
    digest = bring(origin, file, place, lambda *_: None, sleep=pauses.append)
    assert digest == hashlib.sha256(place.read_bytes()).hexdigest()
    return pauses


def test_a_file_arrives_whole(origin: MirrorOrigin, tmp_path: Path):
    assert fetched(origin, tmp_path / "w") == []
    assert (tmp_path / "w").read_bytes() == CONTENT
    assert [p.name for p in tmp_path.iterdir()] == ["w"]


def test_a_cut_connection_is_taken_up_where_it_ended(
    mirror: Mirror, origin: MirrorOrigin, tmp_path: Path
):
    mirror.cut_after = 500_000
    assert len(fetched(origin, tmp_path / "w")) == 1
    assert (tmp_path / "w").read_bytes() == CONTENT
    assert mirror.asked[-1][1].startswith("bytes=")
    assert mirror.asked[-1][1] != "bytes=0-"


def test_a_mirror_that_knows_no_ranges_is_begun_anew(
    mirror: Mirror, origin: MirrorOrigin, tmp_path: Path
):
    mirror.cut_after, mirror.ranges = 500_000, False
    fetched(origin, tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == CONTENT


def test_a_file_that_changed_in_between_is_begun_anew(
    mirror: Mirror, origin: MirrorOrigin, tmp_path: Path
):
    (tmp_path / "w.part").write_bytes(b"old" * 1000)
    (tmp_path / "w.part.version").write_text('"zero"')
    fetched(origin, tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == CONTENT


def test_a_wrong_checksum_is_thrown_away(origin: MirrorOrigin, tmp_path: Path):
    with pytest.raises(SubjectError, match=r"has sha256 .* should have 000000000000"):
        fetched(origin, tmp_path / "w", sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [404, 403, 500])
def test_an_error_of_the_mirror_is_named(
    mirror: Mirror, origin: MirrorOrigin, tmp_path: Path, status: int
):
    mirror.status = status
    with pytest.raises(SubjectError, match=f"answers {status}"):
        fetched(origin, tmp_path / "w")


def test_a_web_page_is_no_weight(mirror: Mirror, origin: MirrorOrigin, tmp_path: Path):
    mirror.html = True
    with pytest.raises(SubjectError, match="is a web page"):
        fetched(origin, tmp_path / "w")
    with pytest.raises(SubjectError, match="neither SHA256SUMS nor a model"):
        origin.files()


def test_a_mirror_that_is_gone_is_named_and_the_part_kept(
    mirror: Mirror, origin: MirrorOrigin, tmp_path: Path
):
    mirror.server_close()
    (tmp_path / "w.part").write_bytes(b"half")
    with pytest.raises(SubjectError, match=r"could not be read .*what has arrived is kept"):
        fetched(origin, tmp_path / "w")
    assert (tmp_path / "w.part").read_bytes() == b"half"
    with pytest.raises(SubjectError, match="does not answer"):
        origin.files()


def test_checksums_of_a_mirror_are_taken(mirror: Mirror, origin: MirrorOrigin, tmp_path: Path):
    digest = hashlib.sha256(CONTENT).hexdigest()
    mirror.files["SHA256SUMS"] = f"{digest}  ./weights.bin\n".encode()
    result = preload(origin, tmp_path / "small")
    assert (result.bytes_there, result.bytes_brought) == (len(CONTENT), len(CONTENT))
    assert read_sums(tmp_path / "small") == {"weights.bin": (len(CONTENT), digest)}
    assert preload(origin, tmp_path / "small").bytes_brought == 0


@pytest.mark.parametrize("line", ["nothing", f"{'0' * 64}  ../x", f"{'0' * 64}  /etc/x"])
def test_checksums_that_lead_elsewhere_are_refused(mirror: Mirror, origin: MirrorOrigin, line: str):
    mirror.files["SHA256SUMS"] = f"{line}\n".encode()
    with pytest.raises(SubjectError, match=r"SHA256SUMS, line 1, is no checksum"):
        origin.files()


def test_without_checksums_the_usual_names_and_an_index_are_asked_for(
    mirror: Mirror, origin: MirrorOrigin
):
    mirror.files |= {"config.json": b"{}", "model-00001.safetensors": b"x",
                     "model.safetensors.index.json":
                         b'{"weight_map": {"a": "model-00001.safetensors"}}'}  # fmt: skip
    assert {file.path for file in origin.files()} == {
        "config.json", "model.safetensors.index.json", "model-00001.safetensors",
    }  # fmt: skip


def test_a_folder_is_copied_without_what_is_hidden_or_unfinished(tmp_path: Path):
    there = tmp_path / "there"
    there.mkdir()
    for name in ("a.bin", ".hidden", "b.part", "manifest.sha256.json"):
        (there / name).write_bytes(b"x")
    result = preload(FolderOrigin(folder=there), tmp_path / "here")
    assert result.bytes_brought == 1
    assert sorted(read_sums(tmp_path / "here")) == ["a.bin"]


def test_a_file_that_was_cut_is_brought_again(tmp_path: Path):
    there = tmp_path / "there"
    there.mkdir()
    (there / "a.bin").write_bytes(CONTENT)
    preload(FolderOrigin(folder=there), tmp_path / "here")
    (tmp_path / "here" / "a.bin").write_bytes(CONTENT[:100])
    assert preload(FolderOrigin(folder=there), tmp_path / "here").bytes_brought == len(CONTENT)


def test_damaged_notes_are_named(tmp_path: Path):
    (tmp_path / "sha256.json").write_text("{")
    with pytest.raises(SubjectError, match="is damaged"):
        read_sums(tmp_path)


def test_a_disk_that_is_too_small_is_told_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import shutil

    there = tmp_path / "there"
    there.mkdir()
    (there / "a.bin").write_bytes(CONTENT)
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(SubjectError, match=r"to bring and 0\.00 GB are free"):
        preload(FolderOrigin(folder=there), tmp_path / "here")
    assert not (tmp_path / "here" / "a.bin").exists()


_PRELOAD = (
    "import sys, httpx; from pathlib import Path\n"
    "from proofbook.systems.musicgen.preload.origins import MirrorOrigin\n"
    "from proofbook.systems.musicgen.preload.store import preload\n"
    "origin = MirrorOrigin(base=sys.argv[1], client=httpx.Client())\n"
    "print(preload(origin, Path(sys.argv[2])).bytes_brought)\n"
)


def _start(mirror: Mirror, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _PRELOAD, mirror.base, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_killed_preload_is_taken_up(mirror: Mirror, tmp_path: Path):
    mirror.files["SHA256SUMS"] = f"{hashlib.sha256(CONTENT).hexdigest()}  weights.bin\n".encode()
    mirror.pause = 0.1
    process = _start(mirror, tmp_path / "small")
    part = tmp_path / "small" / "weights.bin.part"
    deadline = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "small" / "weights.bin").exists()
    mirror.pause = 0.0
    again = _start(mirror, tmp_path / "small")
    assert again.communicate(timeout=60)[0] == f"{len(CONTENT)}\n"
    assert (tmp_path / "small" / "weights.bin").read_bytes() == CONTENT
    assert mirror.asked[-1][1].startswith("bytes=")


@pytest.mark.slow
def test_two_at_once_bring_it_once(mirror: Mirror, tmp_path: Path):
    mirror.files["SHA256SUMS"] = f"{hashlib.sha256(CONTENT).hexdigest()}  weights.bin\n".encode()
    mirror.pause = 0.05
    both = [_start(mirror, tmp_path / "small") for _ in range(2)]
    brought = sorted(int(process.communicate(timeout=60)[0]) for process in both)
    assert brought == [0, len(CONTENT)]
