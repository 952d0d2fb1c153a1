"""The checklist's table of results, filled in, and what is left once a film was cleaned up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from proofbook_systems.pipeline.end_to_end.config import STEPS
from proofbook_systems.pipeline.end_to_end.neighbours import place_neighbour
from proofbook_systems.pipeline.end_to_end.walk import Note, Step, Walk
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.stages import run_stage
from proofbook_systems.pipeline.workspace import copy_workspace

__all__ = ["judge_clean_up", "write_results"]

_TITLES = {
    "environment": "Environment Validation", "trends": "Fetch Trends", "script": "Generate Script",
    "audio": "Generate Audio", "images": "Select Images", "video": "Assemble Video",
    "quality": "Quality Check", "metadata": "Metadata",
}  # fmt: skip
_REMOVED = ("script", "audio", "selections", "video")


def write_results(
    walk: Walk, steps: Sequence[Step], path: Path, *, environment: str, now: datetime
) -> Path:
    """Write the results of all steps so far as the checklist's Markdown template."""
    notes = walk.notes.steps
    failed = [name for name in STEPS if name in notes and notes[name].status == "FAIL"]
    missing = [name for name in STEPS if name not in notes or notes[name].status == "SKIPPED"]
    overall = "FAIL" if failed else "INCOMPLETE" if missing else "PASS, until a person has looked"
    total = sum(note.seconds for note in notes.values())
    issues = [
        f"- {each.name}: {fault}" for s in steps for each in s.findings for fault in each.faults
    ]
    text = [
        f"## E2E Test Report - {now:%Y-%m-%d}", "",
        "**Tester:** Proofbook; step 7 by whoever signs off",
        f"**Environment:** {environment or 'not named'}",
        f"**Episode:** {walk.episode}", f"**Duration:** {_duration(total)}", "",
        "### Results", "", "| Step | Status | Duration | Notes |", "|---|---|---|---|",
        *(_row(number, name, notes.get(name)) for number, name in enumerate(STEPS, 1)), "",
        f"**Overall Result:** {overall}", f"**Total Time:** {_duration(total)}", "",
        "### Issues Found", *(issues or ["- None"]), "",
    ]  # fmt: skip
    path.write_text("\n".join(text), encoding="utf-8")
    return path


def judge_clean_up(walk: Walk) -> Finding:
    """Run the clean-up in a copy: what belongs to the film is gone, and nothing else.

    Raises:
        SubjectError: Its command cannot be started.
    """
    name, why = "clean-up", "what a test leaves is posted one day, or what is needed is gone"
    if not walk.config.clean_up or not walk.workspace.has("cleanup"):
        reason = "commands has no cleanup" if walk.config.clean_up else "clean_up is false"
        return finding(name, [], why=why, untried=reason)
    apart = copy_workspace(walk.workspace, walk.folder / "apart" / "cleanup", walk.config.link)
    neighbour = place_neighbour(apart, walk.episode)
    before = _sizes(apart.folder)
    run = run_stage(apart, "cleanup", walk.episode)
    after = _sizes(apart.folder)
    own = {
        a: apart.path(a, walk.episode)
        for a in _REMOVED
        if apart.is_own(a) or (a == "selections" and apart.knows(a))
    }
    left = [f"{a} is still there: {p.name}" for a, p in own.items() if p.exists()]
    gone = [
        path
        for path in before.keys() - after.keys()
        if not any(path == p or p in path.parents for p in own.values())
        and walk.episode not in str(path)
        and path not in neighbour.files
        and not path.name.endswith(("-wal", "-shm"))
    ]
    lost = [f"{p.relative_to(apart.folder)} was removed, too" for p in sorted(gone)]
    return finding(name, [*run.faults, *left, *lost, *neighbour.lost()], why=why)


def _sizes(folder: Path) -> Mapping[Path, int]:
    return {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def _row(number: int, name: str, note: Note | None) -> str:
    title = f"{number}. {_TITLES[name]}"
    if note is None:
        return f"| {title} | not run | | |"
    words = note.words.replace("|", "\\|").replace("\n", " ")
    return f"| {title} | {note.status} | {_duration(note.seconds)} | {words} |"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f}s"
    return f"{int(seconds) // 60}m {int(seconds) % 60}s"
