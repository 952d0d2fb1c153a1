"""A program in the place of the small model's: it listens, and answers as ``WRITER_DOUBLE`` says.

Run as ``WRITER_PYTHON``: it is given the small model's program and its arguments.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

WAYS = os.environ.get("WRITER_DOUBLE", "right")


class Writer(BaseHTTPRequestHandler):
    """Answers one chat completion."""

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def do_POST(self) -> None:
        """Answer, or fail in the asked way."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if WAYS == "dies":
            print("out of memory", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        if WAYS == "hangs":
            Path(os.environ["WRITER_PID"]).write_text(str(os.getpid()))
            threading.Event().wait(60)
        status = (
            200 if self.headers["Authorization"] == f"Bearer {os.environ['WRITER_KEY']}" else 401
        )
        text = '{"lines": [' if WAYS == "cut off" else json.dumps(self.lines(body))
        data = json.dumps({"choices": [{"message": {"content": text}}]}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def lines(self, body: dict) -> dict[str, list[dict[str, str]]]:
        """Return lines that the schema allows, but for what is asked to be wrong."""
        items = body["response_format"]["json_schema"]["schema"]["properties"]["lines"][
            "prefixItems"
        ]
        lines = []
        for place, item in enumerate(items):
            says = f"{item['properties']['text']['pattern'][:80]} {body['seed']} {place}"
            lines.append({
                "character": item["properties"]["character"]["enum"][0],
                "text": "One thing." if WAYS == "repeats" else says,
                "emotion": item["properties"]["emotion"]["enum"][place % 6],
            })  # fmt: skip
        return {"lines": lines[:-1] if WAYS == "short" else lines}


def main() -> None:
    """Listen until ended."""
    if WAYS == "no model":
        sys.exit("there is no model: pip install it")
    try:
        server = HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Writer)
    except OSError as error:
        sys.exit(f"cannot start: {error}")
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
