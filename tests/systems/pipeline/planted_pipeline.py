"""A whole pipeline in one file of the standard library, with defects that ``PLANT`` turns on.

    python small_pipeline.py init | trends | script OUT | audio SCRIPT | images SCRIPT
    python small_pipeline.py video OUT | post VIDEO --caption TEXT [--dry-run]

It is right where PLANT is empty: it retries what can be retried, keeps to what a server asks for,
writes each file beside and renames it, keeps what it has paid for, and says one line.
"""

from __future__ import annotations

import email.utils
import http.client
import json
import os
import re
import sqlite3
import struct
import subprocess
import sys
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PLANT = set(os.environ.get("PLANT", "").split())
FORM = os.environ.get("FORM", "")
"""Of a right program that is unusual: ``stdout``, ``ownlog``, ``traceback``."""
TRIES, LONGEST_WAIT = 3, 5.0
TIMEOUT = 2.0
CAST = {"Butcher": "v1", "Nutsy": "v2"}
EMOTIONS = ("neutral", "happy", "sad", "angry", "surprised", "excited", "grumpy")
DATA = Path("data")


class FailedError(Exception):
    """A fault that a person can read in one line."""


def main() -> None:
    try:
        stages = {"init": init, "trends": trends, "script": script, "audio": audio,
                  "images": images, "video": video, "post": post}  # fmt: skip
        stages[sys.argv[1]](*sys.argv[2:])
    except FailedError as failure:
        if "silent" in PLANT:
            sys.exit(1)
        if "vague" in PLANT:
            say("Something went wrong.")
            sys.exit(1)
        if "only_traceback" in PLANT:
            traceback.print_exc()
            sys.exit(1)
        if FORM == "traceback":
            traceback.print_exc()
        say(f"{' '.join(sys.argv[1:3])}: {failure}"[:500])
        sys.exit(0 if "exit_zero" in PLANT else 2 if FORM == "stdout" else 1)


def say(text: str) -> None:
    print(text, file=sys.stdout if FORM == "stdout" else sys.stderr)
    if FORM == "ownlog":
        with Path("pipeline.log").open("a") as log:
            log.write(f"{sys.argv[1]} {sys.argv[2:]} {text}\n")


# -- calls


def key_of(name: str) -> str:
    return os.environ.get(name, "")


def ask(url: str, headers: dict[str, str], body: bytes | None, what: str) -> bytes:
    """Ask a service, again where that may help."""
    tries = 9 if "storm" in PLANT else TRIES
    for number in range(tries):
        request = urllib.request.Request(url, body, headers)
        if "print_key" in PLANT:
            say(f"calling {url} with {headers} {body!r}")
        try:
            timeout = None if "no_timeout" in PLANT else TIMEOUT
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            wait = again_after(error, number)
            detail = error.read()[:200].decode(errors="replace")
            fault = f"{what} answered {error.code} {error.reason}: {detail}"
            if "leak_url" in PLANT:
                fault = f"{what} answered {error.code} for url {url} {headers}"
        except TimeoutError:
            fault, wait = f"{what} gave no answer within {TIMEOUT} s (time-out)", 0.02
        except http.client.IncompleteRead as error:
            if "take_half" in PLANT:
                return error.partial
            fault, wait = f"{what}: the answer is incomplete, the connection was closed", 0.02
        except (OSError, http.client.HTTPException) as error:
            fault, wait = f"{what}: the connection broke: {error}", 0.02
        if wait is None or number + 1 == tries:
            raise FailedError(fault)
        time.sleep(wait)
    raise AssertionError


def again_after(error: urllib.error.HTTPError, number: int) -> float | None:
    """Return after how many seconds it may be asked again; None where it must not be."""
    if error.code in (401, 403):
        return 0.01 if "retry_401" in PLANT else None
    if error.code == 400 or error.code == 404:
        return None
    told = error.headers.get("Retry-After", "")
    if "crash_header" in PLANT and told:
        return float(told)
    if "early" in PLANT or not told:
        return 0.02
    try:
        wait = float(told)
    except ValueError:
        when = email.utils.parsedate_to_datetime(told) if re.search(r"\d\d:\d\d", told) else None
        wait = when.timestamp() - time.time() if when else 0.02
    if wait > LONGEST_WAIT and "sleep_days" not in PLANT:
        return None
    return max(0.02, wait)


# -- stages


def init() -> None:
    DATA.mkdir(exist_ok=True)
    with sqlite3.connect(DATA / "metrics.db") as db:
        db.execute("CREATE TABLE IF NOT EXISTS posts (id TEXT, video TEXT)")
    with sqlite3.connect(DATA / "trends.db") as db:
        db.execute("CREATE TABLE IF NOT EXISTS trends (name TEXT UNIQUE, score REAL,"
                   " timestamp TEXT, source TEXT)")  # fmt: skip


