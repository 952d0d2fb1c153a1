"""Objects: signatures by AWS's published examples, and the calls of an S3."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from asking import Asked, client

from proofbook_subjects.apis.client.errors import (
    ApiError,
    KeyRejectedError,
    NotFoundError,
    SetupError,
    WrongProtocolError,
)
from proofbook_subjects.apis.client.keys import Key
from proofbook_subjects.apis.client.signing import Signer, sign

# https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
ACCOUNT = {"identity": "AKIAIOSFODNN7EXAMPLE", "region": "us-east-1",
           "secret": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}  # fmt: skip
HOST = "examplebucket.s3.amazonaws.com"
MOMENT = "20130524T000000Z"
EMPTY = hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize(
    ("method", "path", "query", "more", "body", "signature"),
    [
        ("GET", "/test.txt", "", {"range": "bytes=0-9"}, b"",
         "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        ("PUT", "/test%24file.text", "", {"date": "Fri, 24 May 2013 00:00:00 GMT",
         "x-amz-storage-class": "REDUCED_REDUNDANCY"}, b"Welcome to Amazon S3.",
         "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
        ("GET", "/", "lifecycle", {}, b"",
         "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("GET", "/", "max-keys=2&prefix=J", {}, b"",
         "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)  # fmt: skip
def test_signatures_are_those_that_aws_publishes(
    method: str, path: str, query: str, more: dict[str, str], body: bytes, signature: str
) -> None:
    hashed = hashlib.sha256(body).hexdigest()
    headers = {"host": HOST, "x-amz-content-sha256": hashed, "x-amz-date": MOMENT, **more}
    found = sign(method, path, query, headers, hashed, **ACCOUNT)
    assert found.endswith(f"Signature={signature}")
    assert f"SignedHeaders={';'.join(sorted(headers))}," in found


def test_a_request_is_signed_as_it_is_sent() -> None:
    signer = Signer(
        Key(ACCOUNT["identity"], "test"),
        Key(ACCOUNT["secret"], "test"),
        region="us-east-1",
        token=Key("the-token", "test"),
        now=lambda: datetime(2013, 5, 24, tzinfo=UTC),
    )
    url = httpx.URL(f"https://{HOST}/a%20b", params={"prefix": "x y/+~ü", "list-type": "2"})
    request = next(signer.auth_flow(httpx.Request("GET", url)))
    headers = {"host": HOST, "x-amz-content-sha256": EMPTY, "x-amz-date": MOMENT,
               "x-amz-security-token": "the-token"}  # fmt: skip
    query = "list-type=2&prefix=x%20y%2F%2B~%C3%BC"
    expected = sign("GET", "/a%20b", query, headers, EMPTY, **ACCOUNT)
    assert request.headers["authorization"] == expected
    assert ACCOUNT["secret"] not in repr(request.headers) + repr(vars(signer))


PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{}
<Contents><Key>{}</Key><Size>5</Size><ETag>&quot;e&quot;</ETag></Contents>
</ListBucketResult>"""
MORE = "<IsTruncated>true</IsTruncated><NextContinuationToken>t+/=</NextContinuationToken>"


def s3(asked: Asked, **settings: Any) -> Any:
    return client(
        asked, "s3_kit", base_url="http://s", **{"api_key": "the-identity:the-secret", **settings}
    )


def test_objects_are_put_read_listed_page_by_page_and_deleted() -> None:
    async def main() -> None:
        asked = Asked(
            httpx.Response(200, headers={"ETag": '"e"'}),
            httpx.Response(200, content=b"hello"),
            httpx.Response(200, text=PAGE.format(MORE, "a &amp; b")),
            httpx.Response(200, text=PAGE.format("", "c")),
            httpx.Response(204),
        )
        async with s3(asked) as api:
            assert await api.put_object("b", "x/y z", b"hello") == ("x/y z", 5, "e")
            assert await api.get_object("b", "x/y z") == b"hello"
            found = await api.list_objects("b", prefix="x/")
            await api.delete_object("b", "x/y z")
        assert [(each.key, each.size, each.etag) for each in found] == [
            ("a & b", 5, "e"), ("c", 5, "e")]  # fmt: skip
        sent = [(r.method, r.url.raw_path.decode()) for r in asked.requests]
        assert sent[0] == ("PUT", "/b/x/y%20z")
        assert sent[3][1].startswith("/b?list-type=2&prefix=x%2F&continuation-token=t%2B%2F%3D")
        assert asked.requests[0].content == b"hello"
        for request in asked.requests:
            assert "the-secret" not in repr(request.headers)
            assert "Credential=the-identity/" in request.headers["authorization"]

    asyncio.run(main())


XML = "<?xml version='1.0'?><Error><Code>{}</Code><Message>{}</Message></Error>"


def failing(status: int, text: str) -> ApiError:
    async def main() -> ApiError:
        async with s3(Asked(httpx.Response(status, text=text))) as api:
            with pytest.raises(ApiError, match="http://s/b") as caught:
                await api.list_objects("b")
            return caught.value

    return asyncio.run(main())


def test_what_s3_refuses_is_named() -> None:
    error = failing(404, XML.format("NoSuchBucket", "The specified bucket does not exist"))
    assert type(error) is NotFoundError
    assert "The specified bucket does not exist" in str(error)
    error = failing(403, XML.format("InvalidAccessKeyId", "does not exist in our records"))
    assert type(error) is KeyRejectedError
    assert "AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY" in str(error)
    bomb = "<!DOCTYPE a [<!ENTITY b 'c'>]><ListBucketResult/>"
    for text in ("<html>", "{}", "", "<Other/>", bomb):
        assert type(failing(200, text)) is WrongProtocolError


def test_a_server_that_stores_nothing_is_named() -> None:
    async def main() -> None:
        async with s3(Asked(httpx.Response(200, text="<html>"))) as api:
            with pytest.raises(WrongProtocolError, match="no ETag"):
                await api.put_object("b", "k", b"")

    asyncio.run(main())


@pytest.mark.parametrize(("bucket", "key"), [("", "k"), ("a/b", "k"), ("b", ""), ("b", "x/../y")])
def test_names_that_no_path_takes_are_refused(bucket: str, key: str) -> None:
    async def main() -> None:
        async with s3(Asked()) as api:
            with pytest.raises(SetupError):
                await api.get_object(bucket, key)

    asyncio.run(main())


def test_one_text_is_both_keys_and_the_environment_has_three(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from proofbook_subjects.apis.client.backends.s3_kit import S3

    assert [key.reveal() for key in S3().find_keys("test-key")] == ["test-key", "test-key"]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, name.lower())
    found = S3().find_keys(None)
    assert [key.source for key in found][2] == "AWS_SESSION_TOKEN"
    assert [key.reveal() for key in S3().find_keys("mine:own")] == ["mine", "own"]
