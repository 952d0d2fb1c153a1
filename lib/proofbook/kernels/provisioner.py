"""The Jupyter provisioner: a warm kernel where one can be had, an ordinary one otherwise.

Registered as ``proofbook-provisioner``, so that papermill, nbclient and JupyterLab use it for
the kernel ``proofbook``. Knows nothing about notebooks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal, TypeVar

from jupyter_client.provisioning import LocalProvisioner

from proofbook.errors import ForkserverError
from proofbook.kernels.attachment import attach, ended
from proofbook.kernels.shared_forkserver import shared_socket
from proofbook.processes import tree
from proofbook.processes.ipc import LaunchRequest
from proofbook.processes.owned import OwnedProcess, make_request, spawn
from proofbook.processes.temporary import TEMPORARY

__all__ = ["FORKSERVER_VARIABLE", "MEMORY_VARIABLE", "ProofbookProvisioner"]

FORKSERVER_VARIABLE = "PROOFBOOK_FORKSERVER"
"""The socket of the forkserver to use, or ``off``."""

MEMORY_VARIABLE = "PROOFBOOK_MEMORY_LIMIT_GB"
"""The kernel and its children are ended when they hold more."""

_T = TypeVar("_T")

_log = logging.getLogger("proofbook.kernels")
_reported: set[str] = set()

_KNOWN = {"env", "cwd", "stdin", "stdout", "stderr", "extra_arguments", "kernel_id", "independent"}


def _warn_once(reason: str) -> None:
    level = logging.DEBUG if reason in _reported else logging.WARNING
    _reported.add(reason)
    _log.log(level, "starting an ordinary kernel: %s", reason)


def _forkserver_socket(env: Mapping[str, str]) -> Path:
    """Return where the forkserver should be listening.

    Raises:
        ForkserverError: There is none to use.
    """
    named = env.get(FORKSERVER_VARIABLE) or os.environ.get(FORKSERVER_VARIABLE)
    if named == "off":
        raise ForkserverError(f"{FORKSERVER_VARIABLE} is off")
    path = Path(named) if named else shared_socket()
    if path is None or not path.exists():
        raise ForkserverError(f"no warm forkserver is running{f' at {path}' if named else ''}")
    return path


def _memory_limit(env: Mapping[str, str]) -> float | None:
    text = env.get(MEMORY_VARIABLE, "")
    try:
        return float(text) if text else None
    except ValueError:
        _log.warning("%s=%r is not a number of gigabytes; no limit is set", MEMORY_VARIABLE, text)
        return None


class _Streams:
    """Stdout and stderr of a kernel, in the forms that ``subprocess.Popen`` takes."""

    def __init__(self, stdout: Any, stderr: Any) -> None:
        self._ours: list[int] = []
        self.stdout: IO[bytes] | None = None
        self.stderr: IO[bytes] | None = None
        out, self.stdout = self._resolve(stdout, 1)
        err, self.stderr = (out, None) if stderr == subprocess.STDOUT else self._resolve(stderr, 2)
        self.fds = (out, err)

    def _resolve(self, stream: Any, inherited: int) -> tuple[int, IO[bytes] | None]:
        if stream == subprocess.PIPE:
            reader, writer = os.pipe()
            self._ours.append(writer)
            return writer, open(reader, "rb")  # noqa: PTH123 - handed to the caller
        fd = inherited if stream is None else stream if isinstance(stream, int) else stream.fileno()
        if fd == subprocess.DEVNULL or not _is_open(fd):
            fd = os.open(os.devnull, os.O_WRONLY)
            self._ours.append(fd)
        return fd, None

    def close(self) -> None:
        """Close what was opened for the kernel's side."""
        for fd in self._ours:
            os.close(fd)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _streams(kwargs: Mapping[str, Any]) -> Iterator[_Streams]:
    streams = _Streams(kwargs.get("stdout"), kwargs.get("stderr"))
    try:
        yield streams
    finally:
        streams.close()


class ProofbookProvisioner(LocalProvisioner):  # type: ignore[misc]  # jupyter_client is untyped here
    """Starts kernels under a warden, forked from a forkserver where possible."""

    process: Any = None
    kind: Literal["warm", "ordinary"] | None = None
    """How the kernel was started."""
    exit_reason: str | None = None
    """How it ended, in words, once it has."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the kernel; where no warden is possible, as jupyter_client itself would.

        Raises:
            OSError: The command or the working folder does not exist.
        """
        self.exit_reason, self.kind = None, "ordinary"
        if kwargs.get("independent") or kwargs.keys() - _KNOWN or not tree.SUPPORTED:
            _warn_once("this system, or an unusual option of its start, does not allow a warden")
            return await super().launch_kernel(cmd, **kwargs)
        argv = [os.path.expanduser(part) for part in cmd]  # noqa: PTH111 - parts are no paths
        env = dict(kwargs.get("env") or os.environ)
        argv[0] = shutil.which(argv[0], path=env.get("PATH")) or argv[0]
        request = make_request(
            argv,
            env=env,
            cwd=kwargs.get("cwd"),
            memory_limit_gb=_memory_limit(env),
            folders=self._folders(env),
            parent_variable="JPY_PARENT_PID",  # ipykernel ends when that process has gone
        )
        self.process, self.kind = await _in_own_thread(partial(_start, request, kwargs))
        self.pid = self.pgid = self.process.pid
        self.cwd = request.cwd
        return self.connection_info

    def _folders(self, env: Mapping[str, str]) -> list[str]:
        """Return the temporary folders that must stay as long as anything of the kernel runs."""
        folders = (getattr(self.parent, "runtime_folder", None), env.get(TEMPORARY))
        return [str(folder) for folder in folders if folder]

    async def poll(self) -> int | None:
        """Return None while the kernel runs, then its exit code."""
        code: int | None = await super().poll()
        if code is not None and isinstance(self.process, OwnedProcess):
            self.exit_reason = self.process.reason
        return code

    async def wait(self) -> int | None:
        """Wait for the end of the kernel; it is noticed at once."""
        if not isinstance(self.process, OwnedProcess):
            code: int | None = await super().wait()
            return code
        process = self.process
        await ended(process)
        await self.poll()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        process.close()
        self.process = None
        return process.returncode

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel's process group."""
        if isinstance(self.process, OwnedProcess):
            self.process.send_signal(signum)
        else:
            await super().send_signal(signum)

    async def kill(self, restart: bool = False) -> None:
        """End the kernel and all its descendants."""
        if isinstance(self.process, OwnedProcess):
            self.process.kill()
        else:
            await super().kill(restart)

    async def terminate(self, restart: bool = False) -> None:
        """Ask the kernel to end, with SIGTERM."""
        await self.send_signal(signal.SIGTERM)


async def _in_own_thread(call: Callable[[], _T]) -> _T:
    # Not in the loop's own pool: where this process has been forked from one that had started a
    # kernel, as multiprocessing does, that pool counts on threads that do not exist here (fork(2)).
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, call)
    finally:
        pool.shutdown(wait=False)


def _start(
    request: LaunchRequest, kwargs: Mapping[str, Any]
) -> tuple[OwnedProcess, Literal["warm", "ordinary"]]:
    with _streams(kwargs) as streams:
        kind: Literal["warm", "ordinary"] = "warm"
        try:
            process = attach(_forkserver_socket(request.env), request, streams.fds)
        except ForkserverError as error:
            _warn_once(str(error))
            process, kind = spawn(request, streams.fds), "ordinary"
        process.stdout, process.stderr = streams.stdout, streams.stderr
        return process, kind
