"""The report for people: one HTML page that opens from a file, offline, with nothing external.

Everything a run recorded reaches the page through autoescaping templates, and a content security
policy lets no script run but the page's own. Knows nothing about how a verdict is reached.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from proofbook.records import Check, Evidence, MediaFile, Metric, Question
from proofbook.report import wording
from proofbook.report.causes import find_causes
from proofbook.report.changes import KINDS, Change
from proofbook.report.history import History
from proofbook.report.index import metric_key
from proofbook.report.redactions import say_redactions
from proofbook.report.summary import JobSummary, RunSummary
from proofbook.report.timeline import lay_out
from proofbook.report.wording import ATTENTION_ORDER, state_of

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["JobView", "render_page"]

_MOST_OPEN = 3
_MOST_SHOWN = 12
_TOGETHER = 20
"""Jobs whose details are packed together."""
_MOST_WHOLE = 200
"""Of a larger run, details are put on the page once they are opened, and rows beyond are hidden."""
_KEY_METRICS = 2
_EXCERPT_BYTES = 4000
_CHECK_ORDER = {"error": 0, "failed": 1, "skipped": 2, "passed": 3}
_VIEW_TITLES = {
    "contact-sheet": "Contact sheet, evenly over time",
    "waveform": "Waveform, full scale",
    "spectrogram": "Spectrogram in Hz, from −120 dBFS (dark) to 0 dBFS (bright)",  # noqa: RUF001
}
_CALM = ("passed", "skip_allowed")
_COLLATERAL = ("skipped", "cancelled", "flaky")


@dataclass(frozen=True, kw_only=True)
class JobView:
    """A job with what the page derives from it."""

    job: JobSummary
    number: int
    """Its place in the order of attention."""
    state: str
    opened: bool
    deferred: bool
    """Its details are text until they are asked for: a browser then has less to do."""
    checks: tuple[Check, ...]
    """Those that did not pass first."""
    key_metrics: tuple[Metric, ...]
    search: str
    """Lower-case text that the search looks in."""


class _Embedding(Protocol):
    """Media that are part of the page."""

    left_out: dict[str, int]
    left_out_of: dict[str, int]

    def link(self, file: MediaFile) -> str: ...


def render_page(
    run: RunSummary,
    media: Path,
    history: History | None = None,
    *,
    embedding: _Embedding | None = None,
) -> str:
    """Return the page.

    Args:
        run: What it says.
        media: Where excerpts of text evidence are read from.
        history: What earlier runs recorded.
        embedding: Puts media into the page, which then stands alone; by default they are linked.
    """
    history = history or History()
    environment = _make_environment()
    script = _read(environment, "page.js")
    views = _view_jobs(run)
    return environment.get_template("index.html.j2").render(
        run=run,
        headline=wording.write_headline(run),
        attention=[view for view in views if view.state not in _CALM],
        calm=[view for view in views if view.state in _CALM],
        views=views,
        states=_count_states(views),
        questions=_group_questions(views),
        answerable=any(job.questions for job in run.jobs),
        timeline=lay_out(run),
        redactions=say_redactions(run),
        history=history,
        changes=_group_changes(history),
        causes=find_causes(view.job for view in views),
        most_shown=_MOST_SHOWN,
        together=_TOGETHER,
        most_rows=_MOST_WHOLE,
        script=script,
        view_titles=_VIEW_TITLES,
        policy=_write_policy(script, "data:" if embedding else "file:"),
        link=embedding.link if embedding else _link_media,
        alone=embedding is not None,
        left_out=dict(embedding.left_out) if embedding else {},
        left_out_of=dict(embedding.left_out_of) if embedding else {},
        style=_read(environment, "style.css"),
        excerpt=lambda evidence: _excerpt(media, evidence),
        series=lambda job, metric: history.series.get(metric_key(job.id, metric)),
        past=lambda job, check="": history.past.get((job.id, check)),
        checks_of=lambda job: wording.say_checks(job, history.unreached.get(job.id, 0)),
    )


@lru_cache(maxsize=1)
def _make_environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("proofbook.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "bytes": wording.say_bytes,
        "counted": wording.say_count,
        "duration": wording.say_duration,
        "expected": wording.say_expected,
        "labels": wording.say_labels,
        "number": wording.say_number,
        "pack": _pack,
        "path": lambda path: quote(path, safe="/"),
        "say": wording.say_state,
        "time": wording.say_time,
        "value": wording.say_value,
    }
    return environment


def _view_jobs(run: RunSummary) -> list[JobView]:
    """Return the jobs in the order of attention.

    The first few that failed are open; where only people are waited for, those with questions.
    """
    ordered = sorted(run.jobs, key=lambda job: ATTENTION_ORDER.index(state_of(job)))
    if run.verdict == "unreviewed":
        wanted = [job.id for job in ordered if job.open_questions]
    else:
        wanted = [job.id for job in ordered if state_of(job) not in (*_CALM, *_COLLATERAL)]
    opened = set(wanted[:_MOST_OPEN])
    large = len(ordered) > _MOST_WHOLE
    return [
        _view(job, number, opened=job.id in opened, deferred=large and job.id not in opened)
        for number, job in enumerate(ordered)
    ]


def _view(job: JobSummary, number: int, *, opened: bool, deferred: bool) -> JobView:
    state = state_of(job)
    return JobView(
        job=job,
        number=number,
        state=state,
        opened=opened,
        deferred=deferred,
        checks=tuple(sorted(job.checks, key=lambda check: _CHECK_ORDER[check.status])),
        key_metrics=_choose_metrics(job.metrics),
        search=_search_text(job, state),
    )


def _choose_metrics(metrics: Iterable[Metric]) -> tuple[Metric, ...]:
    """Return a few of different names: of one name the worst, and first what can be worse."""
    named: dict[str, list[Metric]] = {}
    for metric in metrics:
        named.setdefault(metric.name, []).append(metric)
    worst = map(_worst, named.values())
    return tuple(sorted(worst, key=lambda metric: metric.better == "neither")[:_KEY_METRICS])


def _worst(metrics: Sequence[Metric]) -> Metric:
    """Return the worst of some metrics, and the first where none is better than another."""
    if metrics[0].better == "neither":
        return metrics[0]
    sign = 1 if metrics[0].better == "lower" else -1
    return max(metrics, key=lambda metric: (math.isnan(metric.value), sign * metric.value))


def _search_text(job: JobSummary, state: str) -> str:
    words = [job.id, job.runbook, wording.say_state(state), job.cause]
    words += [f"{name}={wording.say_value(value)}" for name, value in job.parameters.items()]
    words += [check.name for check in job.checks if check.status in ("failed", "error")]
    return " ".join(words).lower()


def _group_changes(history: History) -> list[tuple[str, list[Change]]]:
    groups = [(kind, [c for c in history.changes if c.kind == kind]) for kind in KINDS]
    return [(kind, changes) for kind, changes in groups if changes]


def _group_questions(views: Iterable[JobView]) -> list[tuple[JobSummary, tuple[Question, ...]]]:
    """Return the open questions by job, in the order of attention."""
    return [(view.job, view.job.open_questions) for view in views if view.job.open_questions]


def _pack(text: str) -> str:
    """Compress a part of the page that is unpacked when it is asked for."""
    packed = gzip.compress(text.encode("utf-8", "replace"), 6, mtime=0)
    return base64.b64encode(packed).decode()


def _count_states(views: Iterable[JobView]) -> list[tuple[str, int]]:
    states = [view.state for view in views]
    return [(state, states.count(state)) for state in ATTENTION_ORDER if state in states]


def _excerpt(media: Path, evidence: Evidence) -> str:
    """Return the beginning of a text file; nothing where it cannot be read."""
    try:
        with (media / evidence.file.filename).open("rb") as file:
            content = file.read(_EXCERPT_BYTES + 1)
    except OSError:
        return ""
    words = content[:_EXCERPT_BYTES].decode("utf-8", "replace")
    return words + ("\n…" if len(content) > _EXCERPT_BYTES else "")


def _link_media(file: MediaFile) -> str:
    return f"../media/{file.filename}"


def _read(environment: Environment, name: str) -> str:
    """Return one of the page's own files, marked as safe: it is neither a template nor escaped."""
    from markupsafe import Markup

    assert environment.loader is not None  # set where the environment is made
    return Markup(environment.loader.get_source(environment, name)[0])


def _write_policy(script: str, media: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return "; ".join(
        [
            "default-src 'none'",
            "img-src 'self' file: data:",
            f"media-src 'self' {media}",
            "style-src 'unsafe-inline'",
            f"script-src 'sha256-{digest}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
