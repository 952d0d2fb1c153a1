"""Judge what a pipeline's script and sounds say, by trained models where they are installed.

    report = examine_content(script, timeline, trends)

One process asks all models all questions; each judge also answers for data that were spoilt on
purpose. What could not be judged is untried, with the package that is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from proofbook_systems.pipeline.artefacts import Script, Timeline, Trend
from proofbook_systems.pipeline.content.asking import NOISE, Plan, plan_questions
from proofbook_systems.pipeline.content.known_voices import NAME as KNOWN
from proofbook_systems.pipeline.content.known_voices import (
    Samples,
    ask_samples,
    judge_known_voices,
)
from proofbook_systems.pipeline.content.languages import foreign_language
from proofbook_systems.pipeline.content.limits import ContentLimits
from proofbook_systems.pipeline.content.lines import HeardLine
from proofbook_systems.pipeline.content.observing import absent_models, ask_models
from proofbook_systems.pipeline.content.quality import judge_quality
from proofbook_systems.pipeline.content.sounds import Answer
from proofbook_systems.pipeline.content.speech import judge_speech
from proofbook_systems.pipeline.content.spoken_lines import misspoken
from proofbook_systems.pipeline.content.topics import (
    OTHER_TOPICS,
    Meanings,
    judge_topics,
    passages,
    topics_of,
)
from proofbook_systems.pipeline.content.voices import judge_voices
from proofbook_systems.pipeline.findings import Finding, finding

__all__ = ["ContentReport", "examine_content", "judge_content"]

_WHY = {
    "audio-says-its-line": "a viewer hears another line than the one that is shown",
    "audio-is-whole": "a word that is cut off or read out by mistake is heard by every viewer",
    "words-are-right": "one word for another can turn a line's meaning round",
    "word-errors": "speech that a model cannot follow is hard for people too",
    "voices-differ": "viewers tell the characters apart by their voices",
    "voices-stay": "a character who speaks with another's voice confuses every viewer",
    "speech-quality": "noise, clipping and artefacts make viewers leave",
}
_START_SECONDS, _SECONDS = 300.0, 30.0
"""To load the models, and for a sound: 8 and 1 on an idle core."""
_JUDGED_BY = {
    "speech": ("audio-says-its-line", "audio-is-whole", "words-are-right", "word-errors"),
    "speakers": ("voices-differ", "voices-stay"),
    "quality": ("speech-quality",),
}


@dataclass(frozen=True, kw_only=True)
class ContentReport:
    """What was found out about a script and its sounds."""

    findings: list[Finding]
    numbers: Mapping[str, float] = field(default_factory=dict)
    """Word error rates, similarities and ratings, by name."""
    told: tuple[str, ...] = ()
    """The weights that were used, as REAL."""
    transcripts: Mapping[int, str] = field(default_factory=dict)
    """What was heard, by the line's number."""
    seconds: float = 0.0
    """That the models took."""
    memory_mb: float = 0.0
    """The most that the models' process occupied."""


def judge_content(
    script: Script,
    timeline: Timeline | None,
    trends: Sequence[Trend],
    *,
    limits: ContentLimits | None = None,
) -> list[Finding]:
    """Return the findings of :func:`examine_content`."""
    return examine_content(script, timeline, trends, limits=limits).findings


