"""Post a film to a platform of this machine: dry, then for real, and see what comes of it."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.integrations.bench import Bench
from proofbook_systems.pipeline.integrations.judging import publications
from proofbook_systems.pipeline.integrations.services import SERVICES
from proofbook_systems.pipeline.integrations.trials import Trial
from proofbook_systems.pipeline.stages import run_stage
from proofbook_systems.pipeline.workspace import Workspace
from proofbook_systems.release.platform import Platform

__all__ = ["rehearse"]

_API = "posting"


def rehearse(bench: Bench, film: Path, account: str, *, own: bool) -> Iterator[Finding]:
    """Rehearse a post of a film; the film is put where the pipeline's own lie.

    Args:
        bench: The pipeline, and a platform of this machine.
        film: Which.
        account: At that platform.
        own: Whether the film was made by this pipeline, so that its metrics know it.

    Raises:
        SubjectError: The stage cannot be started.
    """
    workspace = bench.bases["all"]
    if not workspace.has("post"):
        for name in ("dry-run", "rehearsal", "post-id", "metrics-recorded"):
            yield finding(name, [], why="it is the last stage", untried="commands has no post")
        return
    faults = _bring(bench, workspace, film)
    bench.bases[_API] = workspace
    dry = _run(bench, dry=True) if bench.config.dry_run else None
    yield finding(
        "dry-run", [*faults, *(_dry_faults(dry) if dry else [])],
        why="what fails dry fails in public", untried="" if dry else "dry_run gives no arguments",
    )  # fmt: skip
    before = _rows(workspace, bench.episode)
    trial = _run(bench, dry=False)
    yield finding("rehearsal", [*trial.run.faults, *trial.leaks], why="it is the same command")
    yield from _afterwards(bench, trial, before, account, own)


def _bring(bench: Bench, workspace: Workspace, film: Path) -> list[str]:
    place = workspace.path("video", bench.episode)
    if place.resolve() != film.resolve():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(film, place)
    run = run_stage(workspace, "init", bench.episode) if workspace.has("init") else None
    return run.faults if run else []


def _run(bench: Bench, *, dry: bool) -> Trial:
    workspace = bench.bases[_API]
    command = list(workspace.commands["post"]) + (bench.config.dry_run if dry else [])
    lane = bench.servers[_API].lane
    return bench.try_on(lane, SERVICES[_API], workspace, command=command)


def _dry_faults(trial: Trial) -> list[str]:
    made = f"{len(trial.costing)} calls that publish were made"
    return [*trial.run.faults, *([made] if trial.costing else []), *trial.leaks]


def _afterwards(
    bench: Bench, trial: Trial, before: dict[str, set[str]], account: str, own: bool
) -> Iterator[Finding]:
    why = "without it nobody finds the post again"
    if not trial.run.ended_well:
        for name in ("post-id", "post-visible", "metrics-recorded"):
            yield finding(name, [], why=why, untried="the rehearsal failed")
        return
    published = [call for call in publications(trial, bench.config.publish_path)
                 if call.status is not None and call.status < 400]  # fmt: skip
    yield finding(
        "post-id", _id_faults(len(published)), why="a post that is doubled, or that is none"
    )
    after = _rows(bench.bases[_API], bench.episode)
    new = [row for table, rows in after.items() for row in rows - before.get(table, set())]
    reason = "" if bench.bases[_API].knows("metrics_db") else "paths has no metrics_db"
    if not new and not own:
        reason = reason or "this pipeline did not make the film: give workspace, where it did"
    missing = [] if new or reason else ["no row of the metrics was added or changed"]
    yield finding("metrics-recorded", missing, why="views are counted by it", untried=reason)
    post = _id_of(trial, new)
    if not post:
        reason = "neither what post prints nor the metrics have a number that may be the post's id"
        yield finding("post-visible", [], why=why, untried=reason)
        return
    url = bench.servers[_API].lane.root
    yield Platform(url, bench.keys[_API], account).judge_post(post)


def _id_faults(number: int) -> list[str]:
    if number == 1:
        return []
    return [f"the platform was asked to publish {number} times; once is right"]


def _id_of(trial: Trial, rows: list[str]) -> str:
    for text in (trial.run.output, *rows):
        if found := re.findall(r"(?<![\w.])\d{5,}(?:_\d+)?(?![\w.])", text):
            return str(found[-1])
    return ""


def _rows(workspace: Workspace, episode: str) -> dict[str, set[str]]:
    """Return every row of the metrics as text, by table."""
    if not workspace.knows("metrics_db"):
        return {}
    path = workspace.path("metrics_db", episode)
    if not path.is_file():
        return {}
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            tables = [row[0] for row in database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'")]  # fmt: skip
            return {t: {repr(row) for row in database.execute(f'SELECT * FROM "{t}"')}
                    for t in tables}  # fmt: skip
    except sqlite3.Error as error:
        raise SubjectError(f"database {path}: {error}") from error
