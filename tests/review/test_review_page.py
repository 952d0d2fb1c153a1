"""The review page in a real browser, served by the real command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from reviewed_run import ANN, START, answer_to, approve_all, make_film_run, make_run, session_of
from served import HEARD, Served, listen, title, wait_for
from waiting import HANG

from proofbook.runs.folder import RunFolder
from proofbook.signoff.verification import verify_run

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.mark.exhaustive
def test_the_whole_queue_by_keys_alone(
    run: RunFolder, serve: Callable[..., Served], open_page: Callable[..., Page]
) -> None:
    page = open_page(serve(run).url)
    assert title(page) == "Is it good?"
    page.keyboard.press("a")
    wait_for(page, lambda: "has not been played" in page.inner_text("#message"), "a refusal")
    listen(page)
    page.keyboard.press("a")
    wait_for(page, lambda: title(page) == "How good is it?", "the next question")
    wait_for(page, lambda: page.evaluate(HEARD) > 0.6, "it plays by itself")
    for key in ("4", "2", "a"):
        page.keyboard.press(key)
    wait_for(page, lambda: title(page) == "Is it sharp?", "the picture")
    page.keyboard.press("r")
    page.keyboard.type("soft edges")
    page.keyboard.press("Enter")
    wait_for(page, lambda: title(page) == "Does it read well?", "the text")
    assert page.inner_text("#count") == "1 optional of 4 wait"
    page.keyboard.press("a")
    wait_for(page, lambda: page.inner_text("#count") == "all 4 answered", "nothing waits")
    assert page.evaluate("document.querySelector('#bar').value") == 1
    answers = session_of(run).log.read().answers
    assert [(a.binding.question, a.verdict) for a in answers] == [
        ("good", "approved"), ("scores", "approved"), ("picture-good", "rejected"),
        ("story-good", "approved")]  # fmt: skip
    assert answers[1].scores == {"melody": 4, "noise": 2}
    assert answers[2].comment == "soft edges"
    assert all(0.5 < seconds < 3 for seconds in answers[0].seconds_played.values())
    assert answers[0].reviewer == ANN.model_copy(
        update={"identified_by": "declared on the review page"}
    )
    assert page.errors == []  # type: ignore[attr-defined]


def test_ending_the_server_writes_the_report_anew(
    run: RunFolder, serve: Callable[..., Served]
) -> None:
    server = serve(run)
    approve_all(run)
    assert "report: " in server.end()
    assert verify_run(run).verdict == "approved"
    assert json.loads((run.report / "report.json").read_text())["verdict"] == "passed"


@pytest.mark.exhaustive
def test_two_reviewers_see_each_other(
    run: RunFolder, serve: Callable[..., Served], open_page: Callable[..., Page]
) -> None:
    url = serve(run).url
    pages = [open_page(url), open_page(url)]
    for page in pages:
        page.keyboard.press("r")
        page.keyboard.type("no")
        page.keyboard.press("Enter")
    for page in pages:
        wait_for(page, lambda page=page: title(page) != "Is it good?", "both are taken")
    answers = session_of(run).log.read().answers
    assert len(answers) == 2
    pages[0].wait_for_selector("nav .is-rejected")
    assert session_of(run).log.read().problems == ()


@pytest.mark.exhaustive
def test_a_server_that_is_killed_loses_no_answer_and_says_so(
    run: RunFolder, serve: Callable[..., Served], open_page: Callable[..., Page]
) -> None:
    server = serve(run, token="a-token")
    page = open_page(server.url)
    server.process.kill()
    server.process.wait()
    page.keyboard.press("r")
    page.keyboard.type("hiss at the end")
    page.keyboard.press("Enter")
    wait_for(page, lambda: "Not recorded" in page.inner_text("#message"), "it says so")
    assert page.input_value("#comment") == "hiss at the end"
    serve(run, port=server.port, token="a-token")
    page.keyboard.press("Enter")
    wait_for(page, lambda: title(page) != "Is it good?", "it is taken now")
    (answer,) = session_of(run).log.read().answers
    assert answer.comment == "hiss at the end"


@pytest.mark.exhaustive
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_and_work_it(
    run: RunFolder, serve: Callable[..., Served], open_page: Callable[..., Page],
    audit: Callable[..., list[str]], scheme: str,
) -> None:  # fmt: skip
    page = open_page(serve(run).url, color_scheme=scheme)
    for _ in range(page.locator("#list button").count()):
        assert audit(page) == []
        page.keyboard.press("j")
    page.keyboard.press("?")
    assert audit(page) == []
    page.evaluate("document.querySelector('#who').textContent = ''")
    page.keyboard.press("Escape")
    assert any(found.startswith("button-name") for found in audit(page))


@pytest.mark.exhaustive
def test_a_blind_comparison_hides_what_is_what(
    tmp_path: Path, serve: Callable[..., Served], open_page: Callable[..., Page]
) -> None:
    outputs = tmp_path / "outputs"
    approve_all(make_run(outputs))
    later = START + timedelta(days=1)
    run = make_run(outputs, "20260305-090000-demo-bbbb", hertz=600, level=0.1, form="ab",
                   started=later)  # fmt: skip
    page = open_page(serve(run).url)
    assert page.locator("#stage .take figcaption").all_inner_texts() == ["A", "B"]
    assert page.locator("#stage dl.facts:visible").count() == 0
    volumes = page.evaluate("[...document.querySelectorAll('audio')].map((one) => one.volume)")
    assert sorted(round(volume, 2) for volume in volumes) == [0.33, 1.0]
    listen(page, 0.3)
    page.keyboard.press("x")
    wait_for(page, lambda: "you prefer" in page.inner_text(".blind-words"), "a choice")
    for take in (1, 0):
        page.keyboard.press("b")
        ended = f"document.querySelectorAll('audio')[{take}].ended"
        wait_for(page, lambda ended=ended: page.evaluate(ended), "the other one plays")
    page.keyboard.press("a")
    wait_for(page, lambda: len(session_of(run).log.read().answers) == 1, "it is taken")
    (answer,) = session_of(run).log.read().answers
    assert answer.blind
    assert answer.comparison is not None
    assert answer.comparison.preferred in ("this", "approved")


@pytest.mark.exhaustive
def test_an_abx_counts_what_was_told_apart(
    tmp_path: Path, serve: Callable[..., Served], open_page: Callable[..., Page]
) -> None:
    outputs = tmp_path / "outputs"
    approve_all(make_run(outputs))
    later = START + timedelta(days=1)
    run = make_run(outputs, "20260305-090000-demo-bbbb", hertz=600, form="abx", started=later)
    page = open_page(serve(run).url)
    assert page.locator("#stage .take figcaption").all_inner_texts() == ["A", "B", "X"]
    page.keyboard.press("a")
    wait_for(page, lambda: "Trial 1 of 5" in page.inner_text("#message"), "trials come first")
    for _ in range(5):
        listen(page, 0.1)
        page.keyboard.press("x")
    wait_for(page, lambda: "of 5 right" in page.inner_text(".blind-words"), "five trials")
    for take in (1, 2, 0):
        page.keyboard.press("b")
        ended = f"document.querySelectorAll('audio')[{take}].ended"
        wait_for(page, lambda ended=ended: page.evaluate(ended), "all are heard")
    page.keyboard.press("a")
    wait_for(page, lambda: len(session_of(run).log.read().answers) == 1, "it is taken")
    (answer,) = session_of(run).log.read().answers
    assert answer.comparison is not None
    assert answer.comparison.trials == 5
    assert 0 <= answer.comparison.correct <= 5


@pytest.mark.exhaustive
def test_a_film_plays_beside_its_contact_sheet(
    tmp_path: Path, serve: Callable[..., Served], open_page: Callable[..., Page]
) -> None:
    run = make_film_run(tmp_path / "outputs")
    page = open_page(serve(run).url)
    assert page.locator("#stage .stage img").get_attribute("alt") == "contact-sheet of film"
    page.keyboard.press("a")
    wait_for(page, lambda: "has not been played" in page.inner_text("#message"), "a refusal")
    page.keyboard.press(" ")
    clock = "document.querySelector('video').currentTime"
    wait_for(page, lambda: page.evaluate(clock) > 0.8, "the film plays")
    page.keyboard.press("a")
    wait_for(page, lambda: "all 1 answered" in page.inner_text("#count"), "it is taken")
    assert session_of(run).log.read().answers[0].verdict == "approved"


@pytest.mark.exhaustive
def test_the_approved_take_stands_beside_the_new_one(
    tmp_path: Path, serve: Callable[..., Served], open_page: Callable[..., Page]
) -> None:
    outputs = tmp_path / "outputs"
    approve_all(make_run(outputs))
    later = START + timedelta(days=1)
    run = make_run(outputs, "20260305-090000-demo-bbbb", words="one\nthree\n", started=later)
    page = open_page(serve(run).url + "#looks/story-good")
    assert title(page) == "Does it read well?"
    assert page.locator("ins").all_inner_texts() == ["three"]
    assert page.locator("del").all_inner_texts() == ["two"]
    page.keyboard.press("k")
    assert page.locator("#stage .take").count() == 2
    page.keyboard.press("z")
    assert page.locator(".zoomed").count() == 1
    page.keyboard.press("Escape")
    assert page.locator(".zoomed").count() == 0


@pytest.mark.exhaustive
def test_metrics_are_hidden_until_an_answer_is_given(
    run: RunFolder, serve: Callable[..., Served], open_page: Callable[..., Page]
) -> None:
    page = open_page(serve(run).url)
    assert page.locator("text=41.2 token/s").count() == 1
    page.keyboard.press("m")
    assert page.locator("text=41.2 token/s").count() == 0
    assert page.locator("#stage dl.facts:visible").count() == 0
    listen(page)
    page.keyboard.press("a")
    wait_for(page, lambda: title(page) == "How good is it?", "the next question")
    assert session_of(run).log.read().answers[0].blind


EVIL = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'


@pytest.mark.exhaustive
def test_nothing_that_was_recorded_becomes_code(
    tmp_path: Path, serve: Callable[..., Served], open_page: Callable[..., Page]
) -> None:
    run = make_run(tmp_path / "outputs", words=EVIL)
    for path in run.path.rglob("records.jsonl"):
        lines = []
        for line in path.read_text().splitlines():
            values = json.loads(line)
            for name in ("text", "caption", "why", "expected"):
                if name in values:
                    values[name] = EVIL
            lines.append(json.dumps(values))
        path.write_text("\n".join(lines) + "\n")
    evil = ANN.model_copy(update={"name": EVIL})
    session_of(run).answer(answer_to(run, "looks", "picture-good", "rejected", comment=EVIL), evil)
    server = serve(run)
    page = open_page(server.url + "#looks/picture-good")
    assert EVIL in page.inner_text("#stage")
    for question in ("clip/good", "scored/scores", "looks/story-good"):
        page.goto(f"{server.base}#{question}")
        page.reload()
        page.wait_for_selector("#stage h1")
    assert page.evaluate("window.hacked") is None
    server.end()
    page.goto((run.report / "index.html").as_uri())
    assert page.evaluate("window.hacked") is None


def cookies(server: Served) -> httpx.Cookies:
    return httpx.get(server.url, timeout=HANG).cookies


@pytest.mark.exhaustive
def test_only_the_page_may_answer(run: RunFolder, serve: Callable[..., Served]) -> None:
    server = serve(run)
    url, post = server.base, "api/answers"
    answer = {**answer_to(run, "clip", "good").model_dump(mode="json"), "reviewer": "Eve"}
    assert httpx.post(url + post, json=answer, timeout=HANG).status_code == 401
    with httpx.Client(base_url=url, cookies=cookies(server), timeout=HANG) as client:
        assert client.post(post, json=answer).status_code == 403
        assert client.get("", headers={"host": "evil.example"}).status_code == 403
        client.headers["x-proofbook"] = "1"
        found = client.post(post, json={**answer, "seconds_played": {}})
        assert (found.status_code, "has not been played" in found.json()["error"]) == (409, True)
        for path in (
            "media/../run.json",
            "jobs/../run.json",
            "report/%2e%2e/run.json",
            "page/x.py",
            "approved/../media",
            "approved/..%2f..%2fetc/passwd",
        ):
            assert client.get(path).status_code in (404, 403)
        clip = next(run.media.glob("*.wav"))
        part = client.get(f"media/{clip.name}", headers={"range": "bytes=0-3"})
        assert (part.status_code, part.content) == (206, b"RIFF")
        assert "sandbox" in client.get("jobs/clip/output.log").headers["content-security-policy"]


@pytest.mark.exhaustive
def test_beyond_this_machine_a_token_is_wanted(
    run: RunFolder, serve: Callable[..., Served]
) -> None:
    server = serve(run, "--host", "0.0.0.0")
    base = f"http://127.0.0.1:{server.port}/"
    assert httpx.get(f"{base}api/queue", timeout=HANG).status_code == 401
    assert httpx.get(f"{base}api/queue?token=wrong", timeout=HANG).status_code == 401
    with httpx.Client(follow_redirects=True, timeout=HANG) as client:
        assert client.get(f"{base}?token={server.token}").status_code == 200
        assert len(client.get(f"{base}api/queue").json()) == 4
        answer = {**answer_to(run, "clip", "good").model_dump(mode="json"), "reviewer": "Eve"}
        assert client.post(
            f"{base}api/answers", json=answer, headers={"x-proofbook": "1"}
        ).is_success
    (written,) = session_of(run).log.read().answers
    assert written.reviewer.name == "Eve"


@pytest.mark.exhaustive
def test_a_key_signs_for_one_person_alone(
    run: RunFolder, serve: Callable[..., Served], key_file: Path
) -> None:
    server = serve(run, "--key", str(key_file))
    url, access = server.base + "api/answers", cookies(server)
    answer = answer_to(run, "clip", "good").model_dump(mode="json")
    ours = {"x-proofbook": "1"}
    with httpx.Client(headers=ours, cookies=access, timeout=HANG) as client:
        found = client.post(url, json={**answer, "reviewer": "Eve"})
        assert (found.status_code, found.json()["error"]) == (422, "this server signs for Ann only")
        assert client.post(url, json={**answer, "reviewer": "Ann"}).is_success
    (written,) = session_of(run).log.read().answers
    assert written.signature is not None
    words = [*(sys.executable, "-m", "proofbook", "review", str(run.path)),
             "--key", str(key_file), "--host", "0.0.0.0"]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, "--key signs for one person" in done.stderr) == (2, True)


@pytest.mark.exhaustive
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_port_that_is_taken_is_one_line(run: RunFolder, serve: Callable[..., Served]) -> None:
    port = serve(run).port
    words = [sys.executable, "-m", "proofbook", "review", str(run.path), "--port", str(port)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in done.stderr
