"""The checklists before a release and before posting find what is wrong, and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "pipeline"))

from platform_doubles import serving
from small_projects import ADDRESSES, make_project, parameters_of

from proofbook.errors import SubjectError, UsageError
from proofbook.media import measure_video
from proofbook.project import Project
from proofbook.records import Question
from proofbook.runner.plan import load_plan
from proofbook_subjects.checklists.films import write_film
from proofbook_systems.pipeline.integrations.bench import Bench, open_bench
from proofbook_systems.pipeline.integrations.preparing import Prepared, prepare
from proofbook_systems.pipeline.project.config import PipelineConfig
from proofbook_systems.pipeline.workspace import open_workspace
from proofbook_systems.release import candidates, documents, intrusion, platform, posts
from proofbook_systems.release.attacks import ATTACKS, Target
from proofbook_systems.release.config import BeforePostingConfig, BeforeReleaseConfig
from proofbook_systems.release.surroundings import surround

Run = Callable[..., Any]
ROOT = Path(__file__).parents[3]
BARE: dict[str, Any] = {
    "interpreter": "", "commands": {}, "names": {}, "environment": {}, "timeout": 60.0,
}  # fmt: skip
README = """# Mine

## Setting it up

Set `OPENAI_API_KEY`, then:

```
$ python small_pipeline.py init
VERBOSE=1 python small_pipeline.py trends
```

Troubleshooting
---------------

It says what is wrong.
"""


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, str]]:
    with serving() as addresses:
        yield addresses


def settings_of(folder: Path, servers: dict[str, str]) -> dict[str, Any]:
    project = make_project(folder)
    (project / "README.md").write_text(README)
    return {
        **parameters_of(project, servers), "addresses": ADDRESSES,
        "faulty_server": "reference:faulty", "dry_run": ["--dry-run"], "patience": 10.0,
        "reviewer_role": "", "apis": ["openai_api", "voice", "posting"], "caption": "Cheese #mouse",
        "workspace": "", "episode": "", "keys": ["OPENAI_API_KEY"], "folders": ["data"],
        "disk_gb": 0.0, "gpu_driver": "", "characters": ["Butcher", "Nutsy"], "features": {},
        "attacks_skipped": [], "logs": [], "documents": ["README*"],
        "environment": {},
    }  # fmt: skip


@pytest.fixture(scope="module")
def bench(
    tmp_path_factory: pytest.TempPathFactory, servers: dict[str, str]
) -> Iterator[tuple[Bench, Prepared]]:
    """The small pipeline, right and prepared, without APIs but the model's."""
    folder = tmp_path_factory.mktemp("release")
    config = BeforeReleaseConfig(**settings_of(folder / "mine", servers))
    own = config.integrations(["openai_api", "voice", "posting"], config.caption)
    with open_bench(own, folder / "work", open_workspace(config, folder / "work"), "e1") as made:
        yield made, prepare(made)


def attacked(bench: Bench, tmp_path: Path, names: str, **environment: str) -> dict[str, list[str]]:
    bases = {n: base.with_environment(**environment) for n, base in bench.bases.items()}
    others = [attack.name for attack in ATTACKS if not re.fullmatch(names, attack.name)]
    watched = replace(bench, bases=bases, folder=tmp_path)
    found = list(intrusion.judge_attacks(watched, others))
    return {f.name: f.faults for f in found if f.untried != "attacks_skipped names it"}


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_right_program_withstands_every_attack(
    bench: tuple[Bench, Prepared], tmp_path: Path
) -> None:
    found = attacked(bench[0], tmp_path, ".*")
    assert {name: faults for name, faults in found.items() if faults} == {}
    assert len(found) == len(ATTACKS)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("plant", "names", "said"),
    [
        ("traversal", "episode-up", "wrote .*outside/pwned/.*outside of the project"),
        ("traversal", "episode-absolute", "wrote .*outside/pwned"),
        ("traversal", "argument-up", "wrote .*outside/pwned"),
        ("traversal", "episode-nul", "all that it says is a traceback"),
        ("traversal", "episode-long", "all that it says is a traceback"),
        ("traversal", "image-relative", "code 0 on|holds what a file outside"),
        ("traversal", "image-absolute", "holds what a file outside of the project does"),
        ("traversal", "image-link", "holds what a file outside of the project does"),
        ("skip_sound", "sound-relative", "holds what a file outside of the project does"),
        ("skip_sound", "sound-absolute", "video exited with code 0"),
        ("shell", "episode-shell", "a shell took a part of it for a command"),
        ("shell", "caption-shell", "a shell took a part of it for a command"),
        ("sql", "topic-sql", "topics are gone|which is nothing wrong"),
        ("no_recursion", "json-deep", "all that it says is a traceback"),
        ("any_types any_emotion", "json-types", "exited with code 0|a traceback"),
        ("any_character traversal", "character-up", "code 0|outside|traceback"),
    ],
)
def test_an_opening_is_found_and_named(
    bench: tuple[Bench, Prepared], tmp_path: Path, plant: str, names: str, said: str
) -> None:
    (faults,) = attacked(bench[0], tmp_path, names, PLANT=plant).values()
    assert any(re.search(said, fault) for fault in faults), faults


