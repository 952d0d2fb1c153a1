"""AWS's signature version 4 for one request, as S3 wants it.

Knows nothing about objects. The payload's hash is sent and signed.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

import httpx

from proofbook_subjects.apis.client.keys import Key

__all__ = ["Signer", "sign"]

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNRESERVED = "-_.~"


class Signer(httpx.Auth):
    """Signs each request that is sent, at the moment it is sent."""

    requires_request_body = True

    def __init__(
        self,
        identity: Key,
        secret: Key,
        *,
        region: str,
        token: Key | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._identity, self._secret, self._token = identity, secret, token
        self._region, self._now = region, now

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the date, the payload's hash, and the signature."""
        moment = self._now().strftime("%Y%m%dT%H%M%SZ")
        hashed = hashlib.sha256(request.content).hexdigest()
        signed = {
            "host": request.headers["host"],
            "x-amz-content-sha256": hashed,
            "x-amz-date": moment,
        }
        if self._token:
            signed["x-amz-security-token"] = self._token.reveal()
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        request.headers.update({k: v for k, v in signed.items() if k != "host"})
        request.headers["Authorization"] = sign(
            request.method,
            path,
            query,
            signed,
            hashed,
            identity=self._identity.reveal(),
            secret=self._secret.reveal(),
            region=self._region,
        )
        yield request


def sign(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    payload_hash: str,
    *,
    identity: str,
    secret: str,
    region: str,
    service: str = "s3",
) -> str:
    """Return the ``Authorization`` header.

    Args:
        method: Of the request.
        path: Encoded as it is sent.
        query: Encoded as it is sent; ``""`` where there is none.
        headers: To be signed, with ``x-amz-date``; names in lower case.
        payload_hash: SHA-256 of the body, in hexadecimal.
        identity: The access key's id.
        secret: The access key.
        region: As ``us-east-1``.
        service: As ``s3``.
    """
    names = ";".join(sorted(headers))
    lines = [f"{name}:{' '.join(headers[name].split())}" for name in sorted(headers)]
    canonical = "\n".join([method, path or "/", _canonical(query), *lines, "", names, payload_hash])
    moment = headers["x-amz-date"]
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join([_ALGORITHM, moment, scope, hashed])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    signature = _hmac(key, text).hex()
    return (
        f"{_ALGORITHM} Credential={identity}/{scope}, SignedHeaders={names}, Signature={signature}"
    )


def _canonical(query: str) -> str:
    # httpx writes a space as "+" and leaves some characters that S3 wants encoded.
    pairs = httpx.QueryParams(query).multi_items()
    encoded = [(quote(k, safe=_UNRESERVED), quote(v, safe=_UNRESERVED)) for k, v in pairs]
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
