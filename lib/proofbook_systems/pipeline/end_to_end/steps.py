"""Take a step of the checklist: run its stage, judge what it leaves, note how it went.

step = take(walk, "audio")
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.artefacts import Script, Selections, Timeline
from proofbook_systems.pipeline.cutting import whole_sound
from proofbook_systems.pipeline.end_to_end.caption_times import judge_captions
from proofbook_systems.pipeline.end_to_end.environment import judge_environment
from proofbook_systems.pipeline.end_to_end.folders import folders_of
from proofbook_systems.pipeline.end_to_end.images import judge_batch, judge_selections
from proofbook_systems.pipeline.end_to_end.last_steps import take_metadata, take_quality, take_video
from proofbook_systems.pipeline.end_to_end.run_findings import (
    begin_step,
    known_emotions,
    known_library,
    known_trends,
    unreadable,
)
from proofbook_systems.pipeline.end_to_end.scripts import judge_script
from proofbook_systems.pipeline.end_to_end.sound_files import NO_TIMELINE, read_sounds
from proofbook_systems.pipeline.end_to_end.timelines import judge_timeline
from proofbook_systems.pipeline.end_to_end.trends import judge_trends
from proofbook_systems.pipeline.end_to_end.walk import Step, Walk
from proofbook_systems.pipeline.film.linesounds import judge_sounds
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.reading import read_selections
from proofbook_systems.pipeline.stages import run_stage
from proofbook_systems.pipeline.workspace import copy_workspace

__all__ = ["take"]


def take(walk: Walk, name: str) -> Step:
    """Take one step; a step that is not asked for has no findings.

    What a program has failed to leave, or what cannot be read, is a finding, and no error.

    Raises:
        SubjectError: A command cannot be started.
    """
    if not walk.takes(name):
        return Step(name=name)
    began = time.perf_counter()
    step = _STEPS[name](walk)
    walk.note(step, time.perf_counter() - began)
    return step


def _environment(walk: Walk) -> Step:
    runs = [walk.run(stage) for stage in ("init",) if walk.workspace.has(stage)]
    before = folders_of(walk.workspace.folder)
    runs += [walk.run(stage) for stage in ("validate",) if walk.workspace.has(stage)]
    removed = sorted(before - folders_of(walk.workspace.folder))
    findings = judge_environment(walk, runs, removed)
    words = ", ".join(f"{run.stage} {run.words}" for run in runs)
    return Step(name="environment", findings=findings, runs=runs, words=words)


def _trends(walk: Walk) -> Step:
    walk.keep_table("trends", "trends_db")
    begun = begin_step(walk, "trends", "trends_db")
    if begun.untried:
        return _untried("trends", "trends-saved", begun.untried)
    findings = begun.findings
    try:
        rows = walk.table("trends", "trends_db")
    except SubjectError as error:
        findings.append(unreadable("trends-saved", error))
        return Step(name="trends", findings=findings, runs=begun.runs)
    findings += judge_trends(
        walk.kept_table("trends"), rows, least=walk.config.least_trends, days=walk.config.days,
        now=datetime.now(UTC), scores=walk.config.score_range, unknown=walk.unkept("trends"),
    )  # fmt: skip
    words = f"{len(rows)} trends in {rows.table}"
    return Step(name="trends", findings=findings, runs=begun.runs, words=words)


def _script(walk: Walk) -> Step:
    begun = begin_step(walk, "script", "script")
    if begun.untried:
        return _untried("script", "script-lines", begun.untried)
    findings = begun.findings
    try:
        script = walk.script()
    except SubjectError as error:
        findings.append(unreadable("script-lines", error))
        return Step(name="script", findings=findings, runs=begun.runs)
    findings += judge_script(
        script, least_lines=walk.config.least_lines, characters=walk.config.characters,
        emotions=known_emotions(walk), trends=known_trends(walk), keys=walk.config.script_keys,
    )  # fmt: skip
    words = f"{len(script.lines)} lines under {script.form!r}"
    return Step(name="script", findings=findings, runs=begun.runs, words=words)


def _audio(walk: Walk) -> Step:
    script = _script_or_reason(walk)
    if isinstance(script, str):
        return _untried("audio", "audio-for-each-line", script)
    is_timed = walk.workspace.knows("timeline")
    begun = begin_step(walk, "audio", *(("timeline", "audio") if is_timed else ("audio",)))
    if begun.untried:
        return _untried("audio", "audio-for-each-line", begun.untried)
    findings = begun.findings
    try:
        timeline = walk.timeline(script) if is_timed else read_sounds(walk.path("audio"), script)
    except SubjectError as error:
        findings.append(unreadable("audio-for-each-line", error))
        return Step(name="audio", findings=findings, runs=begun.runs)
    if timeline.cut_from is not None:
        findings.append(judge_captions(timeline, timeline.cut_from))
    if is_timed or len(timeline.lines) > 1:
        findings += judge_timeline(
            script, timeline, longest_gap=walk.config.longest_gap,
            no_times="" if is_timed else NO_TIMELINE,
        )  # fmt: skip
    findings += _listen(timeline, is_timed=is_timed)
    if is_timed:
        findings += walk.identity("timeline", "script")
    words = f"{len(timeline.lines)} lines, {timeline.lines[-1].end if timeline.lines else 0:.1f} s"
    return Step(name="audio", findings=findings, runs=begun.runs, words=words)


def _listen(timeline: Timeline, *, is_timed: bool) -> list[Finding]:
    """Judge the sounds by themselves; without a time-line no duration was recorded."""
    if not timeline.has_sounds:
        reason = f"{timeline.path.name} names no sounds, nor does paths"
        return [finding("line-sounds-play", [], why="what is not heard is unknown", untried=reason)]
    sounds = timeline if timeline.cut_from is None else whole_sound(timeline)
    judged = judge_sounds(sounds)
    if is_timed and timeline.cut_from is None:
        return judged
    return [
        finding(x.name, [], why=x.why, untried=NO_TIMELINE) if x.name == "line-durations" else x
        for x in judged
    ]


def _images(walk: Walk) -> Step:
    script = _script_or_reason(walk)
    if isinstance(script, str):
        return _untried("images", "image-for-each-line", script)
    walk.keep_table("library", "library_db")
    # Before the film's own selection: how often an image was used decides which is chosen.
    alone, batch = (_select_apart(walk, script, s) for s in ("images", "images_batch"))
    begun = begin_step(walk, "images", "selections")
    if begun.untried:
        return _untried("images", "image-for-each-line", begun.untried)
    findings = begun.findings
    try:
        chosen, library = walk.selections(script), known_library(walk)
    except SubjectError as error:
        findings.append(unreadable("image-for-each-line", error))
        return Step(name="images", findings=findings, runs=begun.runs)
    findings += judge_selections(script, chosen, library)
    findings += walk.identity("selections", "script", "timeline")
    findings.append(_compare(chosen, alone, batch))
    words = f"{len(chosen.selections)} images"
    return Step(name="images", findings=findings, runs=begun.runs, words=words)


def _select_apart(walk: Walk, script: Script, stage: str) -> Selections | str:
    """Select images in a copy of the workspace; return why there are none where that failed."""
    if not walk.workspace.has(stage) or not walk.workspace.knows("selections"):
        return f"commands has no {stage}"
    apart = copy_workspace(walk.workspace, walk.folder / "apart" / stage, walk.config.link)
    run = run_stage(apart, stage, walk.episode)
    path = apart.path("selections", walk.episode)
    if not run.ended_well:
        return run.faults[0]
    try:
        return read_selections(path, walk.names, root=apart.folder, script=script)
    except SubjectError as error:
        return str(error)


def _compare(chosen: Selections, alone: Selections | str, batch: Selections | str) -> Finding:
    """Compare with a selection in a batch, where one by one gives the same twice."""
    why = "the quick way chooses other images than the one that was tested"
    name = "batch-equals-one-by-one"
    if isinstance(batch, str):
        missing = batch.startswith("commands has no")
        return finding(name, [] if missing else [batch], why=why, untried=batch if missing else "")
    if isinstance(alone, str) or judge_batch(chosen, alone, name, why).faults:
        reason = "one by one, other images are chosen each time from the same state"
        return finding(name, [], why=why, untried=alone if isinstance(alone, str) else reason)
    return judge_batch(chosen, batch, name, why)


def _script_or_reason(walk: Walk) -> Script | str:
    try:
        return walk.script()
    except SubjectError as error:
        return f"there is no script to go on with: {error}"


def _untried(step: str, name: str, reason: str) -> Step:
    why = "the film needs what this step leaves"
    return Step(name=step, findings=[finding(name, [], why=why, untried=reason)], words=reason)


_STEPS: dict[str, Callable[[Walk], Step]] = {
    "environment": _environment, "trends": _trends, "script": _script, "audio": _audio,
    "images": _images, "video": take_video, "quality": take_quality, "metadata": take_metadata,
}  # fmt: skip
