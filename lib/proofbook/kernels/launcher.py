"""The IPython kernel as Proofbook runs it: ``python -m proofbook.kernels.launcher -f FILE``.

It is ipykernel's application with two differences: no output is dropped when a client reads more
slowly than the kernel prints, and a shutdown never waits for a thread that was stopped too early.
Knows nothing about templates or wardens.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

__all__ = ["app_class", "main"]


_LAST_WORDS_SECONDS = 2.0


def app_class() -> Any:
    """Return the application class; imports ipykernel."""
    from ipykernel.kernelapp import IPKernelApp
    from zmq.constants import SocketOption

    class ProofbookKernelApp(IPKernelApp):  # type: ignore[misc]  # ipykernel is not typed
        """ipykernel's application that loses no output and ends at once."""

        name = "ipython-kernel"

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

    return ProofbookKernelApp


def main() -> None:
    """Run a kernel with the arguments of this process."""
    # As ipykernel_launcher does: the folder comes back when the shell sets up its own path.
    if sys.path[0] == "" or Path(sys.path[0]) == Path.cwd():
        del sys.path[0]
    app_class().launch_instance()


if __name__ == "__main__":
    main()
