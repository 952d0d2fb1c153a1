"""Write a dialogue about topics without a model: the same for the same episode and topics."""

from __future__ import annotations

import random
from collections.abc import Sequence

__all__ = ["write_lines"]

_SPEAKERS = ("Butcher", "Nutsy")
_OPENERS = {
    "Butcher": (
        "Listen", "Look here", "Honestly", "My friend", "Believe me", "Once again", "Every morning",
        "In my shop", "At the market", "Let me tell you", "Between us", "All day long",
    ),
    "Nutsy": (
        "Oh wow", "Wait a minute", "Hold on", "Guess what", "No way", "You know what", "Ha ha",
        "Up in my tree", "Down at the park", "Since yesterday", "Seriously", "Come on",
    ),
}  # fmt: skip
_BODIES = {
    "Butcher": (
        ("everybody wants to talk about {topic}.", "neutral"),
        ("I am tired of hearing about {topic}.", "angry"),
        ("my customers only ask me about {topic}.", "sad"),
        ("I sold twice as much because of {topic}.", "happy"),
        ("nobody warned me about {topic}.", "surprised"),
        ("the news is full of {topic}.", "neutral"),
        ("I would give my best knife for {topic}.", "excited"),
        ("you must not joke about {topic}.", "angry"),
    ),
    "Nutsy": (
        ("I love everything about {topic}.", "happy"),
        ("I could talk for hours about {topic}.", "excited"),
        ("the whole forest is afraid of {topic}.", "sad"),
        ("even the birds know about {topic}.", "surprised"),
        ("I wrote a little song about {topic}.", "excited"),
        ("my cousin explained to me {topic}.", "neutral"),
        ("I lost all my nuts over {topic}.", "sad"),
        ("who would have thought of {topic}?", "surprised"),
    ),
}


def write_lines(episode: str, topics: Sequence[str], count: int) -> list[dict[str, str]]:
    """Return ``count`` different lines that name the topics in turn; Butcher begins."""
    rng = random.Random(f"{episode}|{'|'.join(topics)}")
    choices = {who: _shuffled(rng, who) for who in _SPEAKERS}
    lines = []
    for number in range(count):
        who = _SPEAKERS[number % 2]
        opener, (body, emotion) = choices[who][number // 2 % len(choices[who])]
        topic = topics[number // 2 % len(topics)]
        lines.append(
            {
                "character": who,
                "text": f"{opener}, {body.format(topic=topic)}",
                "emotion": emotion,
            }
        )
    return lines


def _shuffled(rng: random.Random, who: str) -> list[tuple[str, tuple[str, str]]]:
    """Return all pairs in an order in which neither half soon comes again."""
    openers, bodies = list(_OPENERS[who]), list(_BODIES[who])
    rng.shuffle(openers)
    rng.shuffle(bodies)
    pairs = []
    for turn in range(len(bodies)):
        pairs += [
            (opener, bodies[(place + turn) % len(bodies)]) for place, opener in enumerate(openers)
        ]
    return pairs
