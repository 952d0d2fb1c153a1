"""Whether the stage of the film notices that a line's sound is gone, tried in a copy.

A film that lacks a line is one that nobody looked at: the stage may make the sound again, or end
with an error, but not pass it over.
"""

from __future__ import annotations

from proofbook_systems.pipeline.artefacts import Timeline
from proofbook_systems.pipeline.end_to_end.walk import Walk
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.stages import run_stage
from proofbook_systems.pipeline.workspace import copy_workspace

__all__ = ["judge_missing_sound"]


def judge_missing_sound(walk: Walk, timeline: Timeline | None) -> list[Finding]:
    """Take the sound of a middle line away, and make the film; nothing where that cannot be.

    Raises:
        SubjectError: The command cannot be started.
    """
    space = walk.workspace
    is_apart = space.has("audio") and space.has("video")
    if timeline is None or timeline.cut_from is not None or len(timeline.lines) < 2 or not is_apart:
        return []
    line = timeline.lines[len(timeline.lines) // 2]
    place = line.audio.resolve()
    if not place.is_file() or not place.is_relative_to(space.folder):
        return []
    apart = copy_workspace(space, walk.folder / "apart" / "missing-sound", walk.config.link)
    gone = apart.folder / place.relative_to(space.folder)
    if not gone.resolve().is_relative_to(apart.folder):
        return []  # linked, and so the user's own
    gone.unlink()
    apart.path("video", walk.episode).unlink(missing_ok=True)
    run = run_stage(apart, "video", walk.episode)
    is_noticed = not run.ended_well or gone.exists()
    fault = f"video {run.words} without {gone.name}, the sound of line {line.number}"
    why = "a line that could not be spoken is then missing in the film, and nobody is told"
    return [finding("missing-sound-is-noticed", [] if is_noticed else [fault], why=why)]
