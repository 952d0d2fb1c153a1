"""Several films made at the same time by one pipeline: none may get what belongs to another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.documents import read_document
from proofbook_systems.pipeline.end_to_end.timelines import same_words
from proofbook_systems.pipeline.end_to_end.walk import Walk
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.reading import read_script, read_selections, read_timeline
from proofbook_systems.pipeline.stages import run_stages
from proofbook_systems.pipeline.workspace import Workspace, copy_workspace

__all__ = ["judge_at_once"]

_WHY = "two films that are made at the same time get each other's lines, voices or images"


def judge_at_once(walk: Walk) -> Finding:
    """Make the parts of several films at the same time, and compare each film's with each other.

    Raises:
        SubjectError: A command cannot be started.
    """
    name, count = "films-are-not-mixed-up", walk.config.at_once
    shared = [a for a in ("script", "timeline", "selections") if not walk.workspace.is_own(a)]
    reason = ""
    if count < 2:
        reason = "at_once is less than 2"
    elif not walk.workspace.has("script"):
        reason = "commands has no script"
    elif shared:
        place = walk.workspace.paths.get(shared[0], "")
        reason = (
            f"{shared[0]} has one place for all films ({place}): only one at a time is possible"
        )
    if reason:
        return finding(name, [], why=_WHY, untried=reason)
    apart = copy_workspace(walk.workspace, walk.folder / "apart" / "at-once", walk.config.link)
    episodes = [f"{walk.episode}-{number}" for number in range(1, count + 1)]
    faults = _run_all(apart, ("script",), episodes)
    if not faults:
        _make_different(walk, apart, episodes)
        faults = _run_all(apart, ("audio", "images"), episodes)
    return finding(name, faults or _departures(walk, apart, episodes), why=_WHY)


def _run_all(apart: Workspace, stages: Sequence[str], episodes: Sequence[str]) -> list[str]:
    """Run stages for all films at the same time; return how those ended that did not end well."""
    with ThreadPoolExecutor(len(episodes)) as pool:
        runs = list(pool.map(lambda episode: run_stages(apart, stages, episode), episodes))
    return [f"{run.episode}: {fault}" for each in runs for run in each for fault in run.faults]


def _make_different(walk: Walk, apart: Workspace, episodes: Sequence[str]) -> None:
    """Turn each script's lines by another number: equal scripts hide that they are mixed up."""
    for number, episode in enumerate(episodes):
        path = apart.path("script", episode)
        try:
            document = read_document(path, "script")
        except SubjectError:
            continue  # told when it is compared
        lines = walk.names.get(document, "script.lines")
        if isinstance(lines, list) and lines:
            turn = number % len(lines)
            lines[:] = lines[turn:] + lines[:turn]
            path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")


def _departures(walk: Walk, apart: Workspace, episodes: Sequence[str]) -> list[str]:
    faults = []
    for episode in episodes:
        try:
            faults += [f"{episode}: {fault}" for fault in _departures_of(walk, apart, episode)]
        except SubjectError as error:
            faults.append(f"{episode}: {error}")
    return faults


def _departures_of(walk: Walk, apart: Workspace, episode: str) -> list[str]:
    """Return where what one film has does not belong to it."""
    names, root = walk.names, apart.folder
    script = read_script(apart.path("script", episode), names)
    sounds = apart.path("audio", episode) if apart.knows("audio") else None
    timeline = read_timeline(
        apart.path("timeline", episode), names, root=root, script=script, sounds=sounds
    )
    chosen = read_selections(apart.path("selections", episode), names, root=root, script=script)
    faults = []
    for line, placed in zip(script.lines, timeline.lines, strict=False):
        if not same_words(line.text, placed.text):
            faults.append(f"line {line.number} says {placed.text!r:.40} in the time-line")
        if walk.workspace.is_own("audio") and episode not in str(placed.audio):
            faults.append(f"line {line.number} has the sound {placed.audio.name} of another film")
    counts = {len(script.lines), len(timeline.lines), len(chosen.selections)}
    if len(counts) > 1:
        faults.append(
            f"{len(script.lines)} lines, {len(timeline.lines)} sounds, "
            f"{len(chosen.selections)} images"
        )
    for line, image in zip(script.lines, chosen.selections, strict=False):
        if (line.character.casefold(), line.emotion.casefold()) != (
            image.character.casefold(), image.emotion.casefold(),
        ):  # fmt: skip
            faults.append(f"line {line.number} has an image of {image.character}, {image.emotion}")
    return faults