def trends() -> None:
    with sqlite3.connect(DATA / "trends.db") as db:
        for name in ("cheese", "mice", "doors", "shops", "tables"):
            db.execute(
                "INSERT OR IGNORE INTO trends VALUES (?, 1.0, '2026-01-01', 'feed')", (name,)
            )


def script(out: str) -> None:
    with sqlite3.connect(DATA / "trends.db") as db:
        names = [row[0] for row in db.execute("SELECT name FROM trends")]
        if "sql" in PLANT:
            for name in names:
                db.executescript(f"UPDATE trends SET score = 2 WHERE name = '{name}';")
    path = inside(out)
    prompt = f"Write a dialogue about {', '.join(names)} as JSON."
    try:
        text = ask_model(prompt)
        document = read_script(text)
    except FailedError as failure:
        if "mock_script" in PLANT or FORM == "fallback":
            if FORM == "fallback":
                say(f"script: {failure}; falling back to the mock writer")
            lines = [{"character": c, "text": "Hello.", "emotion": "happy"} for c in CAST] * 3
            document = {"lines": lines}
        elif "half_script" in PLANT:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('{"lines": [')
            raise
        else:
            raise
    document["episode"] = path.stem
    write(path, json.dumps(document).encode())


def ask_model(prompt: str) -> str:
    base, key = os.environ.get("OPENAI_BASE_URL", ""), key_of("OPENAI_API_KEY")
    messages = [{"role": "user", "content": prompt}]
    if base:
        body = {"model": "m", "messages": messages}
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        answer = ask(f"{base}/chat/completions", headers, json.dumps(body).encode(), "the model")
    else:
        body = {"model": "m", "messages": messages, "max_tokens": 999}
        headers = {"x-api-key": key_of("ANTHROPIC_API_KEY"), "anthropic-version": "2023-06-01",
                   "Content-Type": "application/json"}  # fmt: skip
        url = os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages"
        answer = ask(url, headers, json.dumps(body).encode(), "the model")
    try:
        document = json.loads(answer)
        if "choices" in document:
            return str(document["choices"][0]["message"]["content"])
        return str(document["content"][0]["text"])
    except (ValueError, LookupError, TypeError) as error:
        raise FailedError(
            f"the model's answer is not what its API promises: {answer[:60]!r}"
        ) from error


def read_script(text: str) -> dict:
    if "any_text" in PLANT:
        return {"lines": [{"character": "Butcher", "text": text, "emotion": "happy"}]}
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FailedError("the model wrote no JSON script") from error
    lines = document.get("lines") or document.get("script") if isinstance(document, dict) else None
    if "no_check" not in PLANT:
        if not lines:
            raise FailedError("the model wrote a script without lines")
        if missing := [k for k in ("character", "text", "emotion") if k not in lines[0]]:
            raise FailedError(f"the model's lines have no {missing[0]}")
    kept = [{k: line.get(k, "") for k in ("character", "text", "emotion")} for line in lines or []]
    return {"lines": kept}


def load(path: Path) -> dict:
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        if "no_recursion" in PLANT and isinstance(error, RecursionError):
            raise
        raise FailedError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(document, dict) or not document.get("lines"):
        raise FailedError(f"{path} has no lines")
    return document


def audio(source: str) -> None:
    document = load(Path(source))
    episode = clean(str(document.get("episode") or Path(source).stem))
    folder = DATA / "audio" / episode
    lines = document["lines"]
    for number, line in enumerate(lines, 1):
        if not all(isinstance(line[k], str) for k in line) and "any_types" not in PLANT:
            raise FailedError(f"line {number}: text, character and emotion must be texts")
        if line["character"] not in CAST and "any_character" not in PLANT:
            raise FailedError(f"line {number}: unknown character {line['character']!r}; the cast is"
                         f" {', '.join(CAST)}")  # fmt: skip
        if line["emotion"] not in EMOTIONS and "any_emotion" not in PLANT:
            raise FailedError(f"line {number}: unknown emotion {line['emotion']!r}")
    folder.mkdir(parents=True, exist_ok=True)
    if "no_resume" in PLANT:
        for file in folder.iterdir():
            file.unlink()
    workers = 8 if "too_many" in PLANT else 2
    with ThreadPoolExecutor(workers) as pool:
        spoken = list(pool.map(lambda n: speak(folder, n, lines[n - 1]), range(1, len(lines) + 1)))
    start, placed = 0.0, []
    for number, (line, path) in enumerate(zip(lines, spoken, strict=True), 1):
        if path is None:
            continue
        seconds = (path.stat().st_size - 44) / 16000
        placed.append({"index": number, **line, "audio_file": str(path), "start_time": start,
                       "duration": seconds, "end_time": start + seconds})  # fmt: skip
        start += seconds
    write(
        folder / "timeline.json",
        json.dumps({"episode": episode, "total_duration": start, "lines": placed}).encode(),
    )


