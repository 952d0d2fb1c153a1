"""A pipeline of another layout than the reference: one program, other names, other times.

It is written into a folder as the program ``pipe.py`` and knows nothing of Proofbook. Tables are
the real system's, lines are counted from 0, three characters speak with pauses between their
lines; the film has 25 pictures a second, a lead-in, and is small.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

RATE, FPS, SIZE, PAUSE, LEAD = 22050, 25, (108, 192), 0.24, 0.4
CAST = ("Anna", "Bo", "Cy")
MOODS = ("calm", "angry")
TOPICS = ("Heat pumps", "Night trains", "Sourdough", "Quiet parks", "Old bicycles", "Solar roofs")


def fetch() -> None:
    with sqlite3.connect("db/trends.sqlite") as database:
        database.execute(
            "CREATE TABLE IF NOT EXISTS trending_topics (id INTEGER PRIMARY KEY, topic TEXT,"
            " source TEXT, timestamp TEXT, relevance_score REAL, UNIQUE(topic, source))"
        )
        now = datetime.now(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
        database.executemany(
            "INSERT OR IGNORE INTO trending_topics(topic, source, timestamp, relevance_score)"
            " VALUES (?, 'feed', ?, ?)",
            [(topic, now, 0.9 - place / 10) for place, topic in enumerate(TOPICS)],
        )


def write(name: str) -> None:
    words = [
        ("Anna", "Have you seen how quiet the heat pumps are this year?", "calm"),
        ("Bo", "Quiet? Mine sings louder than the night trains!", "angry"),
        ("Cy", "You both forget the solar roofs, my friends.", "calm"),
        ("Anna", "A roof does not bake sourdough, Cy.", "angry"),
        ("Bo", "Old bicycles carried more bread than any of us.", "calm"),
        ("Cy", "Then let us ride to the quiet parks and eat.", "calm"),
    ]
    lines = [{"character": c, "line": t, "emotion": e} for c, t, e in words]
    made = {"timestamp": datetime.now(UTC).isoformat(), "characters": list(CAST), "script": lines,
            "metadata": {"topics": ["Heat pumps", "Solar roofs"]}}  # fmt: skip
    place = Path("work", name)
    place.mkdir(parents=True, exist_ok=True)
    (place / "scene.json").write_text(json.dumps(made))


def speak(text: str, voice: int) -> object:
    """Return about a second of sound that no other line has: a gliding voice without words."""
    import numpy as np

    random = np.random.default_rng(int(hashlib.sha256(text.encode()).hexdigest()[:8], 16))
    frames = int(RATE * (0.7 + len(text) / 120))
    times = np.arange(frames) / RATE
    glide = np.interp(times, np.arange(8) / 4, random.normal(size=8))
    pitch = 110 * (1 + voice * 0.4) * (1 + 0.2 * glide)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    tones = sum(np.sin(k * phase) * random.uniform(0.2, 1) / k for k in range(1, 8))
    loud = np.interp(times, np.linspace(0, times[-1], 12), random.uniform(0.3, 1, 12))
    edge = np.minimum(1, np.minimum(times / 0.02, times[::-1] / 0.12))
    return (0.25 * tones * loud * edge).astype(np.float32)


def voice(name: str) -> None:
    import soundfile

    place = Path("work", name)
    script = json.loads((place / "scene.json").read_text())["script"]
    at, lines = LEAD, []
    for number, line in enumerate(script):
        sound = speak(line["line"], CAST.index(line["character"]))
        file = f"take-{number}-{line['character'].lower()}.wav"
        soundfile.write(place / file, sound, RATE)
        seconds = len(sound) / RATE
        lines.append({"index": number, "audio_file": file, "start_time": at, "duration": seconds})
        at += seconds + PAUSE
    (place / "times.json").write_text(json.dumps({"total_duration": at, "lines": lines}))


def draw_library() -> None:
    from PIL import Image, ImageDraw

    Path("pictures").mkdir(exist_ok=True)
    with sqlite3.connect("db/pictures.sqlite") as database:
        database.execute(
            "CREATE TABLE IF NOT EXISTS image_library ("
            "character TEXT CHECK(character = lower(character)), emotion TEXT,"
            " file_path TEXT UNIQUE, usage_count INTEGER DEFAULT 0)"
        )
        for who, person in enumerate(CAST):
            for how, mood in enumerate(MOODS):
                image = Image.new("RGB", SIZE, (60 + 70 * who, 200 - 90 * how, 90 + 40 * who))
                pen = ImageDraw.Draw(image)
                pen.ellipse(
                    (14 + 9 * who, 30, 84 - 5 * who, 110 + 20 * how),
                    fill=(240, 220 - 60 * who, 160),
                )
                pen.rectangle((20, 130 - 30 * how, 88, 150), fill=(20 + 90 * how, 30, 60 * who))
                image.save(f"pictures/{person.lower()}-{mood}.png")
                database.execute(
                    "INSERT OR IGNORE INTO image_library(character, emotion, file_path)"
                    " VALUES (?, ?, ?)",
                    (person.lower(), mood, f"pictures/{person.lower()}-{mood}.png"),
                )


def choose(name: str) -> None:
    place = Path("work", name)
    script = json.loads((place / "scene.json").read_text())["script"]
    chosen = []
    with sqlite3.connect("db/pictures.sqlite", timeout=20) as database:
        for number, line in enumerate(script):
            who, mood = line["character"].lower(), line["emotion"]
            path = database.execute(
                "SELECT file_path FROM image_library WHERE character = ? AND emotion = ?",
                (who, mood),
            ).fetchone()[0]
            chosen.append({"line_index": number, "character": line["character"], "emotion": mood,
                           "image_path": path, "found": True})  # fmt: skip
        for path in {each["image_path"] for each in chosen}:
            database.execute(
                "UPDATE image_library SET usage_count = usage_count + 1 WHERE file_path = ?",
                (path,),
            )
    (place / "shown.json").write_text(
        json.dumps({"selections": chosen, "missing": [], "stats": {}})
    )


def assemble(name: str) -> None:
    import numpy as np
    import soundfile
    from PIL import Image

    place = Path("work", name)
    times = json.loads((place / "times.json").read_text())
    shown = [x["image_path"] for x in json.loads((place / "shown.json").read_text())["selections"]]
    total = times["total_duration"]
    sound = np.zeros(int(total * RATE), np.float32)
    for line in times["lines"]:
        part = soundfile.read(place / line["audio_file"], dtype="float32")[0]
        start = round(line["start_time"] * RATE)
        sound[start : start + len(part)] = part
    starts = [line["start_time"] for line in times["lines"]]
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in shown]
    frames = [
        pictures[max(0, sum(start * FPS <= at + 1e-6 for start in starts) - 1)]
        for at in range(round(total * FPS))
    ]
    encode(place / "film.mp4", frames, sound)
    with sqlite3.connect("db/numbers.sqlite") as database:
        database.execute(
            "CREATE TABLE IF NOT EXISTS video_metadata (video_id TEXT, created_at TEXT,"
            " duration REAL, status TEXT)"
        )
        database.execute(
            "INSERT INTO video_metadata VALUES (?, ?, ?, 'completed')",
            (name, datetime.now(UTC).isoformat(), total),
        )


def encode(path: Path, frames: list[object], sound: object) -> None:
    import av

    with av.open(str(path), "w", options={"movflags": "+faststart"}) as film:
        video = film.add_stream(
            "libx264", rate=FPS, options={"crf": "20", "preset": "veryfast", "bf": "0"}
        )
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        audio = film.add_stream("aac", rate=RATE, layout="mono")
        for picture in frames:
            film.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        film.mux(video.encode())
        block = av.AudioFrame.from_ndarray(sound[None, :], "fltp", "mono")
        block.rate, block.pts, block.time_base = RATE, 0, Fraction(1, RATE)
        film.mux(audio.encode(block))
        film.mux(audio.encode())


def main() -> None:
    stage, *rest = sys.argv[1:]
    Path("db").mkdir(exist_ok=True)
    {"fetch": fetch, "library": draw_library, "write": write, "voice": voice, "choose": choose,
     "assemble": assemble}[stage](*rest)  # fmt: skip


if __name__ == "__main__":
    main()
