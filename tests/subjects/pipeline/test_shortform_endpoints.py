"""The small pipeline and its endpoints: what is called, how often, and what is told."""

from __future__ import annotations

import json
import stat
import threading
import urllib.request
from dataclasses import dataclass, field
from typing import Any

import pytest
from small_pipeline import SCRIPT, TIMELINE, VIDEO, SmallPipeline, serving

from proofbook_subjects.pipeline.doubles import posting, voice
from proofbook_subjects.pipeline.doubles.serving import Answer, Asked
from proofbook_subjects.pipeline.pacing import Pace
from proofbook_subjects.pipeline.settings import open_project

KEY = "sk-secret-of-the-test"
RIGHT = {
    "lines": [
        {"character": "Butcher", "text": "I like tea.", "emotion": "happy"},
        {"character": "Nutsy", "text": "I like nuts.", "emotion": "excited"},
    ]
}


@dataclass
class Model:
    """A language model's endpoint that says what it is told to say."""

    says: list[str]
    is_claude: bool = False
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def key_of(self, asked: Asked) -> str:
        """Take the test's key alone."""
        name = "x-api-key" if self.is_claude else "authorization"
        return "right" if asked.headers.get(name, "").endswith(KEY) else "wrong"

    def refuse(self, key: str) -> Answer:
        """Echo the key, as some servers do."""
        return Answer(status=401, body={"error": {"message": f"{key}: not {KEY}"}})

    def is_public(self, asked: Asked) -> bool:
        """No route is."""
        return False

    def answer(self, asked: Asked) -> Answer:
        """Say the next text; the last one for ever."""
        self.bodies.append(asked.fields())
        text = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if self.is_claude:
            return Answer(body={"content": [{"type": "text", "text": text}]})
        return Answer(body={"choices": [{"message": {"content": text}}]})


def plan(url: str, *answers: dict[str, Any]) -> None:
    """Plan the next answers of a double."""
    request = urllib.request.Request(f"{url}/_double/plan", json.dumps(answers).encode())
    with urllib.request.urlopen(request):
        pass


def calls(url: str) -> list[dict[str, Any]]:
    """Return the calls of a double."""
    with urllib.request.urlopen(f"{url}/_double/calls") as answer:
        return json.load(answer)


def write(pipeline: SmallPipeline, url: str, name: str = "OPENAI", **more: str):
    """Have an endpoint write a script."""
    keys = {f"{name}_BASE_URL": url, f"{name}_API_KEY": KEY, **more}
    return pipeline.run("generate_script", "--topic", "tea", "--output", SCRIPT, **keys)


@pytest.mark.parametrize("name", ["OPENAI", "ANTHROPIC"])
def test_a_model_writes_the_script(pipeline: SmallPipeline, name: str):
    model = Model([json.dumps(RIGHT)], is_claude=name == "ANTHROPIC")
    with serving(model) as url:
        ran = write(pipeline, url, name, SCRIPT_MODEL="small")
    assert ran.code == 0, ran.err
    document = pipeline.json(SCRIPT)
    assert [line["text"] for line in document["lines"]] == ["I like tea.", "I like nuts."]
    assert document["metadata"]["writer"] == "small"
    if name == "OPENAI":
        assert model.bodies[0]["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize(
    "first", ["Sure! Here is a scene.", '{"lines": []}', '```json\n{"lines": [{}]}\n```', ""]
)
def test_a_model_is_asked_again_with_what_was_wrong(pipeline: SmallPipeline, first: str):
    model = Model([first, f"Here:\n```json\n{json.dumps(RIGHT)}\n```"])
    with serving(model) as url:
        assert write(pipeline, url).code == 0
    assert len(model.bodies) == 2
    assert "Your last answer was wrong" in model.bodies[1]["messages"][0]["content"]


