"""A temporary folder goes with the last of its users, whoever is killed and in whichever order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from leaving_out import leave_out
from waiting import HANG

from proofbook.processes import TemporaryFolder, guarding, remove_abandoned, supervise
from proofbook.processes.leases import remove_unused, take_lease

Wait = Callable[..., None]

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="wardens need Linux")


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_it_is_gone_with_its_context() -> None:
    with TemporaryFolder("x-") as folder:
        (folder.path / "file").touch()
        assert folder.path.name.startswith("x-")
    assert not folder.path.exists()
    assert folder.remove() == ()


def test_one_that_cannot_be_removed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = TemporaryFolder("x-")
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    assert folder.remove() == (str(folder.path),)
    monkeypatch.undo()
    assert folder.remove() == ()


def test_an_abandoned_folder_is_removed_and_a_living_ones_is_not(tmp_path: Path) -> None:
    (tmp_path / "x-abandoned" / "inside").mkdir(parents=True)
    (tmp_path / "y-other").mkdir()
    with TemporaryFolder("x-") as living:
        remove_abandoned("x-")
        assert {path.name for path in tmp_path.iterdir()} == {living.path.name, "y-other"}


HOLDER = """
import sys, time
from proofbook.processes import TemporaryFolder
folder = TemporaryFolder(sys.argv[1])
print(folder.path, flush=True)
time.sleep(600)
"""


def holder(prefix: str, *words: str) -> tuple[subprocess.Popen[str], Path]:
    """Start a process that makes a folder and sleeps; return it and the folder."""
    command = [*words, sys.executable, "-c", HOLDER, prefix]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": tempfile.tempdir}
    )  # type: ignore[call-overload]
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_folder_whose_owner_has_no_process_id_here_is_left_alone(wait_for: Wait) -> None:
    """Containers may share a temporary folder: the owner's id means nothing here."""
    unshare = ["unshare", "--pid", "--fork", "--kill-child"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        leave_out("needs the right to make a process namespace: run as root")
    ended = subprocess.Popen(["true"])
    ended.wait()
    process, folder = holder(f"x-{ended.pid}-", *unshare)
    try:
        remove_abandoned("x-")
        assert folder.exists()
    finally:
        process.kill()
        process.wait()

    def gone() -> bool:
        remove_abandoned("x-")
        return not folder.exists()

    wait_for(gone)  # with the namespace, its guard is killed too


def test_a_killed_owners_folder_is_removed(wait_for: Wait) -> None:
    process, folder = holder("x-")
    process.kill()
    process.wait()
    wait_for(lambda: not folder.exists())


def test_the_next_one_removes_what_is_left_where_the_guard_was_killed_too(
    wait_for: Wait, alive: Any
) -> None:
    process, folder = holder("x-")
    (guard,) = psutil.Process(process.pid).children()
    guard.kill()
    wait_for(lambda: not alive([guard.pid]))
    process.kill()
    process.wait()
    assert folder.exists()
    remove_abandoned("x-")
    assert not folder.exists()


def test_a_guard_that_was_killed_is_replaced(wait_for: Wait) -> None:
    first = TemporaryFolder("x-")
    guard = guarding._folders._guard
    assert guard is not None
    guard.kill()
    guard.wait()
    second = TemporaryFolder("x-")
    assert guarding._folders._guard is not guard
    assert guarding._folders._folders >= {str(first.path), str(second.path)}
    assert first.remove() == second.remove() == ()


OWNER = """
import os, sys, time
from pathlib import Path
from proofbook.processes import TemporaryFolder, supervise
folder = TemporaryFolder("x-")
writes = '''
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
while True:
    open(os.path.join(sys.argv[1], str(time.monotonic_ns())), "w").close()
'''
program = supervise([sys.executable, "-c", writes, folder.path], log=Path(sys.argv[1]),
                    name="it", folders=[folder.path])
print(program.pid, folder.path, flush=True)
time.sleep(600)
"""


@pytest.mark.exhaustive
@LINUX
@pytest.mark.parametrize("first", ["owner", "owner stopped at its end", "subreaper"])
def test_a_folder_stays_until_the_programs_that_use_it_have_ended(
    first: str, tmp_path: Path, wait_for: Wait, alive: Any
) -> None:
    """The program writes on for a second after its owner's end, and nothing is left of that."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert process.stdout is not None
    pid, path = process.stdout.readline().split()
    folder = Path(path)
    wait_for(lambda: "ready" in (tmp_path / "log").read_text())
    warden, subreaper = psutil.Process(int(pid)).parents()[:2]
    if first == "owner":
        process.kill()
        process.wait()
        wait_for(lambda: not alive([warden.pid]))
    elif first == "subreaper":
        subreaper.kill()
        wait_for(lambda: not alive([warden.pid]))
        process.kill()
    else:
        process.send_signal(signal.SIGINT)
    process.wait(HANG)
    wait_for(lambda: not folder.exists())
    wait_for(lambda: not alive([int(pid), warden.pid, subreaper.pid]))
    assert not folder.exists()
    assert "Error" not in (tmp_path / "log").read_text(), "it went while the program was writing"


@pytest.mark.skipif(os.name != "posix", reason="folders cannot be locked on Windows")
def test_a_leased_folder_is_removed_when_the_last_lease_ends(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    leases = [take_lease(folder), take_lease(str(folder))]
    for lease in leases:
        assert lease is not None
        assert not remove_unused(folder)
        os.close(lease)
    assert remove_unused(folder)
    assert not folder.exists()
    assert remove_unused(folder)
    assert take_lease(folder) is None


def test_a_link_in_the_place_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "x-link").symlink_to(tmp_path / "mine")
    remove_abandoned("x-")
    assert not remove_unused(tmp_path / "x-link")
    assert (tmp_path / "mine").exists()


@LINUX
def test_a_lease_is_not_inherited_by_programs(tmp_path: Path) -> None:
    with (
        TemporaryFolder("x-") as folder,
        supervise(
            ["ls", "-l", "/proc/self/fd"], log=tmp_path / "log", name="ls", folders=[folder.path]
        ) as listing,
    ):
        assert listing.wait(HANG)
        assert "log" in listing.tail()
        assert str(folder.path) not in listing.tail()
