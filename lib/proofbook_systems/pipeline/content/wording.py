"""A text as it is spoken: the same words whether they are written in digits, short or in full.

``It's $7.50 in 2026!`` and ``it is seven dollars fifty in twenty twenty-six`` give nearly the same
list. English. Knows nothing about sounds.
"""

from __future__ import annotations

import re
import unicodedata

from proofbook_systems.pipeline.content.numerals import say_numbers

__all__ = ["directions", "spoken_text", "spoken_words"]

_TAG = re.compile(r"<[^<>]*>")
_DIRECTION = re.compile(r"\[[^\[\]]*\]|(?<!\*)\*[^*]+\*(?!\*)|\{[^{}]*\}")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_HASHTAG = re.compile(r"#(\w+)")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WHOLE = {
    "can't": "can not", "cannot": "can not", "won't": "will not", "shan't": "shall not",
    "let's": "let us", "gonna": "going to", "wanna": "want to", "gotta": "got to",
    "gimme": "give me", "dunno": "do not know", "ok": "okay", "mr": "mister", "mrs": "missus",
    "dr": "doctor", "st": "saint", "vs": "versus", "etc": "et cetera", "'cause": "because",
    "y'all": "you all", "o'clock": "o clock",
}  # fmt: skip
_ENDINGS = {"n't": "not", "'re": "are", "'ve": "have", "'ll": "will", "'m": "am", "'d": "would"}
_IS = frozenset(
    [
        "it",
        "that",
        "he",
        "she",
        "what",
        "there",
        "here",
        "who",
        "where",
        "how",
        "this",
        "when",
        "why",
    ]
)


def directions(text: str) -> tuple[str, ...]:
    """Return what a line tells the speaker and is not spoken: ``[laughs]``, ``*sighs*``."""
    found = (match.group().strip("[]*{} ") for match in _DIRECTION.finditer(_TAG.sub(" ", text)))
    return tuple(each for each in found if each)


def spoken_text(text: str) -> str:
    """Return a line without mark-up, directions and emoji, as a speaker would read it."""
    plain = _DIRECTION.sub(" ", _TAG.sub(" ", unicodedata.normalize("NFKC", text)))
    plain = _HASHTAG.sub(lambda match: _HUMP.sub(" ", match[1]), plain)
    plain = plain.replace("\u2019", "'").replace("\u2018", "'").replace("`", "'")
    kept = (c if unicodedata.category(c) not in {"So", "Sk", "Cs", "Cf"} else " " for c in plain)
    return " ".join("".join(kept).split())


def spoken_words(text: str) -> list[str]:
    """Return the words that are spoken, in lower case, numbers and contractions in full."""
    plain = say_numbers(spoken_text(text).lower().replace("&", " and "))
    return [word for part in _WORD.findall(plain) for word in _in_full(part)]


def _in_full(word: str) -> list[str]:
    if word in _WHOLE:
        return _WHOLE[word].split()
    for ending, full in _ENDINGS.items():
        if word.endswith(ending) and len(word) > len(ending):
            return [word.removesuffix(ending), full]
    if word.endswith("'s") and word[:-2] in _IS:
        return [word[:-2], "is"]
    return [word.replace("'", "")]
