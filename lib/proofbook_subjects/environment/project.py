"""A project with what a video pipeline keeps: databases, folders, sources, an environment, keys.

Its environment is a virtual one that sees the packages of this interpreter; its keys have random
values.
"""

from __future__ import annotations

import secrets
import sqlite3
import sys
import sysconfig
from contextlib import closing
from pathlib import Path

__all__ = ["write_environment", "write_project"]

_FOLDERS = ("config", "data/scripts", "data/audio", "outputs")
_KEYS = ("OPENAI_API_KEY", "ELEVENLABS_API_KEY")
_FILES = {
    "requirements.txt": "numpy>=2\npillow>=11  # frames\nsoundfile\n",
    "assemble.py": (
        '"""Put pictures and sound together."""\n\nimport wave\n\nimport numpy as np\n'
        "import soundfile\nfrom PIL import Image\n\nfrom pacing import LETTERS_PER_SECOND\n"
    ),
    "pacing.py": '"""How fast a line is spoken."""\n\nLETTERS_PER_SECOND = 15\n',
    "config/.env.example": "".join(f"{key}=your-{key.lower()}-here\n" for key in _KEYS),
}
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
    for name, text in _FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    for name, schema in _DATABASES.items():
        with closing(sqlite3.connect(folder / name)) as connection:
            connection.executescript(schema)
            connection.commit()
    lines = [f"{key}={secrets.token_urlsafe(24)}" for key in _KEYS]
    secret_file = folder / "config" / ".env"
    secret_file.touch(mode=0o600)
    secret_file.write_text("\n".join(["# keys of the example", *lines, ""]))
    write_environment(folder / ".venv")
    return folder


def write_environment(folder: Path) -> Path:
    """Make a virtual environment that sees this interpreter's packages, and return it.

    Written by hand: making one with the standard library's ``venv`` takes longer than all else.
    """
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    site = folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    (folder / "bin").mkdir(parents=True)
    site.mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(base)
    version = ".".join(map(str, sys.version_info[:3]))
    settings = f"home = {base.parent}\ninclude-system-site-packages = false\nversion = {version}\n"
    (folder / "pyvenv.cfg").write_text(settings)
    packages = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    (site / "packages.pth").write_text("\n".join(packages) + "\n")
    return folder
