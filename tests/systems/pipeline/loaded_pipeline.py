"""Projects around ``film_maker.py``, put under load."""

from __future__ import annotations

import shutil
from pathlib import Path

import av

from proofbook_systems.pipeline.load.config import LoadConfig
from proofbook_systems.pipeline.load.running import Load, begin_load


def write_clip(path: Path) -> None:
    """Write a film of some frames."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 64, 64
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(stream.encode())


def load_config(folder: Path, defect: str = "", **more: object) -> LoadConfig:
    """Return the parameters of a load on a project with one defect."""
    project = folder / "own"
    project.mkdir()
    shutil.copy(Path(__file__).with_name("film_maker.py"), project / "make.py")
    write_clip(project / "clip.mp4")
    make = ["{python}", "-S", "make.py"]
    values: dict[str, object] = {
        "project": str(project), "interpreter": "", "link": [], "timeout": 60.0, "names": {},
        "commands": {"init": [*make, "init"], "script": [*make, "script", "{episode}"],
                     "images": [*make, "images", "{episode}"],
                     "video": [*make, "video", "{episode}"]},
        "paths": {"library_db": "data/films.db", "script": "data/scripts/{episode}.txt",
                  "video": "data/videos/{episode}.mp4"},
        "environment": {"DEFECT": defect}, "videos": 7, "workers": 2, "prepare": ["init"],
        "stages": ["script", "images", "video"], "batch": [], "kills": 3, "halt": 0.5,
        "memory_bound_gb": 8.0, "growth_share": 0.05, "server": "", "proxy": "reference:faulty",
        "addresses": {"VOICE_URL": "{url}"}, "calls_a_minute": 0, "seed": 3, "output_dir": "",
    }  # fmt: skip
    return LoadConfig(**{**values, **more})


def run_load(folder: Path, defect: str = "", **more: object) -> Load:
    """Put a project under load and return what was seen."""
    load, runs = begin_load(load_config(folder, defect, **more), folder / "work")
    assert [run.last_words for run in runs if not run.ended_well] == []
    if load.config.batch:
        load.run_batch()
        return load
    assert load.run_alone() == []
    load.run_all()
    return load
