"""A project with what a video pipeline keeps: databases, folders, and keys with random values."""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

__all__ = ["write_project"]

_FOLDERS = ("config", "data/scripts", "data/audio", "outputs")
_KEYS = ("OPENAI_API_KEY", "ELEVENLABS_API_KEY")
_DATABASES = {
    "data/trends.db": """
        CREATE TABLE trending_topics (id INTEGER PRIMARY KEY, topic TEXT NOT NULL, source TEXT,
            timestamp TEXT, relevance_score REAL, used_flag INTEGER, category TEXT, metadata TEXT);
        INSERT INTO trending_topics (topic, source, relevance_score) VALUES ('jazz', 'search', 0.9);
        CREATE TABLE search_history (id INTEGER PRIMARY KEY, query TEXT, timestamp TEXT);
    """,
    "data/metrics.db": """
        CREATE TABLE video_metrics (id INTEGER PRIMARY KEY, video_id TEXT, views INTEGER);
        CREATE TABLE video_metadata (id INTEGER PRIMARY KEY, video_id TEXT, title TEXT);
        CREATE VIEW latest_video_metrics AS SELECT * FROM video_metrics;
    """,
    "data/image_library.db": """
        CREATE TABLE image_library (id INTEGER PRIMARY KEY,
            character TEXT CHECK (character = lower(character)), emotion TEXT, pose TEXT,
            file_path TEXT UNIQUE, source TEXT, quality_score REAL, usage_count INTEGER,
            last_used_at TEXT);
    """,
}


def write_project(folder: Path) -> Path:
    """Fill ``folder`` with the project, and return it."""
    for name in _FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, schema in _DATABASES.items():
        with closing(sqlite3.connect(folder / name)) as connection:
            connection.executescript(schema)
            connection.commit()
    lines = [f"{key}={secrets.token_urlsafe(24)}" for key in _KEYS]
    secret_file = folder / "config" / ".env"
    secret_file.touch(mode=0o600)
    secret_file.write_text("\n".join(["# keys of the example", *lines, ""]))
    return folder
