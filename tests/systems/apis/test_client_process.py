"""Clients in a process of their own: every form, many in flight, cancelled, dying."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import HANG

from proofbook.errors import SubjectError
from proofbook_systems.apis.client_process import ClientProcess
from proofbook_systems.apis.clients import HOST, find_client
from proofbook_systems.apis.outcomes import Outcome

DRIVER = Path(__file__).with_name("many_ways.py")
USAGE = {"input_tokens": 1, "output_tokens": 2}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("client") / "client.log"


@pytest.fixture(scope="module", params=["run", "run_async"])
def client(request: pytest.FixtureRequest, log: Path) -> Iterator[ClientProcess]:
    with ClientProcess(find_client(f"{DRIVER}:{request.param}"), log=log) as client:
        yield client


def ask(client: ClientProcess, action: str) -> Outcome:
    request = {"action": action, "model": "m", "api_key": "secret-0815"}
    return client.ask(request, HANG)


def test_a_text_is_an_answer(client: ClientProcess) -> None:
    outcome = ask(client, "text")
    assert (outcome.ended, outcome.text, outcome.deltas) == ("done", "said m", ())


def test_a_dict_adds_what_else_is_known(client: ClientProcess) -> None:
    outcome = ask(client, "full")
    assert (outcome.text, outcome.usage) == ("all", USAGE)
    assert outcome.more == {"finish_reason": "stop"}


@pytest.mark.parametrize("action", ["words", "words_async"])
def test_an_iterator_is_a_stream(client: ClientProcess, action: str) -> None:
    outcome = ask(client, action)
    assert [delta.text for delta in outcome.deltas] == ["one", " two"]
    assert (outcome.ended, outcome.text, outcome.usage) == ("done", "one two", USAGE)
    assert outcome.started <= outcome.deltas[0].at <= outcome.deltas[1].at


def test_an_exception_is_an_error_without_the_key(client: ClientProcess) -> None:
    outcome = ask(client, "fails")
    assert (outcome.ended, outcome.kind, outcome.status) == ("error", "BadGatewayError", 502)
    assert outcome.message == "a gateway failed"
    assert outcome.causes == ("OSError: refused with key [key]",)
    assert outcome.key_in_message


@pytest.mark.parametrize(
    ("action", "kind"),
    [("number", "TypeError"), ("leaves", "SystemExit"), ("undone", "NotImplementedError")],
)
def test_other_ends_are_errors_too(client: ClientProcess, action: str, kind: str) -> None:
    outcome = ask(client, action)
    assert (outcome.ended, outcome.kind) == ("error", kind)
    assert outcome.is_undone == (action == "undone")
    assert client.running


@pytest.mark.parametrize("action", ["endless", "endless_async"])
def test_a_stream_is_cancelled(client: ClientProcess, action: str) -> None:
    sent = client.send({"action": action, "model": "m"})
    assert sent.wait_deltas(3, HANG)
    assert sent.wait(0).ended == "late"
    client.cancel(sent)
    outcome = sent.wait(HANG)
    assert (outcome.ended, outcome.kind) == ("error", "Cancelled")
    assert ask(client, "text").ended == "done"


def test_a_cancellation_that_is_swallowed_is_seen(log: Path) -> None:
    with ClientProcess(find_client(f"{DRIVER}:run_async"), log=log) as client:
        sent = client.send({"action": "stubborn", "model": "m"})
        assert sent.wait_deltas(1, HANG)
        client.cancel(sent)
        assert sent.wait(HANG).ended == "done"


def test_many_run_at_the_same_time(client: ClientProcess) -> None:
    sent = [client.send({"action": "words", "model": str(i)}) for i in range(50)]
    assert [each.wait(HANG).text for each in sent] == ["one two"] * 50


def test_what_it_prints_is_in_its_log_and_no_line(client: ClientProcess, log: Path) -> None:
    assert client.noise == []
    assert "a client may print" in log.read_text()


def test_its_death_is_told_to_all_that_wait(log: Path) -> None:
    with ClientProcess(find_client(f"{DRIVER}:run"), log=log) as client:
        waiting = client.send({"action": "endless", "model": "m"})
        assert waiting.wait_deltas(1, HANG)
        outcome = ask(client, "dies")
        assert (outcome.ended, waiting.wait(HANG).ended) == ("lost", "lost")
        assert "exited with code 9" in outcome.message
        assert ask(client, "text").ended == "lost"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (f"{DRIVER}:gone", "no function 'gone'"),
        ("no_such_module:run", "no_such_module"),
    ],
)
def test_a_function_that_is_not_there_is_named(target: str, words: str, log: Path) -> None:
    with pytest.raises(SubjectError, match=words):
        ClientProcess(find_client(target), log=log).start()


@pytest.mark.parametrize(
    ("client", "words"),
    [
        ("gone.py:run", "no file"),
        ("nothing", "is not module:function"),
        ("reference:gone", "there is no reference:gone"),
        ("gone.json", "cannot be read"),
    ],
)
def test_a_client_that_is_none_is_refused(client: str, words: str) -> None:
    with pytest.raises(SubjectError, match=words):
        find_client(client)


def test_a_file_names_a_function_or_a_command(tmp_path: Path) -> None:
    path = tmp_path / "client.json"
    path.write_text(json.dumps({"callable": f"{DRIVER}:run", "python": "/other/python"}))
    assert find_client(str(path)).words == ("/other/python", str(HOST), f"{DRIVER}:run")
    path.write_text(json.dumps({"command": ["ask", "it"]}))
    assert find_client(str(path)).words == ("ask", "it")
    path.write_text(json.dumps({"command": ["ask"], "callable": "a:b"}))
    with pytest.raises(SubjectError, match="callable"):
        find_client(str(path))


ECHO = """
import json, sys
print("hello, not a line")
for line in sys.stdin:
    request = json.loads(line)
    answer = {"id": request["id"], "event": "done", "text": request["model"]}
    print(json.dumps(answer), flush=True)
"""


def test_a_command_speaks_the_lines_itself(log: Path) -> None:
    command = find_client("", [sys.executable, "-c", ECHO])
    with ClientProcess(command, log=log) as client:
        assert client.ask({"action": "chat", "model": "x"}, HANG).text == "x"
        assert client.noise == ["hello, not a line"]


def test_a_command_that_does_not_exist_is_named(log: Path) -> None:
    with ClientProcess(find_client("", ["/no/such/program"]), log=log) as client:
        outcome = client.ask({"action": "chat"}, HANG)
        assert outcome.ended == "lost"


def test_the_host_needs_no_package_and_answers_all_before_it_ends() -> None:
    lines = [json.dumps({"id": n, "action": "words", "model": "m"}) + "\n" for n in range(3)]
    done = subprocess.run(
        [sys.executable, "-I", "-S", HOST, f"{DRIVER}:run"], input="".join(lines),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert (events[0], events.count("done"), events.count("delta")) == ("ready", 3, 6)
