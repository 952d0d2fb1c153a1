"""Amazon S3 and what speaks its API: put, get, list and delete, with signature version 4."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import httpx

from proofbook_subjects.apis.client.answers import StoredObject
from proofbook_subjects.apis.client.backends.base import Backend
from proofbook_subjects.apis.client.errors import SetupError, WrongProtocolError
from proofbook_subjects.apis.client.exchange import Call
from proofbook_subjects.apis.client.keys import Key, find_key
from proofbook_subjects.apis.client.signing import Signer

__all__ = ["S3"]

_REGION = "us-east-1"


class S3(Backend):
    """``s3_kit``. Buckets are in the path, as every server of this protocol takes them.

    ``api_key`` is ``id:secret``; without a colon it is both, as servers for tests have it.
    """

    name = "s3_kit"
    title = "S3"
    default_url = "https://s3.amazonaws.com"
    url_form = "https://s3.eu-central-1.amazonaws.com, without a bucket"
    key_names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")

    def find_keys(self, given: str | None) -> list[Key]:
        """Return the id, the secret, and the session's token where there is one."""
        if given:
            identity, colon, secret = given.partition(":")
            pair = (identity, secret if colon else identity)
        else:
            pair = ("", "")
        keys = [
            find_key(part or None, [name], backend=self.name)
            for part, name in zip(pair, self.key_names, strict=True)
        ]
        token = None if given else find_key(
            None, ["AWS_SESSION_TOKEN"], backend=self.name, required=False
        )  # fmt: skip
        return [key for key in (*keys, token) if key is not None]

    def auth(self, keys: Sequence[Key]) -> httpx.Auth:
        """Return what signs requests."""
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or _REGION
        token = keys[2] if len(keys) > 2 else None
        return Signer(keys[0], keys[1], region=region, token=token)

    def write_put(self, bucket: str, key: str, body: bytes) -> Call:
        """``PUT bucket/key``."""
        return Call(
            method="PUT",
            path=_path(bucket, key),
            content=body,
            headers={"Content-Type": "application/octet-stream"},
        )

    def write_get(self, bucket: str, key: str) -> Call:
        """``GET bucket/key``."""
        return Call(method="GET", path=_path(bucket, key))

    def write_delete(self, bucket: str, key: str) -> Call:
        """``DELETE bucket/key``."""
        return Call(method="DELETE", path=_path(bucket, key))

    def write_list(self, bucket: str, prefix: str, token: str) -> Call:
        """``GET bucket?list-type=2``."""
        query = {"list-type": "2", "prefix": prefix, "continuation-token": token}
        given = {name: value for name, value in query.items() if value}
        return Call(method="GET", path=_path(bucket), query=given)

    def read_put(self, response: httpx.Response) -> str:
        """Read the ``ETag``, which every S3 sends."""
        if "etag" not in response.headers:
            raise WrongProtocolError("the answer has no ETag; is the base URL S3's?")
        return response.headers["etag"].strip('"')

    def read_list(self, response: httpx.Response) -> tuple[list[StoredObject], str | None]:
        """Read ``Contents`` and ``NextContinuationToken``."""
        root = _parse(response.content)
        found = [
            StoredObject(
                _text(each, "Key"), int(_text(each, "Size") or 0), _text(each, "ETag").strip('"')
            )
            for each in root.iterfind("{*}Contents")
        ]
        return found, _text(root, "NextContinuationToken") or None


def _path(bucket: str, key: str | None = None) -> str:
    if not bucket or "/" in bucket:
        raise SetupError(f"{bucket!r} is no name of a bucket")
    if key is None:
        return f"/{quote(bucket, safe='-_.~')}"
    if not key or set(key.split("/")) & {".", ".."}:
        raise SetupError(f"{key!r} cannot be the key of an object in a URL's path")
    return f"/{quote(bucket, safe='-_.~')}/{quote(key, safe='/-_.~')}"


def _parse(body: bytes) -> Any:
    # A document type may name entities that expand without end; S3 sends none.
    try:
        root = None if b"<!DOCTYPE" in body[:1024].upper() else ElementTree.fromstring(body)
    except ElementTree.ParseError:
        root = None
    if root is None or not root.tag.endswith("ListBucketResult"):
        raise WrongProtocolError("the answer is no list of a bucket; is the base URL S3's?")
    return root


def _text(element: Any, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""
