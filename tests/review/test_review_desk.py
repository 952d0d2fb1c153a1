"""At the desk nothing is misread, and nothing that was written is lost."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lost_answers import ROUNDS, Fates, watch
from reviewed_run import START, approve_all, make_film_run, make_run, session_of
from served import Served, listen, title, wait_for

from proofbook.runs.folder import RunFolder

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
Serve = Callable[..., Served]
Open = Callable[..., "Page"]


def verdicts(run: RunFolder) -> list[str]:
    return [answer.verdict for answer in session_of(run).log.read().answers]


@pytest.mark.exhaustive
def test_enter_sends_only_a_verdict_that_was_chosen(
    run: RunFolder, serve: Serve, open_page: Open
) -> None:
    page = open_page(serve(run).url + "#looks/story-good")
    page.keyboard.press("c")
    page.keyboard.type("I wonder")
    page.keyboard.press("Enter")
    assert page.inner_text("#message").startswith("Nothing was sent: choose")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    wait_for(page, lambda: verdicts(run) == ["rejected"], "the rejection")
    assert session_of(run).log.read().answers[0].comment == "I wonder"


@pytest.mark.exhaustive
def test_a_draft_outlives_a_reload_and_ends_with_its_answer(
    run: RunFolder, serve: Serve, open_page: Open
) -> None:
    page = open_page(serve(run).url + "#scored/scores")
    page.keyboard.press("4")
    page.keyboard.press("c")
    page.keyboard.type("half a thou")
    page.reload()
    page.wait_for_selector("#comment")
    assert page.input_value("#comment") == "half a thou"
    assert page.inner_text(".scores [aria-pressed=true]") == "4"
    page.keyboard.press("w")
    wait_for(page, lambda: title(page) != "How good is it?", "it is acknowledged")
    assert verdicts(run) == ["needs-work"]
    page.goto(page.url.partition("#")[0] + "#scored/scores")
    page.reload()
    page.wait_for_selector("#comment")
    assert page.input_value("#comment") == ""


@pytest.mark.exhaustive
def test_caps_lock_changes_no_key(run: RunFolder, serve: Serve, open_page: Open) -> None:
    page = open_page(serve(run).url)
    page.keyboard.press("J")
    assert title(page) == "How good is it?"
    page.keyboard.press("K")
    assert title(page) == "Is it good?"
    page.keyboard.press("R")
    assert page.evaluate("document.activeElement.id") == "comment"


@pytest.mark.exhaustive
def test_rejecting_is_possible_in_the_middle_of_a_blind_comparison(
    tmp_path: Path, serve: Serve, open_page: Open
) -> None:
    approve_all(make_run(tmp_path / "outputs"))
    run = make_run(tmp_path / "outputs", "20260305-090000-demo-bbbb", hertz=600, form="ab",
                   started=START + timedelta(days=1))  # fmt: skip
    page = open_page(serve(run).url)
    page.keyboard.press("a")
    assert page.inner_text("#message") == "Which one is better?"
    page.keyboard.press("r")
    page.keyboard.type("a hum in both")
    page.keyboard.press("Enter")
    wait_for(page, lambda: verdicts(run) == ["rejected"], "the rejection")


@pytest.mark.exhaustive
def test_a_name_is_asked_once_and_stays_what_it_is(
    run: RunFolder, serve: Serve, open_page: Open
) -> None:
    page = open_page(serve(run).url, introduced=False)
    assert page.input_value("#name") == "Ann"
    page.fill("#name", "Zoe")
    page.fill("#role", "")
    page.click("#person button")
    page.goto(serve(run).url)  # another server of this host
    page.wait_for_selector("#stage h1")
    assert not page.locator("#person").is_visible()
    assert page.inner_text("#who") == "Zoe"
    page.goto(serve(run).url + "#looks/story-good")
    page.wait_for_selector("#comment")
    page.keyboard.press("a")
    wait_for(page, lambda: verdicts(run) == ["approved"], "the answer")
    assert session_of(run).log.read().answers[0].reviewer.name == "Zoe"


def test_a_server_that_signs_has_its_own_name(
    run: RunFolder, serve: Serve, open_page: Open, key_file: Path
) -> None:
    page = open_page(serve(run, "--key", str(key_file)).url, introduced=False)
    assert page.inner_text("#who") == "Ann"
    page.click("#who")
    assert page.get_attribute("#name", "readonly") is not None


@pytest.mark.exhaustive
def test_an_answer_to_a_stopped_server_is_told_as_not_recorded_until_it_is(
    run: RunFolder, serve: Serve, open_page: Open
) -> None:
    server = serve(run)
    page = open_page(server.url + "#looks/story-good")
    fates = Fates(to="stopped server")
    for number in range(1, ROUNDS + 1):
        page.evaluate("location.hash = '#looks/story-good'")
        page.reload()
        page.wait_for_selector("#stage h1")
        server.process.send_signal(signal.SIGSTOP)
        watch(page, "Not recorded yet")
        page.keyboard.press("w")
        page.keyboard.type("too short")
        page.keyboard.press("Enter")
        fates.note(page)
        server.process.send_signal(signal.SIGCONT)
        wait_for(page, lambda: title(page) != "Does it read well?", "it is taken now")
        assert len(verdicts(run)) == number
    fates.print(recorded=len(verdicts(run)))
    assert set(verdicts(run)) == {"needs-work"}
    assert session_of(run).log.read().problems == ()


@pytest.mark.exhaustive
def test_an_answer_that_is_never_acknowledged_can_be_sent_again(
    run: RunFolder, serve: Serve, open_page: Open
) -> None:
    server = serve(run)
    page = open_page(server.url + "#looks/story-good")
    server.process.send_signal(signal.SIGSTOP)
    page.keyboard.press("a")
    wait_for(page, lambda: "has not acknowledged it. Send" in page.inner_text("#message"), "late")
    server.process.send_signal(signal.SIGCONT)
    page.keyboard.press("a")
    wait_for(page, lambda: title(page) != "Does it read well?", "it is taken now")
    state = session_of(run).log.read()
    assert set(verdicts(run)) == {"approved"}
    assert state.problems == ()


@pytest.mark.exhaustive
def test_what_was_recorded_is_not_told_as_lost(
    run: RunFolder, serve: Serve, open_page: Open
) -> None:
    page = open_page(serve(run).url + "#looks/story-good")
    page.route("**/api/states*", lambda route: route.abort())
    page.keyboard.press("a")
    wait_for(page, lambda: "It is recorded" in page.inner_text("#message"), "it is told")
    assert verdicts(run) == ["approved"]


@pytest.mark.exhaustive
def test_the_playhead_is_where_the_clip_plays(
    run: RunFolder, serve: Serve, open_page: Open
) -> None:
    page = open_page(serve(run).url, viewport={"width": 1600, "height": 900})
    listen(page, 0.1)
    picture, overlay = (
        page.locator(f"#stage .stage {tag}").first.bounding_box() for tag in ("img", "i")
    )
    assert picture is not None
    assert overlay is not None
    assert overlay["x"] == pytest.approx(picture["x"] + 0.04 * picture["width"], abs=1)
    assert overlay["x"] + overlay["width"] == pytest.approx(
        picture["x"] + 0.99 * picture["width"], abs=1
    )


@pytest.mark.exhaustive
@pytest.mark.parametrize("size", [(1400, 900), (1280, 720), (1920, 1080)])
def test_a_tall_film_is_whole_with_its_controls(
    tmp_path: Path, serve: Serve, open_page: Open, size: tuple[int, int]
) -> None:
    run = make_film_run(tmp_path / "outputs")
    page = open_page(serve(run).url, viewport={"width": size[0], "height": size[1]})
    page.wait_for_function("document.querySelector('video').readyState > 0")
    film, deed = (page.locator(each).bounding_box() for each in ("video", ".deed"))
    assert film is not None
    assert deed is not None
    assert film["y"] + film["height"] <= deed["y"]
    assert film["height"] > size[1] / 3


@pytest.mark.exhaustive
def test_at_twice_the_size_a_question_and_its_take_are_seen(
    run: RunFolder, serve: Serve, open_page: Open
) -> None:
    page = open_page(serve(run).url, viewport={"width": 640, "height": 450})
    player, deed = (page.locator(each).first.bounding_box() for each in ("audio", ".deed"))
    assert player is not None
    assert deed is not None
    assert player["y"] + player["height"] <= deed["y"]


@pytest.mark.exhaustive
def test_pictures_are_compared_by_key(tmp_path: Path, serve: Serve, open_page: Open) -> None:
    approve_all(make_run(tmp_path / "outputs"))
    run = make_run(tmp_path / "outputs", "20260305-090000-demo-bbbb", hertz=600,
                   started=START + timedelta(days=1))  # fmt: skip
    page = open_page(serve(run).url + "#looks/picture-good")
    names = []
    for _ in range(3):
        page.keyboard.press("b")
        names.append(page.inner_text(".zoomed figcaption"))
    assert names[0] == names[2] == "picture"
    assert names[1].startswith("Approved by Ann in ")
    page.keyboard.press("Escape")
    assert page.locator(".zoomed").count() == 0
