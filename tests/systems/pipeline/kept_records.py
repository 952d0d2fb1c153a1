"""Projects around ``record_keeper.py``, opened as the subject of trials on databases."""

from __future__ import annotations

import shutil
from pathlib import Path

from proofbook_systems.pipeline.databases.config import DatabasesConfig
from proofbook_systems.pipeline.databases.subject import Subject, prepare_subject

UNIQUE = {"trends.table": ["trend.name", "trend.source"], "image_library": ["library.path"]}
TABLES = {"trends_db": ["trends.table"], "library_db": ["library.table", "image_usage"]}
OLD = (
    "CREATE TABLE trends (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, score REAL, "
    "at TEXT); INSERT INTO trends (name, score, at) VALUES ('old', 0.1, 'then'), "
    "('older', 0.2, 'then');"
)


def open_records(
    folder: Path, *, defect: str = "", form: str = "", wait: float = 10.0, workers: int = 2
) -> tuple[Subject, DatabasesConfig]:
    """Return a prepared project with one defect or of one form."""
    project = folder / "own"
    (project / "data").mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("record_keeper.py"), project / "keep.py")
    file = {"trends_db": "data/trends.db", "library_db": "data/image_library.db"}
    if "one_file" in form:
        file = dict.fromkeys(file, "data/all.sqlite")
    if "trends_only" in form:
        del file["library_db"]
    keep = ["{python}", "-S", "keep.py"]
    config = DatabasesConfig(
        project=str(project), interpreter="", link=[], timeout=30.0, paths=file,
        commands={"init": [*keep, "init"], "trends": [*keep, "trends"],
                  "images": [*keep, "images", "{episode}"],
                  "images_batch": [*keep, "images_batch", "{episode}"]},
        names={"trends.table": "hot", "trend.name": "label"} if "other_names" in form else {},
        environment={"DEFECT": defect, "FORM": form, "WAIT": str(wait)},
        prepare=["init"], writers=["trends", "images"], tables=TABLES, unique=UNIQUE,
        workers=workers, short_lock=0.4, long_lock=1.2, kills=2, old={"trends_db": OLD},
        migrate="init", batch_transactions=1, seed=0, output_dir="",
    )  # fmt: skip
    subject, runs = prepare_subject(config, folder / "work")
    assert [run.last_words for run in runs if not run.ended_well] == []
    return subject, config
