"""Check Signature Version 4 of a request to S3, and read its body.

After https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html. The signatures
of single chunks are not checked.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote_plus

__all__ = ["Signed", "decode_chunks", "find_fault", "read_authorization"]

_FORM = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,]+)/(?P<scope>[^,]+),\s*"
    r"SignedHeaders=(?P<headers>[^,]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)


class Signed(NamedTuple):
    """An ``Authorization`` header in parts."""

    key: str
    scope: str
    """Day, region, service and ``aws4_request``."""
    headers: tuple[str, ...]
    signature: str


def read_authorization(header: str) -> Signed | None:
    """Return the parts; None where it is no such header."""
    match = _FORM.fullmatch(header.strip())
    if match is None:
        return None
    names = tuple(match["headers"].split(";"))
    return Signed(match["key"], match["scope"], names, match["signature"])


def find_fault(
    signed: Signed,
    secret: str,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
) -> str:
    """Return S3's code for what is wrong with a signed request; empty where nothing is."""
    told = headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    if re.fullmatch(r"[0-9a-f]{64}", told) and told != hashlib.sha256(body).hexdigest():
        return "XAmzContentSHA256Mismatch"
    values = [f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in signed.headers]
    request = "\n".join(
        [method, path, _sorted(query), "".join(values), ";".join(signed.headers), told]
    )
    text = "\n".join(
        [
            "AWS4-HMAC-SHA256",
            headers.get("x-amz-date", ""),
            signed.scope,
            hashlib.sha256(request.encode()).hexdigest(),
        ]
    )
    key = f"AWS4{secret}".encode()
    for part in signed.scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    expected = hmac.digest(key, text.encode(), "sha256").hex()
    return "" if hmac.compare_digest(expected, signed.signature) else "SignatureDoesNotMatch"


def _sorted(query: str) -> str:
    """Return the query as it is signed: encoded, sorted, each name with ``=``."""
    pairs = [part.partition("=") for part in query.split("&") if part]
    encoded = [
        (quote(unquote_plus(name), safe="-_.~"), quote(unquote_plus(value), safe="-_.~"))
        for name, _, value in pairs
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def decode_chunks(body: bytes) -> bytes:
    """Return what ``aws-chunked`` holds: sizes in hexadecimal, data, and trailers at the end."""
    data, rest = b"", body
    while rest:
        head, _, rest = rest.partition(b"\r\n")
        size = int(head.partition(b";")[0] or b"0", 16)
        if size == 0:
            break
        data, rest = data + rest[:size], rest[size + 2 :]
    return data