def test_a_model_that_never_writes_a_script_is_given_up(pipeline: SmallPipeline):
    model = Model(["I'm sorry, but I can't help with that."])
    with serving(model) as url:
        ran = write(pipeline, url)
    assert (ran.code, len(model.bodies)) == (4, 3)
    assert "wrote no script in 3 answers" in ran.err
    assert not (pipeline.root / SCRIPT).exists()


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("answers", "count", "words"),
    [
        ([{"status": 401, "body": KEY}], 1, "refused the key (401): check OPENAI_API_KEY"),
        ([{"status": 429}] * 9, 4, "limits the rate (429)"),
        ([{"status": 429, "headers": {"Retry-After": "86400"}}], 1, "asks to wait 86400 s"),
        ([{"status": 500, "body": "<html>"}] * 9, 4, "failed (500)"),
        ([{"body": "<html>Sign in</html>"}], 1, "not JSON: <html>"),
        ([{"body": {"ok": True}}], 1, "JSON of another form"),
        ([{"body": "[1]"}], 1, "not an object"),
        ([{"wait": 3}] * 9, 4, "did not answer within 0.4 s"),
    ],
    ids=["401", "429", "429-day", "500", "html", "other-json", "list", "late"],
)
def test_a_failure_is_one_clear_line_without_the_key(
    pipeline: SmallPipeline, answers: list[dict[str, Any]], count: int, words: str
):
    with serving(Model([json.dumps(RIGHT)])) as url:
        plan(url, *answers)
        timeout = "0.4" if "within" in words else "60"
        ran = write(pipeline, url, API_TIMEOUT=timeout)
        assert len(calls(url)) == count
    assert ran.code == 4
    assert words in ran.err
    assert len(ran.err.splitlines()) == 1
    assert KEY not in ran.err + ran.out
    assert not (pipeline.root / SCRIPT).exists()


@pytest.mark.parametrize("form", ["0.01", "Thu, 01 Jan 2026 00:00:00 GMT", "-5", "soon"])
def test_a_limit_is_waited_for_in_every_form(pipeline: SmallPipeline, form: str):
    with serving(Model([json.dumps(RIGHT)])) as url:
        plan(url, {"status": 429, "headers": {"Retry-After": form}}, {"status": 503})
        assert write(pipeline, url).code == 0
        assert [call["status"] for call in calls(url)] == [429, 503, 200]


def test_nobody_listens(pipeline: SmallPipeline):
    ran = write(pipeline, "http://127.0.0.1:9")
    assert (ran.code, "cannot be reached" in ran.err) == (4, True)


@pytest.mark.exhaustive
def test_a_voice_endpoint_speaks_and_a_failure_keeps_what_was_spoken(pipeline: SmallPipeline):
    pipeline.run_to("generate_script")
    with serving(voice.VoiceDouble()) as url:
        keys = {"VOICE_ENGINE": "", "ELEVENLABS_BASE_URL": url, "ELEVENLABS_API_KEY": voice.KEY}
        arguments = ("generate_audio", SCRIPT, "--workers", "1")
        plan(url, {}, *[{"status": 500}] * 4)
        failed = pipeline.run(*arguments, **keys)
        assert (failed.code, "failed (500)" in failed.err) == (4, True), failed.err
        assert len(calls(url)) == 5
        assert not (pipeline.root / TIMELINE).exists()
        plan(url, {"body": "this is no sound " * 20})
        silent = pipeline.run(*arguments, **keys)
        assert (silent.code, "answered no sound" in silent.err) == (4, True)
        assert pipeline.run(*arguments, **keys).code == 0
        assert [call["status"] for call in calls(url)].count(200) == 5
    entries = pipeline.json(TIMELINE)["lines"]
    assert all(entry["audio_file"].endswith(".mp3") for entry in entries)
    assert pipeline.again("select_images").code == 0
    assert pipeline.again("assemble_video").code == 0


def test_a_rate_is_kept_over_all_clients_of_a_project(pipeline: SmallPipeline):
    project = open_project(pipeline.root, {"ELEVENLABS_PER_MINUTE": "1"})
    pauses: list[float] = []
    for _ in range(3):
        Pace(project, "ELEVENLABS").wait(pauses.append)
    assert [round(pause / 60) for pause in pauses] == [1, 2]


def test_all_clients_wait_while_the_rate_is_limited(pipeline: SmallPipeline):
    project = open_project(pipeline.root, {})
    pauses: list[float] = []
    Pace(project, "OPENAI").wait(pauses.append)
    Pace(project, "OPENAI").hold(600)
    Pace(project, "OPENAI").wait(pauses.append)
    Pace(project, "ANTHROPIC").wait(pauses.append)
    assert [round(pause / 600) for pause in pauses] == [1]