def documented(tmp_path: Path, text: str, **files: str) -> dict[str, str]:
    (tmp_path / "README.md").write_text(text)
    for name, content in files.items():
        (tmp_path / name.replace("__", ".")).write_text(content)
    commands = {"init": ["{python}", "small_pipeline.py", "init"]}
    found = documents.judge_documents(tmp_path, commands, ["OPENAI_API_KEY"], ["README*"])
    return {each.name: each.faults[0] for each in found if each.faults}


def test_good_documents_are_green(tmp_path: Path) -> None:
    assert documented(tmp_path, README, small_pipeline__py="") == {}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("OPENAI_API_KEY", "the key", "no document names OPENAI_API_KEY"),
        ("small_pipeline.py init", "begin.py", "there is no begin.py"),
        (
            "small_pipeline.py",
            "pipe.py",
            "no document names small_pipeline.py, the command of init",
        ),
        ("Troubleshooting", "Thanks", "no document has a heading about troubleshooting"),
        ("Setting it up", "Hello", "no document has a heading about setting it up"),
    ],
)
def test_a_gap_in_the_documents_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    faults = documented(tmp_path, README.replace(old, new), small_pipeline__py="")
    assert said in " ".join(faults.values())


@pytest.mark.parametrize(
    ("text", "red"),
    [
        ("Cheese! #mouse", ""),
        ("é" * 2200, ""),
        ("c" * 2201, "caption-length"),
        (" \n", "caption-length"),
        (" ".join(f"#tag{n}" for n in range(31)), "hashtags"),
        ("R&D &#39; a#b #one", ""),
        ("Cheese {topic}", "caption-readable"),
        ("Cheese #mouse #Mouse", "caption-readable"),
        ("Ring\x07", "caption-readable"),
    ],
)
def test_captions_are_judged(text: str, red: str) -> None:
    found = posts.judge_caption(text, posts.LIMITS["checklist"])
    assert " ".join(each.name for each in found if each.faults) == red


def test_films_are_judged_by_the_limits_that_are_asked_for(tmp_path: Path) -> None:
    film = measure_video(write_film(tmp_path / "film.mp4", seconds=2.0, width=90, height=160))
    shape = (90, 160, -45.0, 0.9)
    for name, red in (("checklist", []), ("instagram", ["duration", "frame-rate"])):
        found = posts.judge_film(film, posts.LIMITS[name], *shape)
        assert [each.name for each in found if each.faults] == red
    long = replace(film, seconds=91.0, width=1920, size=101_000_000, sound=None)
    found = posts.judge_film(long, posts.LIMITS["checklist"], *shape)
    red = [each.name for each in found if each.faults]
    assert red == ["duration", "resolution", "file-size", "sound-is-there"]


@pytest.mark.parametrize(
    ("expires", "said"),
    [
        ("2026-02-01", ""),
        ("1769904000", ""),
        ("2026-01-05T00:00:00Z", "it is good for 3.0 days; 7 are wanted"),
        ("2025-12-31", "it ended 2.0 days ago"),
        ("soon", "'soon' is no date"),
    ],
)
def test_a_token_is_fresh_or_said_to_end(expires: str, said: str) -> None:
    found = platform.judge_expiry(expires, 7.0, now=datetime(2026, 1, 2, tzinfo=UTC))
    assert said in " ".join(found.faults)
    assert bool(said) == bool(found.faults)


def test_the_account_is_asked_and_its_token_never_shown(servers: dict[str, str]) -> None:
    asked = platform.Platform(servers["posting"], "tok-secret", "17841400000000000")
    assert asked.judge_credentials().faults == []
    assert asked.judge_headroom(47).faults == []
    assert asked.judge_headroom(48).faults == ["47 of 50 posts are left; 48 are wanted"]
    gone = platform.Platform("http://127.0.0.1:9", "tok-secret", "1")
    assert "tok-secret" not in str(gone.judge_credentials().faults)
    assert gone.judge_credentials().faults


