"""Before a release: the core pipeline works, from trends to a film that plays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.media import VideoMeasure, find_silence, measure_video
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.integrations.preparing import Prepared
from proofbook_systems.pipeline.names import Names
from proofbook_systems.pipeline.reading import read_script, read_selections, read_timeline
from proofbook_systems.pipeline.tables import read_rows
from proofbook_systems.pipeline.workspace import Workspace, copy_workspace, new_episode

__all__ = ["continue_from", "find_film", "find_made", "judge_core", "judge_features"]

_QUIETEST, _MOST_SILENCE = -45.0, 0.9


def judge_core(
    workspace: Workspace, episode: str, characters: list[str], prepared: Prepared
) -> Iterator[Finding]:
    """Judge each point of the core pipeline by what the stages have left."""
    yield from prepared.findings
    names = Names.of(workspace.names)
    yield _judged("trends-fetched", "trends_db", workspace, episode, prepared, "trends",
                  lambda path: [] if read_rows(path, "trends", names) else ["no trend is there"],
                  "a script is about what people talk about")  # fmt: skip
    yield _judged("script-generated", "script", workspace, episode, prepared, "script",
                  lambda path: _script(path, names, characters),
                  "all stages begin with it")  # fmt: skip
    yield _judged("audio-for-each-character", "timeline", workspace, episode, prepared, "audio",
                  lambda path: _audio(path, names, workspace, characters),
                  "a character without a voice is silent in every film")  # fmt: skip
    yield _judged("images-selected", "selections", workspace, episode, prepared, "images",
                  lambda path: _images(path, names, workspace),
                  "a line without an image is black")  # fmt: skip
    yield _judged("video-plays", "video", workspace, episode, prepared, "video",
                  _film, "it is what is released")  # fmt: skip


def judge_features(workspace: Workspace, features: Mapping[str, str]) -> list[Finding]:
    """Judge the features that are used: what each has left is there."""
    why = "it is said to be in use"
    usual = ("DreamBooth model", "animation", "ComfyUI")
    findings = [
        finding(f"feature-{_slug(name)}", [], why=why, untried=f"features has no {name}: not used")
        for name in usual if name not in features
    ]  # fmt: skip
    for name, place in features.items():
        there = sorted(workspace.original.glob(place))
        lacking = f"there is nothing at {place}, which {name} is said to have left"
        findings.append(finding(f"feature-{_slug(name)}", [] if there else [lacking], why=why))
    return findings


def find_made(
    workspace: Workspace, episode: str, given: str, given_episode: str
) -> tuple[Workspace, str]:
    """Return where the film was made, and what it is called: here, or by a job before.

    Args:
        workspace: This job's.
        episode: This job's.
        given: The folder that a job before has left, with ``project`` in it; empty for none.
        given_episode: What that job's film is called.

    Raises:
        SubjectError: That job has left no such folder.
    """
    if not given:
        return workspace, episode
    folder = Path(given).expanduser() / "project"
    if not folder.is_dir():
        raise SubjectError(f"workspace {given} has no folder project; give the output of the job")
    return replace(workspace, folder=folder.resolve()), given_episode or episode


def continue_from(
    workspace: Workspace, folder: Path, given: str, given_episode: str
) -> tuple[Workspace, str]:
    """Return a copy of what a job before has made and its film's name; else ``workspace``.

    Raises:
        SubjectError: That job has left nothing.
    """
    if not given:
        return workspace, new_episode()
    made, episode = find_made(workspace, "", given, given_episode)
    return copy_workspace(made, folder / "continued"), episode


def find_film(workspace: Workspace, episode: str) -> Path | None:
    """Return the film that people are shown; None where there is none."""
    if not workspace.knows("video"):
        return None
    path = workspace.path("video", episode)
    return path if path.is_file() else None


def _judged(
    name: str, artefact: str, workspace: Workspace, episode: str, prepared: Prepared, stage: str,
    judge: object, why: str,
) -> Finding:  # fmt: skip
    assert callable(judge)
    if not workspace.knows(artefact):
        return finding(name, [], why=why, untried=f"paths has no {artefact}")
    path = workspace.path(artefact, episode)
    if not path.exists():
        reason = prepared.untried.get(stage, f"there is no {path.relative_to(workspace.folder)}")
        return finding(name, [reason], why=why)
    try:
        return finding(name, judge(path), why=why)
    except SubjectError as error:
        return finding(name, [str(error)], why=why)


def _script(path: Path, names: Names, characters: list[str]) -> list[str]:
    script = read_script(path, names)
    speaking = {line.character for line in script.lines}
    faults = [] if script.lines else ["it has no lines"]
    return faults + [f"{who} says nothing" for who in characters if who not in speaking]


def _audio(path: Path, names: Names, workspace: Workspace, characters: list[str]) -> list[str]:
    timeline = read_timeline(path, names, root=workspace.folder, script=None)
    voiced = {line.character for line in timeline.lines if line.audio.is_file()}
    missing = [f"line {line.number}: there is no {line.audio.name}"
               for line in timeline.lines if not line.audio.is_file()]  # fmt: skip
    unvoiced = [f"there is no sound of {who}" for who in characters if who not in voiced]
    return missing + (unvoiced if any(line.character for line in timeline.lines) else [])


def _images(path: Path, names: Names, workspace: Workspace) -> list[str]:
    chosen = read_selections(path, names, root=workspace.folder, script=None).selections
    faults = [] if chosen else ["it has no selections"]
    return faults + [f"line {each.number}: there is no image {each.image.name}"
                     for each in chosen if not each.image.is_file()]  # fmt: skip


def _film(path: Path) -> list[str]:
    measured: VideoMeasure = measure_video(path)
    if measured.sound is None:
        return ["it has no sound track"]
    return list(find_silence(measured.sound, quietest=_QUIETEST, most=_MOST_SILENCE))


def _slug(name: str) -> str:
    return "-".join(name.lower().split())
