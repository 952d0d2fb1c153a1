"""The review server serves who has its token, and nothing of a run as a page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Request
from fastapi.testclient import TestClient
from reviewed_run import answer_to, session_of
from waiting import HANG

from proofbook.report import write_report
from proofbook.review import server
from proofbook.review.server import Access, build_app
from proofbook.runs.folder import RunFolder
from proofbook.signoff.question_status import in_force
from proofbook.signoff.signers import parse_signers
from proofbook.signoff.signing import public_line
from proofbook.signoff.trust import Trust

TOKEN = "a-token"
HOSTS = frozenset({"127.0.0.1", "localhost"})
URL = "http://127.0.0.1:8000"
Open = Callable[..., TestClient]


@pytest.fixture
def open_server(run: RunFolder) -> Open:
    """Return a function that opens a client of a server of the run, with the token by default."""

    def go(
        *, token: str = TOKEN, session: Any = None, faults_raise: bool = True, **access: Any
    ) -> TestClient:
        session = session or session_of(run)
        app = build_app(session, Access(hosts=HOSTS, token=TOKEN, port=8000, **access))
        client = TestClient(
            app, base_url=URL, follow_redirects=False, raise_server_exceptions=faults_raise
        )
        if token:
            client.get("/", params={"token": token})
        client.headers["x-proofbook"] = "1"
        return client

    return go


@pytest.fixture
def client(open_server: Open) -> Iterator[TestClient]:
    with open_server() as client:
        yield client


def approval(run: RunFolder, **more: Any) -> dict[str, Any]:
    values = answer_to(run, "clip", "good").model_dump(mode="json")
    return {**values, "reviewer": "Ann", "role": "", **more}


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("path", ["/", "/api/run", "/api/queue", "/report/index.html", "/page/x"])
@pytest.mark.parametrize("token", ["", "another", "\u00e4"])
def test_nobody_without_the_token_is_served(open_server: Open, path: str, token: str) -> None:
    client = open_server(token=token)
    assert client.get(path).status_code == 401
    assert client.get(path, params={"token": token}).status_code == 401


def test_the_token_is_taken_out_of_the_address(open_server: Open) -> None:
    client = open_server(token="")
    answer = client.get("/", params={"token": TOKEN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("proofbook-token-8000=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", ""])
def test_another_host_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/api/run", headers={"host": host}).status_code == 403


def test_only_the_page_can_send_answers(client: TestClient, run: RunFolder) -> None:
    del client.headers["x-proofbook"]
    assert client.post("/api/answers", json=approval(run)).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"job":' * 10_000,
        b'{"job":"clip","question":"good","verdict":"approved","reviewer":"A","seconds_played":'
        b'{"x":NaN}}',
        b'{"job":"clip","question":"good","verdict":"approved","reviewer":"A","seconds_played":'
        b'{"x":Infinity}}',
        b'{"job":"clip","question":"good","verdict":"approved","reviewer":"A","extra":1}',
        b'{"job":"clip","question":"good","verdict":"approved","reviewer":"\\ud800"}',
    ],
)  # fmt: skip
def test_what_is_no_answer_is_400(client: TestClient, run: RunFolder, body: bytes) -> None:
    answer = client.post("/api/answers", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("not an answer: ")
    assert session_of(run).log.read().answers == ()


def test_a_body_has_a_limit(client: TestClient, run: RunFolder) -> None:
    answer = client.post("/api/answers", json=approval(run, comment="x" * 200_000))
    assert answer.status_code == 413


def test_a_body_that_takes_too_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        async def stream(self) -> AsyncIterator[bytes]:
            yield b"{"
            await asyncio.sleep(HANG)

    monkeypatch.setattr(server, "_BODY_SECONDS", 0.01)
    assert asyncio.run(server._read_body(cast("Request", Slow()))) is None


def test_the_page_is_told_which_run_it_shows_and_who_is_proposed(
    open_server: Open, run: RunFolder
) -> None:
    client = open_server(reviewer="Ann", role="lead", signs_for="Ben")
    assert client.get("/api/run").json() == {
        "run": run.path.name, "profile": "demo", "reviewer": "Ann", "role": "lead",
        "signs_for": "Ben",
    }  # fmt: skip
    assert client.get("/page/review.js").status_code == 200
    gone = client.get("/page/none.js")
    assert (gone.status_code, gone.json()) == (404, {"error": "no none.js here"})


def test_an_answer_that_was_written_is_acknowledged_and_told_to_all(
    client: TestClient, run: RunFolder
) -> None:
    told = client.post("/api/answers", json=approval(run)).json()
    (written,) = session_of(run).log.read().answers
    assert told == {"id": written.id, "number": written.number, "verdict": "approved"}
    for since, names in ((0, ["clip\ngood"]), (-7, ["clip\ngood"]), (1, [])):
        states = client.get("/api/states", params={"since": since}).json()
        assert (states["answers"], list(states["questions"])) == (1, names)
    queue = {item["question"]: item["status"] for item in client.get("/api/queue").json()}
    assert (queue["good"], queue["scores"]) == ("approved", "pending")


def test_a_log_that_cannot_be_locked_is_told_to_who_answers(
    client: TestClient, run: RunFolder
) -> None:
    (run.path / ".signoffs.lock").mkdir()
    answer = client.post("/api/answers", json=approval(run))
    assert answer.status_code == 409
    assert answer.json()["error"].endswith("is a folder, and a lock is a plain file: remove it")
    assert session_of(run).log.read().answers == ()


@pytest.mark.parametrize("name", ["", " ", "A\u202enn", "A\u200bnn", "A\x07nn", "x" * 201])
def test_a_name_that_is_not_what_is_seen_is_refused(
    client: TestClient, run: RunFolder, name: str
) -> None:
    assert client.post("/api/answers", json=approval(run, reviewer=name)).status_code == 422


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    "path",
    [
        "/media/%00", "/jobs/%00/x", "/jobs/..%2f..%2frun.json", "/media/..%2frun.json",
        "/jobs/clip/..%2f..%2f..%2frun.json", "/media/x%0d%0ay", "/approved/%2e%2e/run.json",
        "/approved/none/x", "/report/report.json", "/report/..%2frun.json", "/report/evil.html",
    ],
)  # fmt: skip
def test_no_other_file_is_served(client: TestClient, run: RunFolder, path: str) -> None:
    write_report(run)
    (run.report / "evil.html").write_text("<script>1</script>")
    answer = client.get(path)
    assert answer.status_code in (400, 404)
    assert "error" in answer.json() or "detail" in answer.json()


@pytest.mark.parametrize("area", ["media", "jobs"])
def test_a_link_leads_nowhere(
    client: TestClient, run: RunFolder, tmp_path: Path, area: str
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key.txt").write_text("secret")
    (run.path / area / "key.txt").symlink_to(secret / "key.txt")
    assert client.get(f"/{area}/key.txt").status_code == 404
    (run.path / area).rename(tmp_path / "elsewhere")
    (run.path / area).symlink_to(secret)
    assert client.get(f"/{area}/key.txt").status_code == 404


@pytest.mark.parametrize("name", ["x.html", "x.svg", "x.xhtml", "x.xml", "x.js", "x.pdf", "x"])
def test_nothing_of_a_run_is_a_page(client: TestClient, run: RunFolder, name: str) -> None:
    for area in ("media", "jobs"):
        (run.path / area / name).write_text("<script>alert(1)</script>")
        answer = client.get(f"/{area}/{name}")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]


def test_the_report_is_written_anew_from_the_records(client: TestClient, run: RunFolder) -> None:
    write_report(run)
    (run.report / "index.html").write_text("<script>fetch('/api/answers')</script>")
    answer = client.get("/report/index.html")
    assert answer.status_code == 200
    assert "fetch('/api/answers')" not in answer.text
    assert "script-src &#39;sha256-" in answer.text or "script-src 'sha256-" in answer.text


def test_of_twenty_answers_at_once_one_is_in_force(client: TestClient, run: RunFolder) -> None:
    def send(number: int) -> int:
        verdict = {"verdict": "rejected", "comment": str(number)}
        return int(client.post("/api/answers", json=approval(run, **verdict)).status_code)

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(send, range(20))) == {200}
    state = session_of(run).log.read()
    assert (len(state.answers), len(in_force(state.answers)), state.problems) == (20, 1, ())


def test_roles_are_as_the_signers_file_has_them(
    open_server: Open, run: RunFolder, key: Ed25519PrivateKey
) -> None:
    signers = parse_signers(f'Ann namespaces="proofbook,proofbook:lead" {public_line(key)}')
    session = session_of(run, key=key, trust=Trust(signers=signers, file=Path("signers")))
    client = open_server(session=session, signs_for="Ann")
    for role, code in (("art director", 409), ("lead", 200), ("", 200)):
        assert client.post("/api/answers", json=approval(run, role=role)).status_code == code
    assert client.post("/api/answers", json=approval(run, reviewer="Ben")).status_code == 422
    rejection = approval(run, role="art director", verdict="rejected", comment="hiss")
    assert client.post("/api/answers", json=rejection).status_code == 200


def test_a_fault_of_the_server_is_one_line_in_its_terminal(
    run: RunFolder, open_server: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    client = open_server(faults_raise=False)
    run.info_file.write_text("{")
    answer = client.get("/report/index.html")
    assert (answer.status_code, "Traceback" in answer.text) == (500, False)
    printed = capsys.readouterr().err
    assert printed.startswith("review: GET /report/index.html failed: RunFolderError: ")
    assert printed.count("\n") == 1


def test_an_answer_that_does_not_fit_is_said(client: TestClient, run: RunFolder) -> None:
    answer: httpx.Response = client.post("/api/answers", json=approval(run, seconds_played={}))
    assert answer.status_code == 409
    assert "has not been played" in json.loads(answer.text)["error"]
