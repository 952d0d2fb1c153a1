"""Numbers as they are spoken in English: ``$7`` "seven dollars", ``2026`` "twenty twenty six"."""

from __future__ import annotations

import re

__all__ = ["NUMBER_WORDS", "say_numbers"]

_UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth",
    "nine": "ninth", "twelve": "twelfth",
}  # fmt: skip
NUMBER_WORDS = frozenset(_UNITS + _TENS[2:] + [name for _, name in _SCALES] + ["point"])
"""What numbers are made of."""
_MONEY = {"$": "dollars", "€": "euros", "£": "pounds", "¥": "yen"}
_SHORT = {"k": "thousand", "m": "million", "b": "billion", "bn": "billion"}
_MOST = 10**12

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_PRICE = re.compile(rf"([$€£¥])\s?({_NUMBER})(?:\s?(k|m|bn|b|thousand|million|billion))?\b")
_PRICE_BEHIND = re.compile(rf"({_NUMBER})\s?([$€£¥])")
_PERCENT = re.compile(rf"({_NUMBER})\s?%")
_TIME = re.compile(r"\b(\d{1,2}):(\d{2})\b")
_ORDINAL = re.compile(r"\b(\d+)(?:st|nd|rd|th)\b")
_SHORTENED = re.compile(rf"\b({_NUMBER})(k|bn)\b")
_PLAIN = re.compile(_NUMBER)
_YEAR = re.compile(r"\b(1[1-9]|20)(\d{2})\b(?![.,]\d)")


def say_numbers(text: str) -> str:
    """Return a text in lower case with its numbers in words."""
    text = _PRICE.sub(_price, text)
    text = _PRICE_BEHIND.sub(lambda m: f" {_say(m[1])} {_MONEY[m[2]]} ", text)
    text = _PERCENT.sub(lambda m: f" {_say(m[1])} percent ", text)
    text = _TIME.sub(_time, text)
    text = _ORDINAL.sub(lambda m: f" {_ordinal(int(m[1]))} ", text)
    text = _SHORTENED.sub(lambda m: f" {_say(m[1])} {_SHORT[m[2]]} ", text)
    text = _YEAR.sub(_year, text)
    return _PLAIN.sub(lambda m: f" {_say(m[0])} ", text)


def _price(match: re.Match[str]) -> str:
    scale = f" {_SHORT.get(match[3], match[3])}" if match[3] else ""
    whole, _, cents = match[2].replace(",", "").partition(".")
    if len(cents) == 2 and not scale:
        behind = f" {_cardinal(int(cents))}" if int(cents) else ""
        return f" {_say(whole)} {_MONEY[match[1]]}{behind} "
    return f" {_say(match[2])}{scale} {_MONEY[match[1]]} "


def _time(match: re.Match[str]) -> str:
    hours, minutes = int(match[1]), int(match[2])
    if minutes == 0:
        return f" {_cardinal(hours)} o clock "
    return f" {_cardinal(hours)} {'oh ' if minutes < 10 else ''}{_cardinal(minutes)} "


def _year(match: re.Match[str]) -> str:
    century, rest = int(match[1]), int(match[2])
    if rest == 0 or (century == 20 and rest < 10):
        return f" {_cardinal(100 * century + rest)} "
    return f" {_cardinal(century)} {'oh ' if rest < 10 else ''}{_cardinal(rest)} "


def _say(number: str) -> str:
    whole, _, decimals = number.replace(",", "").partition(".")
    if int(whole) >= _MOST:
        return " ".join(_UNITS[int(digit)] for digit in whole)
    behind = "".join(f" {_UNITS[int(digit)]}" for digit in decimals)
    return _cardinal(int(whole)) + (f" point{behind}" if behind else "")


def _cardinal(number: int) -> str:
    if number < 20:
        return _UNITS[number]
    if number < 100:
        tens, rest = divmod(number, 10)
        return _TENS[tens] + (f" {_UNITS[rest]}" if rest else "")
    size, name = next(scale for scale in _SCALES if number >= scale[0])
    count, rest = divmod(number, size)
    return f"{_cardinal(count)} {name}" + (f" {_cardinal(rest)}" if rest else "")


def _ordinal(number: int) -> str:
    if number >= _MOST:
        return _say(str(number))
    *before, last = _cardinal(number).split()
    plain = last[:-1] + "ie" if last.endswith("y") else last
    return " ".join([*before, _ORDINALS.get(last, f"{plain}th")])
