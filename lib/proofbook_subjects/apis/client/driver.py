"""The client as a subject: one request a call, as ``apis/faults`` and ``apis/load`` send them.

``run(request)`` takes a dict with ``action``, ``protocol``, ``base_url``, ``api_key``, ``model``,
``options`` and what the action needs. It returns a dict, or for a stream an async iterator of
text, whose last item is a dict with what was counted. One client per server, key and options is
kept, so that its queue and its circuit hold over many requests. ``options``:

    {"max_concurrency": 4, "max_queued": 1000, "max_retries": 3, "wait_initial": 0.5,
     "wait_max": 8, "max_retry_after": 120, "failures": 10, "recovery": 30, "priority": 0,
     "connect": 10, "read": 120, "queue": null, "trust_env": true}
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import stamina

from proofbook_subjects.apis.client.answers import Answer
from proofbook_subjects.apis.client.client import ApiClient
from proofbook_subjects.apis.client.errors import SetupError
from proofbook_subjects.apis.client.settings import Breaker, Limits, Retries, Timeout
from proofbook_subjects.apis.client.text_stream import TextStream

__all__ = ["run"]

_SETTINGS = {"limits": Limits, "retries": Retries, "breaker": Breaker, "timeout": Timeout}
_OTHERS = {"priority", "trust_env"}

_clients: dict[tuple[Any, ...], ApiClient] = {}


async def run(request: Mapping[str, Any]) -> dict[str, Any] | AsyncIterator[str | dict[str, Any]]:
    """Carry out one request.

    Raises:
        ApiError: What the client raises.
    """
    stamina.instrumentation.set_on_retry_hooks(())  # its log would fill the host's errors
    client = _client(request)
    options = {"priority": request.get("options", {}).get("priority", 0)}
    options["timeout"] = _timeout(request)
    action = request["action"]
    if action in ("chat", "completion"):
        return await _text(client, request, options)
    if action not in _ACTIONS:
        raise SetupError(f"there is no action {action!r}; take one of {', '.join(_ACTIONS)}")
    return await _ACTIONS[action](client, request, options)


async def _text(
    client: ApiClient, request: Mapping[str, Any], options: dict[str, Any]
) -> dict[str, Any] | AsyncIterator[str | dict[str, Any]]:
    options |= {"model": request["model"], "max_tokens": request.get("max_tokens")}
    chat = request["action"] == "chat"
    if request.get("stream"):
        if chat:
            return _pieces(client.stream_chat(request["messages"], **options))
        return _pieces(client.stream_complete(request["prompt"], **options))
    if chat:
        return _told(await client.chat(request["messages"], **options))
    return _told(await client.complete(request["prompt"], **options))


async def _embeddings(
    client: ApiClient, request: Mapping[str, Any], options: dict[str, Any]
) -> dict[str, Any]:
    found = await client.embed(request["input"], model=request["model"], **options)
    usage = found.usage._asdict() if found.usage else None
    return {"text": "", "embeddings": [list(v) for v in found.vectors], "usage": usage}


async def _models(
    client: ApiClient, _request: Mapping[str, Any], options: dict[str, Any]
) -> dict[str, Any]:
    names = await client.models(**options)
    return {"text": "\n".join(names), "models": names, "usage": None}


async def _infer(
    client: ApiClient, request: Mapping[str, Any], options: dict[str, Any]
) -> dict[str, Any]:
    found = await client.infer(request["inputs"], model=request["model"], **options)
    return {"text": json.dumps(found.outputs), "outputs": found.outputs, "usage": None}


async def _put(
    client: ApiClient, request: Mapping[str, Any], options: dict[str, Any]
) -> dict[str, Any]:
    body = base64.b64decode(request.get("body") or "")
    place = request["bucket"], request["key"]
    stored = await client.put_object(*place, body, timeout=options["timeout"])
    return {"text": stored.etag, "usage": None}


async def _get(
    client: ApiClient, request: Mapping[str, Any], options: dict[str, Any]
) -> dict[str, Any]:
    place = request["bucket"], request["key"]
    body = await client.get_object(*place, timeout=options["timeout"])
    return {"text": "", "body": base64.b64encode(body).decode(), "usage": None}


async def _list(
    client: ApiClient, request: Mapping[str, Any], options: dict[str, Any]
) -> dict[str, Any]:
    prefix = request.get("prefix") or request.get("key") or ""
    found = await client.list_objects(request["bucket"], prefix=prefix, timeout=options["timeout"])
    names = [stored.key for stored in found]
    return {"text": "\n".join(names), "keys": names, "usage": None}


async def _delete(
    client: ApiClient, request: Mapping[str, Any], options: dict[str, Any]
) -> dict[str, Any]:
    await client.delete_object(request["bucket"], request["key"], timeout=options["timeout"])
    return {"text": "", "usage": None}


_Action = Callable[[ApiClient, Mapping[str, Any], dict[str, Any]], Awaitable[dict[str, Any]]]
_ACTIONS: dict[str, _Action] = {
    "embeddings": _embeddings,
    "models": _models,
    "infer": _infer,
    "put_object": _put,
    "get_object": _get,
    "list_objects": _list,
    "delete_object": _delete,
}


async def _pieces(stream: TextStream) -> AsyncIterator[str | dict[str, Any]]:
    async with stream:
        async for delta in stream:
            yield delta.text
        yield _counted(stream.answer)


def _told(answer: Answer) -> dict[str, Any]:
    return {"text": answer.text, **_counted(answer)}


def _counted(answer: Answer) -> dict[str, Any]:
    return {
        "usage": answer.usage._asdict() if answer.usage else None,
        "finish_reason": answer.finish_reason,
        "model": answer.model,
        "attempts": answer.timing.attempts,
    }


def _client(request: Mapping[str, Any]) -> ApiClient:
    options = request.get("options") or {}
    names = ("protocol", "base_url", "api_key")
    same = tuple(request.get(name) for name in names)
    lasting = json.dumps(
        {key: value for key, value in options.items() if key != "priority"}, sort_keys=True
    )
    key = (asyncio.get_running_loop(), *same, lasting)
    if key not in _clients:
        _clients[key] = ApiClient(
            request["protocol"],
            base_url=request.get("base_url") or None,
            api_key=request.get("api_key") or None,
            **_settings(options),
        )
    return _clients[key]


def _settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Sort options into the classes of settings, by the names of their fields."""
    fields = {kind: _names(of) for kind, of in _SETTINGS.items()}
    unknown = set(options) - set().union(*fields.values()) - _OTHERS
    if unknown:
        raise SetupError(f"this client has no option {', '.join(sorted(unknown))}")
    found: dict[str, Any] = {
        kind: _SETTINGS[kind](**{name: options[name] for name in names & set(options)})
        for kind, names in fields.items()
    }
    return found | {"trust_env": options.get("trust_env", True)}


def _timeout(request: Mapping[str, Any]) -> Timeout:
    options = request.get("options") or {}
    given = {name: options[name] for name in _names(Timeout) & set(options)}
    if request.get("timeout") is not None:
        given["total"] = float(request["timeout"])
    return Timeout(**given)


def _names(settings: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(settings)}
