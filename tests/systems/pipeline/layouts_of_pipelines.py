"""The parameters of a pipeline of another layout than the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from proofbook_systems.pipeline.end_to_end.config import EndToEndConfig

STAGES = {
    "init": "library",
    "trends": "fetch",
    "script": "write",
    "audio": "voice",
    "images": "choose",
    "images_batch": "choose",
    "video": "assemble",
}
PATHS = {
    "trends_db": "db/trends.sqlite",
    "script": "work/{episode}/scene.json",
    "audio": "work/{episode}",
    "timeline": "work/{episode}/times.json",
    "selections": "work/{episode}/shown.json",
    "video": "work/{episode}/film.mp4",
    "metrics_db": "db/numbers.sqlite",
    "library_db": "db/pictures.sqlite",
}


def second_config(project: Path, **changes: Any) -> EndToEndConfig:
    """Return the parameters of ``pipeline/end_to_end`` for it."""
    takes_name = ("script", "audio", "images", "images_batch", "video")
    commands = {
        stage: ["{python}", "pipe.py", word, *(["{episode}"] if stage in takes_name else [])]
        for stage, word in STAGES.items()
    }
    given: dict[str, Any] = {
        "project": str(project),
        "interpreter": "",
        "commands": commands,
        "paths": PATHS,
        "names": {},
        "environment": {},
        "link": [],
        "timeout": 60.0,
        "steps": [],
        "workspace": "",
        "episode": "e1",
        "keys": [],
        "env_file": "",
        "characters": ["Anna", "Bo", "Cy"],
        "emotions": [],
        "least_trends": 5,
        "score_range": [],
        "voices": {},
        "days": 7.0,
        "least_lines": 5,
        "script_keys": [],
        "longest_gap": 1.0,
        "width": 108,
        "height": 192,
        "turned": False,
        "platforms": [],
        "at_once": 2,
        "content": False,
        "clean_up": True,
        "environment_name": "",
        "reviewer_role": "",
    }
    return EndToEndConfig.model_validate(given | changes)
