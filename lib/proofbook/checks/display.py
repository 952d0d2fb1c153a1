"""Draw checks, evidence, outputs, questions and the closing table; silent outside of a notebook.

Media are linked, not embedded: each file exists once, by its hash, and the player plays the file
itself (an embedded, re-encoded clip would be normalised and would hide silence).
"""

from __future__ import annotations

import functools
import html
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from proofbook.checks.journal import JOB_FOLDER
from proofbook.records import Check, Evidence, Output, Question
from proofbook.runs.redaction import Redactor
from proofbook.values import short_words

__all__ = [
    "check_html",
    "evidence_html",
    "show_check",
    "show_evidence",
    "show_output",
    "show_question",
    "show_summary",
    "summary_html",
]

_MARKS = {"passed": "✓", "failed": "✗", "error": "!", "skipped": "-"}
_LONGEST_OUTPUT = 200
_COLOURS = {"passed": "#1a7f4b", "failed": "#c0362c", "error": "#c0362c", "skipped": "#777"}


def show_check(check: Check) -> None:
    """Display one check as a line; does nothing outside of a notebook."""
    text = f"{_MARKS[check.status]} {check.name}: {check.status}"
    _display(check_html(check), text)


def show_output(output: Output) -> None:
    """Display what is left for other jobs; does nothing outside of a notebook."""
    value = output.value if isinstance(output.value, str) else json.dumps(output.value)
    rest = "…" if len(value) > _LONGEST_OUTPUT else ""
    text = f"{output.name}: {value[:_LONGEST_OUTPUT]}{rest}"
    _display(f"<b>→</b> {html.escape(text)} <small>for other jobs</small>", f"→ {text}")


def show_question(question: Question) -> None:
    """Display a question that waits for a person; does nothing outside of a notebook."""
    asked = html.escape(question.text)
    _display(f"<b>?</b> {asked} <small>waits for a person</small>", f"? {question.text}")


def show_evidence(evidence: Evidence, media: Path) -> None:
    """Display one piece of evidence; does nothing outside of a notebook."""
    _display(evidence_html(evidence, _link(media)), f"{evidence.media_kind}: {evidence.caption}")


def show_summary(runbook: str, checks: Iterable[Check], faults: Sequence[str] = ()) -> None:
    """Display the table of checks, and faults below it; does nothing outside of a notebook."""
    listed = list(checks)
    counts = Counter(check.status for check in listed)
    text = f"{runbook}: " + (", ".join(f"{n} {s}" for s, n in counts.items()) or "no checks")
    _display(summary_html(runbook, listed, faults), "\n! ".join((text, *faults)))


def check_html(check: Check) -> str:
    """Return a check on one line: its mark, name, actual and expected value."""
    detail = html.escape(check.reason or _compared(check))
    mark = f"<span style='color:{_COLOURS[check.status]}'>{_MARKS[check.status]}</span>"
    return f"{mark} {html.escape(check.name)} <small>{detail}</small>"


def evidence_html(evidence: Evidence, media: str) -> str:
    """Return the player or picture, its views and its facts; ``media`` is the folder's link."""
    parts = [_element(evidence, media)]
    parts += [
        f'<img src="{media}/{view.filename}" alt="{html.escape(name)}" style="max-width:100%">'
        for name, view in evidence.views.items()
    ]
    facts = " · ".join(
        html.escape(f"{f.name} {_short(f.value)} {f.unit}".strip()) for f in evidence.facts
    )
    caption = html.escape(evidence.caption or evidence.name)
    return (
        f"<figure style='margin:0'>{'<br>'.join(parts)}"
        f"<figcaption><b>{caption}</b><br><small>{facts}</small></figcaption></figure>"
    )


def summary_html(runbook: str, checks: Iterable[Check], faults: Sequence[str] = ()) -> str:
    """Return the table of checks with expected and actual values, and faults below it."""
    rows = "".join(_row(check) for check in checks)
    names = ("", "check", "expected", "actual", "why")
    headings = "".join(f"<th style='text-align:left'>{name}</th>" for name in names)
    below = "".join(f"<p style='color:{_COLOURS['error']}'>! {html.escape(f)}</p>" for f in faults)
    return (
        f"<table><caption>{html.escape(runbook)}</caption>"
        f"<thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table>{below}"
    )


def _compared(check: Check) -> str:
    """Return what was found and asked for; once, where a check passed by saying the same."""
    found, expected = _found(check), short_words(check.expected)
    is_same = check.status == "passed" and _short(check.actual) == expected
    return found if is_same else f"{found} (expected {expected})"


def _found(check: Check) -> str:
    return "" if check.actual is None else f"{_short(check.actual)} {check.unit}".strip()


def _row(check: Check) -> str:
    expected = f"{short_words(check.expected)} {check.unit}"
    cells = (check.name, expected, _found(check), check.reason or check.why)
    style = f"color:{_COLOURS[check.status]};text-align:left;white-space:nowrap"
    mark = f"<td style='{style}'>{_MARKS[check.status]} {check.status}</td>"
    return (
        "<tr>"
        + mark
        + "".join(f"<td style='text-align:left'>{html.escape(c.strip())}</td>" for c in cells)
        + "</tr>"
    )


def _element(evidence: Evidence, media: str) -> str:
    kind, file = evidence.media_kind, evidence.file
    source = f"{media}/{file.filename}"
    if kind == "audio":
        return f'<audio controls preload="metadata" src="{source}"></audio>'
    if kind == "video":
        # A portrait film as wide as the page would be higher than the screen.
        style = "max-width:100%;max-height:28rem"
        return f'<video controls preload="metadata" src="{source}" style="{style}"></video>'
    if file.media_type.startswith("image/"):
        return f'<img src="{source}" alt="" style="max-width:100%">'
    return f'<a href="{source}">{html.escape(evidence.name)}{Path(file.filename).suffix}</a>'


def _short(value: object) -> str:
    if value in ("", [], {}):
        return "none"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def _link(media: Path) -> str:
    """Return the link from the notebook to the media folder.

    In a run the notebook lies at ``jobs/<id>/notebook.ipynb``; elsewhere the kernel's folder is
    the best guess of where the notebook is.
    """
    if JOB_FOLDER in os.environ:
        return "../../media"
    return Path(os.path.relpath(media)).as_posix()


def _display(markup: str, text: str) -> None:
    from IPython.core.getipython import get_ipython

    if get_ipython() is None:
        return
    from IPython.display import display

    redact = _redactor()
    redact.learn(os.environ.items())
    display({"text/html": redact(markup), "text/plain": redact(text)}, raw=True)


@functools.cache
def _redactor() -> Redactor:
    """Return what keeps secrets out of a notebook that is saved by another than our runner."""
    return Redactor({})
