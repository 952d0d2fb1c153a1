"""Try hostile input on a pipeline's stages, each in a copy of its own, and say what came of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.integrations.bench import Bench
from proofbook_systems.pipeline.integrations.messages import cause_fault
from proofbook_systems.pipeline.names import Names
from proofbook_systems.pipeline.project.config import ARTEFACTS
from proofbook_systems.pipeline.stages import StageRun
from proofbook_systems.pipeline.tables import read_rows
from proofbook_systems.pipeline.workspace import copy_workspace
from proofbook_systems.release.attacks import ATTACKS, Attack, Target
from proofbook_systems.release.surroundings import surround

__all__ = ["judge_attacks"]

_WHY = (
    "scripts come from a model, and names from anybody: none of them may choose files or commands"
)


def judge_attacks(bench: Bench, skipped: Sequence[str] = ()) -> Iterator[Finding]:
    """Try each attack; those whose stage did not run where nothing was wrong are told.

    Raises:
        SubjectError: A name of ``skipped`` is none.
    """
    names = [attack.name for attack in ATTACKS]
    if unknown := [name for name in skipped if name not in names]:
        raise SubjectError(f"there is no attack {unknown[0]!r}; there are {', '.join(names)}")
    for attack in ATTACKS:
        name = f"attack-{attack.name}"
        if reason := _untried(bench, attack, skipped):
            yield finding(name, [], why=_WHY, untried=reason)
            continue
        faults = _try(bench, attack)
        if faults is None:
            yield finding(name, [], why=_WHY, untried=f"there is nothing to change: {attack.title}")
        else:
            yield finding(name, faults, why=_WHY)


def _untried(bench: Bench, attack: Attack, skipped: Sequence[str]) -> str:
    base = bench.bases.get(f"before-{attack.stage}")
    if attack.name in skipped:
        return "attacks_skipped names it"
    if base is None:
        return f"the stage {attack.stage} was not run"
    if lacking := [each for each in attack.needs if not base.knows(each)]:
        return f"paths has no {lacking[0]}"
    command = " ".join(_command(bench, attack))
    declared = f"{command} {' '.join(base.paths.get(n, '') for n in attack.needs)}"
    if attack.placeholder and attack.placeholder not in declared:
        return f"commands.{attack.stage} has no {attack.placeholder}"
    return ""


def _command(bench: Bench, attack: Attack) -> list[str]:
    words = list(bench.bases[f"before-{attack.stage}"].commands[attack.stage])
    return words + (bench.config.dry_run if attack.stage == "post" else [])


def _try(bench: Bench, attack: Attack) -> list[str] | None:
    folder = bench.folder / "attacks" / attack.name
    around = surround(folder)
    place = copy_workspace(bench.bases[f"before-{attack.stage}"], around.root, bench.config.link)
    place = place.with_environment(**around.environment)
    target = Target(workspace=place, episode=bench.episode, around=around)
    values = attack.prepare(target)
    if values is None:
        return None
    before, began = around.picture(), time.time()
    rows = _topics(target) if attack.accepted else 0
    run = _run(bench, attack, target, values)
    # A file's clock may be behind by a little.
    betrayed = around.betrayed(place.folder, began - 0.05, run.output)
    return [
        *around.changes(before), *around.executed(place.folder), *betrayed,
        *_ending(run, attack), *_lost(target, rows if attack.accepted else 0),
    ]  # fmt: skip


def _run(bench: Bench, attack: Attack, target: Target, values: Mapping[str, str]) -> StageRun:
    more: dict[str, str | Path] = {name: text for name, text in values.items() if name != "episode"}
    place = replace(target.workspace, timeout=bench.config.patience)
    command = _command(bench, attack)
    if episode := values.get("episode"):
        # Logs of the runbook keep the right name: only what the stage is given is hostile.
        doubled = episode.replace("{", "{{").replace("}", "}}")
        command = [word.replace("{episode}", doubled) for word in command]
        more |= {a: place.path(a, episode) for a in ARTEFACTS if place.is_own(a)}
    return bench.run(attack.stage, place, None, command, more)


def _ending(run: StageRun, attack: Attack) -> list[str]:
    what = f"on {attack.title}"
    if run.code is None:
        return [f"{run.stage} {run.words} {what}"]
    if run.ended_well:
        return [f"{run.stage} exited with code 0 {what}"] if attack.refused else []
    if attack.accepted:
        return [f"{run.stage} {run.words} {what}, which is nothing wrong: {run.last_words}"]
    fault = cause_fault(run.output, ())
    return [f"{run.stage} {run.words} {what}: {fault}"] if fault else []


def _topics(target: Target) -> int:
    path = target.workspace.path("trends_db", target.episode)
    return len(read_rows(path, "trends", Names.of(target.workspace.names)))


def _lost(target: Target, rows: int) -> list[str]:
    if not rows:
        return []
    try:
        now = _topics(target)
    except SubjectError as error:
        return [f"afterwards the topics are gone: {error}"]
    return [f"{rows - now} of {rows} topics are gone afterwards"] if now < rows else []
