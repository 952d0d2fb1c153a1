"""Judge a script: its form, its lines, its characters, emotions and topics."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from proofbook_systems.pipeline.artefacts import Line, Script, Trend
from proofbook_systems.pipeline.findings import Finding, finding

__all__ = ["judge_script", "unknown_words"]

_UNFINISHED = re.compile(
    r"\b(?:TODO|TBD|FIXME|lorem ipsum)\b|\[(?:insert|your|name|topic|placeholder)[^\]]*\]|"
    r"\{\w+\}|<[a-z_ ]+>|\bas an ai\b", re.IGNORECASE,
)  # fmt: skip
"""What a writer leaves that has not written."""
_FORMS = {
    "lines": ("episode", "metadata"), "script": ("timestamp", "characters", "metadata"),
}  # fmt: skip
"""Known forms by what they call the lines, and what goes with it; all but one tell the form."""
_UNNAMED = "no line has a character, and none were given"
_UNFELT = "no line has an emotion, and none were given"


def judge_script(
    script: Script,
    *,
    least_lines: int,
    characters: Sequence[str],
    emotions: Collection[str],
    trends: Sequence[Trend] | None,
    keys: Sequence[str] = (),
) -> list[Finding]:
    """Judge a script by what its criteria ask.

    Args:
        script: As it was read.
        least_lines: How many lines it must have.
        characters: Who must speak; no others may. Empty is anyone.
        emotions: Which there are; empty is any.
        trends: What there is to talk about; None where that is not known.
        keys: What it must have beside its lines, as ``episode``; empty asks for what goes with its
            form, where that is a known one.
    """  # fmt: skip
    lines = script.lines
    findings = [
        finding(
            "script-lines", _too_few(lines, least_lines),
            why="a film with fewer lines is no dialogue",
        ),
        finding("script-text", _bad_texts(lines), why="a line is spoken as it is written"),
        finding(
            "script-characters", _characters(lines, characters),
            untried="" if characters or any(x.character for x in lines) else _UNNAMED,
            why="a line of somebody unknown has no voice and no image",
        ),
        finding(
            "script-emotions", _emotions(lines, emotions),
            untried="" if emotions or any(x.emotion for x in lines) else _UNFELT,
            why="image and voice of a line are chosen by its emotion",
        ),
        finding(
            "script-topics", _topics(script, trends or ()),
            why="the film is made for what people talk about",
            untried=_topics_unknown(script, trends),
        ),
    ]  # fmt: skip
    return [*findings, *_structure(script, keys)]


def _structure(script: Script, keys: Sequence[str]) -> list[Finding]:
    """Judge what is beside the lines, where it is known what must be."""
    wanted, of_form = (keys, "") if keys else _keys_of_form(script)
    if wanted:
        empty: tuple[object, ...] = (None, "", [], {}) if keys else (None, "")
        missing = [
            f"it has no {key}{of_form}" for key in wanted if script.metadata.get(key) in empty
        ]
        why = "the stages behind it look for them"
        return [finding("script-structure", missing, why=why)]
    return []


def _keys_of_form(script: Script) -> tuple[Sequence[str], str]:
    """Return what goes with a script of a known form, and how that is told; nothing of others.

    A list called ``lines`` makes no form: its entries and a companion must be those of one.
    """
    for form, companions in _FORMS.items():
        there = [key for key in companions if key in script.metadata]
        if script.form == form and len(there) >= len(companions) - 1 and _has_entries(script):
            shown = ", ".join((*companions, form))
            return companions, (
                f", as scripts of the form {{{shown}}} have; if yours are others, say what they "
                f"have with script_keys: [{form}]"
            )
    return (), ""


def _has_entries(script: Script) -> bool:
    """Say whether its lines are objects with character and emotion."""
    lines = script.metadata.get(script.form)
    return isinstance(lines, list) and bool(lines) and all(
        isinstance(x, Mapping) and {"character", "emotion"} <= x.keys() for x in lines
    )  # fmt: skip


def unknown_words(words: Iterable[str], known: Collection[str], kind: str) -> list[str]:
    """Return what is wrong with words that are not known; another case is named as such."""
    folded = {each.casefold(): each for each in known}
    faults = []
    for word in dict.fromkeys(words):
        if word in known:
            continue
        if right := folded.get(word.casefold()):
            faults.append(f"{kind} {word!r} differs from {right!r} in case alone")
        else:
            faults.append(f"there is no {kind} {word!r}; there are {', '.join(sorted(known))}")
    return faults


def _too_few(lines: Sequence[Line], least: int) -> list[str]:
    return [] if len(lines) >= least else [f"{len(lines)} lines; at least {least} are expected"]


def _bad_texts(lines: Sequence[Line]) -> list[str]:
    faults = [f"line {line.number} has no text" for line in lines if not line.text.strip()]
    for line in lines:
        if found := _UNFINISHED.search(line.text):
            faults.append(f"line {line.number} has {found.group()!r}, which was to be replaced")
        speaker = line.text.partition(":")[0].strip().casefold()
        if line.character and speaker == line.character.casefold():
            faults.append(f"line {line.number} begins with the name of its speaker, {speaker!r}")
    times = Counter(line.text.strip().casefold() for line in lines if line.text.strip())
    for text, count in times.items():
        if count > 1 and len(text.split()) > 3:
            numbers = ", ".join(str(x.number) for x in lines if x.text.strip().casefold() == text)
            faults.append(f"lines {numbers} say the same: {text!r:.50}")
    return faults


def _characters(lines: Sequence[Line], characters: Sequence[str]) -> list[str]:
    faults = [f"line {line.number} has no character" for line in lines if not line.character]
    named = [line.character for line in lines if line.character]
    if not characters:
        return faults
    strange = {
        fault: next(x.number for x in lines if x.character == word)
        for word in dict.fromkeys(named)
        for fault in unknown_words([word], characters, "character")
    }
    faults += [f"line {number}: {fault}" for fault, number in strange.items()]
    cases = {name.casefold() for name in named}
    return faults + [f"{c} has no line" for c in characters if c.casefold() not in cases]


def _emotions(lines: Sequence[Line], emotions: Collection[str]) -> list[str]:
    faults = [f"line {line.number} has no emotion" for line in lines if not line.emotion]
    if not emotions:
        return faults
    for line in lines:
        if line.emotion:
            strange = unknown_words([line.emotion], emotions, "emotion")
            faults += [f"line {line.number}: {fault}" for fault in strange]
    return faults


def _topics_unknown(script: Script, trends: Sequence[Trend] | None) -> str:
    if trends is None:
        return "no table of trends was declared"
    if not script.topics:
        return "the script does not say which topics it is about"
    return ""


def _topics(script: Script, trends: Sequence[Trend]) -> list[str]:
    """Return which of the topics that a script claims nobody fetched."""
    names = {trend.name.casefold() for trend in trends}
    return [
        f"it says that it is about {topic!r}, which is not among the {len(names)} trends"
        for topic in script.topics
        if not any(topic.casefold() in name or name in topic.casefold() for name in names if name)
    ]
