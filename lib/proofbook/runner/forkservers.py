"""Where a run's kernels are forked: the user's shared template, or one of the run's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from proofbook.errors import KernelError, TemplateError
from proofbook.kernels.ownership import start_template
from proofbook.kernels.shared_forkserver import find_shared, shared_status
from proofbook.runner.events import Note, Sink

__all__ = ["OFF", "template_for"]

OFF = "off"
"""In place of a template's socket: ordinary kernels only."""


@contextmanager
def template_for(warm: Sequence[str], sink: Sink, *, cold: bool = False) -> Iterator[str]:
    """Yield the socket of a template that has imported ``warm``, or :data:`OFF`.

    A template of the run's own ends with the block. ``sink`` is told what is worth knowing.
    """
    if cold:
        yield OFF
        return
    if shared := find_shared(warm):
        yield str(shared)
        return
    if shared_status() is not None:
        text = "the shared template is out of date, or lacks an import: starting one for this run"
        sink(Note(text=text))
    try:
        template = start_template(warm)
    except KernelError as error:
        sink(Note(text=f"ordinary kernels only: {error}"))
        yield OFF
        return
    with template:
        sink(Note(text="importing the libraries that warm kernels share"))
        try:
            status = template.wait_ready()
        except TemplateError as error:
            sink(Note(text=f"ordinary kernels only: {error}"))
            yield OFF
            return
        sink(Note(text="; ".join(status.warnings)))
        yield str(template.socket)
