"""``python -m proofbook_subjects.apis.doubles --protocol P --port N``: run a double here."""

from __future__ import annotations

import argparse

import uvicorn

from proofbook_subjects.apis.doubles.application import build_double
from proofbook_subjects.apis.doubles.references import SERVES

__all__ = ["main"]


def main() -> None:
    """Serve a protocol on the loopback interface until it is ended."""
    parser = argparse.ArgumentParser(prog="python -m proofbook_subjects.apis.doubles")
    parser.add_argument("--protocol", required=True, choices=sorted(SERVES))
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument(
        "--pause", type=float, default=0.0, help="seconds before each piece of a stream"
    )
    given = parser.parse_args()
    app = build_double(given.protocol, pause=given.pause)
    uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning", lifespan="off")


if __name__ == "__main__":
    main()
