"""A fork of the forkserver becomes an IPython kernel that cannot tell it was forked.

Everything that a process reads or draws once, when it starts, is read or drawn again. Imports
ipykernel and whatever the forkserver has loaded; runs in the forked child, but for
:func:`prepare`.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import importlib.util
import logging
import os
import sys
import tempfile
import threading
import time
import traceback
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from proofbook.kernels.thread_pools import find_openblas, restore_pools
from proofbook.processes import tree
from proofbook.processes.child_setup import silence
from proofbook.processes.ipc import LaunchRequest

__all__ = ["INLINE_BACKEND", "KERNEL_MODULES", "be_early", "prepare", "run_kernel"]

KERNEL_MODULES = ("ipykernel_launcher", "proofbook.kernels.launcher")
"""What ``python -m`` may name for the forkserver to know how to run it."""

INLINE_BACKEND = "module://matplotlib_inline.backend_inline"


_handlers: list[logging.StreamHandler[Any]] = []
"""Log handlers that imports connected to the standard streams of that moment."""


def prepare(kernel_modules: Iterable[str]) -> None:
    """Do once, in the forkserver, what is the same in each kernel.

    ``kernel_modules`` are the modules that the kernel itself needs, as against those preloaded.
    """
    from proofbook.kernels import launcher

    launcher.app_class()
    launcher.own_modules.update({name: sys.modules[name] for name in kernel_modules})
    find_openblas()
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    for logger in loggers:
        for handler in getattr(logger, "handlers", ()):
            stream = getattr(handler, "stream", None)
            if stream is not None and stream in (sys.stdout, sys.stderr):
                _handlers.append(handler)


def be_early() -> None:
    """Do in a forked child what does not depend on which kernel is wanted."""
    from proofbook.kernels.launcher import app_class

    gc.enable()
    silence()
    tree.name_process("pb-kernel")
    _draw_again()
    # What an import created and cleans up at exit belongs to the forkserver and to all kernels.
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]  # no public list
        finalizer.atexit = False
    # The inline backend hooks itself into the shell when it is imported, so it has to be later.
    sys.modules.pop("matplotlib_inline.backend_inline", None)
    # Each page that is written to for the first time costs time; most of those that a command
    # line's parsing writes to are the same whatever it says.
    app_class()(parent_handle=1).parse_command_line(["-f", os.devnull])
    gc.collect()


def run_kernel(request: LaunchRequest, status: int) -> NoReturn:
    """Run the requested kernel in this process until it ends; ``status`` is closed at once."""
    os.close(status)
    code = 1
    try:
        code = _run(request)
    except BaseException:  # noqa: BLE001 - as the interpreter does with what nobody caught
        traceback.print_exc(file=sys.__stderr__)
    _exit(code)


def _run(request: LaunchRequest) -> int:
    _replace_environment(request.env)
    _replace_arguments(request.argv)
    _redo_import_effects()
    restore_pools(os.environ)
    return _run_app(request.argv[3:])


def _replace_environment(env: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.environ["JPY_PARENT_PID"] = str(os.getppid())
    time.tzset()
    tempfile.tempdir = None


def _replace_arguments(argv: list[str]) -> None:
    spec = importlib.util.find_spec(argv[2])
    sys.argv = [(spec.origin if spec else None) or argv[2], *argv[3:]]
    sys.orig_argv = list(argv)
    sys.executable = argv[0] if Path(argv[0]).is_absolute() else sys.executable


def _draw_again() -> None:
    # fork(2) copies the state of every generator: without this all kernels would draw the same
    # numbers (numpy#9248). Python's own is seeded again by Python (random.py registers that with
    # os.register_at_fork). CUDA's start from the same constant in every process, as they do here.
    random = sys.modules.get("numpy.random")
    if random is not None:
        random.seed(None)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.default_generator.seed()
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None:
        multiprocessing.current_process().authkey = os.urandom(32)


def _redo_import_effects() -> None:
    importlib.invalidate_caches()
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None:
        multiprocessing.ORIGINAL_DIR = str(Path.cwd())  # type: ignore[attr-defined]  # not in its stub
    matplotlib = sys.modules.get("matplotlib")
    if matplotlib is not None:
        matplotlib.rcParams["backend"] = os.environ.get("MPLBACKEND") or INLINE_BACKEND


def _run_app(arguments: list[str]) -> int:
    from proofbook.kernels.launcher import app_class

    app_type = app_class()
    app_type.clear_instance()
    try:
        # A parent of 1 means "watch no parent": the warden's signal does it without a thread.
        app: Any = app_type.instance(parent_handle=1)
        streams = {sys.stdout: "stdout", sys.stderr: "stderr"}
        app.initialize(arguments)
        for handler in _handlers:
            if handler.stream in streams:
                handler.stream = getattr(sys, streams[handler.stream])
        app.start()
    except SystemExit as error:
        return _exit_code(error)
    return 0


def _exit_code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.__stderr__)
    return 1


def _exit(code: int) -> NoReturn:
    # As the interpreter ends, up to and without its tear-down of every loaded module: that would
    # touch, and so copy, most pages that are shared with the forkserver.
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # there is no public name
        atexit._run_exitfuncs()
    finally:
        gc.disable()
        for stream in (sys.__stdout__, sys.__stderr__):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()  # type: ignore[union-attr]
        ctypes.CDLL(None).fflush(None)
        os._exit(code)
