"""Judge what all sounds of a script say, each judge with its controls."""

from __future__ import annotations

from collections.abc import Sequence

from proofbook_systems.pipeline.content.asking import CUT, SILENCE, TWICE, Plan
from proofbook_systems.pipeline.content.judged import Control, controlled
from proofbook_systems.pipeline.content.limits import ContentLimits
from proofbook_systems.pipeline.content.lines import DECOYS, HeardLine, own_key
from proofbook_systems.pipeline.content.single_words import judge_single_words
from proofbook_systems.pipeline.content.sounds import Answer
from proofbook_systems.pipeline.content.spoken_lines import incomplete, misspoken, script_errors
from proofbook_systems.pipeline.content.word_errors import word_errors
from proofbook_systems.pipeline.findings import Finding

__all__ = ["judge_speech"]

_SAYS_WHY = "a viewer hears another line than the one that is shown"
_WHOLE_WHY = "a word that is cut off or read out by mistake is heard by every viewer"
_ERRORS_WHY = "speech that a model cannot follow is hard for people too"
_LEAST_CUT_SEEN = 0.6
"""Share of cut sounds that must be noticed: where a cut leaves half a word, it is heard whole."""
_WORST = 3


def judge_speech(
    heard: Sequence[HeardLine], plan: Plan, answer: Answer, limits: ContentLimits
) -> tuple[list[Finding], dict[str, float]]:
    """Return whether each sound says its line, all of it, and how many words were heard wrong."""
    wrong = {each.line.number: misspoken(each, heard, limits) for each in heard}
    right = [each for each in heard if not wrong[each.line.number]]
    silent = plan.heard(answer, SILENCE)
    missing = [
        f"line {line.number} ({line.character}) has no sound in the time-line"
        for line in plan.missing
    ]
    says = controlled(
        "audio-says-its-line",
        missing + [fault for fault in wrong.values() if fault],
        [_exchanged(right, heard, limits), _silenced(silent, heard, limits)],
        why=_SAYS_WHY,
    )
    words = judge_single_words(right, limits)
    named = {fault.partition(":")[0] for fault in words.faults}
    rest = [each for each in right if each.place.partition(":")[0] not in named]
    return [says, _whole(rest, plan, answer), words, _errors(right, limits)], _numbers(heard)


def _exchanged(
    right: Sequence[HeardLine], script: Sequence[HeardLine], limits: ContentLimits
) -> Control:
    """Take each right sound for that of another line."""
    tried = objected = 0
    for each in right:
        own = own_key(each.line)
        others = [key for key in each.fits if key.startswith("line:") and key != own]
        for key in (others or list(DECOYS))[:1]:
            tried += 1
            objected += bool(misspoken(each, script, limits, key=key))
    return Control(name="the lines exchanged", tried=tried, objected=objected, least=0.9)


def _silenced(
    silent: Sequence[HeardLine], script: Sequence[HeardLine], limits: ContentLimits
) -> Control:
    objected = sum(bool(misspoken(each, script, limits)) for each in silent)
    return Control(name="silence", tried=len(silent), objected=objected)


def _whole(right: Sequence[HeardLine], plan: Plan, answer: Answer) -> Finding:
    faults = [fault for each in right if (fault := incomplete(each))]
    spoilt = {fault.partition(":")[0] for fault in faults}
    good = {each.line.number for each in right if each.place.partition(":")[0] not in spoilt}
    cut = [each for each in plan.heard(answer, CUT) if each.line.number in good]
    twice = [each for each in plan.heard(answer, TWICE) if each.line.number in good]
    controls = [
        Control(
            name="the first 0.4 s or the last 0.6 s of speech cut off",
            tried=len(cut), objected=sum(bool(incomplete(each)) for each in cut),
            least=_LEAST_CUT_SEEN,
        ),
        Control(
            name="a line said twice", tried=len(twice),
            objected=sum(bool(incomplete(each)) for each in twice),
        ),
    ]  # fmt: skip
    return controlled("audio-is-whole", faults, controls, why=_WHOLE_WHY)


def _errors(heard: Sequence[HeardLine], limits: ContentLimits) -> Finding:
    errors = script_errors(heard)
    faults = []
    if errors.rate > limits.most_word_errors:
        worst = sorted(heard, key=lambda each: -word_errors(each.words, each.heard).rate)[:_WORST]
        faults = [
            f"{errors.errors} of {errors.words} words are heard wrong ({errors.rate:.0%}, at most "
            f"{limits.most_word_errors:.0%} is expected); {each.place}: heard "
            f"'{each.observed.transcript}' for '{each.line.text}'"
            for each in worst
        ]
    control = Control(name="the lines exchanged", **_shifted(heard, limits))
    note = "over the lines that say their own text"
    return controlled("word-errors", faults, [control], why=_ERRORS_WHY, note=note)


def _shifted(heard: Sequence[HeardLine], limits: ContentLimits) -> dict[str, int]:
    """Take each line for the next; a script of one line says nothing here."""
    differ = len({tuple(each.words) for each in heard}) > 1
    if not differ:
        return {"tried": 0, "objected": 0}
    return {"tried": 1, "objected": int(script_errors(heard, 1).rate > limits.most_word_errors)}


def _numbers(heard: Sequence[HeardLine]) -> dict[str, float]:
    if not heard:
        return {}
    numbers = {"word_error_rate": script_errors(heard).rate}
    for character in dict.fromkeys(each.line.character for each in heard):
        own = [each for each in heard if each.line.character == character]
        numbers[f"word_error_rate:{character}"] = script_errors(own).rate
    fits = [each.fits[own_key(each.line)] for each in heard if own_key(each.line) in each.fits]
    return numbers | ({"fit_least": min(fits)} if fits else {})
