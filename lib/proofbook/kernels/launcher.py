"""The IPython kernel as Proofbook runs it: ``python -m proofbook.kernels.launcher -f FILE``.

It is ipykernel's application with three differences: no output is dropped when a client reads
more slowly than the kernel prints; a shutdown never waits for a thread that was stopped too
early, nor for children that have ended already. Knows nothing about forkservers or wardens.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import signal
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["NO_HISTORY_FILE", "app_class", "main", "own_modules"]

NO_HISTORY_FILE = "--HistoryManager.hist_file=:memory:"
"""Keeps what a kernel was asked out of the user's history."""

_LAST_WORDS_SECONDS = 2.0
_CHILDREN_SECONDS = 1.0
"""How long children may take to obey SIGTERM; jupyter_client ends the kernel itself after 2.5."""

_STEP_SECONDS = 0.01


own_modules: dict[str, ModuleType] = {}
"""In a forkserver, the modules that a kernel process would have loaded when it starts."""


def _kernel_class() -> Any:
    import psutil
    from ipykernel import ipkernel

    class ProofbookKernel(ipkernel.IPythonKernel):  # type: ignore[misc]  # ipykernel is not typed
        """ipykernel's kernel that ends its children in bounded time."""

        def __init__(self, **kwargs: Any) -> None:
            # It takes every module loaded now for its own, which the debugger does not enter;
            # those that a forkserver has preloaded are the user's.
            real, ipkernel.sys = ipkernel.sys, _sys_as_started()
            try:
                super().__init__(**kwargs)
            finally:
                ipkernel.sys = real

        def _process_children(self) -> list[Any]:
            # One that has ended and was not waited for stays listed, and no signal ends it.
            return [p for p in super()._process_children() if not _is_zombie(p, psutil)]

        async def _progressively_terminate_all_children(self) -> None:
            self._signal_children(signal.SIGTERM)
            for _ in range(int(_CHILDREN_SECONDS / _STEP_SECONDS)):
                if not self._process_children():
                    return
                await asyncio.sleep(_STEP_SECONDS)
            self._signal_children(getattr(signal, "SIGKILL", signal.SIGTERM))

    return ProofbookKernel


class _SysAsStarted:
    def __init__(self, modules: dict[str, ModuleType]) -> None:
        self.__dict__["modules"] = modules

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(sys, name, value)


def _sys_as_started() -> Any:
    return _SysAsStarted(own_modules) if own_modules else sys


def _is_zombie(process: Any, psutil: Any) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _known_options(argv: list[str] | None) -> Any:
    """Return the configuration of ``-f FILE``, with or without our history option, else None."""
    from traitlets.config import Config

    if argv is None or len(argv) < 2 or argv[0] != "-f" or argv[2:] not in ([], [NO_HISTORY_FILE]):
        return None
    config = Config()
    config.IPKernelApp.connection_file = argv[1]
    if argv[2:]:
        config.HistoryManager.hist_file = NO_HISTORY_FILE.partition("=")[2]
    return config


def _quick_app_class() -> Any:
    """Return ipykernel's application without the parts of its start that no kernel needs."""
    from ipykernel.kernelapp import IPKernelApp

    class QuickKernelApp(IPKernelApp):  # type: ignore[misc]  # ipykernel is not typed
        """ipykernel's application that starts in a forked process as quickly as it can."""

        def _configure_logging(self) -> None:
            # What traitlets does by logging.config, which closes all handlers that there are
            # and walks all loggers; in a forked kernel those belong to the preloaded modules.
            if self.logging_config:
                super()._configure_logging()
                return
            handler = logging.StreamHandler(sys.stderr)
            handler.setLevel(self.log_level)
            handler.setFormatter(self._log_formatter_cls(self.log_format, self.log_datefmt))
            logger = logging.getLogger(type(self).__name__)
            if logger.level != logging.DEBUG:
                logger.setLevel(logging.DEBUG)
            logger.handlers[:] = [handler]
            self._logging_configured = True

        def parse_command_line(self, argv: list[str] | None = None) -> None:
            """Parse as ever, but build no parser for the options of nearly every kernel."""
            known = _known_options(argv)
            if known is None:
                super().parse_command_line(argv)
                return
            self.cli_config = known
            self.update_config(known)

    return QuickKernelApp


@functools.cache
def app_class() -> Any:
    """Return the application class; imports ipykernel."""
    from traitlets import Type
    from zmq.constants import SocketOption

    class ProofbookKernelApp(_quick_app_class()):  # type: ignore[misc]  # ipykernel is not typed
        """ipykernel's application that loses no output and ends at once."""

        name = "ipython-kernel"
        kernel_class = Type(_kernel_class(), klass="ipykernel.kernelbase.Kernel").tag(config=True)

        def init_iopub(self, context: Any) -> None:
            """Set up the output channel; ZeroMQ drops what exceeds its default of 1,000."""
            context.setsockopt(SocketOption.SNDHWM, 0)
            super().init_iopub(context)

        def start(self) -> None:
            """Run until shut down, and end the threads that may still write before the others.

            ipykernel stops its output thread first; the control thread may then wait ten seconds
            for its last flush.
            """
            super().start()
            for thread in (self.control_thread, self.shell_channel_thread):
                if thread is not None and thread.is_alive():
                    thread.stop()
                    thread.join(_LAST_WORDS_SECONDS)

    # The name is the beginning of its log lines, by which other programs tell and filter them.
    ProofbookKernelApp.__name__ = "IPKernelApp"
    logging.getLogger(ProofbookKernelApp.__name__).setLevel(logging.DEBUG)
    return ProofbookKernelApp


def main() -> None:
    """Run a kernel with the arguments of this process."""
    # As ipykernel_launcher does: the folder comes back when the shell sets up its own path.
    if sys.path[0] == "" or Path(sys.path[0]) == Path.cwd():
        del sys.path[0]
    app_class().launch_instance()


if __name__ == "__main__":
    main()
