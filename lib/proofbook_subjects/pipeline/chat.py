"""Have a language model write the dialogue, by an endpoint of OpenAI's or Anthropic's form.

The model is held to a JSON schema where its server knows schemas. What it writes is checked, and it
is asked again with what was wrong.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from proofbook_subjects.pipeline.calling import Caller
from proofbook_subjects.pipeline.commands import tell
from proofbook_subjects.pipeline.documents import check_lines
from proofbook_subjects.pipeline.endpoints import Endpoint
from proofbook_subjects.pipeline.errors import InputError, ServiceError
from proofbook_subjects.pipeline.settings import CHARACTERS, EMOTIONS, Project

__all__ = ["answered_lines", "answered_text", "task_of", "write_by_model"]

_MODELS = {"OPENAI": "gpt-4o-mini", "ANTHROPIC": "claude-sonnet-4-5"}
_TRIES = 3
_MOST_TOKENS = 4096
_TASK = """Write a funny dialogue of {count} short lines between Butcher and Nutsy, in turn.
Butcher is a grumpy butcher, Nutsy is a cheerful squirrel. They talk about: {topics}.
Each topic is named at least once, in these very words. Each line has one sentence.
Answer with JSON alone: {{"lines": [{{"character": "Butcher" or "Nutsy", "text": the sentence,
"emotion": one of {emotions}}}]}}"""


def write_by_model(
    project: Project, endpoint: Endpoint, topics: Sequence[str], count: int
) -> tuple[list[dict[str, str]], str]:
    """Return the lines that a model wrote, and its name.

    Raises:
        ServiceError: The endpoint failed, or no answer held a dialogue.
    """
    model = project.text("SCRIPT_MODEL", _MODELS[endpoint.name])
    ask = _ask_openai if endpoint.name == "OPENAI" else _ask_anthropic
    caller = Caller(project, endpoint, _headers(endpoint))
    task, fault = task_of(topics, count), ""
    for _ in range(_TRIES):
        prompt = f"{task}\nYour last answer was wrong: {fault}" if fault else task
        answer = ask(caller, model, prompt, count)
        try:
            return _about(answered_lines(answer), topics), model
        except InputError as error:
            fault = str(error)
    shown = fault.replace(endpoint.key, "***")
    raise ServiceError(f"model {model} wrote no script in {_TRIES} answers; the last: {shown}")


def task_of(topics: Sequence[str], count: int) -> str:
    """Return what a model is asked for."""
    return _TASK.format(count=count, topics=", ".join(topics), emotions=", ".join(EMOTIONS))


def answered_text(answer: Any) -> str:
    """Return what was written in an answer of OpenAI's form.

    Raises:
        ServiceError: It has another form.
    """
    return _text(answer, "choices", 0, "message", "content")


def _headers(endpoint: Endpoint) -> dict[str, str]:
    if endpoint.name == "OPENAI":
        return {"Authorization": f"Bearer {endpoint.key}"}
    return {"x-api-key": endpoint.key, "anthropic-version": "2023-06-01"}


def _ask_openai(caller: Caller, model: str, prompt: str, count: int) -> str:
    schema = {"name": "dialogue", "strict": True, "schema": _schema(count)}
    body = {
        "model": model, "messages": [{"role": "user", "content": prompt}],
        "max_tokens": _MOST_TOKENS,
        "response_format": {"type": "json_schema", "json_schema": schema},
    }  # fmt: skip
    answer = caller.send_for_json("POST", "/chat/completions", body=body)
    return answered_text(answer)


def _ask_anthropic(caller: Caller, model: str, prompt: str, _count: int) -> str:
    body = {
        "model": model, "max_tokens": _MOST_TOKENS,
        "messages": [{"role": "user", "content": prompt}],
    }  # fmt: skip
    answer = caller.send_for_json("POST", "/v1/messages", body=body)
    return _text(answer, "content", 0, "text")


def _schema(count: int) -> dict[str, Any]:
    line = {
        "type": "object", "additionalProperties": False,
        "required": ["character", "text", "emotion"],
        "properties": {
            "character": {"type": "string", "enum": list(CHARACTERS)},
            "text": {"type": "string"},
            "emotion": {"type": "string", "enum": list(EMOTIONS)},
        },
    }  # fmt: skip
    lines = {"type": "array", "items": line, "minItems": count, "maxItems": count}
    return {
        "type": "object", "additionalProperties": False, "required": ["lines"],
        "properties": {"lines": lines},
    }  # fmt: skip


def _text(answer: Any, *keys: str | int) -> str:
    found = answer
    for key in keys:
        try:
            found = found[key]
        except (KeyError, IndexError, TypeError):
            found = None
    if not isinstance(found, str):
        shown = json.dumps(answer)[:160]
        raise ServiceError(f"the endpoint answered JSON of another form: {shown}")
    return found


def answered_lines(text: str) -> list[dict[str, str]]:
    """Return the lines in a model's answer, which may have a fence or words around the JSON.

    Raises:
        InputError: It holds no dialogue.
    """
    start, end = text.find("{"), text.rfind("}")
    try:
        document = json.loads(text[start : end + 1]) if start >= 0 else None
    except (ValueError, RecursionError) as error:
        raise InputError(f"it is not JSON: {error}: {text[:80]!r}") from error
    if not isinstance(document, dict):
        raise InputError(f"it holds no JSON object: {text[:80]!r}")
    return [
        {"character": line.character, "text": line.text, "emotion": line.emotion}
        for line in check_lines(document.get("lines"), "the answer")
    ]


def _about(lines: list[dict[str, str]], topics: Sequence[str]) -> list[dict[str, str]]:
    """Return the lines, having warned where they name no topic."""
    said = " ".join(line["text"] for line in lines).lower()
    if not any(topic.lower() in said for topic in topics):
        tell(f"warning: the model names none of the topics {', '.join(topics)}")
    return lines
