"""The double of S3 keeps objects, and takes only what is signed with its key."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from typing import Any

import httpx
import pytest

from proofbook_subjects.apis.doubles.application import build_double
from proofbook_subjects.apis.doubles.echo import KEY, MODEL
from proofbook_subjects.apis.doubles.s3_signatures import (
    decode_chunks,
    find_fault,
    read_authorization,
)

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
DAY, AMZ_DATE = "20250101", "20250101T000000Z"

# The examples of Amazon's page on signatures in headers.
PUBLISHED_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
PUBLISHED: list[tuple[str, str, str, dict[str, str]]] = [
    (
        "/test.txt",
        "",
        "host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        {"range": "bytes=0-9"},
    ),
    (
        "/",
        "max-keys=2&prefix=J",
        "host;x-amz-content-sha256;x-amz-date, "
        "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        {},
    ),
]


@pytest.mark.parametrize(("path", "query", "end", "more"), PUBLISHED)
def test_published_signatures_are_right(
    path: str, query: str, end: str, more: dict[str, str]
) -> None:
    scope = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
    signed = read_authorization(f"AWS4-HMAC-SHA256 Credential={scope},SignedHeaders={end}")
    assert signed is not None
    assert signed.key == "AKIAIOSFODNN7EXAMPLE"
    headers = {
        "host": "examplebucket.s3.amazonaws.com",
        "x-amz-content-sha256": EMPTY,
        "x-amz-date": "20130524T000000Z",
        **more,
    }
    assert find_fault(signed, PUBLISHED_SECRET, "GET", path, query, headers, b"") == ""
    changes: list[Any] = [
        ("no", "GET", path, query, headers, b""),
        (PUBLISHED_SECRET, "PUT", path, query, headers, b""),
        (PUBLISHED_SECRET, "GET", f"{path}x", query, headers, b""),
        (PUBLISHED_SECRET, "GET", path, f"{query}&a=b", headers, b""),
        (PUBLISHED_SECRET, "GET", path, query, {**headers, "host": "other"}, b""),
    ]
    faults = {find_fault(signed, *change) for change in changes}
    assert faults == {"SignatureDoesNotMatch"}
    other = find_fault(signed, PUBLISHED_SECRET, "GET", path, query, headers, b"x")
    assert other == "XAmzContentSHA256Mismatch"


def sign(method: str, path: str, query: str, body: bytes, key: str, secret: str) -> dict[str, str]:
    """Return the headers of a signed request to http://double."""
    digest = hashlib.sha256(body).hexdigest()
    headers = {"host": "double", "x-amz-content-sha256": digest, "x-amz-date": AMZ_DATE}
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    names = ";".join(headers)
    request = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{digest}"
    scope = f"{DAY}/eu-central-1/s3/aws4_request"
    hashed = hashlib.sha256(request.encode()).hexdigest()
    signing = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        signing = hmac.new(signing, part.encode(), "sha256").digest()
    text = f"AWS4-HMAC-SHA256\n{AMZ_DATE}\n{scope}\n{hashed}"
    signature = hmac.new(signing, text.encode(), "sha256").hexdigest()
    credential = f"Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "authorization": f"AWS4-HMAC-SHA256 {credential}"}


class Client:
    """Speaks to one double, which keeps its objects from call to call."""

    def __init__(self, key: str = KEY, secret: str = KEY) -> None:
        self.app, self.key, self.secret = build_double("s3_kit"), key, secret

    def __call__(
        self, method: str, path: str, query: str = "", body: bytes = b""
    ) -> httpx.Response:
        async def send() -> httpx.Response:
            url = f"http://double{path}{'?' if query else ''}{query}"
            headers = sign(method, path, query, body, self.key, self.secret)
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app)) as client:
                return await client.request(method, url, content=body, headers=headers)

        return asyncio.run(send())


def keys_of(listing: httpx.Response) -> list[str]:
    return re.findall(r"<Key>(.*?)</Key>", listing.text)


def code_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"].startswith("application/xml")
    return answer.status_code, re.findall(r"<Code>(.*?)</Code>", answer.text)[0]


def test_object_is_kept_listed_and_deleted() -> None:
    client = Client()
    put = client("PUT", f"/{MODEL}/a/b", body=b"hello")
    assert put.headers["etag"] == f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert client("GET", f"/{MODEL}/a/b").content == b"hello"
    client("PUT", f"/{MODEL}/c", body=b"")
    assert keys_of(client("GET", f"/{MODEL}", "list-type=2")) == ["a/b", "c"]
    assert keys_of(client("GET", f"/{MODEL}", "list-type=2&prefix=a%2F")) == ["a/b"]
    assert client("DELETE", f"/{MODEL}/a/b").status_code == 204
    assert client("DELETE", f"/{MODEL}/a/b").status_code == 204
    assert code_of(client("GET", f"/{MODEL}/a/b")) == (404, "NoSuchKey")


def test_list_comes_in_pages() -> None:
    client = Client()
    for name in "abc":
        client("PUT", f"/{MODEL}/{name}", body=b"x")
    first = client("GET", f"/{MODEL}", "list-type=2&max-keys=2")
    token = re.findall(r"<NextContinuationToken>(.*?)<", first.text)[0]
    assert "<IsTruncated>true<" in first.text
    rest = client("GET", f"/{MODEL}", f"continuation-token={token}&list-type=2&max-keys=2")
    assert (keys_of(first), keys_of(rest)) == (["a", "b"], ["c"])
    assert "<IsTruncated>false<" in rest.text


def test_buckets_are_made_and_removed() -> None:
    client = Client()
    assert code_of(client("GET", "/other")) == (404, "NoSuchBucket")
    assert client("PUT", "/other").status_code == 200
    assert code_of(client("PUT", "/other")) == (409, "BucketAlreadyOwnedByYou")
    client("PUT", "/other/a", body=b"x")
    assert code_of(client("DELETE", "/other")) == (409, "BucketNotEmpty")
    client("DELETE", "/other/a")
    assert client("DELETE", "/other").status_code == 204
    assert f"<Name>{MODEL}</Name>" in client("GET", "/").text


def test_only_the_double_s_key_and_secret_are_taken() -> None:
    assert code_of(Client(key="other")("GET", "/")) == (403, "InvalidAccessKeyId")
    assert code_of(Client(secret="other")("GET", "/")) == (403, "SignatureDoesNotMatch")


def test_chunks_are_put_together() -> None:
    body = b"5;chunk-signature=00\r\nhello\r\n3\r\n, a\r\n0\r\nx-amz-checksum-crc32:x\r\n\r\n"
    assert decode_chunks(body) == b"hello, a"