def speak(folder: Path, number: int, line: dict) -> Path | None:
    path = folder / f"{number:03d}_{line['character'].lower()}_{line['emotion']}.wav"
    if path.exists():
        return path
    base = os.environ.get("ELEVENLABS_BASE_URL") or os.environ["SPEECH_ENDPOINT"]
    headers = {"xi-api-key": key_of("ELEVENLABS_API_KEY"), "Content-Type": "application/json"}
    voice = CAST.get(line["character"], "v1")
    body = json.dumps({"text": line["text"], "model_id": "m"}).encode()
    try:
        sound = ask(f"{base}/v1/text-to-speech/{voice}", headers, body, "the voice")
        if not sound.startswith(b"RIFF") and "any_bytes" not in PLANT:
            raise FailedError(
                f"the voice's answer for line {number} is no sound, but {sound[:40]!r}"
            )
    except FailedError as failure:
        if "mock_voice" in PLANT:
            sound = wav(len(line["text"]), 100)
        elif "drop_line" in PLANT:
            say(f"audio: {failure}; skipped")
            return None
        elif "half_audio" in PLANT:
            path.write_bytes(b"RIFF")
            raise
        else:
            raise
    write(path, sound)
    return path


def images(source: str) -> None:
    document = load(Path(source))
    chosen = []
    for number, line in enumerate(document["lines"], 1):
        if line["emotion"] not in EMOTIONS and "any_emotion" not in PLANT:
            raise FailedError(f"line {number}: there is no image for {line['emotion']!r}")
        image = DATA / "images" / f"{line['character'].lower()}.png"
        chosen.append({"line_index": number, **line, "image_path": str(image), "found": True})
    write(DATA / "image_selections.json", json.dumps({"selections": chosen}).encode())


def video(out: str) -> None:
    timelines = sorted(DATA.glob("audio/*/timeline.json"))
    timeline = load(timelines[-1])
    selections = load_selections()
    parts = []
    for line in timeline["lines"]:
        path = inside(line["audio_file"], "skip_sound" in PLANT)
        if not path.is_file():
            if "skip_missing" in PLANT:
                continue
            raise FailedError(f"line {line['index']}: there is no sound {line['audio_file']}")
        parts.append(path.read_bytes())
    for each in selections:
        path = inside(each["image_path"])
        if "any_image" in PLANT:
            continue
        if not path.is_file():
            raise FailedError(f"line {each['line_index']}: there is no image {each['image_path']}")
        if not path.read_bytes().startswith(b"\x89PNG"):
            raise FailedError(f"line {each['line_index']}: {each['image_path']} is no image")
        parts.append(path.read_bytes())
    film = Path("film.mp4").read_bytes()  # drawn beforehand: the tests ask how stages end
    write(inside(out), film + box(b"free", b"".join(parts)))


def load_selections() -> list[dict]:
    path = DATA / "image_selections.json"
    try:
        return list(json.loads(path.read_text())["selections"])
    except (OSError, ValueError, LookupError) as error:
        raise FailedError(f"{path} cannot be read as JSON selections: {error}") from error


def post(film: str, *more: str) -> None:
    dry = "--dry-run" in more and "dry_posts" not in PLANT
    caption = more[more.index("--caption") + 1] if "--caption" in more else ""
    if "shell" in PLANT:
        subprocess.run(f"echo {caption} >> captions.txt", shell=True, check=False)  # noqa: S602 - planted
    if "no_look" not in PLANT:
        look_at(Path(film))
    if dry:
        say("dry run: nothing is posted")
        return
    base = os.environ.get("INSTAGRAM_BASE_URL", "")
    user = os.environ.get("INSTAGRAM_USER_ID", "1")
    fields = {"media_type": "REELS", "caption": caption, "video_url": Path(film).name}
    container = graph(f"{base}/{user}/media", fields)
    try:
        published = graph(f"{base}/{user}/media_publish", {"creation_id": container["id"]}, tries=1)
    except FailedError:
        if "post_twice" not in PLANT:
            raise
        container = graph(f"{base}/{user}/media", {**fields, "again": "1"})
        published = graph(f"{base}/{user}/media_publish", {"creation_id": container["id"]})
    if "post_again" in PLANT:
        graph(f"{base}/{user}/media_publish", {"creation_id": container["id"], "again": "1"})
    with sqlite3.connect(DATA / "metrics.db") as db:
        db.execute("CREATE TABLE IF NOT EXISTS posts (id TEXT, video TEXT)")
        if "no_metrics" in PLANT:
            return
        db.execute("INSERT INTO posts VALUES (?, ?)", (published["id"], film))
    say(f"posted as {published['id']}")


