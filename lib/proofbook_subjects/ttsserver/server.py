"""The program: ``--host --port --data-dir --parent-pid --version``."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import tempfile
from pathlib import Path

__all__ = ["VERSION", "listen", "main"]

VERSION = "0.1.0-reference"
_FAULTS = "VOICEBOX_FAULTS"
_GRACE_SECONDS = 1


def main(argv: list[str] | None = None) -> int:
    """Serve until told to end; return the exit code."""
    options = _parser().parse_args(argv)
    try:
        listener = listen(options.host, options.port)
    except OSError as error:
        reason = error.strerror or error
        print(f"cannot listen on {options.host}:{options.port}: {reason}", file=sys.stderr)  # noqa: T201
        return 1
    # Only now, since these take their time.
    from proofbook_subjects.ttsserver.faults import read_faults

    try:
        faults = read_faults(os.environ.get(_FAULTS, ""))
    except ValueError as error:
        print(f"{_FAULTS}: {error}", file=sys.stderr)  # noqa: T201 - this is a program
        return 2
    import uvicorn

    from proofbook_subjects.ttsserver.application import build_application
    from proofbook_subjects.ttsserver.models import ModelFolder, models_folder
    from proofbook_subjects.ttsserver.watchdog import watch_parent

    def shut_down() -> None:
        server.should_exit = True

    data = Path(options.data_dir).resolve()
    models = ModelFolder(models_folder(data, os.environ))
    app = build_application(data, models, faults, shut_down)
    config = uvicorn.Config(app, timeout_graceful_shutdown=_GRACE_SECONDS, loop="asyncio")
    server = uvicorn.Server(config)
    if options.parent_pid:
        watch_parent(options.parent_pid, shut_down)
    server.run(sockets=[listener])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="voicebox-server")
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--data-dir", default=str(Path(tempfile.gettempdir()) / "voicebox"))
    parser.add_argument("--parent-pid", type=int, default=0)
    return parser


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        OSError: The port is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if sys.platform != "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


if __name__ == "__main__":
    sys.exit(main())
