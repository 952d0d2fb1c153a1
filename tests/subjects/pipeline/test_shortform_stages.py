"""The small pipeline from the feed to the film: what fits, what is refused, what is kept."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from small_pipeline import SCRIPT, SELECTIONS, TIMELINE, VIDEO, SmallPipeline

from proofbook_subjects.pipeline.limits import check_reel


def test_the_stages_make_a_film_whose_artefacts_fit_together(pipeline: SmallPipeline):
    assert pipeline.run("validate_env", "--verbose").code == 0
    ran = pipeline.run_to("assemble_video")
    assert ran.code == 0, ran.err
    script, timeline = pipeline.json(SCRIPT), pipeline.json(TIMELINE)
    images = pipeline.json(SELECTIONS)["selections"]
    assert {line["character"] for line in script["lines"]} == {"Butcher", "Nutsy"}
    said = [(line["character"], line["text"], line["emotion"]) for line in script["lines"]]
    assert said == [(e["character"], e["text"], e["emotion"]) for e in timeline["lines"]]
    ends = [0.0, *(entry["end_time"] for entry in timeline["lines"])]
    assert [entry["start_time"] for entry in timeline["lines"]] == ends[:-1]
    assert timeline["total_duration"] == ends[-1]
    for entry, image in zip(timeline["lines"], images, strict=True):
        assert (pipeline.root / entry["audio_file"]).is_file()
        assert (pipeline.root / image["image_path"]).is_file()
        start = f"{entry['character'].lower()}_{entry['emotion']}_"
        assert Path(image["image_path"]).name.startswith(start)
    topics = [row[0] for row in pipeline.rows("trends.db", "SELECT name FROM trends")]
    assert len(topics) == 10
    assert any(topic in script["lines"][0]["text"] for topic in topics)
    stages = pipeline.rows("metrics.db", "SELECT stage, status FROM generation_metrics ORDER BY id")
    assert stages == [(name, "ok") for name in ("script", "audio", "images", "video")]
    marked = pipeline.rows("metrics.db", "SELECT episode, status, video_path FROM episodes")
    assert marked == [("e", "generated", VIDEO)]


@pytest.mark.exhaustive
def test_every_stage_can_run_again_and_changes_nothing(pipeline: SmallPipeline):
    pipeline.run_to("assemble_video")
    script, timeline = pipeline.json(SCRIPT), pipeline.json(TIMELINE)
    chosen = pipeline.json(SELECTIONS)
    ran = pipeline.run_to("assemble_video")
    assert ran.code == 0
    assert pipeline.json(SCRIPT)["lines"] == script["lines"]
    assert pipeline.json(TIMELINE)["lines"] == timeline["lines"]
    assert pipeline.json(SELECTIONS) == chosen
    used = "SELECT SUM(usage_count) FROM image_library"
    assert pipeline.rows("image_library.db", used) == [(4,)]
    assert pipeline.rows("trends.db", "SELECT COUNT(*) FROM trends") == [(10,)]
    assert pipeline.rows("metrics.db", "SELECT COUNT(*) FROM generation_metrics") == [(4,)]


def test_the_batch_selects_what_one_query_a_line_selects(pipeline: SmallPipeline, tmp_path: Path):
    pipeline.run_to("generate_script")
    other = pipeline.copy(tmp_path / "other")
    assert pipeline.again("select_images").code == 0
    assert other.run("select_images", SCRIPT, "--batch").code == 0
    assert pipeline.json(SELECTIONS) == other.json(SELECTIONS)


def test_a_line_that_changed_is_spoken_again_and_only_that(pipeline: SmallPipeline):
    pipeline.run_to("generate_audio")
    script = pipeline.json(SCRIPT)
    script["lines"][1]["text"] = "Something quite different."
    pipeline.write(SCRIPT, script)
    told = pipeline.again("generate_audio").out.splitlines()
    assert [line.split()[4] for line in told[:4]] == ["kept:", "spoken:", "kept:", "kept:"]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"lines": []}, 2, "has 0 lines"),
        ({"lines": [{"character": "Butcher", "text": "Hello.", "emotion": "sad"}]}, 2, "1 line;"),
        ({"episode": "../../x"}, 2, "is not an id"),
        ({"lines": "none"}, 2, "no list of lines"),
    ],
)
def test_a_script_that_is_no_dialogue_is_refused(
    pipeline: SmallPipeline, change: dict[str, object], code: int, words: str
):
    line = {"text": "Hello there.", "emotion": "sad"}
    lines = [{**line, "character": who} for who in ("Butcher", "Nutsy")]
    pipeline.write(SCRIPT, {"episode": "e", "lines": lines, "metadata": {}, **change})
    ran = pipeline.again("generate_audio")
    assert (ran.code, words in ran.err) == (code, True), ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("character", "nutsy", "differs only in case from 'Nutsy'"),
        ("character", "Pigeon", "unknown character 'Pigeon'; known are Butcher, Nutsy"),
        ("emotion", "Happy", "differs only in case from 'happy'"),
        ("emotion", "peckish", "unknown emotion 'peckish'"),
        ("text", " ... ", "says nothing"),
    ],
)
def test_an_unknown_name_is_told_with_its_line(
    pipeline: SmallPipeline, field: str, value: str, words: str
):
    line = {"text": "Hello there.", "emotion": "sad"}
    lines = [{**line, "character": who} for who in ("Butcher", "Nutsy")]
    lines[1][field] = value
    pipeline.write(SCRIPT, {"episode": "e", "lines": lines})
    ran = pipeline.again("generate_audio")
    assert ran.code == 2
    assert "line 2" in ran.err
    assert words in ran.err


@pytest.mark.exhaustive
def test_missing_audio_and_broken_images_are_told_and_the_older_film_stays(
    filmed: SmallPipeline,
):
    pipeline = filmed
    film = (pipeline.root / VIDEO).read_bytes()
    image = pipeline.root / pipeline.json(SELECTIONS)["selections"][2]["image_path"]
    right = image.read_bytes()
    image.write_bytes(right[:2000])
    ran = pipeline.again("assemble_video")
    assert (ran.code, "line 3" in ran.err, "cannot be read" in ran.err) == (6, True, True), ran.err
    image.write_bytes(right)
    sound = pipeline.root / pipeline.json(TIMELINE)["lines"][1]["audio_file"]
    data = sound.read_bytes()
    for content, words in ((None, "there is no file"), (data[:44], "cannot be"), (b"x", "cannot")):
        sound.unlink(missing_ok=True)
        if content is not None:
            sound.write_bytes(content)
        ran = pipeline.again("assemble_video")
        assert ran.code in (2, 6)
        assert words in ran.err or "no length" in ran.err, ran.err
    assert (pipeline.root / VIDEO).read_bytes() == film
    assert list((pipeline.root / "data").rglob("*.part")) == []


def test_artefacts_of_two_scripts_are_not_mixed(filmed: SmallPipeline):
    pipeline = filmed
    chosen = pipeline.json(SELECTIONS)
    for key, what in (("episode", "another episode"), ("script_hash", "version of the script")):
        pipeline.write(SELECTIONS, {**chosen, key: "other"})
        ran = pipeline.again("assemble_video")
        assert (ran.code, what in ran.err) == (2, True), ran.err


@pytest.mark.parametrize(
    "path", ["../out.json", "/etc/out.json", "data/../../out.json", "a\0.json"]
)
@pytest.mark.parametrize("command", ["generate_script", "select_images", "generate_audio"])
def test_no_path_leaves_the_project(pipeline: SmallPipeline, command: str, path: str):
    arguments = {
        "generate_script": ("--topic", "tea", "--output", path),
        "select_images": (SCRIPT, "--output", path),
        "generate_audio": (path,),
    }[command]
    lines = [{"character": w, "text": "Hello.", "emotion": "sad"} for w in ("Butcher", "Nutsy")]
    pipeline.write(SCRIPT, {"episode": "e", "lines": lines})
    ran = pipeline.run(command, *arguments)
    assert ran.code == 2
    assert "leaves the project" in ran.err or "is no path" in ran.err
    assert not (pipeline.root.parent / "out.json").exists()


@pytest.mark.exhaustive
def test_a_link_out_of_the_project_is_no_way_out_but_a_linked_library_is_one(
    pipeline: SmallPipeline, tmp_path: Path
):
    (tmp_path / "secret.json").write_text("{}")
    (pipeline.root / "data" / "test" / "trap.json").symlink_to(tmp_path / "secret.json")
    assert "leaves the project" in pipeline.run("generate_audio", "data/test/trap.json").err
    library = pipeline.root / "data" / "images"
    library.rename(tmp_path / "library")
    library.symlink_to(tmp_path / "library")
    assert pipeline.run_to("assemble_video").code == 0


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_bytes(b"no database at all" * 400), "corrupt"),
        (lambda path: path.mkdir(), "unable to open"),
    ],
    ids=["corrupt", "folder"],
)
def test_a_database_that_cannot_be_used_is_told(pipeline: SmallPipeline, spoil, words: str):
    spoil(pipeline.root / "data" / "trends.db")
    ran = pipeline.again("fetch_trends")
    assert (ran.code, words in ran.err) == (5, True), ran.err
    if words == "corrupt":
        checked = pipeline.run("validate_env")
        assert checked.code == 3
        assert "FAIL databases" in checked.out


def test_a_locked_database_is_waited_for_and_then_told(pipeline: SmallPipeline):
    pipeline.run("init_databases")
    with closing(sqlite3.connect(pipeline.root / "data" / "trends.db")) as holder:
        holder.execute("BEGIN IMMEDIATE")
        ran = pipeline.again("fetch_trends", DB_TIMEOUT="0.05")
    assert (ran.code, "locked: another process has held it" in ran.err) == (5, True), ran.err
    assert pipeline.again("fetch_trends").code == 0


def test_a_first_edition_is_migrated_and_its_double_rows_go(pipeline: SmallPipeline):
    path = pipeline.root / "data" / "trends.db"
    with closing(sqlite3.connect(path)) as old:
        old.execute(
            "CREATE TABLE trends (id INTEGER PRIMARY KEY, name TEXT NOT NULL, score REAL, "
            "timestamp TEXT NOT NULL, source TEXT NOT NULL DEFAULT '')"
        )
        rows = [("tea", 0.5, "2026-01-01", "a"), ("tea", 0.7, "2026-01-02", "a")]
        old.executemany(
            "INSERT INTO trends (name, score, timestamp, source) VALUES (?,?,?,?)", rows
        )
        old.commit()
    assert pipeline.run("init_databases").code == 0
    assert pipeline.rows("trends.db", "SELECT name, score, url, used_flag FROM trends") == [
        ("tea", 0.7, "", 0)
    ]
    assert pipeline.rows("trends.db", "PRAGMA user_version") == [(3,)]


def test_a_newer_database_is_left_alone(pipeline: SmallPipeline):
    pipeline.run("init_databases")
    with closing(sqlite3.connect(pipeline.root / "data" / "metrics.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    ran = pipeline.run("init_databases")
    assert (ran.code, "use the newer program" in ran.err) == (5, True)


@pytest.mark.exhaustive
def test_an_episode_is_cleaned_up_and_no_other(pipeline: SmallPipeline):
    for episode in ("one", "two"):
        assert pipeline.run("produce", "--episode", episode, "--lines", "2").code == 0
    assert pipeline.run("clean_up", "--episode", "one").code == 0
    left = [path.name for path in (pipeline.root / "data").rglob("*one*")]
    assert left == []
    assert (pipeline.root / "data" / "final_videos" / "two.mp4").is_file()
    assert pipeline.rows("metrics.db", "SELECT episode FROM episodes") == [("two",)]
    used = "SELECT SUM(usage_count) FROM image_library"
    assert pipeline.rows("image_library.db", used) == [(2,)]


def test_a_finished_episode_is_not_made_again(pipeline: SmallPipeline):
    pipeline.run("produce", "--episode", "one", "--lines", "2")
    film = pipeline.root / "data" / "final_videos" / "one.mp4"
    before = film.stat().st_mtime_ns
    assert pipeline.run("produce", "--episode", "one").code == 0
    assert film.stat().st_mtime_ns == before


@pytest.mark.parametrize("key", ["OPENAI", "ELEVENLABS", "INSTAGRAM"])
def test_an_endpoint_without_its_key_fails_the_validation(pipeline: SmallPipeline, key: str):
    ran = pipeline.run("validate_env", **{f"{key}_BASE_URL": "http://127.0.0.1:1"})
    assert ran.code == 3
    assert f"FAIL keys: {key}_" in ran.out


def test_a_missing_folder_fails_the_validation(pipeline: SmallPipeline):
    (pipeline.root / "data" / "audio").rmdir()
    ran = pipeline.run("validate_env")
    assert (ran.code, "folder data/audio is missing" in ran.out) == (3, True)


def test_what_is_no_reel_is_refused_before_anything_is_sent(filmed: SmallPipeline):
    pipeline, reel = filmed, ("--caption", "Hello #tea", "--dry-run")
    assert pipeline.run("post_instagram", VIDEO, *reel).code == 0
    assert check_reel(pipeline.root / VIDEO) == pytest.approx(
        pipeline.json(TIMELINE)["total_duration"], abs=0.04
    )
    data = (pipeline.root / VIDEO).read_bytes()
    bad = pipeline.root / "data" / "final_videos" / "bad.mp4"
    for content in (b"", b"text" * 99, data[: len(data) // 2]):
        bad.write_bytes(content)
        assert pipeline.run("post_instagram", "data/final_videos/bad.mp4", *reel).code == 2
    for caption in ("", " ", "x" * 2201, "#a" + " #b" * 30):
        assert pipeline.run("post_instagram", VIDEO, "--caption", caption, "--dry-run").code == 2


PIPER = """#!{python}
import argparse, sys, wave
parser = argparse.ArgumentParser()
for name in ("-m", "-f", "--length-scale", "--noise-scale", "--noise-w-scale"):
    parser.add_argument(name)
