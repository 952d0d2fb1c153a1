"""An error in what one stage left: the next stage ends with it, and names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from proofbook_systems.pipeline.documents import read_plain, write_plain
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.integrations.bench import Bench
from proofbook_systems.pipeline.integrations.leftovers import look_at
from proofbook_systems.pipeline.integrations.messages import cause_fault
from proofbook_systems.pipeline.names import Names
from proofbook_systems.pipeline.reading import read_timeline
from proofbook_systems.pipeline.stages import StageRun
from proofbook_systems.pipeline.workspace import Workspace, copy_workspace

__all__ = ["judge_propagation"]

_SPOILT, _GONE = "spoilt-image.png", "nobody-drew-this.png"
_LISTS = {"script": "script.lines", "selections": "selections.list"}
_Change = Callable[[Workspace, str], tuple[str, ...]]
_LineChange = Callable[[list[Any], Names], tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class _Break:
    name: str
    artefact: str
    stages: tuple[str, ...]
    """One of these, the first that objects, ends with an error."""
    change: _Change
    """Break it, and return words of which an error names one."""
    title: str


def judge_propagation(bench: Bench) -> Iterator[Finding]:
    """Break what a stage left in each way, and run those that use it."""
    for each in _BREAKS:
        why = f"{each.title} ends in a film that nobody looked at"
        stages = [s for s in each.stages if f"before-{s}" in bench.bases]
        known = bench.bases["all"].knows(each.artefact)
        if not stages or not known:
            lacking = f"paths has no {each.artefact}" if not known else \
                f"commands has none of {', '.join(each.stages)} that ran"  # fmt: skip
            yield finding(f"breaks-{each.name}", [], why=why, untried=lacking)
            continue
        yield _judge(bench, each, stages, why)


def _judge(bench: Bench, each: _Break, stages: list[str], why: str) -> Finding:
    name = f"breaks-{each.name}"
    faults: list[str] = []
    untried = f"no stage was left a {each.artefact} of its own that could be broken"
    for stage in stages:
        folder = bench.folder / "breaks" / f"{each.name}-{stage}"
        place = copy_workspace(bench.bases[f"before-{stage}"], folder, bench.config.link)
        path = place.path(each.artefact, bench.episode)
        if not path.exists() or not path.resolve().is_relative_to(place.folder):
            continue  # what is linked is the user's own
        words = each.change(place, bench.episode)
        if not words:
            lacking = f"{each.artefact} has nothing of the kind: {each.title}"
            return finding(name, [], why=why, untried=lacking)
        untried, run = "", bench.run(stage, place)
        if not run.ended_well and run.code is not None:
            return finding(name, _unnamed(run, words, each, place, bench), why=why)
        faults.append(f"{stage} {run.words} on {each.title}")
    return finding(name, faults, why=why, untried=untried)


def _unnamed(
    run: StageRun, words: tuple[str, ...], each: _Break, place: Workspace, bench: Bench
) -> list[str]:
    fault = cause_fault(run.output, tuple(word.lower() for word in words))
    faults = [f"{run.stage} {run.words} on {each.title}: {fault}"] if fault else []
    if run.stage == "audio":
        left = look_at(place, ("timeline", "audio"), bench.episode)
        faults += [f"{run.stage} failed, and {half}" for half in left.faults]
    return faults


def _edit(artefact: str, change: _LineChange) -> _Change:
    def edit(workspace: Workspace, episode: str) -> tuple[str, ...]:
        path = workspace.path(artefact, episode)
        document = read_plain(path)
        if document is None:
            return ()
        names = Names.of(workspace.names)
        keys = [] if isinstance(document, list) else names.candidates(_LISTS[artefact])
        lists = [document[key] for key in keys if document.get(key)] or [document]
        words: tuple[str, ...] = ()
        for lines in lists:
            words = (change(lines, names) if isinstance(lines, list) else ()) or words
        write_plain(path, document)
        return words

    return edit


def _field(canonical: str, value: str) -> _LineChange:
    def change(lines: list[Any], names: Names) -> tuple[str, ...]:
        line = lines[min(1, len(lines) - 1)]
        if not (key := names.key(line, canonical)):
            return ()
        line[key] = value
        return (value,)

    return change


def _no_lines(lines: list[Any], names: Names) -> tuple[str, ...]:
    lines.clear()
    return ("line", "empty", "nothing", "dialogue", "script")


def _image(value: str) -> _LineChange:
    def change(lines: list[Any], names: Names) -> tuple[str, ...]:
        line = lines[min(1, len(lines) - 1)]
        if not (key := names.key(line, "selection.image")):
            return ()
        line[key] = value
        return (value,)

    return change


def _no_json(artefact: str) -> _Change:
    def cut(workspace: Workspace, episode: str) -> tuple[str, ...]:
        path = workspace.path(artefact, episode)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return ("json", "pars", "decod", "invalid", "not whole", "cut", "read", path.name)

    return cut


def _gone_sound(workspace: Workspace, episode: str) -> tuple[str, ...]:
    path = workspace.path("timeline", episode)
    names = Names.of(workspace.names)
    lines = read_timeline(path, names, root=workspace.folder, script=None).lines
    sound = lines[len(lines) // 2].audio
    if not sound.resolve().is_relative_to(workspace.folder):
        return ()
    sound.unlink()
    return (sound.name,)


def _with_spoilt(workspace: Workspace, episode: str) -> tuple[str, ...]:
    (workspace.folder / _SPOILT).write_bytes(b"this is no image")
    return _edit("selections", _image(_SPOILT))(workspace, episode)


_BREAKS = (
    _Break(name="unknown-character", artefact="script", stages=("audio", "images"),
           change=_edit("script", _field("line.character", "Zebulon")),
           title="a script with a character that nobody knows"),
    _Break(name="unknown-emotion", artefact="script", stages=("audio", "images"),
           change=_edit("script", _field("line.emotion", "flabbergasted")),
           title="a script with an emotion that nobody knows"),
    _Break(name="empty-script", artefact="script", stages=("audio",),
           change=_edit("script", _no_lines), title="a script without lines"),
    _Break(name="broken-script", artefact="script", stages=("audio",), change=_no_json("script"),
           title="a script that breaks off"),
    _Break(name="missing-sound", artefact="timeline", stages=("video",), change=_gone_sound,
           title="a time-line whose sound is gone"),
    _Break(name="broken-timeline", artefact="timeline", stages=("video",),
           change=_no_json("timeline"), title="a time-line that breaks off"),
    _Break(name="missing-image", artefact="selections", stages=("video",),
           change=_edit("selections", _image(_GONE)), title="a selection whose image is not there"),
    _Break(name="unreadable-image", artefact="selections", stages=("video",), change=_with_spoilt,
           title="a selection whose image is no image"),
)  # fmt: skip
