"""A store takes each content once, one outcome per attempt, and is not believed what it returns."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from waiting import wait_for

from proofbook.caching import cache_root
from proofbook.errors import ProofbookError, UsageError
from proofbook.records import Outcome
from proofbook.runner.executors.pieces import pieces_of, write_pieces
from proofbook.runner.executors.protocol import InfrastructureFault
from proofbook.runner.executors.store import Delivery, Store, StoredPiece, ticket_of

pytest.importorskip("fsspec")
OUTCOME = Outcome(job="a", runbook="demo/one", status="passed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(folder: Path) -> Store:
    return Store(f"file://{folder}")


def _listens(port: int) -> bool:
    import urllib.error
    import urllib.request

    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/proofbook").close()
    except OSError:
        return False
    return True


def tree_of(root: Path) -> Path:
    """Return a folder with all that is odd."""
    tree = root / "tree"
    (tree / "deep" / "empty").mkdir(parents=True)
    (tree / "nothing").write_bytes(b"")
    (tree / "a b%20ü\n?#*.bin").write_bytes(os.urandom(70))
    (tree / "deep" / "link").symlink_to("../nothing")
    for name in ("twin-1", "twin-2"):
        (tree / name).write_bytes(b"the same")
    return tree


def travel(store: Store, tree: Path, to: Path) -> Path:
    stored = store.put(pieces_of(tree))
    for bundle in store.get(stored):
        write_pieces(to, bundle)
    return to / tree.name


def contents(folder: Path) -> dict[str, bytes | str | None]:
    return {
        str(path.relative_to(folder)): (
            str(path.readlink()) if path.is_symlink()
            else path.read_bytes() if path.is_file() else None
        )
        for path in sorted(folder.rglob("*"))
    }  # fmt: skip


def test_a_tree_travels_and_each_content_is_there_once(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    tree = tree_of(tmp_path)
    assert contents(travel(store, tree, tmp_path / "there")) == contents(tree)
    stored = sorted(folder.glob("content/*"))
    assert sorted(path.stat().st_size for path in stored) == [8, 70]
    before = [path.stat().st_mtime_ns for path in stored]
    again = Store(store.url)
    travel(again, tree, tmp_path / "elsewhere")
    assert [path.stat().st_mtime_ns for path in sorted(folder.glob("content/*"))] == before


def test_an_attempt_has_one_outcome_whoever_is_first(store: Store, folder: Path) -> None:
    fence(store)
    assert len(list(folder.glob("outcomes/run/a/*"))) == 2


def fence(store: Store) -> None:
    lost, kept = (ticket_of("run", "a", 1) for _ in range(2))
    assert store.close(lost)
    assert not store.deliver(lost, Delivery(outcome=OUTCOME, pieces=()))
    assert store.delivered(lost) is None
    assert store.deliver(kept, Delivery(outcome=OUTCOME, pieces=()))
    assert not store.close(kept)
    assert not store.deliver(kept, Delivery(outcome=OUTCOME, pieces=()))
    assert store.delivered(kept) == Delivery(outcome=OUTCOME, pieces=())


def test_of_many_at_once_one_is_first(store: Store) -> None:
    ticket, won = ticket_of("run", "a", 1), list[bool]()
    barrier = threading.Barrier(8)

    def deliver() -> None:
        barrier.wait()
        won.append(store.deliver(ticket, Delivery(outcome=OUTCOME, pieces=())))

    threads = [threading.Thread(target=deliver) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]


def _other_bytes(content: Path) -> None:
    content.write_bytes(b"x" * content.stat().st_size)


@pytest.mark.parametrize("spoil", [_other_bytes, Path.unlink], ids=["other", "gone"])
def test_a_content_that_is_not_what_was_stored_is_a_fault_and_is_stored_anew(
    spoil: Callable[[Path], object], store: Store, folder: Path, tmp_path: Path
) -> None:
    tree = tree_of(tmp_path)
    pieces = store.put(pieces_of(tree))
    for content in folder.glob("content/*"):
        spoil(content)
    with pytest.raises(InfrastructureFault):
        list(store.get(pieces))
    for content in folder.glob("content/*"):
        content.unlink()
    assert contents(travel(Store(store.url), tree, tmp_path / "there")) == contents(tree)


def test_half_a_content_is_stored_whole(store: Store, folder: Path, tmp_path: Path) -> None:
    tree = tree_of(tmp_path)
    store.put(pieces_of(tree))
    for content in folder.glob("content/*"):
        content.write_bytes(content.read_bytes()[:-1])
    assert contents(travel(Store(store.url), tree, tmp_path / "there")) == contents(tree)


@pytest.mark.parametrize("path", ["../out", "/out", "a/../../out"])
def test_nothing_that_is_delivered_leaves_its_folder(
    path: str, store: Store, tmp_path: Path
) -> None:
    (piece,) = store.get([StoredPiece(path=path, mode=0o100644)])
    with pytest.raises(ProofbookError, match="which leaves its folder"):
        write_pieces(tmp_path / "there", piece)


def test_what_is_no_delivery_is_a_fault(store: Store, folder: Path) -> None:
    ticket = ticket_of("run", "a", 1)
    store.deliver(ticket, Delivery(outcome=OUTCOME, pieces=()))
    (folder / "outcomes" / ticket).write_text('{"outcome": {}, "pieces": []}')
    with pytest.raises(InfrastructureFault, match="cannot be read"):
        store.delivered(ticket)


@pytest.mark.parametrize(
    "url", ["memory://runs", "/mnt/runs", "file://", "nothing://a/b", "http://a/b"]
)
def test_what_is_no_shared_place_is_one_line(url: str) -> None:
    with pytest.raises(UsageError, match=f"--store {url}: [^\n]+$"):
        Store(url)


def test_a_place_that_cannot_be_written_is_said_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"--store file://.*/file/runs: "):
        Store(f"file://{tmp_path}/file/runs").probe()
    Store(f"file://{tmp_path}/runs").probe()
    assert list(tmp_path.glob("runs/probes/*")) == []


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_bucket_is_a_store_like_any_other(tmp_path: Path) -> None:
    """On moto's server, in an environment of its own: Ray does not stand what s3fs brings."""
    from proofbook_subjects.apis.environments import make_environment
    from proofbook_subjects.apis.peers.launching import PROGRAMS
    from proofbook_subjects.apis.peers.moto import REQUIREMENTS

    # In the person's own cache, where it stays.
    needed = (*REQUIREMENTS, "s3fs==2026.9.0")
    python = str(make_environment("s3-store", needed, cache_root(), shares_packages=True))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    words = [str(PROGRAMS / "object_server.py"), "--bucket", "proofbook", "--port", str(port)]
    process = subprocess.Popen([python, *words], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _listens(port))
        done = subprocess.run(
            [python, "-c", f"import test_store; test_store.use_bucket({str(tmp_path)!r})"],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "testing"),
            },
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        process.kill()
        process.wait()
    assert (done.returncode, done.stdout) == (0, "travelled, fenced, refused\n"), done.stderr


def use_bucket(folder: str) -> None:
    """Do in a bucket what the other tests do in a folder."""
    store, place = Store("s3://proofbook/runs"), Path(folder)
    store.probe()
    tree = tree_of(place)
    assert contents(travel(store, tree, place / "there")) == contents(tree)
    fence(store)
    test_of_many_at_once_one_is_first(store)
    with pytest.raises(UsageError, match="--store s3://no-such-bucket/x: "):
        Store("s3://no-such-bucket/x").probe()
    print("travelled, fenced, refused")


def test_an_input_that_a_store_has_spoilt_is_sent_again_for_the_next_attempt(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    from proofbook.runner.executors.cluster.sending import Sending

    (tmp_path / "model").write_bytes(b"abc")
    sending = Sending({}, store)
    sent = sending.input(str(tmp_path / "model"))
    (content,) = folder.glob("content/*")
    content.write_bytes(b"abd")  # of the same size, and so believed to be there
    with pytest.raises(InfrastructureFault, match="other bytes than were stored"):
        list(Store(store.url).get(sent.bundles))
    sending.renew()
    again = sending.input(str(tmp_path / "model"))
    ((piece,),) = Store(store.url).get(again.bundles)
    assert bytes(piece.data) == b"abc"
