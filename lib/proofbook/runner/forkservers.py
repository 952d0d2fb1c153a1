"""Where a run's kernels are forked: the user's shared forkserver, or one for this run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from proofbook.errors import ForkserverError, ForkserverLateError, KernelError
from proofbook.kernels.ownership import start_forkserver
from proofbook.kernels.shared_forkserver import misfit, shared_socket, shared_status
from proofbook.runner.events import Note, Sink

__all__ = ["OFF", "forkserver_for"]

OFF = "off"
"""In place of a forkserver's socket: ordinary kernels only."""


@contextmanager
def forkserver_for(
    warm: Sequence[str],
    sink: Sink,
    *,
    cold: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Yield the socket of a forkserver that has imported ``warm``, or :data:`OFF`.

    One that is started for the run ends with the block. ``sink`` gets a note of what a person
    should know. ``environment`` is what its kernels will have; by default this process's.
    """
    if cold:
        yield OFF
        return
    try:
        shared = shared_status()
        reason = "" if shared is None else misfit(shared, warm)
    except ForkserverLateError as error:
        shared, reason = None, str(error)
    if shared is not None and not reason:
        yield str(shared_socket())
        return
    if reason:
        text = f"not using the shared forkserver: {reason}; starting one for this run"
        sink(Note(text=text))
    try:
        forkserver = start_forkserver(warm, env=environment)
    except KernelError as error:
        sink(Note(text=f"ordinary kernels only: {error}"))
        yield OFF
        return
    with forkserver:
        sink(Note(text="importing the libraries that warm kernels share"))
        try:
            status = forkserver.wait_ready()
        except ForkserverError as error:
            sink(Note(text=f"ordinary kernels only: {error}"))
            yield OFF
            return
        sink(Note(text="; ".join(status.warnings)))
        yield str(forkserver.socket)
