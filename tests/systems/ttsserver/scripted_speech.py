"""A server that answers with speech at once, in OpenAI's shape or as a GET, right or with a DEFECT.

Its speech is syllables whose number follows from the text, the same for the same request.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).parents[2]))
from right_sounds import voice

DEFECT = os.environ.get("DEFECT", "")
RATE = 8000
PITCH = {"ann": 190.0, "bob": 110.0}
STATE: dict[str, object] = {"at_once": 0, "wrong": False, "kept": [], "last": b""}
LOCK = threading.Lock()


def speak(text: str, name: str, speed: float) -> bytes:
    seed = hashlib.sha256(f"{text}/{name}".encode()).digest()[0]
    seconds = 0.75 + 0.07 * len(text) / speed
    samples = voice(np.random.default_rng(seed), RATE, seconds, pitch=PITCH[name])
    rate = RATE // 2 if DEFECT == "rate" and len(text) > 60 else RATE
    place = io.BytesIO()
    soundfile.write(place, samples * (DEFECT != "silent" or name != "bob"), rate, format="WAV")
    return place.getvalue()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match parts.path:
            case "/v1/models" | "/":
                self.answer(200, b"{}", "application/json")
            case "/voices":
                self.answer(200, "\n".join(f"{name} en" for name in PITCH).encode(), "text/plain")
            case "/say":
                self.say(asked.get("text", ""), asked.get("voice", ""), asked.get("speed", "1"))
            case _:
                self.refuse(404, "no such path")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/v1/audio/speech":
            self.refuse(404, "no such path")
            return
        try:
            asked = json.loads(body)
        except ValueError:
            self.refuse(422, "no JSON")
            return
        self.say(asked.get("input", ""), asked.get("voice", ""), asked.get("speed", 1))

    def say(self, text: str, name: str, speed: object) -> None:
        if not text or name not in PITCH:
            STATE["wrong"] = True
            self.refuse({"error-500": 500, "accepts": 200}.get(DEFECT, 400), "nothing to say")
            return
        if DEFECT == "stuck" and STATE["wrong"]:
            time.sleep(1e6)
        with LOCK:
            STATE["at_once"] += 1
            crowd = STATE["at_once"] > 1
        sound = speak(
            text[:60] if DEFECT == "truncates" else text,
            "ann" if DEFECT == "one-voice" else name,
            1.0 if DEFECT == "one-speed" else float(str(speed)),
        )
        time.sleep(0.05)
        sound = STATE["last"] if DEFECT == "swaps" and crowd and STATE["last"] else sound
        with LOCK:
            STATE["at_once"] -= 1
        sound, STATE["last"] = (STATE["last"] or sound) if DEFECT == "stale" else sound, sound
        if DEFECT == "leaks":
            STATE["kept"].append(os.urandom(5_000_000))
        if DEFECT == "error-as-speech":
            self.refuse(200, "out of memory")
        else:
            self.answer(200, sound, "audio/mpeg" if DEFECT == "type" else "audio/wav")

    def refuse(self, status: int, reason: str) -> None:
        self.answer(status, json.dumps({"error": reason}).encode(), "application/json")

    def answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        if DEFECT == "shares-port":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()


def main() -> None:
    server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
    if DEFECT == "leaves-child":
        subprocess.Popen(["sleep", "1000"], start_new_session=True)
    if DEFECT == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    server.serve_forever()


if __name__ == "__main__":
    main()
