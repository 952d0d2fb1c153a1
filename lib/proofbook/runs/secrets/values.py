"""Which values are ordinary, and which look as if they had been drawn at random.

Knows nothing about names. Ordinary is what every text is full of, and what says nothing: words of
configuration, numbers, paths, addresses without a password, placeholders.
"""

from __future__ import annotations

import math
import re
from collections import Counter

__all__ = ["bits_per_character", "is_ordinary", "is_placeholder", "is_spelled", "looks_random"]

_WORDS = """
absent access active admin all always anonymous any api auth auto automatic bar basic baz bearer
beta blank bool both build cache ci cli client cloud community config console cpu cuda custom data
database date debug default demo dev development digest disabled dummy duration empty enabled env
environment error evaluation everyone example external false fast file foo free full github gitlab
global google guest header hidden high host huggingface id idle info inherit inline int internal
json keep key keyring large latest legacy level light list live local localhost login low main
mandatory manual master max medium memory min mock mode model name native never new nil no nobody
none normal not null off offline ok old on online optional pass passed passphrase passwd password
path personal pipe plain port postgres preview primary private prod production project prompt
public random read readonly ready redacted redis release remote replica required reset root sample
sandbox secret secrets server service session set shared short simple size skip small somebody
staging standard start static status stdin stdout stop store strict string system tag team temp
test testing text time tiny title tmp token tokens trial true type undefined unknown unset update
uri url user username value verbose version warning wip word write yes
"""
_ORDINARY = frozenset(_WORDS.split())
_PLACEHOLDER = re.compile(
    r"<[^<>]*>|\$\{?[^{}]*\}?|\{+[^{}]*\}+|%\(?\w*\)?s?|[*•x_.?-]+|\[redacted.*"
    r"|(?:your|my|enter|insert|change|replace)[-_ ]?(?:me|this|the|own|real|api|key|token|secret"
    r"|password|[-_ ])*(?:here)?|\[?(?:masked|hidden|removed)\]?",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"[A-Z]{2,}(?:_[A-Z]{2,})+")
_NUMBER = re.compile(r"[+-]?\d{1,5}|[+-]?\d*\.\d+(?:e[+-]?\d+)?|\d+(?:\.\d+){2,}|\d+[a-z%]{1,3}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ][\d:.,+Z-]*)?|\d\d?:\d\d(?::\d\d)?")
_ROOT = re.compile(
    r"(?:~|\.{1,2}|[A-Za-z]:[\\/]|/(?:app|bin|data|dev|etc|home|lib|media|mnt|opt|private|proc|root"
    r"|run|scratch|secrets|srv|some|sys|tmp|usr|Users|var|Volumes|work|workspace|workspaces)\b)"
    r"(?:[\\/]|$)\S*"
)
_PATH = re.compile(r"/?(?:[\w.@+ -]*[A-Za-z]{2}[\w.@+ -]*/)+[\w.@+ -]*")
_FILE = re.compile(
    r"[\w./\\@+-]+\.(?:cert|cfg|conf|crt|csv|db|env|html?|ini|ipynb|jpe?g|json|jsonl|key|log|md|pem"
    r"|p12|png|pth?|pub|py|safetensors|sh|sock|sqlite|tar|toml|tsv|txt|wav|xml|ya?ml|zip)"
)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://\S*|[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.IGNORECASE)
_PART = re.compile(r"[A-Za-z0-9]+")
_WORDLIKE = re.compile(
    r"[A-Za-z]?\d+|v?\d+[A-Za-z]{1,3}|[a-z]+\d{0,4}|[A-Z][a-z]+\d{0,4}|[A-Z]+\d{0,4}"
    r"|(?:[a-z]+|[A-Z]{1,3})(?:[A-Z][a-z]{2,})+\d{0,4}"
)
_CONSONANTS = re.compile(r"[b-df-hj-np-tv-xz]{5,}", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")


def is_ordinary(text: str) -> bool:
    """Say whether a value is no secret whatever its name."""
    lower = text.lower()
    if lower in _ORDINARY or is_placeholder(text) or _NUMBER.fullmatch(lower):
        return True
    return bool(_DATE.fullmatch(text) or _VARIABLE.fullmatch(text)) or _is_path(text)


def is_placeholder(text: str) -> bool:
    """Say whether a value stands for another: ``<token>``, ``${TOKEN}``, ``***``."""
    return bool(_PLACEHOLDER.fullmatch(text))


def is_spelled(text: str) -> bool:
    """Say whether a value is more than a word or a number: a password's least."""
    return not (is_ordinary(text) or text.isalpha() or text.isdigit() or _ADDRESS.fullmatch(text))


def looks_random(text: str) -> bool:
    """Say whether a value is no word, number, path, address, version, nor made of those."""
    if len(text) < 8 or any(c.isspace() for c in text) or is_ordinary(text):
        return False
    if _ADDRESS.fullmatch(text) or _FILE.fullmatch(text):
        return False
    return any(_is_random_part(part) for part in _PART.findall(text)) or _is_symbols(text)


def bits_per_character(text: str) -> float:
    """Return the Shannon entropy of a text's characters."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


def _is_path(text: str) -> bool:
    if "/" not in text and "\\" not in text:
        return False
    if _ROOT.fullmatch(text) or _FILE.fullmatch(text):
        return True
    parts = _PART.findall(text)
    return bool(_PATH.fullmatch(text)) and not any(map(_is_random_part, parts))


def _is_random_part(part: str) -> bool:
    """Say whether letters and digits without a sign between them are no word."""
    if len(part) < 6:
        return False
    if _WORDLIKE.fullmatch(part):
        if len(part) < 12 or not part.isalpha():
            return False
        run = max(map(len, _CONSONANTS.findall(part)), default=0)
        return run > 5 or (run > 4 and bits_per_character(part.lower()) > 3)
    return len(part) < 12 or bits_per_character(part) > (2.5 if _HEX.fullmatch(part) else 3)


def _is_symbols(text: str) -> bool:
    """Say whether a value has more signs than a name would: ``p&9!x#Q2``."""
    signs = sum(1 for c in text if not c.isalnum() and c not in "-_./:, ")
    return signs >= 2 and len(set(text)) >= 6 and any(c.isalnum() for c in text)