def test_a_pipeline_that_does_not_post_has_no_account_to_judge(servers: dict[str, str]) -> None:
    asked = platform.Platform(servers["posting"], "tok-secret", "17841400000000000")
    idle = platform.judge_account(asked, 48, is_real=False, posts=False)
    assert all("commands has no post" in each.untried for each in idle)
    real = platform.judge_account(asked, 48, is_real=True, posts=False)
    assert [each.name for each in real if each.faults] == ["rate-headroom"]


def red_of(found: Any) -> list[str]:
    assert found.error is None or "check" in str(found.error), found.error
    return list(found.red)


@pytest.mark.exhaustive
@pytest.mark.slow
def test_the_release_of_a_right_project_is_green(
    run_cells: Run, tmp_path: Path, servers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "abc123-of-mine")
    found = run_cells("release/before_release", **settings_of(tmp_path / "mine", servers))
    assert (found.error, found.red) == (None, [])
    skipped = {n: c.reason for n, c in found.checks.items() if c.status == "skipped"}
    assert set(skipped) == {
        "gpu-driver", "feature-dreambooth-model", "feature-animation", "feature-comfyui",
    }  # fmt: skip
    assert len([r for r in found.records if isinstance(r, Question)]) == 3
    assert "abc123-of-mine" not in json.dumps([r.model_dump(mode="json") for r in found.records])


ELSE: dict[str, Any] = {
    "link": [], "limits": "checklist", "quietest": -45.0, "most_silence": 0.9, "platform": "",
    "token_variable": "T", "account": "1", "token_expires": "", "least_days": 7.0,
    "least_posts": 1, "posted": "",
}  # fmt: skip
LINES = [{"character": "Nutsy", "text": "Hi", "emotion": "happy"}] * 2


@pytest.mark.parametrize(
    ("name", "content", "is_tried"),
    [
        ("s.json", json.dumps({"episode": "e1", "lines": LINES}), True),
        (
            "s.yaml",
            "episode: e1\nat: 2026-11-27\nlines:\n" + "- {character: A, text: Hi}\n" * 2,
            True,
        ),
        ("s.json", json.dumps(LINES), True),
        ("s.json", json.dumps({"lines": ["Hi", "Oh"]}), False),
        ("s.json", json.dumps({"lines": []}), False),
        ("s.md", "Anna: Hi", False),
    ],
)
def test_attacks_are_made_of_scripts_in_any_form(
    tmp_path: Path, name: str, content: str, is_tried: bool
) -> None:
    script = placed(tmp_path / "mine", name) / name
    settings = {"project": str(tmp_path / "mine"), "link": [], "paths": {"script": name}}
    workspace = open_workspace(PipelineConfig(**BARE, **settings), tmp_path / "work")
    target = Target(workspace=workspace, episode="e1", around=surround(tmp_path / "around"))
    for attack in ATTACKS:
        if attack.name in ("json-types", "emotion-up"):
            (workspace.folder / name).write_text(content)
            assert (attack.prepare(target) is not None) == is_tried, attack.name
            assert ((workspace.folder / name).read_text() != content) == is_tried
    assert script.read_bytes() == b"film", "the project itself is not written into"


