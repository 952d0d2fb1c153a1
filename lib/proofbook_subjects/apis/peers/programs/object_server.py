"""moto's server with one bucket: ``python object_server.py --bucket NAME --port N``."""

from __future__ import annotations

import argparse
import signal
import urllib.request

from moto.server import ThreadedMotoServer

__all__ = ["main"]


def main() -> None:
    """Serve until ended. The bucket is there as soon as a GET of it succeeds."""
    parser = argparse.ArgumentParser(prog="object_server.py")
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    ThreadedMotoServer(ip_address="127.0.0.1", port=given.port, verbose=False).start()
    url = f"http://127.0.0.1:{given.port}/{given.bucket}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(urllib.request.Request(url, method="PUT"), timeout=30).close()
    signal.pause()


if __name__ == "__main__":
    main()
