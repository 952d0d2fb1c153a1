"""A contract is data: it is read, refused where it contradicts itself, and filled with values."""

from __future__ import annotations

from pathlib import Path

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.ttsserver.contract import SpeechRequest
from proofbook_systems.ttsserver.contract_files import (
    PLACEHOLDERS,
    Request,
    known_contracts,
    load_contract,
)
from proofbook_systems.ttsserver.templates import fill_request, without_placeholder

MINIMAL = """
title: mine
health: {path: /}
speak: {method: POST, path: /say, json: {text: "{text}", voice: "{voice}", speed: "{speed}"}}
waived: {voices-listed: there is no list}
"""


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", known_contracts())
def test_a_contract_that_is_shipped_can_be_asked(name: str) -> None:
    contract = load_contract(name)
    asked = SpeechRequest(text="Hello & goodbye.", voice="ann", profile="p1", seed=7, speed=2.0)
    path, options = fill_request(contract.speak, {**contract.values, **asked.values()})
    sent = str(options)
    assert path.startswith("/")
    assert "Hello & goodbye." in sent
    assert "{" not in sent.replace("{'", "").replace('{"', "")


def test_a_request_has_a_value_or_none_for_each_placeholder() -> None:
    assert set(SpeechRequest(text="a").values()) == set(PLACEHOLDERS)
    assert SpeechRequest(text="a", model="m").values()["model"] == "m"
    assert SpeechRequest(text="", speed=2.0).values()["length_scale"] == 0.5


def test_the_known_contracts_are_these() -> None:
    assert known_contracts() == ["coqui", "marytts", "openai", "piper", "piper_root", "voicebox"]


def test_a_contract_extends_another_one(tmp_path: Path) -> None:
    contract = load_contract(
        written(tmp_path, "extends: openai\nprefix: /api\nhealth: {path: /status}\n")
    )
    assert contract.health.path == "/status"
    assert contract.prefix == "/api"
    assert contract.speak == load_contract("openai").speak


def test_what_a_contract_extends_counts_from_its_file(tmp_path: Path) -> None:
    written(tmp_path, MINIMAL)
    (tmp_path / "more.yaml").write_text("extends: mine.yaml\ntitle: more\n")
    contract = load_contract(str(tmp_path / "more.yaml"))
    assert (contract.title, contract.speak.path) == ("more", "/say")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(SubjectError, match=r"list\.yaml is no mapping"):
        load_contract(str(tmp_path / "list.yaml"))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("voices-listed", "speaks"), "waived: speaks is not one of called-audio, "),
        (("there is no list", "' '"), "waived: voices-listed needs a reason"),
        ((', speed: "{speed}"', ""), "waived: speed-is-heeded cannot be tried; say why"),
        ((', voice: "{voice}"', ""), "waived: refuses-unknown-voice cannot be tried"),
        (('text: "{text}", ', ""), "speak: no {text} is sent"),
        (("{voice}", "{vioce}"), "speak: {vioce} is none of engine, key, language"),
        (("title: mine", "titel: mine"), "title: Field required"),
        (("/say", "say"), "speak.path: String should match pattern"),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused(
    tmp_path: Path, change: tuple[str, str], problem: str
) -> None:
    with pytest.raises(SubjectError) as caught:
        load_contract(written(tmp_path, MINIMAL.replace(*change)))
    assert problem in str(caught.value)


def test_an_unknown_contract_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match=r"no contract 'openia'; .* one of coqui, marytts, op"):
        load_contract("openia")
    path = tmp_path / "mine.yaml"
    path.write_text(f"extends: {path}\n")
    with pytest.raises(SubjectError, match="extends itself"):
        load_contract(str(path))


@pytest.mark.parametrize(
    ("body", "values", "sent"),
    [
        ({"n": "{seed}"}, {"seed": 7}, {"n": 7}),
        ({"n": "no. {seed}"}, {"seed": 7}, {"n": "no. 7"}),
        ({"n": "{seed}", "m": 1}, {"seed": None}, {"m": 1}),
        ({"n": "no. {seed}", "m": 1}, {"seed": None}, {"m": 1}),
        ({"deep": {"n": ["{seed}", "x"]}}, {"seed": None}, {"deep": {"n": ["x"]}}),
        ({"t": "{seed}"}, {"seed": ""}, {"t": ""}),
        ({"t": "{seed}"}, {"seed": "{voice}"}, {"t": "{voice}"}),
    ],
)
def test_a_placeholder_keeps_its_type_and_is_left_out_without_a_value(
    body: dict[str, object], values: dict[str, object], sent: dict[str, object]
) -> None:
    request = Request.model_validate({"method": "POST", "path": "/", "json": body})
    assert fill_request(request, values) == ("/", {"json": sent})


def test_a_value_in_a_path_is_quoted() -> None:
    request = Request(path="/say/{text}")
    assert fill_request(request, {"text": "a/b?c"})[0] == "/say/a%2Fb%3Fc"
    with pytest.raises(SubjectError, match=r"path /say/\{text\} needs \{text\}"):
        fill_request(request, {"text": None})


def test_an_unknown_placeholder_is_refused() -> None:
    request = Request(path="/", query={"q": "{txet}"})
    with pytest.raises(SubjectError, match=r"has \{txet\}; known are text"):
        fill_request(request, {"text": "a"})


def test_a_template_without_a_placeholder_lacks_what_mentions_it() -> None:
    body = {"text": "{text}", "more": {"ssml": "<p>{text}</p>", "n": 1}, "list": ["{voice}"]}
    assert without_placeholder(body, "text") == {"more": {"n": 1}, "list": ["{voice}"]}
