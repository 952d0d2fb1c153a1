"""Which cell of the notebook runs, as far as the kernel was told, and that one begins or ends.

JupyterLab names a cell with each request, and so does our engine. Knows nothing about checks.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Any

from proofbook.checks.threads import wait_for_threads

__all__ = ["after_this_cell", "current_cell", "current_kernel", "tell_of_cells"]


def current_kernel() -> Any:
    """Return the kernel that this process is, or None."""
    from IPython.core.getipython import get_ipython

    return getattr(get_ipython(), "kernel", None)


def current_cell() -> str:
    """Return the id of the cell that runs; nothing where there is none, or nobody has told."""
    parent: Any = getattr(current_kernel(), "get_parent", dict)()
    cell = (parent or {}).get("metadata", {}).get("cellId")
    return cell if isinstance(cell, str) else ""


def tell_of_cells(begins: Callable[[str], object]) -> None:
    """Call a method with the id of each cell that begins to run, while its object lives."""
    shell: Any = getattr(current_kernel(), "shell", None)
    if shell is None:
        return
    method = weakref.WeakMethod(begins)

    def tell(info: Any) -> None:
        call = method()
        if call is not None and info.cell_id:
            call(info.cell_id)

    shell.events.register("pre_run_cell", tell)


def after_this_cell(at_end: Callable[[], object], when_idle: Callable[[], object]) -> None:
    """Call ``at_end`` when the cell that runs has ended, its answer not yet sent.

    With the cell end the threads that Python would wait for, or they are left after a while. And
    ``when_idle`` is called when the event loop has begun all that the cell had it do. Outside of a
    kernel both are called at once.
    """
    shell: Any = getattr(current_kernel(), "shell", None)
    if shell is None:
        at_end()
        when_idle()
        return

    def ended(result: Any) -> None:
        shell.events.unregister("post_run_cell", ended)
        try:
            wait_for_threads()
        finally:
            at_end()
        try:
            asyncio.get_running_loop().call_soon(when_idle)
        except RuntimeError:  # a kernel that runs cells without one
            when_idle()

    shell.events.register("post_run_cell", ended)