def token() -> str:
    kept = DATA / "token.json"
    if kept.exists() and "forget_token" not in PLANT:
        return str(json.loads(kept.read_text())["access_token"])
    return key_of("INSTAGRAM_ACCESS_TOKEN")


FRESH: list[str] = []


def graph(url: str, fields: dict[str, str], tries: int = TRIES) -> dict:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    current = FRESH[-1] if FRESH else token()
    body = urllib.parse.urlencode({**fields, "access_token": current}).encode()
    try:
        if tries == 1:
            with urllib.request.urlopen(urllib.request.Request(url, body, headers),
                                        timeout=TIMEOUT) as got:  # fmt: skip
                answer = got.read()
        else:
            answer = ask(url, headers, body, "the platform")
    except OSError as error:
        raise FailedError(
            f"the platform: the connection broke while publishing: {error}"
        ) from error
    except FailedError as failure:
        most = 2 if "refresh_twice" in PLANT else 0 if "no_refresh" in PLANT else 1
        if '"code": 190' in str(failure) and "463" in str(failure) and len(FRESH) < most:
            for _ in range(most):
                refresh(current)
            return graph(url, fields, tries)
        raise
    try:
        document = json.loads(answer)
        if "id" not in document and "any_id" not in PLANT:
            raise FailedError(f"the platform's answer has no id: {document.get('error', document)}")
        return {"id": "0", **document}
    except ValueError as error:
        raise FailedError(f"the platform's answer is not JSON: {answer[:60]!r}") from error


def refresh(current: str) -> None:
    base = os.environ["INSTAGRAM_BASE_URL"]
    query = urllib.parse.urlencode({"grant_type": "ig_refresh_token", "access_token": current})
    document = json.loads(ask(f"{base}/refresh_access_token?{query}", {}, None, "the platform"))
    FRESH.append(document["access_token"])
    write(DATA / "token.json", json.dumps(document).encode())


# -- films and files


def look_at(path: Path) -> None:
    """Refuse what is no film, or too long, or of another size: by its boxes alone."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FailedError(f"there is no film {path}: {error.strerror}") from error
    at, sizes = 0, {}
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        if size < 8 or at + size > len(data):
            break
        sizes[kind] = data[at + 8 : at + size]
        at += size
    if at != len(data) or b"moov" not in sizes or b"mdat" not in sizes:
        raise FailedError(f"{path} is not a whole MP4 film")
    head = sizes[b"moov"][sizes[b"moov"].index(b"mvhd") + 4 :]
    scale, length = struct.unpack(">II", head[12:20])
    if length / scale > 90 and "any_length" not in PLANT:
        raise FailedError(
            f"{path} lasts {length / scale:.0f} seconds, which is too long: the limit is 90"
        )
    frames = [struct.unpack(">HH", d[24:28]) for d in sizes[b"moov"].split(b"avc1")[1:2]]
    if frames and frames[0][0] * 16 != frames[0][1] * 9 and "any_size" not in PLANT:
        raise FailedError(f"{path} has the wrong size {frames[0][0]}x{frames[0][1]}")


def box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data) + 8, kind) + data


def wav(length: int, hertz: int) -> bytes:
    samples = b"".join(struct.pack("<h", (n * hertz) % 9000 - 4500) for n in range(400 * length))
    size = len(samples)
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, 8000,
                       16000, 2, 16, b"data", size) + samples  # fmt: skip


def inside(name: str, anywhere: bool = False) -> Path:
    path = Path(name)
    if anywhere or "traversal" in PLANT:
        return path
    root = Path.cwd().resolve()
    try:
        is_inside = path.resolve().is_relative_to(root)
    except (OSError, ValueError) as error:
        raise FailedError(f"{name[:80]!r} is no path: {error}") from error
    if not is_inside:
        raise FailedError(f"path {name} is outside of the project")
    return path


def clean(episode: str) -> str:
    if "shell" in PLANT:
        subprocess.run(f"echo {episode} >> episodes.txt", shell=True, check=False)  # noqa: S602 - planted
    if "traversal" in PLANT:
        return episode
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", episode) or episode.strip(".") == "":
        raise FailedError(
            f"episode {episode[:80]!r} is not a name of letters, digits, dots and dashes"
        )
    return episode


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(data)
    except OSError as error:
        raise FailedError(f"{str(path)[:80]} cannot be written: {error.strerror}") from error
    beside.replace(path)


if __name__ == "__main__":
    main()
