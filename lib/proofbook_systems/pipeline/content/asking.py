"""What the models are asked about a script and its sounds: each line, and a few lines spoilt.

The spoilt ones are the controls: made from the very sounds that are judged.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from proofbook_systems.pipeline.artefacts import Line, Timeline
from proofbook_systems.pipeline.content.limits import ContentLimits
from proofbook_systems.pipeline.content.lines import HeardLine, line_texts, own_key
from proofbook_systems.pipeline.content.sounds import Answer, Question, Request
from proofbook_systems.pipeline.content.wording import spoken_words

__all__ = ["CUT", "NOISE", "SILENCE", "TWICE", "Plan", "plan_questions"]

CUT, TWICE, SILENCE, NOISE = "cut", "again", "silent", "noise"
"""Kinds of spoilt sounds; the first word of a question's name."""
_LEAST_WORDS, _MOST_WORDS = 4, 30
_KEPT_KEYS = ("start:", "end:", "twice", "read:", "decoy:")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Questions about a script, and what their answers belong to."""

    request: Request
    lines: Mapping[str, tuple[Line, Path]]
    """By question."""
    keys: Mapping[str, tuple[str, ...]]
    """Of the texts, by question."""
    missing: tuple[Line, ...]
    """Lines that the time-line does not have."""

    def heard(self, answer: Answer, kind: str = "line") -> list[HeardLine]:
        """Return the lines of one kind with what the models say of them."""
        return [
            HeardLine(line=line, path=path, observed=answer.sounds[name], keys=self.keys[name])
            for name, (line, path) in self.lines.items()
            if name.partition(":")[0] == kind and name in answer.sounds
        ]


def plan_questions(
    script: Sequence[Line],
    timeline: Timeline | None,
    limits: ContentLimits,
    *,
    wants: Collection[str],
    sentences: Sequence[str],
    threads: int,
) -> Plan:
    """Return what to ask.

    Args:
        script: The lines; their text is what must be heard.
        timeline: Where the sounds are; without it only sentences are asked about.
        limits: How many lines are spoilt, and by how much.
        wants: Of ``speech``, ``speakers``, ``quality``.
        sentences: Texts whose meaning is asked for.
        threads: Of the models.
    """
    placed = timeline.lines if timeline else ()
    sounds = {each.number: each.audio for each in placed if each.audio != Path()}
    spoken = [line for line in script if line.number in sounds]
    texts = {line.number: line_texts(line, script) for line in spoken}
    questions = []
    for line in spoken:
        own = _ask("line", line, sounds[line.number], wants, texts[line.number])
        questions.append(own)
    questions += _controls(spoken, sounds, texts, limits, wants)
    asked = [each for each in questions if each.wants]
    by_number = {line.number: line for line in spoken}
    lines = {q.name: by_number[_number(q.name)] for q in asked}
    return Plan(
        request=Request(questions=tuple(asked), sentences=tuple(sentences), threads=threads),
        lines={name: (line, sounds[line.number]) for name, line in lines.items()},
        keys={q.name: _keys(q, texts[_number(q.name)]) for q in asked},
        missing=tuple(line for line in script if timeline and line.number not in sounds),
    )


def _controls(
    spoken: Sequence[Line],
    sounds: Mapping[int, Path],
    texts: Mapping[int, dict[str, str]],
    limits: ContentLimits,
    wants: Collection[str],
) -> list[Question]:
    speech, quality = set(wants) & {"speech"}, set(wants) & {"quality"}
    questions = []
    for rank, line in enumerate(_sampled(spoken, limits.samples)):
        path, number = sounds[line.number], line.number
        few = {k: t for k, t in texts[number].items() if k == own_key(line) or _is_kept(k)}
        whole = _ask(CUT, line, path, speech, few)
        questions.append(replace(whole, name=f"{CUT}:start:{number}", cut_start=limits.cut_start))
        questions.append(replace(whole, name=f"{CUT}:end:{number}", cut_end=limits.cut_end))
        questions.append(replace(_ask(NOISE, line, path, quality, {}), noise=-6.0))
        questions.append(replace(_ask(TWICE, line, path, speech, few), then=path))
        if rank == 0:
            questions.append(replace(_ask(SILENCE, line, path, speech, few), is_silenced=True))
    return questions


def _sampled(spoken: Sequence[Line], count: int) -> list[Line]:
    """Return lines from all over the script, of a length that a cut of one word is seen in."""
    lengths = {line.number: len(spoken_words(line.text)) for line in spoken}
    fit = [line for line in spoken if _LEAST_WORDS <= lengths[line.number] <= _MOST_WORDS]
    fit = fit or sorted(spoken, key=lambda line: -lengths[line.number])[:1]
    if len(fit) <= count:
        return fit
    return [fit[i * (len(fit) - 1) // max(1, count - 1)] for i in range(count)]


def _ask(
    kind: str, line: Line, path: Path, wants: Collection[str], texts: Mapping[str, str]
) -> Question:
    return Question(
        name=f"{kind}:{line.number}", path=path, wants=tuple(sorted(wants)),
        texts=tuple(texts.values()) if "speech" in wants else (),
    )  # fmt: skip


def _keys(question: Question, texts: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keys of a question's texts."""
    by_text = {text: key for key, text in reversed(list(texts.items()))}
    return tuple(by_text[text] for text in question.texts)


def _is_kept(key: str) -> bool:
    return key.startswith(_KEPT_KEYS)


def _number(name: str) -> int:
    return int(name.rpartition(":")[2])
