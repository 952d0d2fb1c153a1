"""A speech server of another hand, on the standard library alone: right in many manners, or broken.

``STYLE`` names what it does as public servers do, each of which is allowed; ``DEFECT`` what the
whole server does wrong; a row's engine, where it is the name of a defect, what that row does wrong.
"""

from __future__ import annotations

import json
import math
import os
import queue
import re
import signal
import struct
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

STYLES = {
    # As Flask's server behind Piper: werkzeug's log, numbers as ids, a POST that blocks while the
    # model loads, events only when something changes, no history, no duration.
    "piper": {"werkzeug", "number_ids", "slow_post", "on_change", "no_history", "no_duration"},
    # As openedai-speech: a colourful log, a helper process, WAV from a pipe, errors as objects.
    "openedai": {"loguru", "helper", "piped_wav", "error_object", "crlf", "no_cancel"},
    # As Kokoro-FastAPI: a banner, a warm-up, states of its own, pings, times as text, redirects.
    "kokoro": {
        "banner",
        "loguru",
        "warm_up",
        "own_states",
        "pings",
        "iso_times",
        "redirect",
        "conflict",
    },
    # As AllTalk: the program starts another one that serves; states as plain JSON; a late queue.
    "alltalk": {"inner", "chatty", "plain_status", "late_queue", "slow_upload", "no_models"},
    # As a server under uvicorn: waits for its clients when it ends, one event a second, JSON log.
    "uvicorn": {
        "json_log",
        "waits_for_clients",
        "each_second",
        "no_reuse",
        "created",
        "silent_until_done",
    },
}
STYLE = STYLES.get(os.environ.get("STYLE", ""), set())
DEFECT = os.environ.get("DEFECT", "")
RATE = 8000
DONE = ("completed", "failed")


def spoken() -> tuple[float, ...]:
    """Return a second of speech, as numbers from -1 to 1."""
    return struct.unpack(f"<{RATE}f", Path(os.environ["SPOKEN"]).read_bytes())


def wav(
    seconds: float, level: float = 0.3, *, sizes: int | None = None, real: bool = False
) -> bytes:
    tone = [level * value for value in spoken()[: round(seconds * RATE)]]
    if real:
        data = struct.pack(f"<{len(tone)}f", *tone[:-9], *[math.nan] * 9)
    else:
        data = struct.pack(f"<{len(tone)}h", *[int(32767 * value) for value in tone])
    form, wide = (3, 4) if real else (1, 2)
    riff = 36 + len(data) if sizes is None else sizes
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", riff, b"WAVE", b"fmt ", 16, form, 1, RATE,
                       wide * RATE, wide, 8 * wide, b"data",
                       len(data) if sizes is None else sizes)  # fmt: skip
    return head + data


class State:
    """Profiles, and generations in a queue with one worker."""

    def __init__(self, data: Path) -> None:
        self.data, self.count, self.poisoned, self.doomed = data, 0, False, False
        self.profiles: dict[str, str] = {}
        self.rows: dict[str, dict] = {}
        self.queue: queue.Queue[str] = queue.Queue()
        file = data / "profiles.json"
        if file.exists():
            self.profiles = json.loads(file.read_text())
        threading.Thread(target=self.work, daemon=True).start()

    def new_id(self) -> str:
        self.count += 1
        return (
            f"{self.count}{time.time_ns() % 10**6}" if "number_ids" in STYLE else f"g-{self.count}"
        )

    def work(self) -> None:
        while True:
            row = self.rows[self.queue.get()]
            if row["status"] in DONE:
                continue
            row["status"] = "processing" if "own_states" in STYLE else "loading_model"
            log_line(f"speaking with {row['engine']}")
            try:
                self.speak(row)
            except RuntimeError as error:
                row.update(status="failed", error=str(error))

    def speak(self, row: dict) -> None:
        kind = row["engine"]
        wait(row, 0.05)
        if "own_states" not in STYLE:
            row["status"] = "generating"
        if self.poisoned:
            raise RuntimeError("CUDA error: device-side assert triggered")
        if self.doomed:
            os.kill(os.getpid(), signal.SIGSEGV)
        match kind:
            case "hang" | "cancel-hangs":
                wait(row, 1e6)
            case "deaf":
                time.sleep(1e6)
            case "frozen":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "exit":
                os._exit(3)
            case "quiet-exit":
                os._exit(0)
            case "fail":
                raise RuntimeError("CUDA out of memory")
            case "poison":
                self.poisoned = True
                raise RuntimeError("index out of range in self")
            case "mute-failure":
                row.update(status="failed", error=None)
                return
            case "gone-for-good":
                Path(os.environ["TMPDIR"], "gone").touch()
                os._exit(9)
            case "spoilt-data":
                (self.data / "spoilt").touch()
                os.kill(os.getpid(), signal.SIGKILL)
        row["audio"], row["seconds"] = audio_of(kind)
        row["status"] = "completed"
        self.doomed = kind == "next-crash"
        if kind == "backlog":
            time.sleep(1e6)


