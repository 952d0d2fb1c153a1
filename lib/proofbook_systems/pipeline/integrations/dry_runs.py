"""A dry run of posting: nothing is published, and what is no film is refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.integrations.bench import Bench
from proofbook_systems.pipeline.integrations.films import BadFilm, make_bad_films
from proofbook_systems.pipeline.integrations.messages import cause_fault
from proofbook_systems.pipeline.integrations.services import SERVICES
from proofbook_systems.pipeline.integrations.trials import Trial
from proofbook_systems.pipeline.workspace import Workspace

__all__ = ["judge_dry_runs"]

_NONE = "a dry run that publishes is a post"
_BAD = "a dry run that lets it pass is no rehearsal: the platform refuses it in public"


def judge_dry_runs(bench: Bench) -> Iterator[Finding]:
    """Run the posting stage dry on the right film, then on each bad one, and once for real."""
    words = bench.config.dry_run
    if not words:
        yield finding("posting-dry-run", [], why=_NONE, untried="dry_run gives no arguments")
        return
    film = bench.bases["posting"].path("video", bench.episode)
    right = _post(bench, "dry", dry=True)
    yield finding("posting-dry-run", [*right.run.faults, *_changes(right)], why=_NONE)
    if right.run.faults:
        return
    for bad in make_bad_films(film, bench.folder / "films", longest=bench.config.longest_film):
        trial = _post(bench, f"dry-{bad.name}", dry=True, film=bad.path)
        faults = [*_refusal(trial, bad, right), *_changes(trial)]
        yield finding(f"posting-dry-run-{bad.name}", faults, why=_BAD)
        if bad.name == "text":
            real = _post(bench, "real-text", dry=False, film=bad.path)
            faults = [*_refusal(real, bad, right), *_changes(real)]
            yield finding("posting-refuses-a-text", faults, why=_BAD)


def _post(bench: Bench, name: str, *, dry: bool, film: Path | None = None) -> Trial:
    workspace = bench.copy("posting", name)
    command = list(workspace.commands["post"]) + (bench.config.dry_run if dry else [])
    if film and "{video}" not in " ".join(command):
        raise SubjectError("commands.post has no {video}, so no other film can be given to it")
    values = {"video": _bring(film, workspace, bench.episode)} if film else {}
    with bench.servers["posting"].open_lane() as lane:
        return bench.try_on(lane, SERVICES["posting"], workspace, command=command, values=values)


def _changes(trial: Trial) -> list[str]:
    """Return the calls that change something at the platform."""
    if not trial.costing:
        return list(trial.leaks)
    first = trial.costing[0]
    return [f"{len(trial.costing)} calls that publish were made, the first is {first.method} "
            f"{first.path}", *trial.leaks]  # fmt: skip


def _refusal(trial: Trial, bad: BadFilm, right: Trial) -> list[str]:
    if trial.run.code is None:
        return [f"with {bad.title} post {trial.run.words}"]
    if trial.run.ended_well:
        return [f"post ended with code 0 on {bad.title}"]
    fault = cause_fault(trial.run.output, bad.names, right.run.output)
    return [f"post {trial.run.words} on {bad.title}: {fault}"] if fault else []


def _bring(film: Path, workspace: Workspace, episode: str) -> Path:
    """Put a film where the pipeline's own lie: one from elsewhere may be refused for that alone."""
    place = workspace.path("video", episode).with_name(film.name)
    if film.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(film, place)
    return place
