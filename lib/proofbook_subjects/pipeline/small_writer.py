"""Have the small model write the dialogue, a few lines at a time, held to a grammar.

So small a model keeps no rule that it is only told: who speaks, which words must come, and how long
a line may be are in the schema. What it says makes little sense; its form is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proofbook_subjects.pipeline.calling import Caller
from proofbook_subjects.pipeline.chat import answered_lines, answered_text, task_of
from proofbook_subjects.pipeline.commands import tell
from proofbook_subjects.pipeline.errors import InputError, ServiceError
from proofbook_subjects.pipeline.settings import CHARACTERS, EMOTIONS, Project
from proofbook_subjects.pipeline.small_server import Served, served, serving_project

__all__ = ["schema_of", "write_by_small_model"]

_AT_ONCE, _TRIES = 6, 3
_TOKENS_A_LINE = 200
_WORD = "( [A-Za-z',]{1,12})"
_FREE = f"^[A-Z][a-z']{{0,11}}{_WORD}{{2,8}}[.!?]$"
_NAMES = (
    f"^[A-Z][a-z']{{0,11}}{_WORD}{{1,4}} (about|for|like|of|with) {{topic}}{_WORD}{{0,3}}[.!?]$"
)
"""What a line may be: words of letters, so that it can be spoken, and some 120 letters at most.
Sent here alone, since OpenAI's strict schemas need not know patterns."""

Lines = list[dict[str, str]]


def write_by_small_model(project: Project, topics: Sequence[str], count: int) -> tuple[Lines, str]:
    """Return the lines, and which model wrote them.

    Raises:
        SettingsError: The model's server cannot be started.
        ServiceError: It died, or wrote no dialogue.
    """
    lines: Lines = []
    with served(project) as server:
        tell(f"a small model writes on this machine; {server.told}")
        caller = Caller(
            serving_project(project), server.endpoint,
            {"Authorization": f"Bearer {server.endpoint.key}"},
        )  # fmt: skip
        for size in _sizes(count):
            lines += _some(caller, server, topics, lines, size)
            tell(f"{len(lines)} of {count} lines written")
        return lines, server.told


def schema_of(topics: Sequence[str], start: int, size: int) -> dict[str, Any]:
    """Return what lines from ``start`` on must be: who speaks in turn, and which topic is named.

    The first lines name the topics, one each; the others are free.
    """
    items = []
    for number in range(start, start + size):
        topic = topics[number] if number < len(topics) else ""
        is_named = topic and _is_plain(topic)
        says = _NAMES.replace("{topic}", topic) if is_named else _FREE
        items.append(_object({
            "character": {"type": "string", "enum": [CHARACTERS[number % len(CHARACTERS)]]},
            "text": {"type": "string", "pattern": says},
            "emotion": {"type": "string", "enum": list(EMOTIONS)},
        }))  # fmt: skip
    return _object({"lines": {"type": "array", "prefixItems": items}})


def _some(caller: Caller, server: Served, topics: Sequence[str], before: Lines, size: int) -> Lines:
    """Return the next lines; an answer that is none is asked for again, with another seed."""
    fault = ""
    for attempt in range(_TRIES):
        body = _request(topics, len(before), size, seed=1 + attempt + _TRIES * len(before))
        try:
            answer = caller.send_for_json("POST", "/chat/completions", body=body)
            return _checked(answered_text(answer), before, size)
        except InputError as error:
            fault = str(error)
        except ServiceError as error:
            raise ServiceError(server.cause(error)) from error
    raise ServiceError(f"the small model wrote no script in {_TRIES} answers; the last: {fault}")


def _request(topics: Sequence[str], start: int, size: int, *, seed: int) -> dict[str, Any]:
    schema = {"name": "dialogue", "strict": True, "schema": schema_of(topics, start, size)}
    return {
        "model": "smollm2", "seed": seed, "max_tokens": _TOKENS_A_LINE * size,
        "messages": [{"role": "user", "content": task_of(topics, size)}],
        "response_format": {"type": "json_schema", "json_schema": schema},
    }  # fmt: skip


def _checked(text: str, before: Lines, size: int) -> Lines:
    lines = answered_lines(text)
    if len(lines) != size:
        raise InputError(f"it has {len(lines)} lines; {size} were asked for")
    said = [line["text"] for line in (*before, *lines)]
    if again := next((each for each in said if said.count(each) > 1), ""):
        raise InputError(f"it says {again[:60]!r} twice")
    return lines


def _sizes(count: int) -> list[int]:
    """Return how many lines are asked for at a time; none alone, as two speak in turn."""
    parts = -(-count // _AT_ONCE)
    return [count // parts + (place < count % parts) for place in range(parts)]


def _is_plain(topic: str) -> bool:
    """Say whether a topic can stand in a pattern and in JSON as it is."""
    return all(letter.isalnum() or letter in " '-," for letter in topic)


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object", "additionalProperties": False, "required": list(properties),
        "properties": properties,
    }  # fmt: skip
