"""Every reference to a server gives a sound ``server.json``, with no key that is anyone's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proofbook.subjects import resolve_reference
from proofbook_subjects.apis.doubles.application import load_protocol
from proofbook_subjects.apis.doubles.references import DOUBLES, SERVES
from proofbook_subjects.apis.servers import Served, Server, write_server

ACTIONS = {
    "chat", "completion", "embeddings", "models", "infer",
    "put_object", "get_object", "list_objects", "delete_object",
}  # fmt: skip
BACKENDS = {
    "openai_api", "claude", "groq", "ollama", "hf_tgi", "hf_tei", "gemini", "vllm", "llvm", "ovms",
    "opea", "s3_kit",
}  # fmt: skip


def test_there_is_a_double_of_every_backend() -> None:
    assert set(SERVES) == BACKENDS
    assert set(DOUBLES) == {f"double-{backend}" for backend in BACKENDS}


@pytest.mark.parametrize("name", DOUBLES)
def test_file_of_a_double_is_sound(name: str, tmp_path: Path) -> None:
    reference = resolve_reference(f"reference:{name}", "apis.server", root=tmp_path)
    assert reference is not None
    told = json.loads(reference.path.read_text())
    assert (told["name"], told["implementation"]) == (name, "MOCK")
    assert "{port}" in told["command"]
    (backend,) = told["serves"]
    assert f"double-{backend}" == name
    assert set(told["serves"][backend]["actions"]) <= ACTIONS


@pytest.mark.parametrize("protocol", SERVES)
def test_protocol_of_a_double_has_routes_below_its_base(protocol: str) -> None:
    base = SERVES[protocol].base_path
    assert any(route.path.startswith(base) for route in load_protocol(protocol).routes)


def test_file_is_replaced_whole(tmp_path: Path) -> None:
    served = Served(base_path="", model="m", actions=["chat"])
    for version in ("1", "2"):
        server = Server(
            name="a", version=version, implementation="REAL", command=["a", "{port}"],
            serves={"llvm": served},
        )  # fmt: skip
        path = write_server(server, tmp_path)
    assert json.loads(path.read_text())["version"] == "2"
    assert [each.name for each in path.parent.iterdir()] == ["server.json"]
