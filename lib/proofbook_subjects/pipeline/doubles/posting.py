"""A double of the Instagram Graph API: containers, uploads, tokens and their limits."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass
from typing import Any

from proofbook_subjects.pipeline.doubles.serving import Answer, Asked

__all__ = ["EXPIRED", "KEY", "USER", "PostingDouble"]

KEY = "double-posting-token"
EXPIRED = f"expired-{KEY}"
"""Is refused, and can be refreshed."""
USER = "17841400000000000"
_DAYS_60 = 5_184_000
_CAPTION = 2200


@dataclass(kw_only=True)
class _Container:
    caption: str
    status: str = "IN_PROGRESS"
    polls_left: int = 0
    data: bytes = b""
    media: str = ""


class PostingDouble:
    """The posting API.

    Args:
        polls: How often a container says that it is in progress after its upload.
        a_day: How many posts are taken.
    """

    def __init__(self, polls: int = 1, a_day: int = 100) -> None:
        self._polls, self._a_day = polls, a_day
        self._containers: dict[str, _Container] = {}
        self._numbers = itertools.count(18_000_000_000_000_001)
        self._refreshed = itertools.count(1)
        self._lock = threading.Lock()

    def key_of(self, asked: Asked) -> str:
        """Say whether the token is right, expired or wrong."""
        header = asked.headers.get("authorization", "").rpartition(" ")[2]
        token = header or str(asked.fields().get("access_token", ""))
        if token == KEY or token.startswith(f"{KEY}-refreshed-"):
            return "right"
        return "expired" if token == EXPIRED else "wrong" if token else "none"

    def refuse(self, key: str) -> Answer:
        """Return an OAuth error as the API words it."""
        if key == "expired":
            return _error(400, 190, "Error validating access token: Session has expired.", 463)
        return _error(401, 190, "Invalid OAuth access token.")

    def is_public(self, asked: Asked) -> bool:
        """A token that has expired can be refreshed."""
        return asked.path.endswith("/refresh_access_token") and self.key_of(asked) == "expired"

    def answer(self, asked: Asked) -> Answer:
        """Do what is asked for."""
        parts = asked.path.strip("/").split("/")
        with self._lock:
            if parts[-1] == "refresh_access_token":
                token = f"{KEY}-refreshed-{next(self._refreshed)}"
                return Answer(body={"access_token": token, "token_type": "bearer",
                                    "expires_in": _DAYS_60})  # fmt: skip
            if asked.method == "POST" and "ig-api-upload" in parts:
                return self._upload(parts[-1], asked)
            if parts[-1] == "content_publishing_limit":
                config = {"quota_total": self._a_day, "quota_duration": 86400}
                return Answer(body={"data": [{"quota_usage": self._used(), "config": config}]})
            if asked.method == "POST" and parts[-2:] == [USER, "media"]:
                return self._create(asked.fields())
            if asked.method == "POST" and parts[-2:] == [USER, "media_publish"]:
                return self._publish(str(asked.fields().get("creation_id", "")))
            if asked.method == "GET" and parts[-2:] == [USER, "media"]:
                media = [c.media for c in self._containers.values() if c.media]
                return Answer(body={"data": [{"id": each} for each in reversed(media)]})
            if asked.method == "GET" and parts[-1] in self._containers:
                return self._status(parts[-1])
        return _error(404, 100, f"there is no {asked.method} {asked.path}")

    def _used(self) -> int:
        return sum(bool(each.media) for each in self._containers.values())

    def _create(self, fields: dict[str, Any]) -> Answer:
        caption = str(fields.get("caption", ""))
        if fields.get("media_type") != "REELS":
            return _error(400, 100, "media_type must be REELS")
        if len(caption) > _CAPTION:
            return _error(400, 36004, "the caption is too long")
        number = str(next(self._numbers))
        self._containers[number] = _Container(caption=caption)
        return Answer(body={"id": number})

    def _upload(self, number: str, asked: Asked) -> Answer:
        container = self._containers.get(number)
        if container is None:
            return _error(404, 100, f"there is no container {number}")
        container.data, container.polls_left = asked.body, self._polls
        is_whole = asked.headers.get("file_size") == str(len(asked.body))
        is_film = asked.body[4:8] == b"ftyp" and b"moov" in asked.body
        container.status = "IN_PROGRESS" if is_whole and is_film else "ERROR"
        return Answer(body={"success": True, "message": "Upload successful."})

    def _status(self, number: str) -> Answer:
        container = self._containers[number]
        if container.status == "IN_PROGRESS" and container.data:
            if container.polls_left <= 0:
                container.status = "FINISHED"
            container.polls_left -= 1
        return Answer(body={"id": number, "status_code": container.status})

    def _publish(self, number: str) -> Answer:
        container = self._containers.get(number)
        if container is None:
            return _error(400, 100, f"there is no container {number}")
        if container.status != "FINISHED":
            return _error(400, 9007, f"the container is {container.status}, and not ready")
        if self._used() >= self._a_day:
            return _error(400, 9, "the limit of posts is reached")
        container.status, container.media = "PUBLISHED", str(next(self._numbers))
        return Answer(body={"id": container.media})


def _error(status: int, code: int, message: str, subcode: int = 0) -> Answer:
    error: dict[str, Any] = {"message": message, "type": "OAuthException", "code": code}
    if subcode:
        error["error_subcode"] = subcode
    return Answer(status=status, body={"error": error})
