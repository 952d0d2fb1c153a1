"""Start the server that misbehaves; see ``--help``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib

from proofbook_subjects.apis.faulty.control import serve
from proofbook_subjects.apis.faulty.protocols import PROTOCOLS

__all__ = ["main"]


def main() -> None:
    """Read the arguments and serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m proofbook_subjects.apis.faulty")
    parser.add_argument("--port", type=int, required=True, help="where clients call")
    parser.add_argument("--control-port", type=int, required=True, help="where plans are posted")
    parser.add_argument("--protocol", default="openai_api", choices=sorted(PROTOCOLS))
    parser.add_argument("--upstream", default="", help="URL of a real server; empty answers itself")
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(given.port, given.control_port, given.protocol, given.upstream))


if __name__ == "__main__":
    main()
