"""A small pipeline's commands on SQLite, right by default; DEFECT breaks one thing, FORM its shape.

Copied into a project by the tests and run there as a program of its own.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from pathlib import Path

DEFECT = os.environ.get("DEFECT", "")
FORM = os.environ.get("FORM", "").split("+")
DATA = Path("data")
ONE = "one_file" in FORM
TRENDS = DATA / ("all.sqlite" if ONE else "trends.db")
LIBRARY = DATA / ("all.sqlite" if ONE else "image_library.db")
TOPICS = "hot" if "other_names" in FORM else "trends"
NAME = "label" if "other_names" in FORM else "name"
FEED = ["cats", "dogs", "rain", "moon", "tea", "jazz"]
IMAGES = ["butcher_happy", "butcher_sad", "nutsy_happy", "nutsy_sad"]
LINES = [0, 2, 1, 2]  # which image each line of a film takes
WAIT = float(os.environ.get("WAIT", "5"))


class Failed(Exception):  # noqa: N818
    pass


def connect(path: Path) -> sqlite3.Connection:
    if not path.is_file() and sys.argv[1] != "init":
        raise Failed(f"{path.name} does not exist: run init first")
    if DEFECT == "removes_wal":
        for suffix in ("-wal", "-shm", "-journal"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
    if DEFECT in ("replaces_damaged", "moves_damaged") or "moves_and_says" in FORM:
        try:
            probe = sqlite3.connect(path)
            probe.execute("SELECT * FROM sqlite_master").fetchall()
            probe.execute("PRAGMA integrity_check").fetchall()
            probe.close()
        except sqlite3.DatabaseError as error:
            if "lock" not in str(error):
                set_aside(path)
    connection = sqlite3.connect(
        path, timeout=0 if DEFECT == "no_wait" else WAIT, isolation_level=None
    )
    modes = {"journal": "DELETE", "persist": "PERSIST", "truncate": "TRUNCATE"}
    mode = next((modes[form] for form in FORM if form in modes), "WAL")
    if DEFECT == "journal_off":
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA cache_size = 1")
    elif sys.argv[1] == "init":
        connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute(f"PRAGMA foreign_keys = {0 if DEFECT == 'orphans' else 1}")
    return connection


def set_aside(path: Path) -> None:
    if DEFECT == "replaces_damaged":
        path.unlink()
    else:
        path.rename(path.with_suffix(".damaged"))
    if "moves_and_says" in FORM:
        raise Failed(f"{path.name} is damaged and was moved to {path.stem}.damaged")
    with sqlite3.connect(path) as db:
        make(path, db)


def make(path: Path, db: sqlite3.Connection) -> None:
    if path == TRENDS:
        make_trends(db)
    if path == LIBRARY:
        make_library(db)


def make_trends(db: sqlite3.Connection) -> None:
    unique = "" if DEFECT in ("no_unique", "select_then_insert") else f", UNIQUE ({NAME}, source)"
    if DEFECT == "unique_with_time":
        unique = f", UNIQUE ({NAME}, source, at)"
    number = "id INTEGER PRIMARY KEY AUTOINCREMENT," if "no_ids" not in FORM else ""
    if DEFECT == "init_drops":
        db.execute(f"DROP TABLE IF EXISTS {TOPICS}")
    db.execute(
        f"CREATE TABLE IF NOT EXISTS {TOPICS} ({number} {NAME} TEXT NOT NULL, score REAL, "
        f"at TEXT, source TEXT{unique})"
    )
    db.execute("CREATE TABLE IF NOT EXISTS search_history (asked TEXT, results INTEGER)")
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({TOPICS})")]
    if "source" not in columns and DEFECT != "migrates_nothing":
        if DEFECT == "migration_drops":
            db.execute(f"DROP TABLE {TOPICS}")
            make_trends(db)
            return
        db.execute(f"ALTER TABLE {TOPICS} ADD COLUMN source TEXT")
        db.execute(f"UPDATE {TOPICS} SET source = 'feed'")
        db.execute(f"CREATE UNIQUE INDEX IF NOT EXISTS one ON {TOPICS} ({NAME}, source)")
    if DEFECT == "migrates_blindly":
        db.execute(f"ALTER TABLE {TOPICS} ADD COLUMN extra{len(columns)} TEXT")
    if DEFECT == "broken_view":
        db.execute("CREATE VIEW IF NOT EXISTS latest AS SELECT gone FROM search_history")
    elif "views" in FORM:
        db.execute(f"CREATE VIEW IF NOT EXISTS latest AS SELECT {NAME}, score FROM {TOPICS}")


def make_library(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE IF NOT EXISTS image_library (id INTEGER PRIMARY KEY, file_path TEXT UNIQUE, "
        "usage_count INTEGER DEFAULT 0, last_used_at TEXT)"
        if DEFECT != "library_doubles"
        else "CREATE TABLE IF NOT EXISTS image_library (id INTEGER PRIMARY KEY, file_path TEXT, "
        "usage_count INTEGER DEFAULT 0, last_used_at TEXT)"
    )
    if DEFECT != "lacks_table":
        db.execute(
            "CREATE TABLE IF NOT EXISTS image_usage (id INTEGER PRIMARY KEY, episode TEXT, "
            "line INTEGER, image INTEGER REFERENCES image_library (id), note TEXT, "
            "UNIQUE (episode, line))"
        )
    verb = "OR REPLACE" if DEFECT == "init_resets" else "OR IGNORE"
    db.executemany(
        f"INSERT {verb} INTO image_library (id, file_path) VALUES (?, ?)"
        if DEFECT != "library_doubles"
        else "INSERT OR IGNORE INTO image_library (usage_count, file_path) VALUES (? * 0, ?)",
        list(enumerate(IMAGES, 1)),
    )


def init() -> None:
    DATA.mkdir(exist_ok=True)
    for path in dict.fromkeys([TRENDS, LIBRARY]):
        db = connect(path)
        db.execute("BEGIN IMMEDIATE")
        make(path, db)
        db.execute("COMMIT")
        db.close()


def trends() -> None:
    db = connect(TRENDS)
    now = f"{time.time():.6f}"
    rows = [(name, len(name) / 10, now, "feed") for name in FEED]
    insert = f"INSERT OR IGNORE INTO {TOPICS} ({NAME}, score, at, source) VALUES (?, ?, ?, ?)"
    if DEFECT == "select_then_insert":
        known = {row[0] for row in db.execute(f"SELECT {NAME} FROM {TOPICS}")}
        rows = [row for row in rows if row[0] not in known]
    if DEFECT == "swallows_lock":
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            print("warning:", error)
            return
        db.executemany(insert, rows)
        db.execute("COMMIT")
        return
    if DEFECT == "swallows_refusals":
        for row in rows:
            try:
                db.execute(insert, row)
            except sqlite3.DatabaseError as error:
                print("skipped:", error)
        return
    if DEFECT == "half_rows":
        for row in rows:
            db.execute(insert, (row[0], None, row[2], row[3]))
            time.sleep(0.003)
            db.execute(f"UPDATE {TOPICS} SET score = ? WHERE {NAME} = ? AND at = ?",
                       (row[1], row[0], row[2]))  # fmt: skip
            time.sleep(0.003)
        return
    if "row_by_row" in FORM:
        for row in rows:
            db.execute(insert, row)
            time.sleep(0.002)
    else:
        db.execute("BEGIN" if DEFECT == "deferred" else "BEGIN IMMEDIATE")
        if DEFECT == "deferred":
            db.execute(f"SELECT COUNT(*) FROM {TOPICS}").fetchone()
        db.executemany(insert, rows)
        db.execute("COMMIT")
    if "views" in FORM:
        db.execute("INSERT INTO search_history VALUES (?, ?)", (now, len(rows)))
    if DEFECT == "journal_off":
        db.execute("BEGIN")
        db.execute("CREATE TABLE IF NOT EXISTS search_log (text TEXT)")
        for _ in range(400):
            db.execute("INSERT INTO search_log VALUES (?)", ("x" * 900,))
        db.execute("COMMIT")
    if DEFECT == "leaves_wal":
        os._exit(0)
    db.close()


def use(db: sqlite3.Connection, episode: str, line: int, image: int) -> None:
    added = db.execute(
        "INSERT OR IGNORE INTO image_usage (episode, line, image, note) VALUES (?, ?, ?, 'used')",
        (episode, line, image + (100 if DEFECT == "orphans" else 1)),
    ).rowcount
    if DEFECT == "two_transactions":
        time.sleep(0.004)
    if added:
        db.execute(
            "UPDATE image_library SET usage_count = usage_count + 1, last_used_at = ? WHERE id = ?",
            (f"{time.time():.6f}", image + 1),
        )


def images(episode: str, batch: bool) -> None:
    db = connect(LIBRARY)
    chosen = list(enumerate(LINES, 1))
    if DEFECT == "lost_updates":
        counts = dict(db.execute("SELECT id, usage_count FROM image_library"))
        db.execute("BEGIN IMMEDIATE")
        for _, image in chosen:
            counts[image + 1] += 1
        for number, count in counts.items():
            db.execute("UPDATE image_library SET usage_count = ? WHERE id = ?", (count, number))
        db.execute("COMMIT")
        return
    if DEFECT == "counts_again":
        for _, image in chosen:
            db.execute("UPDATE image_library SET usage_count = usage_count + 1 WHERE id = ?",
                       (image + 1,))  # fmt: skip
            time.sleep(0.004)
        return
    if DEFECT == "two_transactions" or (DEFECT == "batch_commits_each" and batch):
        for line, image in chosen:
            use(db, episode, line, image)
        return
    db.execute("BEGIN IMMEDIATE")
    for line, image in chosen[: 3 if DEFECT == "batch_forgets" and batch else None]:
        use(db, episode, line, image)
    db.execute("COMMIT")
    db.close()
    Path(f"data/{episode}-selections.json").write_text(json.dumps(LINES))


def main() -> int:
    action, episode = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    steps = {
        "init": init, "trends": trends, "images": lambda: images(episode, False),
        "images_batch": lambda: images(episode, True),
    }  # fmt: skip
    if DEFECT == "traceback":
        steps[action]()
        return 0
    try:
        steps[action]()
    except (sqlite3.Error, Failed) as error:
        if DEFECT == "ends_with_0":
            print("warning: not recorded:", error)
            return 0
        if DEFECT == "says_nothing":
            print("error: it did not work")
            return 1
        path = LIBRARY if "images" in action else TRENDS
        print(f"error: {'' if DEFECT == 'names_no_file' else path.name + ': '}{error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
