"""Amazon's S3: objects in buckets, kept in memory; XML, and requests signed with Version 4.

After https://docs.aws.amazon.com/AmazonS3/latest/API. The access key and the secret are both the
double's key; one bucket is there from the start, and is called as the double's model.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response

from proofbook_subjects.apis.doubles.echo import KEY, MODEL
from proofbook_subjects.apis.doubles.protocol import Protocol, RefusedError, route
from proofbook_subjects.apis.doubles.s3_signatures import (
    decode_chunks,
    find_fault,
    read_authorization,
)

__all__ = ["PROTOCOL"]

_SPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_XML = "application/xml"
_MOST = 1000
_DATE = "2025-01-01T00:00:00.000Z"
_ERRORS = {
    "AccessDenied": (403, "Access Denied"),
    "BadDigest": (400, "The Content-MD5 you specified did not match what we received."),
    "BucketAlreadyOwnedByYou": (
        409,
        "Your previous request to create the named bucket succeeded and you already own it.",
    ),
    "BucketNotEmpty": (409, "The bucket you tried to delete is not empty"),
    "InvalidAccessKeyId": (
        403,
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    "InvalidArgument": (400, "Provided max-keys not an integer or within integer range"),
    "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "NoSuchKey": (404, "The specified key does not exist."),
    "SignatureDoesNotMatch": (
        403,
        "The request signature we calculated does not match the signature you provided. Check "
        "your key and signing method.",
    ),
    "XAmzContentSHA256Mismatch": (
        400,
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    ),
}
"""S3's codes, with their statuses and messages."""


@dataclass(frozen=True, kw_only=True)
class _Stored:
    data: bytes
    kind: str

    @property
    def tag(self) -> str:
        return f'"{hashlib.md5(self.data, usedforsecurity=False).hexdigest()}"'


_Buckets = dict[str, dict[str, _Stored]]


def _error(code: str, **more: str) -> RefusedError:
    status, message = _ERRORS[code]
    parts = {"Code": code, "Message": message, **more, "RequestId": "DOUBLE", "HostId": "double"}
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in parts.items())
    return RefusedError(status, _document(f"<Error>{inner}</Error>"), {"content-type": _XML})


def _document(inner: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{inner}'


def _buckets(request: Request) -> _Buckets:
    state = request.app.state
    if not hasattr(state, "buckets"):
        state.buckets = {MODEL: {}}
    buckets: _Buckets = state.buckets
    return buckets


async def _authentic(request: Request) -> bytes:
    """Return the body of a request whose signature is right."""
    signed = read_authorization(request.headers.get("authorization", ""))
    body = await request.body()
    if signed is None:
        raise _error("AccessDenied")
    path = request.scope["raw_path"].decode("ascii")
    query = request.url.query
    if code := find_fault(signed, KEY, request.method, path, query, request.headers, body):
        raise _error(code)
    if "aws-chunked" in request.headers.get("content-encoding", ""):
        return decode_chunks(body)
    return body


def _bucket(request: Request) -> dict[str, _Stored]:
    name = request.path_params["bucket"]
    if name not in _buckets(request):
        raise _error("NoSuchBucket", BucketName=name)
    return _buckets(request)[name]


async def _put(request: Request) -> Response:
    data = await _authentic(request)
    wanted = request.headers.get("content-md5")
    digest = hashlib.md5(data, usedforsecurity=False).digest()
    if wanted and base64.b64encode(digest).decode() != wanted:
        raise _error("BadDigest")
    kind = request.headers.get("content-type", "binary/octet-stream")
    stored = _Stored(data=data, kind=kind)
    _bucket(request)[request.path_params["key"]] = stored
    return Response(headers={"etag": stored.tag})


async def _get(request: Request) -> Response:
    await _authentic(request)
    key = request.path_params["key"]
    objects = _bucket(request)
    if key not in objects:
        raise _error("NoSuchKey", Key=key)
    stored = objects[key]
    headers = {"etag": stored.tag, "last-modified": "Wed, 01 Jan 2025 00:00:00 GMT"}
    return Response(stored.data, media_type=stored.kind, headers=headers)


async def _delete(request: Request) -> Response:
    await _authentic(request)
    _bucket(request).pop(request.path_params["key"], None)  # an absent key is no error
    return Response(status_code=204)


async def _list(request: Request) -> Response:
    await _authentic(request)
    objects, query = _bucket(request), request.query_params
    prefix = query.get("prefix", "")
    after = query.get("continuation-token") or query.get("start-after") or query.get("marker", "")
    most = query.get("max-keys", str(_MOST))
    if not most.isdigit():
        raise _error("InvalidArgument")
    keys = sorted(key for key in objects if key.startswith(prefix) and key > after)
    shown = keys[: min(int(most), _MOST)]
    is_cut = len(shown) < len(keys)
    parts = {
        "Name": request.path_params["bucket"],
        "Prefix": prefix,
        "KeyCount": str(len(shown)),
        "MaxKeys": most,
        "IsTruncated": str(is_cut).lower(),
        **({"NextContinuationToken": shown[-1]} if is_cut and shown else {}),
    }
    told = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in parts.items())
    told += "".join(_entry(key, objects[key]) for key in shown)
    body = _document(f"<ListBucketResult {_SPACE}>{told}</ListBucketResult>")
    return Response(body, media_type=_XML)