given = parser.parse_args()
count = round(8000 * float(given.length_scale))
with wave.open(given.f, "wb") as file:
    file.setnchannels(1), file.setsampwidth(2), file.setframerate(22050)
    file.writeframes(b"\\x00\\x40\\x00\\xc0" * (count + 100 * len(sys.stdin.read())))
"""


def test_piper_speaks_where_it_is_installed_with_a_voice(pipeline: SmallPipeline, tmp_path: Path):
    pipeline.run_to("generate_script")
    program = tmp_path / "bin" / "piper"
    program.parent.mkdir()
    program.write_text(PIPER.format(python=sys.executable))
    program.chmod(0o755)
    (tmp_path / "voice.onnx").write_bytes(b"")
    paths = {"PATH": f"{program.parent}:{os.environ['PATH']}", "VOICE_ENGINE": ""}
    without = pipeline.again("generate_audio", **paths)
    assert (without.code, pipeline.json(TIMELINE)["voice"]) == (0, "espeak")
    voice = {"PIPER_VOICE": str(tmp_path / "voice.onnx")}
    ran = pipeline.again("generate_audio", **paths, **voice)
    assert ran.code == 0, ran.err
    assert pipeline.json(TIMELINE)["voice"] == "piper"
    program.write_text(f"#!{sys.executable}\nraise SystemExit('no such model')\n")
    script = pipeline.json(SCRIPT)
    script["lines"][0]["text"] = "Another line."
    pipeline.write(SCRIPT, script)
    failed = pipeline.again("generate_audio", **paths, **voice)
    assert (failed.code, "line 1: the voice failed: no such model" in failed.err) == (6, True)
