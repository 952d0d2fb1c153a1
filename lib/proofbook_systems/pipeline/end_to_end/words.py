"""What is said in a film, and by whom: trained models listen and read, where they are installed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.content import ContentReport, examine_content
from proofbook_systems.pipeline.end_to_end.run_findings import known_trends
from proofbook_systems.pipeline.end_to_end.walk import Walk
from proofbook_systems.pipeline.findings import finding

__all__ = ["PREFIX", "judge_words"]

PREFIX = "real-"
"""Begins the name of each claim that a trained model judges, so that a profile can allow skips."""


def judge_words(walk: Walk) -> ContentReport:
    """Judge words, voices, topic and quality of the film's lines.

    Without the extra ``real`` each claim is untried, and names the package that is missing.
    """
    try:
        script = walk.script()
        timeline = walk.timeline(script) if walk.workspace.knows("timeline") else None
    except SubjectError as error:
        why = "what is said is not known"
        reason = f"there is nothing to listen to: {error}"
        return ContentReport(findings=[finding(f"{PREFIX}words", [], why=why, untried=reason)])
    if timeline is not None and not timeline.has_sounds:
        timeline = None
    report = examine_content(
        script, timeline, known_trends(walk) or [], samples=_samples(walk) or None
    )
    named = [replace(each, name=f"{PREFIX}{each.name}") for each in report.findings]
    return replace(report, findings=named)


def _samples(walk: Walk) -> dict[str, list[Path]]:
    """Return the files that the parameter ``voices`` names; one that matches none is kept."""
    found = {}
    for character, pattern in walk.config.voices.items():
        given = walk.workspace.folder / pattern
        parent = Path(given.anchor)
        matching = sorted(parent.glob(str(given.relative_to(parent))))
        found[character] = [path for path in matching if path.is_file()] or [given]
    return found
