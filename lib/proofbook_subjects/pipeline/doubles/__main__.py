"""``python -m proofbook_subjects.pipeline.doubles --api voice --port N``: serve a double here."""

from __future__ import annotations

import argparse
import contextlib

from proofbook_subjects.pipeline.doubles.posting import PostingDouble
from proofbook_subjects.pipeline.doubles.serving import Double, make_server
from proofbook_subjects.pipeline.doubles.voice import VoiceDouble

__all__ = ["main"]


def main() -> None:
    """Serve an API on the loopback interface until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m proofbook_subjects.pipeline.doubles")
    parser.add_argument("--api", required=True, choices=("posting", "voice"))
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--per-minute", type=float, default=0.0, help="of the voice; 0 is no limit")
    parser.add_argument("--polls", type=int, default=1, help="of a container that is in progress")
    parser.add_argument("--per-day", type=int, default=100, help="posts that are taken")
    given = parser.parse_args()
    double: Double = VoiceDouble(given.per_minute)
    if given.api == "posting":
        double = PostingDouble(given.polls, given.per_day)
    with make_server(double, given.port) as server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
