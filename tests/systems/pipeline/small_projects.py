"""Projects of the small pipeline, and the parameters that point a runbook at one."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from proofbook_subjects.checklists.films import write_film

HERE = Path(__file__).parent
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 8
PROGRAM = ["{python}", "small_pipeline.py"]


def make_project(folder: Path) -> Path:
    """Write a project: the program, two images, and a film to begin with."""
    folder.mkdir(parents=True)
    shutil.copyfile(HERE / "planted_pipeline.py", folder / "small_pipeline.py")
    write_film(folder / "film.mp4", seconds=1.0, width=90, height=160)
    (folder / "data" / "images").mkdir(parents=True)
    for name in ("butcher", "nutsy"):
        (folder / "data" / "images" / f"{name}.png").write_bytes(PNG)
    return folder


def parameters_of(project: Path, servers: dict[str, str]) -> dict[str, Any]:
    """Return what points the runbook at a project and its servers."""
    return {
        "project": str(project), "interpreter": sys.executable, "servers": servers,
        "commands": {
            "init": [*PROGRAM, "init"], "trends": [*PROGRAM, "trends"],
            "script": [*PROGRAM, "script", "data/{episode}.json"],
            "audio": [*PROGRAM, "audio", "{script}"],
            "images": [*PROGRAM, "images", "{script}"], "video": [*PROGRAM, "video", "{video}"],
            "post": [*PROGRAM, "post", "{video}", "--caption", "{caption}"],
        },
        "paths": {
            "trends_db": "data/trends.db", "script": "data/{episode}.json",
            "audio": "data/audio/{episode}", "timeline": "data/audio/{episode}/timeline.json",
            "selections": "data/image_selections.json", "video": "data/{episode}.mp4",
            "metrics_db": "data/metrics.db",
        },
        "names": {}, "environment": {}, "link": [], "timeout": 120.0,
    }  # fmt: skip


ADDRESSES = {
    "openai_api": {"OPENAI_BASE_URL": "{url}", "OPENAI_API_KEY": "{key}"},
    "claude": {"ANTHROPIC_BASE_URL": "{url}", "ANTHROPIC_API_KEY": "{key}"},
    "voice": {"ELEVENLABS_BASE_URL": "{url}", "ELEVENLABS_API_KEY": "{key}"},
    "posting": {
        "INSTAGRAM_BASE_URL": "{url}", "INSTAGRAM_ACCESS_TOKEN": "{key}",
        "INSTAGRAM_USER_ID": "17841400000000000",
    },
}  # fmt: skip
USUAL: dict[str, Any] = {
    "apis": ["openai_api", "claude", "voice", "posting"], "addresses": ADDRESSES,
    "faulty_server": "reference:faulty", "script_answer": "", "caption": "Cheese #mouse",
    "retries": 4, "fallback": True, "refreshes": True, "most_at_once": {"voice": 2},
    "most_a_second": {},
    "refresh_path": "refresh_access_token", "publish_path": "media_publish",
    "dry_run": ["--dry-run"], "longest_film": 90.0, "patience": 60.0, "workers": 2,
    "only": [], "skip": [],
}  # fmt: skip
