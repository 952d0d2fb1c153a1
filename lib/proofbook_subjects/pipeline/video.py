"""Step 6: assemble the video, and mark the episode as generated."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from typing import Any

from proofbook_subjects.pipeline.commands import run_command, tell
from proofbook_subjects.pipeline.cues import Cue, cues_of
from proofbook_subjects.pipeline.errors import MediaError, SettingsError
from proofbook_subjects.pipeline.film import Encoder, Look
from proofbook_subjects.pipeline.metrics import mark_generated, measured
from proofbook_subjects.pipeline.pictures import black, draw_shot, open_image
from proofbook_subjects.pipeline.settings import Project
from proofbook_subjects.pipeline.sounds import FRAMES_A_SECOND, RATE, Samples, decode
from proofbook_subjects.pipeline.spoiling.mix import is_spoilt, spoil_mix
from proofbook_subjects.pipeline.spoiling.video import (
    fill_disk,
    spoil_cues,
    spoil_film,
    spoil_look,
    spoil_plan,
)
from proofbook_subjects.pipeline.storing import episode_lock, partial_file
from proofbook_subjects.pipeline.timelines import Plan, Shot, read_plan

__all__ = ["assemble_video", "look_of", "main"]

_DEFAULT_SIZE = "1080x1920"


def main(root: Path, argv: Sequence[str] | None = None) -> int:
    """Run ``assemble_video.py`` and return its exit code."""
    return run_command(root, _work, _declare, stage="video", about=__doc__, argv=argv)


def assemble_video(project: Project, plan: Plan, path: Path) -> None:
    """Make the film of a plan.

    Raises:
        PipelineError: A file cannot be used, or the film cannot be written; an older film stays.
    """
    look = look_of(project)
    locks = project.root / "data" / "final_videos"
    with (
        episode_lock(locks, plan.episode),
        measured(project, plan.episode, "video") as stage,
        partial_file(path) as beside,
    ):
        _encode(project, spoil_plan(project.faults, plan), beside, look)
        spoil_film(project.faults, beside)
        stage.items = len(plan.shots)
    mark_generated(
        project, plan.episode, script_hash=plan.script_hash, video=project.relative(path),
        seconds=plan.total,
    )  # fmt: skip


def look_of(project: Project) -> Look:
    """Return how this project's films are encoded: VIDEO_SIZE, else 1080x1920.

    Raises:
        SettingsError: It is no size.
    """
    text = project.text("VIDEO_SIZE", _DEFAULT_SIZE)
    width, _, height = text.partition("x")
    sizes = [int(part) for part in (width, height) if part.isdecimal()]
    if len(sizes) != 2 or not all(64 <= size <= 4096 and size % 2 == 0 for size in sizes):
        raise SettingsError(f"VIDEO_SIZE={text!r}: expected two even numbers, as {_DEFAULT_SIZE}")
    return spoil_look(project.faults, Look(width=sizes[0], height=sizes[1]))


def _encode(project: Project, plan: Plan, path: Path, look: Look) -> None:
    import av

    encoder = Encoder(path, look)
    try:
        if is_spoilt(project.faults) or project.faults.has("video", "careless"):
            _film_spoilt(project, plan, encoder)
        else:
            _film(project, plan, encoder)
    except BaseException as error:
        with suppress(OSError, av.FFmpegError):
            encoder.abandon()
        if isinstance(error, av.FFmpegError) and not isinstance(error, OSError):
            raise MediaError(f"the film cannot be encoded: {error}") from error
        raise


def _film(project: Project, plan: Plan, encoder: Encoder) -> None:
    """Film line after line, so that no more than one is in memory."""
    cues = spoil_cues(project.faults, list(cues_of(plan)))
    for cue, shot in zip_longest(cues, plan.shots):
        encoder.show(_draw(cue, encoder.look), cue.until)
        if shot is not None:
            fill_disk(project.faults, shot.line.number, len(plan.shots))
            encoder.play(_sound_of(project, shot), shot.start)
            tell(f"line {shot.line.number} of {len(plan.shots)} filmed")
    encoder.close(max(cue.until for cue in cues))


def _film_spoilt(project: Project, plan: Plan, encoder: Encoder) -> None:
    """Film with a sound that is spoilt as a whole."""
    import numpy as np

    mix = np.zeros(round(plan.total * RATE), np.float32)
    for shot in plan.shots:
        samples, at = _sound_of(project, shot), round(shot.start * RATE)
        mix[at : at + len(samples)] = samples[: len(mix) - at]
    cues = spoil_cues(project.faults, list(cues_of(plan)))
    for cue in cues:
        encoder.show(_draw(cue, encoder.look), cue.until)
    encoder.play(spoil_mix(project.faults, mix, plan), 0.0)
    encoder.close(cues[-1].until)


def _draw(cue: Cue, look: Look) -> Any:
    if cue.image is None:
        return black(look.width, look.height)
    picture = open_image(cue.image, look.width, look.height, f"line {cue.number}")
    return draw_shot(picture, cue.speaker, cue.text)


def _sound_of(project: Project, shot: Shot) -> Samples:
    where, is_careless = f"line {shot.line.number}", project.faults.has("video", "careless")
    samples = decode(shot.audio, f"{where}, audio {shot.audio.name}")
    seconds = len(samples) / RATE
    if abs(seconds - shot.duration) > 1 / FRAMES_A_SECOND and not is_careless:
        raise MediaError(
            f"{where}: {shot.audio.name} lasts {seconds:.3f} s and the time-line says "
            f"{shot.duration:.3f} s; run generate_audio.py again"
        )
    return samples[: round(shot.duration * RATE)]


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--timeline", required=True)
    parser.add_argument("--images", required=True, help="the selections")
    parser.add_argument("--output", required=True)


def _work(project: Project, options: argparse.Namespace) -> None:
    files = project.sandbox
    plan = read_plan(
        project,
        files.existing(options.timeline, "--timeline", ".json"),
        files.existing(options.images, "--images", ".json"),
    )
    path = files.resolve(options.output, "--output", ".mp4")
    assemble_video(project, plan, path)
    tell(f"{plan.total:.3f} s of film in {project.relative(path)}")
