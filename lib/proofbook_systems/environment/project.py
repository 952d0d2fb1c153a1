"""The project whose environment is looked at: a person's folder, or a small example of one.

The example has what a video pipeline keeps: databases, folders and a file of keys with random
values, made anew in a temporary folder that goes when the process ends.
"""

from __future__ import annotations

import atexit
import secrets
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from proofbook_systems.environment.folders import require_folder

__all__ = ["REFERENCE", "build_reference", "open_project"]

REFERENCE = "reference:project"

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


def open_project(name: str) -> Path:
    """Return the folder called ``name``, or a new example for ``reference:project``.

    Raises:
        SubjectError: There is no such folder.
    """
    if name != REFERENCE:
        return require_folder(Path(name))
    folder = Path(tempfile.mkdtemp(prefix="proofbook-project-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    build_reference(folder)
    return folder


def build_reference(folder: Path) -> None:
    """Fill ``folder`` with the example."""
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
