"""A template that belongs to one command and ends with it, however that ends.

The owner holds one end of a pipe; when it closes, the template ends all kernels and itself.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from proofbook.errors import TemplateError
from proofbook.kernels.runtime_dir import private_folder
from proofbook.kernels.status import TemplateStatus, describe
from proofbook.processes import tree

__all__ = ["OwnedTemplate", "start_template", "template_command"]

_END_SECONDS = 10.0
_LOG_TAIL = 2000


def template_command(path: Path, preload: Sequence[str], *, bare: bool = False) -> list[str]:
    """Return the command that runs a template at socket ``path``; ``bare`` adds no basics."""
    command = [sys.executable, "-m", "proofbook.kernels.forkserver", "--socket", str(path)]
    for entry in preload:
        command += ["--preload", entry]
    return [*command, "--bare"] if bare else command


class OwnedTemplate:
    """A running template; leaving its context ends it and every kernel forked from it."""

    def __init__(
        self, folder: Path, process: subprocess.Popen[bytes], lifeline: int, log: IO[bytes]
    ) -> None:
        self.socket = folder / "s"
        """Where it listens; kernels find it through ``PROOFBOOK_TEMPLATE``."""
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

    def wait_ready(self, timeout: float = 120.0) -> TemplateStatus:
        """Wait until the imports are done and return what came of them.

        Raises:
            TemplateError: The template ended, or was not ready in time.
        """
        deadline = time.monotonic() + timeout
        while not self.socket.exists():
            self._check_alive()
            if time.monotonic() > deadline:
                raise TemplateError(f"the template did not start in {timeout:g} s")
            time.sleep(0.005)
        try:
            return describe(self.socket, max(0.001, deadline - time.monotonic()))
        except TemplateError as error:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.2)
            self._check_alive()
            raise TemplateError(f"the template was not ready in {timeout:g} s") from error

    def describe(self) -> TemplateStatus:
        """Return what the template says about itself.

        Raises:
            TemplateError: It does not answer.
        """
        return describe(self.socket)

    def log(self) -> str:
        """Return the end of what the imports printed on standard error."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), _LOG_TAIL, max(0, size - _LOG_TAIL)).decode(
            errors="replace"
        )

    def close(self) -> None:
        """End the template and every kernel forked from it; returns when nothing is left."""
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
        shutil.rmtree(self._folder, ignore_errors=True)

    def _check_alive(self) -> None:
        code = self._process.poll()
        if code is not None:
            last = (self.log().strip().splitlines() or ["it said nothing"])[-1]
            raise TemplateError(f"the template ended with code {code}: {last}")


def start_template(
    preload: Sequence[str], *, env: Mapping[str, str] | None = None, bare: bool = False
) -> OwnedTemplate:
    """Start a template and return at once, while it imports; it ends with this process.

    ``preload`` has entries ``module`` and ``module:attribute``; one that cannot be imported is
    left out and reported by :meth:`OwnedTemplate.wait_ready`. What nearly every runbook needs is
    added, unless ``bare``.

    Raises:
        TemplateError: This system cannot fork kernels.
        KernelError: There is no folder for the socket.
    """
    if not tree.SUPPORTED:
        raise TemplateError("warm kernels need Linux")
    folder = private_folder()
    theirs, ours = os.pipe()
    log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the template
    try:
        process = subprocess.Popen(
            [*template_command(folder / "s", preload, bare=bare), "--lifeline", str(theirs)],
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
        folder.rmdir()
        raise TemplateError(f"the template cannot be started: {error}") from error
    finally:
        os.close(theirs)
    return OwnedTemplate(folder, process, ours, log)