def post(
    filmed: SmallPipeline,
    url: str,
    caption: str = "Hello",
    token: str = posting.KEY,
    dry: bool = False,
):
    """Post the film."""
    keys = {"INSTAGRAM_BASE_URL": url, "INSTAGRAM_ACCESS_TOKEN": token}
    words = [VIDEO, "--caption", caption, *(["--dry-run"] if dry else [])]
    return filmed.run("post_instagram", *words, INSTAGRAM_USER_ID=posting.USER, **keys)


@pytest.mark.exhaustive
def test_a_dry_run_calls_nobody(filmed: SmallPipeline):
    with serving(posting.PostingDouble()) as url:
        assert post(filmed, url, dry=True).code == 0
        assert calls(url) == []


def test_a_reel_is_posted_once(filmed: SmallPipeline):
    with serving(posting.PostingDouble()) as url:
        first, again = post(filmed, url), post(filmed, url)
        paths = [call["path"].rpartition("/")[2] for call in calls(url)]
    assert (first.code, again.code) == (0, 0)
    assert paths.count("media_publish") == 1
    assert "was posted before" in again.out
    status = filmed.rows("metrics.db", "SELECT status, post_id != '' FROM episodes")
    assert status == [("posted", 1)]


def test_an_expired_token_is_refreshed_once_and_kept(filmed: SmallPipeline):
    with serving(posting.PostingDouble()) as url:
        first = post(filmed, url, "one", posting.EXPIRED)
        second = post(filmed, url, "two", posting.EXPIRED)
        log = calls(url)
    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert sum(call["path"].endswith("/refresh_access_token") for call in log) == 1
    kept = filmed.root / "config" / ".instagram_token.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert posting.EXPIRED not in kept.read_text()


def test_a_token_that_cannot_be_refreshed_is_told(filmed: SmallPipeline):
    with serving(posting.PostingDouble()) as url:
        ran = post(filmed, url, token="wrong-token-of-the-test")
    assert ran.code == 4
    assert "set a new INSTAGRAM_ACCESS_TOKEN" in ran.err
    assert "wrong-token-of-the-test" not in ran.err


def test_a_publication_whose_answer_is_lost_is_not_repeated(filmed: SmallPipeline):
    double = posting.PostingDouble(polls=0)
    lost = threading.Event()

    class Losing(posting.PostingDouble):
        """Publishes, and lets the connection go."""

        def answer(self, asked: Asked) -> Answer:
            """Answer rightly, but for the first publication."""
            answer = double.answer(asked)
            if asked.path.endswith("media_publish") and not lost.is_set():
                lost.set()
                raise ConnectionResetError
            return answer

    with serving(Losing()) as url:
        ran = post(filmed, url)
        paths = [call["path"].rpartition("/")[2] for call in calls(url)]
    assert ran.code == 0, ran.err
    assert paths.count("media_publish") == 1


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("twice", lambda paths, ran: paths.count("media_publish") == 2),
        ("too_soon", lambda paths, ran: ran.code == 4),
        ("no_id", lambda paths, ran: ran.out.endswith("posted\n")),
        ("dry_run_sends", lambda paths, ran: "media_publish" in paths),
    ],
)
def test_faults_of_posting_bite(filmed: SmallPipeline, fault: str, seen):
    filmed.patch.setenv("PIPELINE_FAULTS", f"post={fault}")
    with serving(posting.PostingDouble()) as url:
        ran = post(filmed, url, dry=fault == "dry_run_sends")
        paths = [call["path"].rpartition("/")[2] for call in calls(url)]
    assert seen(paths, ran), (paths, ran)


def test_the_limit_of_a_day_is_told_before_anything_is_sent(filmed: SmallPipeline):
    with serving(posting.PostingDouble(a_day=0)) as url:
        ran = post(filmed, url)
        assert [call["method"] for call in calls(url)] == ["GET"]
    assert (ran.code, "limit of posts" in ran.err) == (4, True)
