"""A forkserver that belongs to one command and ends with it, however that ends.

The owner holds one end of a pipe; when it closes, the forkserver ends all kernels and itself.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from proofbook.errors import ForkserverError
from proofbook.kernels.runtime_dir import private_folder, remove_abandoned_folders
from proofbook.kernels.status import ForkserverStatus, describe, wait_ready
from proofbook.processes import TemporaryFolder, exit_words, tree

__all__ = ["OwnedForkserver", "forkserver_command", "start_forkserver"]

_END_SECONDS = 10.0
_LOG_TAIL = 2000


def forkserver_command(path: Path, preload: Sequence[str], *, bare: bool = False) -> list[str]:
    """Return the command that runs a forkserver at socket ``path``; ``bare`` adds no basics."""
    command = [sys.executable, "-m", "proofbook.kernels.forkserver", "--socket", str(path)]
    for entry in preload:
        command += ["--preload", entry]
    return [*command, "--bare"] if bare else command


class OwnedForkserver:
    """A running forkserver; leaving its context ends it and every kernel forked from it."""

    def __init__(
        self,
        folder: TemporaryFolder,
        process: subprocess.Popen[bytes],
        lifeline: int,
        log: IO[bytes],
    ) -> None:
        self.socket = folder.path / "s"
        """Where it listens; kernels find it through ``PROOFBOOK_FORKSERVER``."""
        self._folder, self._process, self._lifeline, self._log = folder, process, lifeline, log

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process id, for display."""
        return self._process.pid

    def wait_ready(self, timeout: float = 120.0) -> ForkserverStatus:
        """Wait until the imports are done and return what came of them.

        Raises:
            ForkserverError: The forkserver ended, or was not ready in time.
        """
        return wait_ready(self.socket, timeout, self._check_alive)

    def describe(self) -> ForkserverStatus:
        """Return what the forkserver says about itself.

        Raises:
            ForkserverError: It does not answer.
        """
        return describe(self.socket)

    def log(self) -> str:
        """Return the end of what the imports printed on standard error."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), _LOG_TAIL, max(0, size - _LOG_TAIL)).decode(
            errors="replace"
        )

    def close(self) -> None:
        """End the forkserver and every kernel forked from it; returns when nothing is left."""
        if self._lifeline < 0:
            return
        os.close(self._lifeline)
        self._lifeline = -1
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        self._folder.remove()

    def _check_alive(self, within: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(within)
            last = (self.log().strip().splitlines() or ["it printed nothing"])[-1]
            raise ForkserverError(f"the forkserver {exit_words(code)}: {last}")


def start_forkserver(
    preload: Sequence[str], *, env: Mapping[str, str] | None = None, bare: bool = False
) -> OwnedForkserver:
    """Start a forkserver and return at once, while it imports; it ends with this process.

    ``preload`` has entries ``module`` and ``module:attribute``; one that cannot be imported is
    left out and reported by :meth:`OwnedForkserver.wait_ready`. What nearly every runbook needs is
    added, unless ``bare``.

    Raises:
        ForkserverError: This system cannot fork kernels.
        KernelError: There is no folder for the socket.
    """
    if not tree.SUPPORTED:
        raise ForkserverError("warm kernels need Linux")
    remove_abandoned_folders()
    folder = private_folder()
    theirs, ours = os.pipe()
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the forkserver
    try:
        process = subprocess.Popen(
            [*forkserver_command(folder.path / "s", preload, bare=bare), "--lifeline", str(theirs)],
            env=None if env is None else dict(env),
            pass_fds=(theirs,),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    except OSError as error:
        os.close(ours)
        log.close()
        folder.remove()
        raise ForkserverError(f"the forkserver cannot be started: {error}") from error
    finally:
        os.close(theirs)
    return OwnedForkserver(folder, process, ours, log)