def examine_content(
    script: Script,
    timeline: Timeline | None,
    trends: Sequence[Trend],
    *,
    samples: Samples | None = None,
    limits: ContentLimits | None = None,
    threads: int = 1,
    timeout: float | None = None,
) -> ContentReport:
    """Judge words, voices, topic and quality.

    Args:
        script: What should be said.
        timeline: Where the sounds are; without it, words, voices and quality are untried.
        trends: What people talk about.
        samples: Sounds of the characters' right voices; without them, which voice is whose is not
            judged.
        limits: How much may depart; the measured ones by default.
        threads: That the models compute with; the numbers do not depend on them.
        timeout: Seconds for the models' process; by default much more than its sounds take.
    """
    bounds = limits or ContentLimits()
    topics = topics_of(script.topics, trends)
    texts = tuple(dict.fromkeys([*topics, *OTHER_TOPICS, *passages(script.lines)]))
    absent = _absent(script, timeline)
    plan = plan_questions(
        script.lines, timeline, bounds, wants=[k for k in _JUDGED_BY if k not in absent],
        sentences=() if "sentences" in absent or not topics else texts, threads=threads,
    )  # fmt: skip
    known = {} if samples is None or "speakers" in absent else samples
    asked = replace(plan.request, questions=(*plan.request.questions, *ask_samples(known)))
    is_asked = plan.request.questions or plan.request.sentences
    allowed = timeout or _START_SECONDS + _SECONDS * len(asked.questions)
    answer = ask_models(asked, timeout=allowed) if is_asked else Answer()
    findings, numbers = _judge(plan, answer, {**answer.absent, **absent}, bounds)
    if samples:
        reason = absent.get("speakers") or answer.absent.get("speakers", "")
        findings.append(_judge_known(plan, answer, known, reason, bounds))
    meanings = dict(zip(plan.request.sentences, answer.meanings, strict=False))
    topic, near = judge_topics(
        script.lines, topics, Meanings(vectors=meanings) if meanings else None, bounds,
        absent=absent.get("sentences") or answer.absent.get("sentences", ""),
    )  # fmt: skip
    return ContentReport(
        findings=[*findings, topic], numbers=numbers | near, told=answer.told,
        transcripts={h.line.number: h.observed.transcript for h in plan.heard(answer)},
        seconds=answer.seconds, memory_mb=answer.memory_mb,
    )  # fmt: skip


def _absent(script: Script, timeline: Timeline | None) -> dict[str, str]:
    """Return what cannot be judged, and why."""
    absent = dict(absent_models())
    if language := foreign_language((line.text for line in script.lines), script.metadata):
        for kind, model in (("speech", "Whisper tiny.en hears"), ("sentences", "MiniLM reads")):
            absent[kind] = f"the script is {language}, and {model} English alone"
    if timeline is None:
        reason = "there is no time-line that says where the sounds are"
        absent |= dict.fromkeys(_JUDGED_BY, reason)
    return absent


def _is_other(each: HeardLine, script: Sequence[HeardLine], limits: ContentLimits) -> bool:
    return bool(each.totals and misspoken(each, script, limits))


def _judge(
    plan: Plan, answer: Answer, absent: Mapping[str, str], limits: ContentLimits
) -> tuple[list[Finding], dict[str, float]]:
    findings: list[Finding] = []
    numbers: dict[str, float] = {}
    for kind, names in _JUDGED_BY.items():
        if kind in absent:
            findings += [finding(n, [], why=_WHY[n], untried=absent[kind]) for n in names]
            continue
        found, measured = _judge_kind(kind, plan, answer, limits)
        findings += found
        numbers |= measured
    return findings, numbers


def _judge_known(
    plan: Plan, answer: Answer, samples: Samples, absent: str, limits: ContentLimits
) -> Finding:
    if absent:
        return finding(KNOWN, [], why=_WHY["voices-stay"], untried=absent)
    heard = plan.heard(answer)
    own = [each for each in heard if not _is_other(each, heard, limits)]
    return judge_known_voices(own, samples, answer, limits)


def _judge_kind(
    kind: str, plan: Plan, answer: Answer, limits: ContentLimits
) -> tuple[list[Finding], dict[str, float]]:
    heard = plan.heard(answer)
    if kind == "speech":
        return judge_speech(heard, plan, answer, limits)
    if kind == "speakers":
        # A sound that says something else is told by another judge, and its voice says nothing.
        return judge_voices([each for each in heard if not _is_other(each, heard, limits)], limits)
    noisy = {str(each.line.number): each.observed for each in plan.heard(answer, NOISE)}
    quality, numbers = judge_quality(heard, noisy, limits)
    return [quality], numbers
