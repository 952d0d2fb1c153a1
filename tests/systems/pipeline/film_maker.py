"""A small pipeline that makes films of a ready clip; right by default, DEFECT breaks one thing.

Copied into a project by the tests and run there as a program of its own.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

DEFECT = os.environ.get("DEFECT", "")
DATA = Path("data")
BASE = DATA / "films.db"
SLOW = 0.03


def connect() -> sqlite3.Connection:
    return sqlite3.connect(BASE, timeout=0 if DEFECT == "no_wait" else 30, isolation_level=None)


def init() -> None:
    DATA.mkdir(exist_ok=True)
    db = connect()
    db.execute("PRAGMA journal_mode = WAL")
    unique = "" if DEFECT == "rows_doubled" else "UNIQUE"
    db.execute(f"CREATE TABLE IF NOT EXISTS used (id INTEGER PRIMARY KEY, film TEXT {unique})")
    db.execute("CREATE TABLE IF NOT EXISTS library (id INTEGER PRIMARY KEY, uses INTEGER)")
    db.execute("INSERT OR IGNORE INTO library VALUES (1, 0)")
    db.close()


def script(film: str) -> None:
    if DEFECT == "not_written" and film.endswith("3"):
        return
    path = DATA / "scripts" / f"{film}.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(film)
    if DEFECT == "leaves_temporary":
        Path(DATA / f"tmp{os.getpid()}.part").write_text("half")
        time.sleep(SLOW)
        if os.environ.get("ALONE") != "1" and film.endswith("1"):
            Path(DATA / f"tmp{os.getpid()}.part").unlink()


def images(film: str) -> None:
    db = connect()
    if DEFECT == "counted_twice":
        db.execute("UPDATE library SET uses = uses + 1")
        time.sleep(20 * SLOW)
        db.execute("INSERT OR IGNORE INTO used (film) VALUES (?)", (film,))
        return
    db.execute("BEGIN IMMEDIATE")
    time.sleep(20 * SLOW if DEFECT == "no_wait" else SLOW / 3)
    added = db.execute("INSERT OR IGNORE INTO used (film) VALUES (?)", (film,)).rowcount
    if added:
        db.execute("UPDATE library SET uses = uses + 1")
    db.execute("COMMIT")
    time.sleep(20 * SLOW if DEFECT == "rows_doubled" else 6 * SLOW)


def video(film: str) -> None:
    path = DATA / "videos" / f"{film}.mp4"
    path.parent.mkdir(exist_ok=True)
    clip = Path("clip.mp4").read_bytes()
    hog = bytearray()
    if DEFECT == "grows":
        with (DATA / "made").open("a") as file:
            file.write(".")
        hog = bytearray(12_000_000 * (DATA / "made").stat().st_size)
    if DEFECT == "half_video" and path.exists():
        return
    beside = path if DEFECT == "half_video" else path.with_name(f".{path.name}.part")
    if DEFECT == "other_name":
        beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    with beside.open("wb") as file:
        for place in range(0, len(clip), len(clip) // 8 + 1):
            file.write(clip[place : place + len(clip) // 8 + 1])
            file.flush()
            time.sleep(SLOW)
    del hog
    beside.replace(path)
    if DEFECT == "damages" and film.endswith("4"):
        BASE.write_bytes(BASE.read_bytes()[:4096])


def batch(videos: int, workers: int) -> int:
    """Make films with so many children at once; what is there is kept."""
    names = [f"batch-{number:02d}" for number in range(1, videos + 1)]
    left = [n for n in names if DEFECT == "begins_again" or not (DATA / f"videos/{n}.mp4").exists()]
    if DEFECT == "forgets_begun":
        left = [n for n in left if not (DATA / f"scripts/{n}.txt").exists()]
    code = 0
    for start in range(0, len(left), workers):
        children = [
            subprocess.Popen([sys.executable, "-S", __file__, "film", name])
            for name in left[start : start + workers]
        ]
        code |= max(child.wait() for child in children)
    return code


def film_of(name: str) -> None:
    if DEFECT == "begins_again":
        (DATA / f"videos/{name}.mp4").unlink(missing_ok=True)
    script(name)
    images(name)
    video(name)
    if DEFECT == "begins_again":
        with (DATA / f"videos/{name}.mp4").open("ab") as file:
            file.write(os.urandom(8))


def main() -> int:
    action, words = sys.argv[1], sys.argv[2:]
    steps = {"init": init, "script": script, "images": images, "video": video, "film": film_of}
    if action == "batch":
        return batch(int(words[0]), int(words[1]))
    try:
        steps[action](*words)
    except sqlite3.Error as error:
        print(f"error: {BASE.name}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
