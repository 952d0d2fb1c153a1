"""The eight steps on a pipeline that one command runs, with subtitles and one sound for all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import captioned_pipeline
import numpy as np
import pytest
from layouts_of_pipelines import second_config

from proofbook_systems.pipeline.end_to_end.caption_times import beginnings, shift_of
from proofbook_systems.pipeline.end_to_end.config import STEPS
from proofbook_systems.pipeline.end_to_end.steps import take
from proofbook_systems.pipeline.end_to_end.walk import Step, begin
from proofbook_systems.pipeline.stages import StageRun
from proofbook_systems.pipeline.workspace import Workspace

PATHS = {
    "script": "out/*_{episode}/script.md",
    "timeline": "out/*_{episode}/talk.srt",
    "audio": "out/*_{episode}/talk.wav",
    "video": "out/*_{episode}/film.mp4",
    "metrics_db": "out/*_{episode}/about.json",
}
NAMES = {"metric.seconds": "stats.duration"}


@pytest.fixture(scope="module")
def project(second_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captioned")
    (folder / "db").mkdir()
    for name, source in (("pipe.py", second_project / "pipe.py"),
                         ("talk.py", Path(captioned_pipeline.__file__))):  # fmt: skip
        (folder / name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def walked(project: Path, folder: Path, more: str = "", **changes: Any) -> dict[str, Step]:
    """Take all steps; the one command does ``more`` behind its work."""
    code = (
        "import runpy, sys; sys.argv = ['talk.py', '{episode}']; "
        f"runpy.run_path('talk.py', run_name='__main__'); {more}"
    )
    given: dict[str, Any] = {
        "commands": {"script": ["{python}", "-c", code]}, "paths": PATHS, "names": NAMES,
        "at_once": 0,
    }  # fmt: skip
    walk = begin(second_config(project, **given | changes), folder / "w")
    return {name: take(walk, name) for name in STEPS}


def faults(steps: dict[str, Step]) -> dict[str, list[str]]:
    return {x.name: x.faults for step in steps.values() for x in step.findings if x.faults}


def judged(steps: dict[str, Step]) -> set[str]:
    return {x.name for step in steps.values() for x in step.findings if not x.untried}


def test_all_that_is_there_is_judged_and_nothing_is_red(project: Path, tmp_path: Path) -> None:
    steps = walked(project, tmp_path)
    assert faults(steps) == {}
    wanted = {
        "audio-for-each-line", "timeline-adds-up", "duration", "dialogue-complete",
        "captions-in-time", "dialogue-in-time", "metrics-recorded",
        "metrics-duration", "film-to-look-at",
    }  # fmt: skip
    assert wanted - judged(steps) == set()
    assert "audio-files" not in judged(steps)


CHANGES = {
    "a cue is lost": (
        "import glob; p = glob.glob('out/*/talk.srt')[0]; "
        "s = open(p, encoding='utf-8-sig').read(); b = s.split('\\n\\n'); "
        "kept = [x for x in b if 'SOURDOUGH' not in x and 'A ROOF' not in x]; "
        "open(p, 'w').write('\\n\\n'.join(kept))",
        "audio-for-each-line", "line 4 is not in the time-line",
    ),
    "the film is gone": (
        "import glob, os; os.remove(glob.glob('out/*/film.mp4')[0])",
        "film-to-look-at", "film.mp4 is not there",
    ),
    "another duration is noted": (
        "import glob, json; p = glob.glob('out/*/about.json')[0]; d = json.load(open(p)); "
        "d['stats']['duration'] += 2; json.dump(d, open(p, 'w'))",
        "metrics-duration", "stats.duration says",
    ),
    "all captions are late": (
        "import glob, re; p = glob.glob('out/*/talk.srt')[0]; "
        "s = open(p, encoding='utf-8-sig').read(); "
        "late = lambda m: '%02d,%03d' % divmod(int(m[1]) * 1000 + int(m[2]) + 500, 1000); "
        "open(p, 'w').write(re.sub('(\\\\d\\\\d),(\\\\d{3})', late, s))",
        "captions-in-time", "all captions stand 0.",
    ),
}  # fmt: skip


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", CHANGES)
def test_what_does_not_fit_together_is_named(project: Path, tmp_path: Path, kind: str) -> None:
    code, name, words = CHANGES[kind]
    found = faults(walked(project, tmp_path, code.replace("{", "{{").replace("}", "}}")))
    assert list(found)[:1] == [name], found
    assert words in found[name][0]


def test_what_the_last_stage_alone_leaves_is_judged_after_it(project: Path, tmp_path: Path) -> None:
    """Subtitles that the command of the film writes: it is run, and not skipped for their sake."""
    code = "import runpy, sys; sys.argv = ['talk.py', '{episode}']; runpy.run_path('talk.py', run_name='__main__')"  # noqa: E501
    steps = walked(project, tmp_path, commands={"video": ["{python}", "-c", code]})
    assert faults(steps) == {}
    assert "dialogue-complete" in judged(steps)
    assert "there is no script to go on with" in steps["audio"].findings[0].untried


def test_of_several_that_fit_the_newest_is_taken(tmp_path: Path) -> None:
    for age, name in ((9, "b_e1"), (1, "a_e1"), (5, "c_e1"), (0, "d_e2")):
        (tmp_path / "out" / name).mkdir(parents=True)
        path = tmp_path / "out" / name / "film.mp4"
        path.write_bytes(b"x")
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    space = Workspace(
        folder=tmp_path, original=tmp_path, python="python", commands={},
        paths={"video": "out/*_{episode}/film.mp4"}, logs=tmp_path,
        environment={"HOME": "{project}/home", "JSON": '{"a": 1}'},
    )  # fmt: skip
    assert space.path("video", "e1").parent.name == "a_e1"
    assert space.path("video", "e3") == tmp_path / "out/*_e3/film.mp4"
    variables = space.variables()
    assert (variables["HOME"], variables["JSON"]) == (f"{tmp_path}/home", '{"a": 1}')


SPOKEN = np.array([0.4, 1.9, 3.1, 4.8, 6.0, 7.7, 8.3])


@pytest.mark.parametrize("shift", [0.0, 0.2, -0.2])
def test_captions_that_begin_with_their_words_are_in_time(shift: float) -> None:
    assert shift_of(SPOKEN + shift, SPOKEN) == 0.0
    assert shift_of(SPOKEN[1:6] + shift, SPOKEN) == 0.0


@pytest.mark.parametrize("shift", [0.5, -0.4, 1.3, -2.0])
def test_captions_that_are_off_alike_are_named_with_how_much(shift: float) -> None:
    found = shift_of(SPOKEN + shift, SPOKEN)
    assert found is not None
    assert abs(found - shift) < 0.05


@pytest.mark.parametrize("starts", [SPOKEN[:3], np.arange(7) * 1.21 + 0.13])
def test_captions_that_fit_no_pauses_are_not_judged(starts: Any) -> None:
    assert shift_of(starts, SPOKEN) is None


def test_speech_begins_after_each_pause_and_over_music() -> None:
    rate = 8000
    draw, times = np.random.default_rng(3), np.arange(10 * rate) / rate
    voice = sum(
        draw.normal(0, 6000, len(times)) * ((times > at) & (times < at + 0.9)) for at in SPOKEN[:5]
    )
    for bed in (0.0, 300.0):
        mix = voice + bed * np.sin(2 * np.pi * 220 * times)
        assert np.abs(beginnings(mix.clip(-32768, 32767).astype(np.int16), rate) - SPOKEN[:5]
                      ).max() < 0.03  # fmt: skip


def run_that_prints(output: str) -> StageRun:
    return StageRun(
        stage="script", episode="e1", command=("x",), code=0, words="", seconds=1.0, began=0.0,
        output=output,
    )  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "Narration: 500 words", "401 frames written", "429 samples", "503 lines, 404 of them new",
        "Error rate 0.02", "status: 200 OK", "HTTP 200", "line 500 of 502",
        "rate limit: 10 a minute", "Wrote 403 Images", "connection pool of 500",
    ],
)  # fmt: skip
def test_a_number_is_no_error_of_an_api(line: str) -> None:
    assert run_that_prints(line).api_errors == []


@pytest.mark.parametrize(
    "line",
    [
        "WARNING: HTTP 429 Too Many Requests", "openai.RateLimitError: Error code: 429 - {...}",
        "401 Client Error: Unauthorized for url", "HTTP/1.1 503", "status code 500", "status=502",
        "503 Service Unavailable", "Rate limit exceeded, skipping line 3",
        "DNSError: no records found", "ConnectionError: Max retries exceeded with url",
        "Traceback (most recent call last):", "HTTP Error 403: Forbidden",
    ],
)  # fmt: skip
def test_an_error_of_an_api_is_told_whatever_prints_it(line: str) -> None:
    assert run_that_prints(f"ok\n{line}\nok").api_errors == [line]
