"""Whether a script is English, by its commonest words: the models know no other language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["foreign_language"]

_COMMON: Mapping[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "English": "the and is are was of to in it you that i we he she they this my your not do "
        "does have has with for on at be what so but no yes can will just a an me all there if",
        "French": "le la les un une des et est sont je tu il elle nous vous ils que qui ne pas du "
        "de en au aux ce cette mon ton dans pour sur avec mais oui non c'est j'ai",
        "German": "der die das und ist sind ich du er sie wir ihr nicht ein eine zu mit auf für "
        "von dem den im es was aber ja nein wie auch hat haben",
        "Spanish": "el la los las un una y es son yo tú que no de en con por para se lo mi su "
        "pero sí está muy como más qué",
        "Italian": "il lo la gli le un una e è sono io tu che non di in con per si mi ma sì "
        "questo della del come più cosa",
        "Portuguese": "o a os as um uma e é são eu você que não de em com por para se meu mas sim "
        "isso como mais muito está",
        "Dutch": "de het een en is zijn ik jij je hij wij niet van te in op met voor dat maar ja "
        "nee wat ook heeft",
    }.items()
}
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_LEAST_LATIN = 0.7
_LEAST_WORDS = 8
_LEAST_SHARE = 0.15
"""Of a text's words that the commonest words of its language make up; in speech about half."""
_KEYS = ("language", "lang", "locale")


def foreign_language(texts: Iterable[str], metadata: Mapping[str, Any]) -> str:
    """Return the language that is not English, or empty where the script reads as English.

    What the script says of itself comes first. A text of few words is taken for English.
    """
    said = next((str(metadata[key]) for key in _KEYS if metadata.get(key)), "")
    if said:
        return "" if said.lower()[:2] == "en" else said
    text = " ".join(texts)
    letters = [c for c in text if c.isalpha()]
    latin = sum("LATIN" in unicodedata.name(c, "") for c in letters)
    if letters and latin < _LEAST_LATIN * len(letters):
        return "a language in another script"
    words = [word.lower().replace("\u2019", "'") for word in _WORD.findall(text)]
    if len(words) < _LEAST_WORDS:
        return ""
    shares = {name: _share(words, common) for name, common in _COMMON.items()}
    best = max(shares, key=lambda name: shares[name])
    return best if best != "English" and shares[best] >= _LEAST_SHARE else ""


def _share(words: list[str], common: frozenset[str]) -> float:
    return sum(word in common for word in words) / len(words)
