"""Bad input: one line that names which, and a key in none of them."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from asking import Asked, client
from certificates import server_context
from scripted_server import ASK, HANG, Seen, Wire, chat_answer, serving

from proofbook_subjects.apis.client import ApiClient, Breaker, Retries, Timeout
from proofbook_subjects.apis.client.errors import (
    ApiError,
    CertificateError,
    ErrorInAnswerError,
    KeyRejectedError,
    MalformedAnswerError,
    MissingKeyError,
    ModelNotFoundError,
    ProxyError,
    SetupError,
    UnknownBackendError,
    UnreachableError,
    UnsupportedError,
    WrongProtocolError,
    WrongUrlError,
)

KEY = "sk-secret-0123456789abcdef"
ONCE = Retries(max_retries=0)


def failure(api: ApiClient) -> ApiError:
    async def main() -> ApiError:
        async with api:
            with pytest.raises(ApiError) as caught:
                await api.chat(ASK, model="m-1")
            return caught.value

    error = asyncio.run(main())
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    assert KEY not in shown
    assert len(str(error).splitlines()) == 1
    return error


def answered(status: int, body: Any, backend: str = "openai_api", **headers: str) -> ApiError:
    content = body.encode() if isinstance(body, str) else None
    value = None if isinstance(body, str) else body
    answer = httpx.Response(status, json=value, content=content, headers=headers)
    return failure(client(Asked(answer), backend, api_key=KEY, retries=ONCE))


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (404, "<html><body>nginx", WrongUrlError, r"404: a web page; there is no such route: a base"
         " URL of OpenAI looks like https://api.openai.com/v1"),
        (404, {"detail": "Not Found"}, WrongUrlError, "404: Not Found; there is no such route"),
        (405, {"detail": "Method Not Allowed"}, WrongUrlError, "no such route"),
        (301, "", WrongUrlError, "leads on to nowhere"),
        (200, "<!DOCTYPE html><p>hello", WrongProtocolError, "a web page came instead of JSON"),
        (200, {"model": "m", "created_at": "x", "message": {}, "done": True}, WrongProtocolError,
         "not OpenAI's: choices is missing, and it looks like Ollama's; is the right backend"),
        (200, {"type": "message", "content": [], "role": "assistant"}, WrongProtocolError,
         "looks like Anthropic's"),
        (200, {"a": 1}, WrongProtocolError, "its keys are a"),
        (200, [1], WrongProtocolError, "a list"),
        (200, '{"choices": [', MalformedAnswerError, "no JSON: Expecting value"),
        (200, "", MalformedAnswerError, "no JSON"),
        (200, {"error": {"message": "boom", "code": "x"}}, ErrorInAnswerError,
         "status 200, and an error in the body: boom"),
        (401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}, KeyRejectedError,
         r"401: Incorrect API key provided: \[key\]; the key is wrong, expired .* OPENAI_API_KEY"),
        (403, {"error": "no"}, KeyRejectedError, "403: no; the key is wrong"),
        (404, {"error": {"message": "The model `m-1` does not exist", "code": "model_not_found"}},
         ModelNotFoundError, r"there is no model 'm-1' there: models\(\) lists"),
        (404, {"object": "error", "message": "The model `m-1` does not exist.", "code": 404},
         ModelNotFoundError, "there is no model 'm-1'"),
        (404, {"error": "model 'm-1' not found"}, ModelNotFoundError, "no model 'm-1'"),
        (404, {"type": "error", "error": {"type": "not_found_error", "message": "model: m-1"}},
         ModelNotFoundError, "no model 'm-1'"),
        (400, {"error": {"message": "model m-1 is not supported"}}, ModelNotFoundError, "no model"),
    ],
)  # fmt: skip
def test_the_message_names_which(status: int, body: Any, kind: type[ApiError], words: str) -> None:
    error = answered(status, body)
    assert type(error) is kind
    with pytest.raises(kind, match=words):
        raise error
    assert "http://server.test/v1/chat/completions" in str(error)


def test_a_validation_error_that_mentions_a_model_is_no_missing_model() -> None:
    text = "This model's maximum context length is 8192 tokens"
    assert answered(400, {"error": {"message": text}}).status == 400
    assert not isinstance(answered(400, {"error": {"message": text}}), ModelNotFoundError)


def test_a_redirect_says_where_to() -> None:
    error = answered(307, "", location="https://elsewhere.test/v1")
    assert "leads on to https://elsewhere.test/v1" in str(error)


def test_a_key_that_no_header_takes_is_not_shown() -> None:
    for bad in (KEY + "\n", f" {KEY}", KEY + "ü"):
        with pytest.raises(SetupError, match="line's end") as error:
            client(Asked(), api_key=bad)
        assert KEY not in "".join(traceback.format_exception(error.value))


def test_without_a_key_there_is_an_error_and_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    asked = Asked(httpx.Response(200, json=chat_answer()))
    with pytest.raises(MissingKeyError, match="set OPENAI_API_KEY in the environment"):
        client(asked, api_key=None)
    monkeypatch.setenv("OPENAI_API_KEY", "")
    with pytest.raises(MissingKeyError):
        client(asked, api_key="")
    assert asked.requests == []


def test_a_key_of_the_environment_is_sent_and_nowhere_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    asked = Asked(httpx.Response(500), httpx.Response(200, json=chat_answer()))

    async def main() -> str:
        async with client(asked, api_key=None) as api:
            return repr(api) + repr(await api.chat(ASK, model="m")) + repr(vars(api))

    shown = asyncio.run(main())
    assert asked.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in shown + caplog.text
    assert KEY not in "".join(str(vars(record)) for record in caplog.records)


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x", "http://", "http://x:99999/", "x"])
def test_a_base_url_that_is_none_is_named(url: str) -> None:
    with pytest.raises(SetupError, match="base_url"):
        client(Asked(), base_url=url)


def test_a_password_in_the_url_is_not_shown() -> None:
    answer = httpx.Response(500, text="no")
    api = client(Asked(answer), base_url=f"http://me:{KEY}@server.test/v1", retries=ONCE)
    assert KEY not in repr(api)
    failure(api)


def test_an_unknown_backend_and_a_call_that_one_has_not() -> None:
    with pytest.raises(UnknownBackendError, match=r"no backend 'openai'; take one of .*openai_api"):
        client(Asked(), "openai")

    async def main() -> None:
        async with client(Asked(), "claude") as api:
            with pytest.raises(UnsupportedError, match="Anthropic has no embeddings"):
                await api.embed(["a"], model="m")
            with pytest.raises(NotImplementedError):
                await api.put_object("b", "k", b"")

    asyncio.run(main())


def real(url: str, **settings: Any) -> ApiError:
    return failure(
        ApiClient(
            "openai_api",
            base_url=url,
            api_key=KEY,
            retries=ONCE,
            timeout=Timeout(connect=HANG, read=HANG),
            breaker=Breaker(failures=0),
            **settings,
        )
    )


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port on which nobody listens, and which nobody else is given."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_where_nobody_listens(silent_port: int) -> None:
    error = real(f"http://127.0.0.1:{silent_port}/v1", trust_env=False)
    assert type(error) is UnreachableError
    assert f"nobody listens at 127.0.0.1:{silent_port}" in str(error)


def test_a_name_that_is_not_known() -> None:
    error = real("http://nowhere.invalid/v1", trust_env=False)
    assert type(error) is UnreachableError
    assert "the name nowhere.invalid is not known" in str(error)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, silent_port: int
) -> None:
    for known in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(known, raising=False)
    proxy = f"http://me:{KEY}@127.0.0.1:{silent_port}"
    monkeypatch.setenv(name, proxy)
    error = real("http://api.test/v1")
    assert type(error) is ProxyError
    assert f"the proxy http://127.0.0.1:{proxy.rpartition(':')[2]} from {name}" in str(error)
    assert f"unset {name}, or add api.test to NO_PROXY" in str(error)


def test_a_proxy_that_answers_in_the_servers_place(monkeypatch: pytest.MonkeyPatch) -> None:
    async def handler(wire: Wire, _: Seen, __: int) -> None:
        await wire.answer(b"<html>Bad Gateway", 502, content_type="text/html")

    async def main() -> None:
        async with serving(handler) as server:
            for known in ("http_proxy", "NO_PROXY", "no_proxy"):
                monkeypatch.delenv(known, raising=False)
            monkeypatch.setenv("HTTP_PROXY", server.url)
            api = ApiClient("openai_api", base_url="http://api.test", api_key=KEY, retries=ONCE)
            async with api:
                with pytest.raises(ProxyError, match=f"the proxy {server.url} from HTTP_PROXY"):
                    await api.chat(ASK, model="m")

    asyncio.run(main())


def test_a_proxy_of_an_unknown_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:9")
    for known in ("HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(known, raising=False)
    with pytest.raises(ProxyError, match="from ALL_PROXY cannot be used"):
        ApiClient("openai_api", base_url="http://api.test", api_key=KEY)


def over_tls(context: ssl.SSLContext, path: str = "", **settings: Any) -> ApiError | str:
    async def handler(wire: Wire, _: Seen, __: int) -> None:
        await wire.answer(chat_answer())

    async def main() -> ApiError | str:
        async with serving(handler, context) as server:
            url = server.url if not path else path + server.url.rpartition(":")[2]
            settings.setdefault("retries", ONCE)
            async with ApiClient(
                "openai_api", base_url=url, api_key=KEY, trust_env=False, **settings
            ) as api:
                try:
                    return (await api.chat(ASK, model="m")).text
                except ApiError as error:
                    return error

    return asyncio.run(main())


def test_certificates_are_named(tmp_path: Path) -> None:
    error = over_tls(server_context(tmp_path))
    assert type(error) is CertificateError
    assert "the certificate of 127.0.0.1:" in str(error)
    assert "self-signed certificate" in str(error)
    trusting = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    assert over_tls(server_context(tmp_path), verify=False) == "hello you"
    expired = server_context(tmp_path, days=-1)
    trusting = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    assert "certificate has expired" in str(over_tls(expired, verify=trusting))
    other = server_context(tmp_path, name="elsewhere.test")
    trusting = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    assert "IP address mismatch" in str(over_tls(other, verify=trusting))
    right = server_context(tmp_path)
    trusting = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    assert over_tls(right, verify=trusting) == "hello you"


def test_a_certificate_is_not_tried_again(tmp_path: Path) -> None:
    error = over_tls(server_context(tmp_path), retries=Retries(max_retries=3, wait_initial=60))
    assert type(error) is CertificateError


def test_http_to_a_port_of_https_and_the_other_way_round(tmp_path: Path) -> None:
    error = over_tls(server_context(tmp_path), "http://127.0.0.1:")
    assert isinstance(error, ApiError)

    async def handler(wire: Wire, _: Seen, __: int) -> None:
        await wire.answer(chat_answer())

    async def main() -> None:
        async with serving(handler) as server:
            url = server.url.replace("http:", "https:")
            async with ApiClient(
                "openai_api", base_url=url, api_key=KEY, trust_env=False, retries=ONCE
            ) as api:
                with pytest.raises(CertificateError, match=r"speaks no TLS .* is it http://"):
                    await api.chat(ASK, model="m")

    asyncio.run(main())


def test_a_server_that_does_not_speak_http() -> None:
    async def main() -> None:
        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(4096)
            writer.write(b"220 mail.test ESMTP\r\n\r\n")
            await writer.drain()
            await reader.read()
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, ApiClient(
            "openai_api", base_url=f"http://127.0.0.1:{port}", api_key=KEY, trust_env=False,
            retries=ONCE,
        ) as api:  # fmt: skip
            with pytest.raises(WrongProtocolError, match="answers, but not in HTTP"):
                await api.chat(ASK, model="m")

    asyncio.run(main())
