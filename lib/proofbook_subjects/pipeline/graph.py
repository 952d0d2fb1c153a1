"""A client of the posting API: containers, uploads, publication, and the token's refreshing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from proofbook_subjects.pipeline.calling import Caller
from proofbook_subjects.pipeline.endpoints import OFFICIAL, Endpoint
from proofbook_subjects.pipeline.errors import ServiceError
from proofbook_subjects.pipeline.settings import Project
from proofbook_subjects.pipeline.tokens import Token, keep_token, known_token

__all__ = ["Graph"]

_EXPIRED = 190
_LIMITED = {4, 9, 17, 32, 613}
_WEEK = 7 * 86400
_UPLOADS = "https://rupload.facebook.com"


class Graph:
    """The posting API for one user."""

    def __init__(
        self, project: Project, endpoint: Endpoint, user: str,
        *, sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self._project, self._endpoint, self._user, self._sleep = project, endpoint, user, sleep
        self._token = known_token(project, endpoint.key)
        if self._token.ends_within(_WEEK):
            self._refresh()

    def room(self) -> int:
        """Return how many more posts are taken today."""
        query = {"fields": "config,quota_usage"}
        answer = self._call("GET", f"/{self._user}/content_publishing_limit", query=query)
        try:
            entry = answer["data"][0]
            return int(entry["config"]["quota_total"]) - int(entry["quota_usage"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise _unknown_form(answer) from error

    def create(self, caption: str) -> str:
        """Make a container for a reel, and return its id."""
        body = {"media_type": "REELS", "upload_type": "resumable", "caption": caption}
        return _id_of(self._call("POST", f"/{self._user}/media", body=body))

    def upload(self, container: str, path: Path) -> None:
        """Send a reel's bytes."""
        data = path.read_bytes()
        headers = {"offset": "0", "file_size": str(len(data))}
        answer = self._call(
            "POST", f"/ig-api-upload/{container}", data=data, headers=headers, is_upload=True
        )
        if not answer.get("success"):
            raise ServiceError(f"the upload was not taken: {json.dumps(answer)[:160]}")

    def status(self, container: str) -> str:
        """Return whether a container is ready."""
        answer = self._call("GET", f"/{container}", query={"fields": "status_code"})
        if not isinstance(answer.get("status_code"), str):
            raise _unknown_form(answer)
        return str(answer["status_code"])

    def publish(self, container: str) -> str:
        """Publish a container once, and return the post's id.

        A publication whose answer is lost may have been done: the container says so.

        Raises:
            ServiceError: It was not published, or nobody can say.
        """
        path, body = f"/{self._user}/media_publish", {"creation_id": container}
        for _ in range(2):
            try:
                return _id_of(self._call("POST", path, body=body, may_repeat=False))
            except ServiceError as error:
                if error.status:
                    raise
                if self.status(container) == "PUBLISHED":
                    return self._latest()
        raise ServiceError(
            f"publishing container {container} got no answer twice; it is not posted"
        )

    def _latest(self) -> str:
        answer = self._call("GET", f"/{self._user}/media", query={"fields": "id", "limit": "1"})
        try:
            return str(answer["data"][0]["id"])
        except (KeyError, IndexError, TypeError) as error:
            raise _unknown_form(answer) from error

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Call, with one refreshing of a token that has expired."""
        try:
            return self._send(method, path, **options)
        except ServiceError as error:
            code = _code_of(error.body)
            if code in _LIMITED:
                raise ServiceError(
                    f"{error}: the rate is limited; run this again later", status=429
                ) from error
            if code != _EXPIRED:
                raise
            self._refresh(error)
        return self._send(method, path, **options)

    def _send(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None,
        is_upload: bool = False, **options: Any,
    ) -> dict[str, Any]:  # fmt: skip
        endpoint = replace(self._endpoint, key=self._token.text)
        if is_upload:
            official = _UPLOADS if endpoint.url == OFFICIAL["INSTAGRAM"] else endpoint.url
            endpoint = replace(endpoint, url=self._project.text("INSTAGRAM_UPLOAD_URL", official))
        sent = {"Authorization": f"Bearer {self._token.text}", **(headers or {})}
        caller = Caller(self._project, endpoint, sent, sleep=self._sleep)
        answer = caller.send_for_json(method, path, **options)
        if "error" in answer:
            raise ServiceError(
                f"instagram endpoint {endpoint.url} answered an error: {json.dumps(answer)[:160]}",
                status=200, body=json.dumps(answer).encode(),
            )  # fmt: skip
        return answer

    def _refresh(self, refused: ServiceError | None = None) -> None:
        """Refresh the token and keep it.

        Raises:
            ServiceError: It cannot be refreshed.
        """
        query = {"grant_type": "ig_refresh_token"}
        try:
            answer = self._send("GET", "/refresh_access_token", query=query)
        except ServiceError as error:
            raise ServiceError(
                f"the access token has expired and cannot be refreshed: {refused or error}; "
                "set a new INSTAGRAM_ACCESS_TOKEN",
                status=401,
            ) from error
        text, seconds = answer.get("access_token"), answer.get("expires_in", 0)
        if not isinstance(text, str) or not text or not isinstance(seconds, int | float):
            raise ServiceError("refreshing the access token gave none; set a new one", status=401)
        self._token = Token(text=text, expires=time.time() + seconds if seconds else 0.0)
        if not self._project.faults.has("post", "forgets_token"):
            keep_token(self._project, self._endpoint.key, self._token)


def _code_of(body: bytes) -> int:
    try:
        return int(json.loads(body)["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return 0


def _id_of(answer: Mapping[str, Any]) -> str:
    if not isinstance(answer.get("id"), str | int):
        raise _unknown_form(answer)
    return str(answer["id"])


def _unknown_form(answer: Mapping[str, Any]) -> ServiceError:
    return ServiceError(f"the endpoint answered JSON of another form: {json.dumps(answer)[:160]}")