def placed(folder: Path, *names: str) -> Path:
    """Leave files one after the other, a minute between them."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"film")
        os.utime(path, (1.7e9 + 60 * number,) * 2)
    return folder


@pytest.mark.parametrize(
    ("video", "names", "newest", "episode"),
    [
        ("data/{episode}.mp4", ["data/e2.mp4", "data/e1.mp4", "data/e9.mov"], "data/e1.mp4", "e1"),
        ("out/{episode}/{episode}.mp4", ["out/a.b/a.b.mp4"], "out/a.b/a.b.mp4", "a.b"),
        ("out/*_{episode}/film.mp4", ["out/07_e1/film.mp4"], "out/07_e1/film.mp4", "e1"),
        ("{project}/out/{episode}.mp4", ["out/e1.mp4"], "out/e1.mp4", "e1"),
        ("out/**/{episode}.mp4", ["out/a/b/e1.mp4"], "out/a/b/e1.mp4", "e1"),
        ("out/film.mp4", ["out/film.mp4"], "out/film.mp4", ""),
    ],
)
def test_the_newest_film_of_a_project_is_what_is_posted(
    tmp_path: Path, video: str, names: list[str], newest: str, episode: str
) -> None:
    project = placed(tmp_path / "mine", *names)
    settings = {"project": str(project), "paths": {"video": video}, "link": []}
    workspace = open_workspace(PipelineConfig(**BARE, **settings), tmp_path / "work")
    film, found = candidates.find_newest(workspace)
    assert (film.relative_to(workspace.folder).as_posix(), found) == (newest, episode)


def test_a_project_without_a_film_is_told_where_one_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    settings = {"project": str(tmp_path / "mine"), "link": []}
    paths = {"video": "out/{episode}.mp4"}
    workspace = open_workspace(PipelineConfig(**BARE, **settings, paths=paths), tmp_path / "work")
    with pytest.raises(SubjectError, match=r"mine has no film at out/{episode}\.mp4; give video"):
        candidates.find_newest(workspace)
    with pytest.raises(SubjectError, match="paths has no video; give video"):
        candidates.find_newest(replace(workspace, paths={}))


def test_a_film_of_a_workspace_is_named() -> None:
    with pytest.raises(UsageError, match="give episode"):
        load_plan(
            Project(ROOT), None, only=["release/before_posting"],
            overrides={"workspace": "/work/mine"},
        )  # fmt: skip


@pytest.mark.parametrize("given", ["project", "video", "workspace"])
def test_the_caption_of_a_film_lies_beside_it_or_is_named(
    tmp_path: Path, servers: dict[str, str], given: str
) -> None:
    settings = posting_of(tmp_path, servers, caption="")
    film = tmp_path / "before" / "project" / "data" / "e1.mp4"
    if given != "workspace":
        settings |= {"workspace": "", "episode": ""}
    if given == "project":
        film = Path(shutil.copy2(film, tmp_path / "mine" / "data"))
    if given == "video":
        settings["video"] = str(film)
    config = BeforePostingConfig(**{**ELSE, **settings})
    with pytest.raises(SubjectError, match=r"no caption e1\.txt beside the film e1\.mp4; give"):
        candidates.open_candidate(config, tmp_path / "work")
    film.with_suffix(".txt").write_text("Beside it #mouse")
    made = candidates.open_candidate(config, tmp_path / "work")
    assert (made.film.name, made.caption.text) == ("e1.mp4", "Beside it #mouse")
    assert made.is_own == (given != "video")


def posting_of(tmp_path: Path, servers: dict[str, str], **more: Any) -> dict[str, Any]:
    settings = settings_of(tmp_path / "mine", servers)
    made = tmp_path / "before" / "project"
    shutil.copytree(tmp_path / "mine", made)
    write_film(made / "data" / "e1.mp4", seconds=1.0, width=90, height=160)
    unknown = ("apis", "caption", "workspace", "episode", "keys", "folders", "disk_gb",
               "gpu_driver", "characters", "features", "attacks_skipped", "logs",
               "documents")  # fmt: skip
    kept = {key: value for key, value in settings.items() if key not in unknown}
    (tmp_path / "caption.txt").write_text("Cheese! #mouse")
    return {**kept, "video": "", "caption": str(tmp_path / "caption.txt"),
            "workspace": str(made.parent), "episode": "e1", "width": 90, "height": 160,
            "addresses": {"posting": ADDRESSES["posting"]}, **more}  # fmt: skip


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("plant", "more", "red"),
    [
        ("", {}, []),
        ("dry_posts", {}, ["dry-run"]),
        ("post_again", {}, ["post-id"]),
        ("no_metrics", {}, ["metrics-recorded"]),
        ("", {"token_expires": "2020-01-01"}, ["token-fresh"]),
        ("", {"least_posts": 100}, ["rate-headroom"]),
        ("", {"width": 91}, ["resolution"]),
        ("print_key", {}, ["rehearsal"]),
        ("", {"workspace": "", "episode": ""}, []),
        ("no_metrics", {"workspace": "", "episode": ""}, ["metrics-recorded"]),
    ],
)
def test_before_posting(
    run_cells: Run, tmp_path: Path, servers: dict[str, str], plant: str, more: dict[str, Any],
    red: list[str],
) -> None:  # fmt: skip
    settings = posting_of(tmp_path, servers, **more)
    settings["environment"] = {"PLANT": plant}
    if not settings["workspace"]:
        write_film(tmp_path / "mine" / "data" / "e1.mp4", seconds=1.0, width=90, height=160)
    found = run_cells("release/before_posting", **settings)
    assert found.red == red
    unseen = {"post-visible"} if plant == "no_metrics" else set()
    skipped = {name for name, check in found.checks.items() if check.status == "skipped"}
    assert skipped <= {"codec", "real-platform", "token-fresh"} | unseen
