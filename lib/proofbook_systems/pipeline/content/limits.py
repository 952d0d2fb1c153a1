"""How much may depart before a claim falls, and why each limit is where it is."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ContentLimits"]


@dataclass(frozen=True, kw_only=True)
class ContentLimits:
    """Limits of the judges of content; measured on eSpeak NG (robotic) and Piper (clear)."""

    least_fit: float = -2.6
    """Mean logarithm of a token's probability from which on a sound says its line: right lines had
    -1.9 and more by eSpeak NG, -0.7 and more by Piper; wrong lines -3.1 and less."""
    least_doubtful: float = -3.1
    """The same where it fits better than all others by far: an invented word by eSpeak NG -2.7."""
    most_word_errors: float = 0.5
    """Of all words of a script: 0.03 by Piper, 0.15 to 0.38 by eSpeak NG; other lines give 1."""
    most_misheard: float = 0.08
    """Of a character's words, from which on single words are not judged: 0.03 by Piper."""
    least_sure: float = -0.4
    """Fit of a character's line in the middle, below which they are not either: by Piper -0.25 and
    more in six lines, -0.5 in three; by eSpeak NG -0.37 and less in six."""
    cut_start: float = 0.4
    """Seconds of speech that the control cuts off at the start; about one word."""
    cut_end: float = 0.6
    """The same at the end, where speakers slow down."""
    least_speech: float = 1.2
    """Seconds of speech from which on a line tells who speaks: the encoder was trained on 1.6 s,
    and lines of half a second are as far from their own voice as from another."""
    least_same: float = 0.65
    """Similarity of a line to its character's other lines: the same voice 0.76 and more."""
    least_known: float = 0.75
    """Similarity of a character to its samples: 0.78 and more by one sample, 0.94 and more by
    three; another character's had 0.72 and less, a third voice 0.58 to 0.92."""
    least_apart: float = 0.05
    """By which lines of one character are more alike than lines of two."""
    most_alike: float = 0.80
    """Similarity of two characters of whom there is one line each."""
    least_quality: float = 1.5
    """Mean opinion score: Piper 2.9 and more, eSpeak NG 1.65; with noise twice as loud 1.4."""
    most_quality_loss: float = 1.2
    """By which a line may be rated below the middle of all, which is 3.3 by Piper; clipped 2.0."""
    least_meaning: float = 0.3
    """Similarity of a topic to the lines that are nearest to it: on topic 0.63 to 0.77 where the
    script names it, off topic 0.13."""
    samples: int = 3
    """Lines of which a control is made where one for each would take long."""
