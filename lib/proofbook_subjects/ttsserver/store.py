"""What the server remembers: profiles, samples and generations, in SQLite, in its data folder."""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from pathlib import Path
from typing import Any

__all__ = ["Store"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS profiles (
    id TEXT PRIMARY KEY, name TEXT UNIQUE NOT NULL, voice_type TEXT NOT NULL,
    language TEXT NOT NULL, preset_engine TEXT, preset_voice_id TEXT, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS samples (
    id TEXT PRIMARY KEY, profile_id TEXT NOT NULL REFERENCES profiles(id), path TEXT NOT NULL,
    reference_text TEXT NOT NULL, hertz REAL NOT NULL);
CREATE TABLE IF NOT EXISTS generations (
    id TEXT PRIMARY KEY, profile_id TEXT NOT NULL REFERENCES profiles(id), text TEXT NOT NULL,
    language TEXT NOT NULL, engine TEXT NOT NULL, model_size TEXT, seed INTEGER,
    normalize INTEGER NOT NULL, status TEXT NOT NULL, error TEXT, duration REAL NOT NULL DEFAULT 0,
    audio_path TEXT NOT NULL DEFAULT '', created_at REAL NOT NULL, started_at REAL,
    completed_at REAL, generation_seconds REAL);
"""

Row = dict[str, Any]


class Store:
    """The database of one server; a generation that it died in the middle of is failed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._base = sqlite3.connect(folder / "voicebox.db", check_same_thread=False)
        self._base.row_factory = sqlite3.Row
        with self._lock, self._base:
            self._base.executescript(_SCHEMA)
            self._base.execute(
                "UPDATE generations SET status = 'failed', error = 'interrupted by a restart' "
                "WHERE status NOT IN ('completed', 'failed')"
            )

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._base.close()

    def add(self, table: str, **values: Any) -> Row:
        """Insert a row with a new id and return it.

        Raises:
            sqlite3.IntegrityError: A name is taken.
        """
        row = {"id": str(uuid.uuid4()), **values}
        if table != "samples":
            row["created_at"] = time.time()
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        with self._lock, self._base:
            self._base.execute(
                f"INSERT INTO {table} ({columns}) VALUES ({marks})", tuple(row.values())
            )
        stored = self.find(table, id=row["id"])
        assert stored is not None
        return stored

    def find(self, table: str, **where: Any) -> Row | None:
        """Return the first row with these values, or None."""
        clause = " AND ".join(f"{column} = ?" for column in where)
        with self._lock:
            row = self._base.execute(
                f"SELECT * FROM {table} WHERE {clause}", tuple(where.values())
            ).fetchone()
        return dict(row) if row else None

    def update(self, generation_id: str, **values: Any) -> None:
        """Change a generation."""
        clause = ", ".join(f"{column} = ?" for column in values)
        with self._lock, self._base:
            self._base.execute(
                f"UPDATE generations SET {clause} WHERE id = ?", (*values.values(), generation_id)
            )
