"""Rows of backends, their keys, and what an answer must be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from proofbook.errors import SubjectError
from proofbook_systems.apis.backends.answers import core_action, find_answer_fault
from proofbook_systems.apis.backends.findings import Finding
from proofbook_systems.apis.backends.results import ResultFiles
from proofbook_systems.apis.backends.trial import BackendResult, Trial, fits, try_all
from proofbook_systems.apis.clients import find_client
from proofbook_systems.apis.config import BackendsConfig, FaultsConfig, LoadConfig
from proofbook_systems.apis.implementations import find_implementation
from proofbook_systems.apis.outcomes import Delta, Outcome
from proofbook_systems.apis.protocols import PROTOCOLS, no_keys, protocol_of
from proofbook_systems.apis.rows import Backend, choose_backends

ROWS = [{"api": "ollama", "server": "http://a"}, {"api": "openai_api", "server": "http://b"}]
A, B = [1.0, 0.0], [0.0, 1.0]


def done(**changes: Any) -> Outcome:
    return Outcome(**{"ended": "done", "started": 0.0, "seconds": 0.1, **changes})


def test_the_twelve_backends_of_the_checklist_are_known() -> None:
    assert set(PROTOCOLS) == {
        "claude", "gemini", "groq", "hf_tei", "hf_tgi", "llvm", "ollama", "openai_api", "opea",
        "ovms", "s3_kit", "vllm",
    }  # fmt: skip


def test_an_unknown_backend_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SubjectError, match=r"no API 'ollma'; take one of openai_api, "):
        protocol_of("ollma")


def test_no_key_reaches_a_client_that_is_given_none() -> None:
    assert {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY"} <= set(no_keys())
    assert set(no_keys().values()) == {""}


def test_rows_are_chosen_by_their_api() -> None:
    assert [b.api for b in choose_backends(ROWS, [])] == ["ollama", "openai_api"]
    assert [b.api for b in choose_backends(ROWS, ["openai_api"])] == ["openai_api"]


@pytest.mark.parametrize(
    ("rows", "apis", "words"),
    [
        ([{"api": "ollama"}], [], "row 1 of backends needs api and server"),
        ([{"api": "ollama", "server": "x", "url": "y"}], [], "row 1 of backends has 'url'"),
        ([{"api": "nope", "server": "x"}], [], "there is no API 'nope'"),
        ([*ROWS, ROWS[0]], [], "two backends are called ollama; give one of them a name"),
        (ROWS, ["claude"], "no backend is given for claude"),
        (ROWS, ["nope"], "there is no API 'nope'"),
        ([{**ROWS[0], "inputs": "{"}], [], "inputs of row 1 of backends are not JSON"),
    ],
)
def test_a_row_that_cannot_be_meant_is_refused(
    rows: list[dict[str, str]], apis: list[str], words: str
) -> None:
    with pytest.raises(SubjectError, match=words):
        choose_backends(rows, apis)


def test_two_servers_of_one_api_go_by_name() -> None:
    rows = [*ROWS, {**ROWS[0], "name": "second"}]
    assert [b.title for b in choose_backends(rows, ["ollama"])] == ["ollama", "second"]


def test_a_key_is_read_from_the_variable_of_its_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "usual")
    monkeypatch.setenv("MINE", "own")
    assert Backend(api="groq", server="x").read_key() == "usual"
    assert Backend(api="groq", server="x", key="MINE").read_key() == "own"


def test_a_server_that_tells_its_key_needs_none_of_the_environment() -> None:
    assert Backend(api="s3_kit", server="x").read_key("a:b") == "a:b"


def test_the_halves_of_a_key_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert Backend(api="s3_kit", server="x").read_key() == "id:secret"


@pytest.mark.parametrize(
    ("action", "outcome", "fault"),
    [
        ("chat", done(text="hi"), ""),
        ("chat", done(text="  "), "the answer is empty"),
        ("chat", done(ended="error", kind="E", message="a\nb"), "E: a b"),
        ("chat", done(ended="lost", message="the client died"), "the client died"),
        ("chat", done(ended="late", seconds=9.0), "it has not ended after 9.0 s"),
        ("stream", done(text="ab", deltas=(Delta(text="a", at=0), Delta(text="b", at=1))), ""),
        ("stream", done(text="ab", deltas=(Delta(text="ab", at=0), Delta(text="b", at=1))),
         "the pieces are 'abb' and the whole is 'ab'"),
        ("stream", done(text="ab"), "nothing was streamed"),
        ("embeddings", done(more={"embeddings": [A, B, A]}), ""),
        ("embeddings", done(more={"embeddings": [A, B, [0.99, 0.1]]}), ""),
        ("embeddings", done(more={"embeddings": [A, B]}), "three texts were sent and 2"),
        ("embeddings", done(more={}), "three texts were sent and 0"),
        ("embeddings", done(more={"embeddings": [A, A, A]}), "have the same embedding"),
        ("embeddings", done(more={"embeddings": [A, A, B]}), "in another order than the texts"),
        ("embeddings", done(more={"embeddings": [A, B, B]}), "one text has two embeddings"),
        ("embeddings", done(more={"embeddings": [A, [1.0], A]}), "the embeddings have 2, 1, 2"),
        ("embeddings", done(more={"embeddings": [[], [], []]}), "the embeddings have 0, 0, 0"),
        ("embeddings", done(more={"embeddings": [A, [float("nan"), 0.0], A]}), "not finite"),
        ("models", done(more={"models": ["m"]}), ""),
        ("models", done(more={"models": []}), "the list of models is empty"),
        ("infer", done(more={"outputs": [{"name": "y", "data": [1, 2.5]}]}), ""),
        ("infer", done(more={"outputs": [{"name": "y", "data": []}]}), "has no outputs"),
        ("infer", done(more={"outputs": {"y": {"shape": [1, 0], "data": []}}}), "has no outputs"),
        ("predict", done(more={"outputs": [[1.0], [2.0]]}), ""),
        ("infer", done(more={"outputs": [{"data": [float("inf")]}]}), "not finite"),
        ("infer", done(), "has no outputs"),
    ],
)  # fmt: skip
def test_an_answer_is_judged_by_what_its_action_promises(
    action: str, outcome: Outcome, fault: str
) -> None:
    found = find_answer_fault("openai_api", outcome, action)
    assert fault in found
    assert bool(found) is bool(fault)


def test_each_backend_has_an_action_that_stands_for_it() -> None:
    assert core_action("hf_tei") == "embeddings"
    assert core_action("s3_kit") == "list_objects"
    assert core_action("claude") == "chat"


@pytest.mark.parametrize(
    ("kind", "wanted", "fitting"),
    [("REAL", "real", True), ("MOCK", "real", False), ("MOCK", "mock", True),
     ("REAL", "mock", False), ("REAL", "all", True), ("MOCK", "all", True),
     ("INCOMPLETE", "all", True)],
)  # fmt: skip
def test_a_double_is_never_taken_for_the_service(kind: Any, wanted: str, fitting: bool) -> None:
    assert fits(kind, wanted) is fitting


@pytest.mark.parametrize(
    ("headers", "claimed", "kind"),
    [({}, "", "REAL"), ({"X-Proofbook-Double": "ollama"}, "", "MOCK"),
     ({"x-proofbook-double": "ollama"}, "REAL", "MOCK"), ({}, "MOCK", "MOCK"),
     ({}, "REAL", "REAL")],
)  # fmt: skip
def test_a_double_is_known_by_what_it_says(
    monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], claimed: str, kind: str
) -> None:
    monkeypatch.setattr(httpx, "get", lambda *_, **__: httpx.Response(404, headers=headers))
    assert find_implementation("http://there", claimed) == kind


def test_a_server_that_cannot_be_reached_is_one_line() -> None:
    with pytest.raises(SubjectError, match=r"http://127\.0\.0\.1:9/v1 cannot be reached: "):
        find_implementation("http://127.0.0.1:9/v1")


def results() -> list[BackendResult]:
    good = Finding(group="connection", name="answers", why="w")
    bad = Finding(group="queue", name="limit-held", why="w", fault="9 in flight | at once")
    unseen = Finding(group="specific", name="models", why="w", untried="not offered")
    return [
        BackendResult(backend=Backend(api="ollama", server="x"), implementation="MOCK",
                      server="double 1", findings=(good, unseen), seconds=1.0),
        BackendResult(backend=Backend(api="groq", server="x"), implementation="REAL",
                      findings=(good, bad), seconds=2.0),
        BackendResult(backend=Backend(api="claude", server="x"), implementation="INCOMPLETE",
                      reason="there is no key"),
    ]  # fmt: skip


def test_results_have_the_checklists_form(tmp_path: Path) -> None:
    files = ResultFiles(folder=tmp_path)
    files.write(results())
    status = json.loads(files.status_path.read_text())
    assert status["apis"]["ollama"] == {
        "status": "complete", "implementation_type": "MOCK", "has_core_methods": True,
    }  # fmt: skip
    assert status["apis"]["groq"]["status"] == "partial"
    assert status["apis"]["claude"] == {
        "status": "unavailable", "implementation_type": "INCOMPLETE", "has_core_methods": False,
    }  # fmt: skip
    summary = json.loads(files.json_path.read_text())
    assert summary["summary"] == {
        "total_tests": 3, "success_count": 1, "error_count": 2, "real_implementations": 1,
        "mock_implementations": 1, "total_time": 3.0,
    }  # fmt: skip
    collected = json.loads((tmp_path / "collected_results/groq_test_results.json").read_text())
    assert collected == {
        "connection_answers": "Success", "queue_limit-held": "Failed: 9 in flight | at once",
    }  # fmt: skip
    unavailable = json.loads((tmp_path / "collected_results/claude_test_results.json").read_text())
    assert unavailable == {"backend": "Failed: there is no key"}


def test_the_report_tells_what_does_not_hold_and_all_where_it_is_verbose(tmp_path: Path) -> None:
    short = ResultFiles(folder=tmp_path, report=tmp_path / "deep" / "report.md")
    short.write(results())
    text = (tmp_path / "deep" / "report.md").read_text()
    assert "| groq | REAL | — | partial | 1/1 | — | 0/1 | — | — |" in text
    assert "- queue, limit-held: Failed: 9 in flight \\| at once" in text
    assert "- specific, models: Not tried: not offered" in text
    assert "connection, answers" not in text
    ResultFiles(folder=tmp_path, report=tmp_path / "v.md", verbose=True).write(results())
    assert "- connection, answers: Success" in (tmp_path / "v.md").read_text()


def test_time_limits_follow_from_the_parameters() -> None:
    common: dict[str, Any] = {
        "client": "x", "client_command": [], "client_options": {}, "prompt": "p", "timeout": 10.0,
        "output_dir": "",
    }  # fmt: skip
    backends = BackendsConfig(
        **common, apis="ollama, openai_api", backends=ROWS, impl_type="all", proxy="p", workers=1,
        hold_seconds=0.1, verbose=False, report="",
    )  # fmt: skip
    assert backends.apis == ["ollama", "openai_api"]
    assert (
        backends.longest_seconds()
        > BackendsConfig(**{**backends.model_dump(), "workers": 2}).longest_seconds()
    )
    load = LoadConfig(
        **common, api="a", server="s", model="", key="", max_tokens=1, stream=True, clients=[1, 2],
        rates=[1.0], requests=10, warmup=0, ttft_bound=0, tpot_bound=0, latency_bound=0,
        least_goodput=1, error_share=0, marker_in_answer=False, seed=0,
    )  # fmt: skip
    for wrong, words in (
        ({"clients": [0]}, "greater than 0"), ({"rates": [-1.0]}, "greater than 0"),
        ({"clients": [], "rates": []}, "without a round there is no load"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            LoadConfig(**{**load.model_dump(), **wrong})
    assert load.longest_seconds() >= 10 * 10 + 5 * 10 + 10


def test_a_misspelt_promise_is_refused() -> None:
    fields: dict[str, Any] = {
        "client": "x", "client_command": [], "client_options": {}, "client_environment": {},
        "protocol": "claude", "server": "s", "retries": -1, "timeout": 1.0, "patience": 1.0,
        "longest_sleep": 1.0, "crowd": 1, "workers": 1, "only": [], "skip": [], "output_dir": "",
    }  # fmt: skip
    assert FaultsConfig(**fields, honours="fraction,ratelimit").honours == ["fraction", "ratelimit"]
    with pytest.raises(ValueError, match="'minutes' is no form of waiting; take fraction, "):
        FaultsConfig(**fields, honours=["minutes"])


def test_a_client_file_says_what_its_client_promises(tmp_path: Path) -> None:
    path = tmp_path / "client.json"
    path.write_text('{"command": ["ask"], "options": {"max_retries": 2}, "honours": ["fraction"]}')
    client = find_client(str(path))
    assert (client.options, client.honours) == ({"max_retries": 2}, ("fraction",))


def trial(folder: Path, client: str) -> Trial:
    return Trial(
        client=find_client(client), options={}, proxy="http://none", folder=folder, prompt="p",
        timeout=5.0, hold_seconds=0.1,
    )  # fmt: skip


def test_a_client_that_cannot_be_loaded_is_blamed_on_no_backend(tmp_path: Path) -> None:
    module = tmp_path / "mine.py"
    module.write_text("import nothing_of_this_name\n")
    backends = choose_backends(ROWS, [])
    with pytest.raises(SubjectError, match="nothing_of_this_name"):
        list(try_all(trial(tmp_path, f"{module}:ask"), backends, workers=1))


def test_a_backend_without_a_key_is_told_from_one_that_cannot_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    module = tmp_path / "mine.py"
    module.write_text("def ask(request):\n    return 'hello'\n")
    attempt = trial(tmp_path, f"{module}:ask")
    keyless = attempt.run(Backend(api="groq", server="http://127.0.0.1:9"))
    assert (keyless.implementation, keyless.is_keyless) == ("INCOMPLETE", True)
    assert keyless.reason == "there is no key: set the environment variable GROQ_API_KEY"
    away = attempt.run(Backend(api="ollama", server="http://127.0.0.1:9"))
    assert (away.implementation, away.is_keyless) == ("INCOMPLETE", False)
    assert "http://127.0.0.1:9 cannot be reached" in away.reason
