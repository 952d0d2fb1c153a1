"""Parameters are verified against declaration and config model; outputs wait for the job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel, Field, JsonValue, model_validator

from proofbook.notebooks import Runbook, read_runbook
from proofbook.runner import parameters
from proofbook.runner.parameters import ParameterError, ParameterVerifier
from proofbook.runs.redaction import Redactor

OUTPUT = "${{ jobs.train.outputs.model }}"


class _Config(BaseModel):
    model: str = ""
    steps: int = Field(1, le=5)
    rates: list[float] = Field([0.5], max_length=2)
    must: bool = True

    @model_validator(mode="after")
    def _has_model(self) -> _Config:
        if not self.model:
            raise ValueError("a model is missing")
        return self


@pytest.fixture
def runbook(add_runbook: Callable[..., Path]) -> Runbook:
    source = 'model: str = ""\nsteps: int = 1\nrates: list[float] = [0.5]\nmust: bool'
    return read_runbook(add_runbook("demo/one", parameters=source))


@pytest.fixture
def verifier(monkeypatch: pytest.MonkeyPatch) -> ParameterVerifier:
    monkeypatch.setattr(parameters, "find_config", lambda name: _Config)
    return ParameterVerifier()


def test_an_output_fits_any_type_until_the_job_starts(
    verifier: ParameterVerifier, runbook: Runbook
) -> None:
    values: dict[str, JsonValue] = {"model": OUTPUT, "steps": OUTPUT, "rates": [1, 2, OUTPUT]}
    planned = verifier.verify({**values, "must": OUTPUT}, runbook)
    assert planned == {**values, "must": OUTPUT}


@pytest.mark.parametrize(
    ("values", "message", "name"),
    [
        ({"must": True}, "a model is missing", ""),
        ({"must": True, "model": OUTPUT, "steps": 6}, "'steps': .* or equal to 5", "steps"),
        ({"must": True, "model": OUTPUT, "steps": "x"}, "'steps' must be int", "steps"),
        ({"must": True, "modle": OUTPUT}, "did you mean 'model'", "modle"),
        ({"x9": 1}, "no parameter 'x9'; it has: model, steps, rates, must", "x9"),
        ({"model": OUTPUT}, r"requires parameter 'must' \(bool\)", "must"),
        ({"rates": [{"a": [{1: 2}]}]}, "'rates' has a key that is not text; quote it", "rates"),
    ],
)
def test_all_but_the_outputs_is_verified_when_planned(
    verifier: ParameterVerifier,
    runbook: Runbook,
    values: dict[str, JsonValue],
    message: str,
    name: str,
) -> None:
    with pytest.raises(ParameterError, match=message) as refused:
        verifier.verify(values, runbook)
    assert refused.value.name == name


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": ""}, "a model is missing"),
        ({"model": "x", "steps": 6}, "'steps': .* less than or equal to 5"),
        ({"model": "x", "rates": [1, 2, 3]}, "'rates': .* at most 2 items"),
        ({"model": "x", "steps": OUTPUT}, "'steps' must be int, found str"),
    ],
)
def test_all_is_verified_when_the_job_starts(
    verifier: ParameterVerifier, runbook: Runbook, values: dict[str, JsonValue], message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        verifier.verify_resolved({**values, "must": True}, runbook)


def test_a_model_is_given_the_defaults_of_the_notebook(
    monkeypatch: pytest.MonkeyPatch, add_runbook: Callable[..., Path]
) -> None:
    class Config(BaseModel):
        steps: int
        seed: int

    monkeypatch.setattr(parameters, "find_config", lambda name: Config)
    path = add_runbook("demo/two", parameters="steps: int = 5\nseed: int = 1")
    assert ParameterVerifier().verify({"seed": 3}, read_runbook(path)) == {"seed": 3}


def test_a_runbook_without_parameters_has_none(add_runbook: Callable[..., Path]) -> None:
    runbook = read_runbook(add_runbook("demo/two", parameters=""))
    with pytest.raises(ParameterError, match="no parameter 'seed'; it has: none"):
        ParameterVerifier().verify({"seed": 3}, runbook)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("hf_token", "abcdefghij", "^parameter 'hf_token' looks like a secret"),
        ("env", {"hf_token": "abcdefghij"}, "^'hf_token' in parameter 'env' looks like a secret"),
        ("model", "Zq81xyzw42", "^parameter 'model' contains the value of a secret environment"),
        ("env", {"Zq81xyzw42": 1}, "^parameter 'env' contains the value of a secret environment"),
    ],
)
def test_a_secret_is_refused_by_the_parameter_that_holds_it(
    name: str, value: JsonValue, message: str
) -> None:
    verifier = ParameterVerifier(Redactor.from_environment({"HF_TOKEN": "Zq81xyzw42"}))
    with pytest.raises(ParameterError, match=message) as refused:
        verifier.refuse_secrets(name, value)
    assert refused.value.name == name


def test_equal_values_of_different_types_are_told_apart(
    verifier: ParameterVerifier, runbook: Runbook
) -> None:
    rest: dict[str, JsonValue] = {"model": "x", "must": True}
    assert verifier.verify({**rest, "steps": 1}, runbook)["steps"] == 1
    for value in (1.0, True):
        with pytest.raises(ParameterError, match="'steps' must be int"):
            verifier.verify({**rest, "steps": value}, runbook)


def test_a_parameter_that_would_not_hold_is_refused(add_runbook: Callable[..., Path]) -> None:
    verifier = ParameterVerifier()
    path = add_runbook("demo/two", "steps = 1", parameters="steps: int = 5\nseed: int = 1")
    assert verifier.verify({"seed": 3}, read_runbook(path)) == {"seed": 3}
    message = "cell cell-1 of demo/two sets parameter 'steps' again"
    with pytest.raises(ParameterError, match=message) as refused:
        verifier.verify({"steps": 3}, read_runbook(path))
    assert refused.value.name == "steps"


@pytest.mark.parametrize(
    ("text", "listed"),
    [("kokoro,qwen", ["kokoro", "qwen"]), ("kokoro", ["kokoro"]), ("a, b", ["a", "b"])],
)
def test_words_with_commas_are_a_list(
    add_runbook: Callable[..., Path], text: str, listed: list[str]
) -> None:
    runbook = read_runbook(add_runbook("demo/two", parameters="only: list[str] = []"))
    assert ParameterVerifier().verify({"only": text}, runbook) == {"only": listed}


@pytest.mark.parametrize("text", ["python train.py", "", ",a", "a,,b", "a b,c"])
def test_a_text_that_is_no_list_is_refused(add_runbook: Callable[..., Path], text: str) -> None:
    runbook = read_runbook(add_runbook("demo/two", parameters="command: list[str] = []"))
    with pytest.raises(
        ParameterError, match=r"^parameter 'command' must be list\[str\], found str"
    ):
        ParameterVerifier().verify({"command": text}, runbook)