def _entry(key: str, stored: _Stored) -> str:
    return (
        f"<Contents><Key>{escape(key)}</Key><LastModified>{_DATE}</LastModified>"
        f"<ETag>{escape(stored.tag)}</ETag><Size>{len(stored.data)}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )


async def _create_bucket(request: Request) -> Response:
    await _authentic(request)
    name = request.path_params["bucket"]
    if name in _buckets(request):
        raise _error("BucketAlreadyOwnedByYou", BucketName=name)
    _buckets(request)[name] = {}
    return Response(headers={"location": f"/{name}"})


async def _delete_bucket(request: Request) -> Response:
    await _authentic(request)
    if _bucket(request):
        raise _error("BucketNotEmpty", BucketName=request.path_params["bucket"])
    del _buckets(request)[request.path_params["bucket"]]
    return Response(status_code=204)


async def _list_buckets(request: Request) -> Response:
    await _authentic(request)
    names = sorted(_buckets(request))
    told = "".join(
        f"<Bucket><Name>{escape(name)}</Name><CreationDate>{_DATE}</CreationDate></Bucket>"
        for name in names
    )
    owner = "<Owner><ID>double</ID></Owner>"
    inner = f"{owner}<Buckets>{told}</Buckets>"
    body = _document(f"<ListAllMyBucketsResult {_SPACE}>{inner}</ListAllMyBucketsResult>")
    return Response(body, media_type=_XML)


def _find_key(request: Request) -> str | None:
    signed = read_authorization(request.headers.get("authorization", ""))
    return signed.key if signed else None


def _wrong_key(key: str | None) -> RefusedError:
    if key is None:
        return _error("AccessDenied")
    return _error("InvalidAccessKeyId", AWSAccessKeyId=key)


PROTOCOL = Protocol(
    routes=[
        route("/", _list_buckets, "GET"),
        route("/{bucket}", _list, "GET"),
        route("/{bucket}", _create_bucket, "PUT"),
        route("/{bucket}", _delete_bucket, "DELETE"),
        route("/{bucket}/{key:path}", _get, "GET"),
        route("/{bucket}/{key:path}", _put, "PUT"),
        route("/{bucket}/{key:path}", _delete, "DELETE"),
    ],
    find_key=_find_key,
    wrong_key=_wrong_key,
    wrong_route=lambda _request, _status: _error("MethodNotAllowed"),
    headers={"x-amz-request-id": "DOUBLE", "x-amz-id-2": "double"},
)
