"""Fill the placeholders of a command that a person wrote: ``["{python}", "train.py"]``.

Starts nothing. Braces that belong to a word are doubled, as in ``str.format``.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence

from proofbook.errors import SubjectError

__all__ = ["fill_command", "has_placeholder"]


def fill_command(words: Sequence[str], values: Mapping[str, str], name: str) -> list[str]:
    """Return the words with each placeholder replaced by its value.

    Args:
        words: Program and arguments.
        values: What there is to fill in, by placeholder.
        name: The parameter that messages name.

    Raises:
        SubjectError: There are no words, or one has an unknown placeholder or a lone brace.
    """
    if not words:
        raise SubjectError(f"{name} is empty; give program and arguments as a list of words")
    known = ", ".join(f"{{{placeholder}}}" for placeholder in values)
    for word in words:
        unknown = [each for each in _placeholders(word, name) if each not in values]
        if unknown:
            raise SubjectError(f"{name} has {{{unknown[0]}}} in {word!r}; known are {known}")
    return [word.format_map(values) for word in words]


def has_placeholder(words: Sequence[str], placeholder: str) -> bool:
    """Say whether any of the words has ``{placeholder}``."""
    return any(f"{{{placeholder}}}" in word for word in words)


def _placeholders(word: str, name: str) -> list[str]:
    try:
        return [field for _, field, _, _ in string.Formatter().parse(word) if field is not None]
    except ValueError as error:
        raise SubjectError(
            f"{name}: {word!r} has a lone brace ({error}); double it where it belongs to the word"
        ) from error
