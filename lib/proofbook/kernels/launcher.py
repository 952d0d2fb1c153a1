"""The IPython kernel as Proofbook runs it: ``python -m proofbook.kernels.launcher -f FILE``.

It is ipykernel's application with one difference: no output is dropped when a client reads more
slowly than the kernel prints. Knows nothing about templates or wardens.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

__all__ = ["app_class", "main"]


def app_class() -> Any:
    """Return the application class; imports ipykernel."""
    import zmq
    from ipykernel.kernelapp import IPKernelApp

    class ProofbookKernelApp(IPKernelApp):  # type: ignore[misc]  # ipykernel is not typed
        """ipykernel's application with an unlimited queue for outputs."""

        name = "ipython-kernel"

        def init_iopub(self, context: Any) -> None:
            """Set up the output channel; ZeroMQ drops what exceeds its default of 1,000."""
            context.setsockopt(zmq.SNDHWM, 0)
            super().init_iopub(context)

    return ProofbookKernelApp


def main() -> None:
    """Run a kernel with the arguments of this process."""
    # As ipykernel_launcher does: the folder comes back when the shell sets up its own path.
    if sys.path[0] == "" or Path(sys.path[0]) == Path.cwd():
        del sys.path[0]
    app_class().launch_instance()


if __name__ == "__main__":
    main()