def audio_of(kind: str) -> tuple[bytes, float]:
    match kind:
        case "zero":
            return wav(0), 0.0
        case "click":
            return wav(0.02), 0.02
        case "silent":
            return wav(1, 0), 1.0
        case "cut":
            return wav(1)[:8000], 1.0
        case "page":
            return b"<!doctype html><title>Not found</title>", 1.0
        case "not-a-number":
            return wav(1, real=True), 1.0
        case "long-claim":
            return wav(1), 3.5
        case "no-claim":
            return wav(1), 0.0
        case "negative-claim":
            return wav(1), -1.0
        case "no-rate":
            return wav(1)[:24] + bytes(8) + wav(1)[32:], 1.0
        case "constant":
            return wav(1)[:44] + struct.pack("<h", 12000) * RATE, 1.0
        case _:
            return wav(1, sizes=0xFFFFFFFF if "piped_wav" in STYLE else None), 1.0


def wait(row: dict, seconds: float) -> None:
    ended = time.monotonic() + seconds
    while time.monotonic() < ended:
        if row.get("cancelled"):
            raise RuntimeError("cancelled")
        time.sleep(0.01)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: State
    started = time.monotonic()
    clients = 0

    def do_GET(self) -> None:
        parts = urlsplit(self.path).path.strip("/").split("/")
        match parts:
            case ["health"]:
                self.health()
            case ["models", "status"] if DEFECT == "models-fail":
                self.refuse(500, "no such table: models")
            case ["models", "status"] if "no_models" not in STYLE:
                self.answer({"models": [{"model_name": "kokoro", "downloaded": True}]})
            case ["generate", number, "status"]:
                self.status(number)
            case ["history", number] if number in self.state.rows and "no_history" not in STYLE:
                self.answer(self.told(number))
            case ["audio", number] if "redirect" in STYLE:
                self.send_response(307)
                self.send_header("Location", f"/files/{number}.wav")
                self.send_header("Content-Length", "0")
                self.end_headers()
            case ["audio" | "files", number]:
                self.audio(number.removesuffix(".wav"))
            case _:
                self.refuse(404, "Not Found")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        match self.path.strip("/").split("/"):
            case ["profiles"]:
                self.create(json.loads(body))
            case ["profiles", _, "samples"]:
                self.sample(body)
            case ["generate"]:
                self.generate(json.loads(body))
            case ["generate", number, "cancel"] if self.kind(number) == "cancel-hangs":
                time.sleep(1e6)
            case ["generate", number, "cancel"] if "no_cancel" not in STYLE:
                self.state.rows[number]["cancelled"] = True
                self.answer({"message": "cancelling"})
            case _:
                self.refuse(501 if "no_cancel" in STYLE else 404, "Not Implemented")

    def kind(self, number: str) -> str:
        return self.state.rows.get(number, {}).get("engine", "")

    def health(self) -> None:
        if DEFECT == "turns-ill" and self.state.rows:
            self.answer({"status": "degraded"})
            return
        warm = time.monotonic() - Handler.started > 0.4 or "warm_up" not in STYLE
        if DEFECT == "never-healthy" or not warm:
            self.answer({"status": "warming up"}, 503 if "warm_up" in STYLE else 200)
        else:
            self.answer({"status": "healthy", "extra": None})

    def create(self, body: dict) -> None:
        if body["name"] in self.state.profiles:
            self.refuse(409 if "conflict" in STYLE else 400, "name is taken")
            return
        number = self.state.new_id()
        self.state.profiles[body["name"]] = number
        (self.state.data / "profiles.json").write_text(json.dumps(self.state.profiles))
        self.answer({"id": int(number) if "number_ids" in STYLE else number, **body},
                    201 if "created" in STYLE else 200)  # fmt: skip

    def sample(self, body: bytes) -> None:
        if DEFECT == "upload-hangs":
            time.sleep(1e6)
        if DEFECT == "upload-fails":
            self.refuse(500, "librosa is not installed")
            return
        time.sleep(0.5 if "slow_upload" in STYLE else 0)
        assert b"RIFF" in body
        self.answer({"id": "s1"})

    def generate(self, body: dict) -> None:
        if body["engine"] == "no-id":
            self.answer({"status": "generating"})
            return
        if body["engine"] == "forgets-profiles":
            self.refuse(404, f"no profile {body['profile_id']}")
            return
        if body["engine"] == "same-id":
            self.answer({"id": next(iter(self.state.rows)), "status": "generating"})
            return
        if body["engine"] == "post-hangs":
            time.sleep(1e6)
        if body["engine"].startswith(("refused", "error-500")):
            code = 400 if body["engine"].startswith("refused") else 500
            self.refuse(code, "no such engine")
            return
        time.sleep(0.3 if "slow_post" in STYLE else 0)
        number = self.state.new_id()
        engine = (
            re.sub(r"-\d+$", "", body["engine"]) if body["engine"] != "error-500" else "error-500"
        )
        self.state.rows[number] = {"engine": engine, "status": "queued", "since": time.time()}
        if "own_states" not in STYLE:
            self.state.rows[number]["status"] = "generating"
        self.state.queue.put(number)
        id = int(number) if "number_ids" in STYLE else number
        self.answer({"id": id, "status": "generating"}, 202 if "created" in STYLE else 200)

    def told(self, number: str) -> dict:
        row = self.state.rows[number]
        told = {"id": number, "status": row["status"], "error": row.get("error")}
        if "no_duration" not in STYLE:
            told["duration"] = row.get("seconds", 0.0)
        if "iso_times" in STYLE:
            told["completed_at"] = "2026-01-02T03:04:05Z"
        if "error_object" in STYLE and told["error"]:
            told["error"] = {"message": told["error"], "code": 7}
        return told

    def status(self, number: str) -> None:
        row = self.state.rows.get(number)
        late = "late_queue" in STYLE and row is not None and time.time() - row["since"] < 0.3
        forgotten = row is not None and row["engine"] == "forgotten"
        if row is None and DEFECT == "unknown-generates":
            self.events([{"id": number, "status": "generating"}])
        elif row is None or late or forgotten:
            self.events([{"id": number, "status": "not_found"}])
        elif row["engine"] == "page-as-status":
            self.answer_page()
        elif row["engine"] == "says-nothing":
            self.begin_events()
            time.sleep(1e6)
        elif "plain_status" in STYLE:
            self.answer(self.told(number))
        else:
            self.follow(number, row)

    def follow(self, number: str, row: dict) -> None:
        Handler.clients += 1
        try:
            self.begin_events()
            self.tell(number, row)
            self.chunk("")
        finally:
            Handler.clients -= 1

    def tell(self, number: str, row: dict) -> None:
        if row["engine"] == "malformed":
            self.event_line('{"status": "gener')
        said = None
        while True:
            over = row["status"] in DONE
            news = said != row["status"] or "on_change" not in STYLE
            if news and (over or "silent_until_done" not in STYLE):
                said = row["status"]
                self.event_line(json.dumps(self.told(number)))
            if "pings" in STYLE:
                self.chunk(": keep-alive\n\nevent: ping\ndata: 12:00:00\n\ndata: [DONE]\n\n")
            if over:
                return
            time.sleep(1 if "each_second" in STYLE else 0.05)

    def begin_events(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def events(self, events: list[dict]) -> None:
        self.begin_events()
        for event in events:
            self.event_line(json.dumps(event))
        self.chunk("")

    def event_line(self, data: str) -> None:
        end = "\r\n" if "crlf" in STYLE else "\n"
        name = f"event: status{end}" if "own_states" in STYLE else ""
        self.chunk(f"{name}data: {data}{end}{end}")

    def chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def audio(self, number: str) -> None:
        row = self.state.rows.get(number, {})
        if "audio" not in row or row["engine"] == "no-audio":
            self.refuse(404, "no audio")
            return
        self.send_response(200)
        self.send_header("Content-Type", "audio/wav")
        broken = row["engine"] == "breaks-off"
        self.send_header("Content-Length", str(len(row["audio"]) + 99 * broken))
        self.end_headers()
        self.wfile.write(row["audio"])
        self.close_connection = broken
        if row["engine"] == "late-crash":
            self.wfile.flush()
            os.kill(os.getpid(), signal.SIGSEGV)

    def answer(self, value: object, code: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer_page(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"<html>")

    def refuse(self, code: int, why: str) -> None:
        self.answer(
            {"error": {"message": why}} if "error_object" in STYLE else {"detail": why}, code
        )

    def log_request(self, code: object = "-", size: object = "-") -> None:
        code = int(code) if isinstance(code, int) else code
        if "werkzeug" in STYLE:
            log_line(f'127.0.0.1 - - [26/Nov/2026 13:00:00] "{self.requestline}" {code} -')
        elif "json_log" in STYLE:
            log_line(json.dumps({"level": "info", "request": self.requestline, "status": code}))
        else:
            log_line(f'INFO:     127.0.0.1:5 - "{self.requestline}" {code} OK')


def log_line(text: str) -> None:
    if "loguru" in STYLE:
        text = f"\x1b[32m01:02:03 PM\x1b[0m | \x1b[1mINFO    \x1b[0m | {text}"
    print(text, flush=True)


class Server(ThreadingHTTPServer):
    allow_reuse_address = "no_reuse" not in STYLE
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


def watch(parent: int) -> None:
    while DEFECT != "orphan":
        try:
            os.kill(parent, 0)
        except OSError:
            if DEFECT != "orphans-child":
                end_helpers()
            os._exit(0)
        time.sleep(0.1)


def end(*_: object) -> None:
    if DEFECT == "stubborn":
        return
    if DEFECT == "crashes-at-the-end":
        os.kill(os.getpid(), signal.SIGABRT)
    if DEFECT != "leaves-child":
        end_helpers()
    if "waits_for_clients" in STYLE:
        threading.Thread(target=end_without_clients).start()
    else:
        os._exit(0)


def end_helpers() -> None:
    for helper in HELPERS:
        helper.kill()
        helper.wait()


def end_without_clients() -> None:
    while Handler.clients:
        time.sleep(0.05)
    os._exit(0)


def listen(host: str, port: int) -> Server:
    try:
        return Server((host, port), Handler)
    except OSError as error:
        if DEFECT == "second-kills-first":
            os.kill(int(Path(os.environ["TMPDIR"], "first").read_text()), signal.SIGKILL)
        if DEFECT == "quiet-second":
            sys.exit(0)
        if DEFECT == "lingering-second":
            time.sleep(1e6)
        text = "something went wrong" if DEFECT == "mute-second" else f"{error}"
        sys.exit(text if DEFECT == "mute-second" else f"OSError: {text}")


HELPERS: list[subprocess.Popen] = []


def main() -> None:
    words = sys.argv[1:]
    if "--version" in words:
        print("foreign-server 3.2.1")
        return
    given = dict(zip(words[::2], words[1::2], strict=True))
    if "inner" in STYLE and "INNER" not in os.environ:
        inner = subprocess.Popen(
            [sys.executable, *sys.orig_argv[1:]], env={**os.environ, "INNER": "1"}
        )
        signal.signal(signal.SIGTERM, lambda *_: inner.terminate())
        sys.exit(inner.wait())
    if Path(os.environ["TMPDIR"], "gone").exists():
        sys.exit("licence expired")
    if DEFECT == "dies-at-start":
        sys.exit("ImportError: libcudart.so.12: cannot open shared object file")
    data = Path(given["--data-dir"])
    if (data / "spoilt").exists():
        sys.exit("sqlite3.DatabaseError: database disk image is malformed")
    if "banner" in STYLE:
        print("╔═╗┌─┐\n╠╣ ├─┤\nModel warmed up on cpu: kokoro\r\rloading 10 %\rloading 100 %")
    if "helper" in STYLE or DEFECT in ("leaves-child", "orphans-child"):
        HELPERS.append(subprocess.Popen(["sleep", "1000"], start_new_session=True))
    server = listen(given["--host"], int(given["--port"]))
    Path(os.environ["TMPDIR"], "first").write_text(str(os.getpid()))
    Handler.state = State(data)
    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=watch, args=(int(given["--parent-pid"]),), daemon=True).start()
    if "chatty" in STYLE:
        print("\n".join(f"[AllTalk Startup] line {i}" for i in range(50)), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
