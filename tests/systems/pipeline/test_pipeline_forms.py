"""Scripts, time-lines, sounds and tables in the forms in which other pipelines keep them."""

from __future__ import annotations

import json
import math
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.artefacts import Script
from proofbook_systems.pipeline.cutting import cut_lines
from proofbook_systems.pipeline.end_to_end.sound_files import NO_TIMELINE, read_sounds
from proofbook_systems.pipeline.end_to_end.timelines import judge_timeline
from proofbook_systems.pipeline.line_files import IMAGES, SOUNDS, files_by_line
from proofbook_systems.pipeline.names import Names
from proofbook_systems.pipeline.reading import read_script, read_selections, read_timeline
from proofbook_systems.pipeline.tables import read_rows

USUAL = Names()
TEXTS = ("Old trains hum at night.", "Who oiled them, then?", "Nobody did, and nobody will!")


def written(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def sound(path: Path, seconds: float, rate: int = 8000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    ramp = np.arange(int(seconds * rate)) % 30000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(ramp.astype(np.int16).tobytes())
    return path


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return read_script(written(tmp_path, "s.json", {"lines": list(TEXTS)}), USUAL)


FORMS = {
    "s.txt": "\n".join(f"Anna: {text}" for text in TEXTS),
    "s.md": "# Trains\n\n---\n" + "\n\n".join(f"**Anna** (calm): {text}" for text in TEXTS),
    "s.yaml": "slides:\n" + "\n".join(f"- {{speaker: Anna, text: '{t}'}}" for t in TEXTS),
    "s.jsonl": "\n".join(json.dumps({"speaker": "Anna", "text": t}) for t in TEXTS),
    "s.csv": "speaker;text\n" + "\n".join(f"Anna;{t}" for t in TEXTS),
    "bare.json": [{"role": "Anna", "sentence": t} for t in TEXTS],
}


@pytest.mark.parametrize("name", FORMS)
def test_a_dialogue_is_read_in_any_form(tmp_path: Path, name: str) -> None:
    lines = read_script(written(tmp_path, name, FORMS[name]), USUAL).lines
    assert [(line.character, line.text) for line in lines] == [("Anna", t) for t in TEXTS]
    assert {line.emotion for line in lines} == {"calm" if name == "s.md" else ""}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("n.json", {"title": "Trains", "narration": " ".join(TEXTS)}),
        ("n.txt", " ".join(TEXTS)),
        ("list.json", {"segments": list(TEXTS)}),
    ],
)
def test_what_one_narrator_says_is_read_by_sentences(
    tmp_path: Path, name: str, content: Any
) -> None:
    assert [x.text for x in read_script(written(tmp_path, name, content), USUAL).lines] == [*TEXTS]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("s.yaml", "a: [", "is not YAML"),
        ("s.jsonl", "{}\n{", "is not JSON by lines"),
        ("t.srt", "Hello.\n", "is not subtitles: it has no line with two times"),
        ("t.srt", "1\n00:00:02,000 --> 00:00:01,000\nHi\n", "cue 1 ends at 1.000 s and starts at"),
        ("s.json", "\xff", "is not JSON"),
        ("s.json", "[" * 200_000 + "]" * 200_000, "is nested too deep"),
    ],
)
def test_what_is_not_of_its_form_is_one_line(
    tmp_path: Path, name: str, content: str, words: str
) -> None:
    with pytest.raises(SubjectError) as told:
        read_script(written(tmp_path, name, content), USUAL)
    assert words in str(told.value)
    assert "\n" not in str(told.value)


def cues(texts: tuple[str, ...], size: int, start: str = "") -> str:
    words = " ".join(texts).split()
    blocks = [words[at : at + size] for at in range(0, len(words), size)]
    return start + "\n\n".join(
        f"{n}\n00:00:{n:02d}.000 --> 00:00:{n + 1:02d}.000\n{' '.join(block)}"
        for n, block in enumerate(blocks, 1)
    )


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_captions_become_the_lines_that_they_are_of(
    tmp_path: Path, script: Script, size: int
) -> None:
    """Cut after one word or after seven, in capitals or not: each line has its place."""
    path = written(tmp_path, "t.vtt", cues(TEXTS, size, "WEBVTT\n\n").upper())
    timeline = read_timeline(path, USUAL, root=tmp_path, script=script)
    assert not timeline.has_sounds
    judged = judge_timeline(script, timeline, longest_gap=1.0)
    assert [fault for each in judged for fault in each.faults] == []
    assert timeline.lines[0].start == pytest.approx(1.0)
    starts = [line.start for line in timeline.lines]
    assert starts == sorted(starts)
    assert next(x.untried for x in judged if x.name == "audio-files").startswith("t.vtt names no")


CHANGED = [
    ((TEXTS[0], TEXTS[2]), "audio-for-each-line", "line 2 is not in the time-line"),
    ((TEXTS[0], "Who boiled them, then?", TEXTS[2]), "audio-of-the-right-line", "line 2 says"),
    ((*TEXTS, "Or maybe somebody."), "audio-of-the-right-line", "line 3 says"),
]


@pytest.mark.parametrize(("texts", "name", "words"), CHANGED)
def test_captions_that_say_something_else_are_named(
    tmp_path: Path, script: Script, texts: tuple[str, ...], name: str, words: str
) -> None:
    path = written(tmp_path, "t.srt", cues(texts, 2))
    timeline = read_timeline(path, USUAL, root=tmp_path, script=script)
    judged = judge_timeline(script, timeline, longest_gap=9.0)
    red = {each.name: each.faults[0] for each in judged if each.faults}
    assert list(red) == [name]
    assert red[name].startswith(words)


def test_a_caption_out_of_order_is_one_line(tmp_path: Path, script: Script) -> None:
    words = " ".join(TEXTS).split()
    chunks = [{"text": w, "start": n, "end": n + 1} for n, w in enumerate(words)]
    chunks[5]["end"] = 4
    path = written(tmp_path, "t.json", chunks)
    with pytest.raises(SubjectError, match="caption 6, 'Who', is from 5 s to 4 s"):
        read_timeline(path, USUAL, root=tmp_path, script=script)


def test_captions_are_read_whatever_the_script_calls_its_texts(
    tmp_path: Path, script: Script
) -> None:
    """Exchanged captions are seen, although the script has a name of its own for its texts."""
    path = written(tmp_path, "t.srt", cues((TEXTS[1], TEXTS[0], TEXTS[2]), 4))
    names = Names.of({"line.text": "headline"})
    timeline = read_timeline(path, names, root=tmp_path, script=script)
    assert judge_timeline(script, timeline, longest_gap=9.0)[1].faults != []


def test_voices_of_subtitles_are_characters(tmp_path: Path) -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.500\n<v Anna>Old <i>trains</i>.</v>\n"
    line = read_timeline(written(tmp_path, "t.vtt", text), USUAL, root=tmp_path, script=None).lines[
        0
    ]
    assert (line.character, line.text, line.start, line.end) == ("Anna", "Old trains.", 1.0, 2.5)


def test_names_are_found_however_they_are_spelled(tmp_path: Path, script: Script) -> None:
    """``audioFile`` is audio_file; what ends in ms is in milliseconds."""
    entries = [
        {"audioFile": f"{n}.wav", "startMs": 500 * n, "durationMs": 400, "lineIndex": n}
        for n in range(3)
    ]
    path = written(tmp_path, "t.json", {"Segments": entries})
    lines = read_timeline(path, USUAL, root=tmp_path, script=script).lines
    assert [(x.number, x.start, x.duration) for x in lines] == [
        (1, 0.0, 0.4), (2, 0.5, 0.4), (3, 1.0, 0.4),
    ]  # fmt: skip


def test_lines_without_starts_stand_one_after_the_other(tmp_path: Path) -> None:
    entries = [{"audio": "a.wav", "duration": 1.5}, {"audio": "b.wav", "duration": 2}]
    path = written(tmp_path, "t.json", entries)
    lines = read_timeline(path, USUAL, root=tmp_path, script=None).lines
    assert [(line.start, line.end) for line in lines] == [(0.0, 1.5), (1.5, 3.5)]


def test_a_line_that_names_no_sound_has_that_of_its_number(tmp_path: Path, script: Script) -> None:
    for n in (0, 2):
        sound(tmp_path / "takes" / f"v2_{n}_anna.wav", 0.1)
    entries = [{"text": t, "start": n, "end": n + 1} for n, t in enumerate(TEXTS)]
    path = written(tmp_path, "t.json", entries)
    timeline = read_timeline(path, USUAL, root=tmp_path, script=script, sounds=tmp_path / "takes")
    faults = judge_timeline(script, timeline, longest_gap=1.0)[2].faults
    assert faults == ["line 2: no sound of line 2 is not there"]


def test_lines_in_one_sound_are_cut_out_of_it(tmp_path: Path, script: Script) -> None:
    whole = sound(tmp_path / "talk.wav", 4.0)
    entries = [{"text": t, "start": n + 0.25, "end": n + 1.0} for n, t in enumerate(TEXTS)]
    path = written(tmp_path, "t.json", entries)
    timeline = read_timeline(path, USUAL, root=tmp_path, script=script, sounds=whole)
    cut = cut_lines(timeline, tmp_path / "cut")
    assert (cut.cut_from, cut.total) == (whole, 4.0)
    with wave.open(str(cut.lines[1].audio)) as file:
        assert file.getnframes() == 6000
        assert np.frombuffer(file.readframes(1), np.int16)[0] == 10000
    assert judge_timeline(script, cut, longest_gap=1.0)[2].untried.startswith("all lines are in")


def test_one_file_that_is_too_short_for_all_lines_stays_a_fault(
    tmp_path: Path, script: Script
) -> None:
    """A copied path is no narration: it cannot hold what all lines say."""
    sound(tmp_path / "a.wav", 1.0)
    entries = [{"audio": "a.wav", "start": n, "end": n + 1} for n in range(3)]
    path = written(tmp_path, "t.json", entries)
    timeline = read_timeline(path, USUAL, root=tmp_path, script=script)
    cut = cut_lines(timeline, tmp_path / "cut")
    assert cut is timeline
    assert judge_timeline(script, cut, longest_gap=1.0)[2].faults == [
        "a.wav is the file of 3 lines"
    ]


def test_sounds_are_judged_without_any_time_line(tmp_path: Path, script: Script) -> None:
    for n in (1, 2, 3):
        sound(tmp_path / "takes" / f"{n}.wav", 0.5)
    timeline = read_sounds(tmp_path / "takes", script)
    judged = judge_timeline(script, timeline, longest_gap=1.0, no_times=NO_TIMELINE)
    assert [fault for each in judged for fault in each.faults] == []
    assert [x.name for x in judged if x.untried] == ["timeline-adds-up"]
    (tmp_path / "takes" / "2.wav").unlink()
    judged = judge_timeline(
        script, read_sounds(tmp_path / "takes", script), longest_gap=1.0, no_times=NO_TIMELINE
    )
    assert judged[0].faults == ["line 2 is not in the time-line"]


def test_a_folder_without_sounds_is_one_line(tmp_path: Path, script: Script) -> None:
    (tmp_path / "takes").mkdir()
    with pytest.raises(SubjectError, match="has no sound: none of"):
        read_sounds(tmp_path / "takes", script)
    with pytest.raises(SubjectError, match="does not exist"):
        read_sounds(tmp_path / "others", script)


def test_files_belong_to_lines_by_the_number_that_counts_them(tmp_path: Path) -> None:
    for name in ("v2_10_b.wav", "v2_9_a.wav", "v2_11_c.wav", "notes.txt"):
        written(tmp_path, name, "x")
    assert [p.name for p in files_by_line(tmp_path, SOUNDS).values()] == [
        "v2_9_a.wav", "v2_10_b.wav", "v2_11_c.wav",
    ]  # fmt: skip
    assert [*files_by_line(tmp_path, SOUNDS)] == [9, 10, 11]


def test_a_folder_of_numbered_images_is_a_selection(tmp_path: Path, script: Script) -> None:
    for n in range(3):
        written(tmp_path, f"images/{n:02d}.png", "x")
    chosen = read_selections(tmp_path / "images", USUAL, root=tmp_path, script=script)
    assert [(x.number, x.image.name) for x in chosen.selections] == [
        (1, "00.png"), (2, "01.png"), (3, "02.png"),
    ]  # fmt: skip
    assert [*files_by_line(tmp_path / "images", IMAGES)] == [1, 2, 3]


def test_a_mere_name_lies_anywhere_and_a_path_where_it_says(tmp_path: Path, script: Script) -> None:
    """Programs have folders of assets; a path with a folder that is wrong is a wrong path."""
    image = written(tmp_path, "assets/b/x.png", "x")
    for named, there in (("x.png", True), ("a/x.png", False)):
        path = written(tmp_path, "c.json", [{"visual": {"path": named}}])
        chosen = read_selections(path, USUAL, root=tmp_path, script=script).selections[0]
        assert (chosen.image == image) is there


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.json", [{"title": "Trains", "volume": "7", "date": "2026-11-26"}]),
        ("t.json", {"trends": {"a": {"title": "Trains", "volume": 7, "date": "2026-11-26"}}}),
        ("t.jsonl", '{"title": "Trains", "volume": 7, "date": "2026-11-26"}\n'),
        ("t.csv", "title,volume,date\nTrains,7,2026-11-26\n"),
    ],
)
def test_tables_in_files_are_tables(tmp_path: Path, name: str, content: Any) -> None:
    rows = read_rows(written(tmp_path, name, content), "trends", USUAL)
    row = rows[0]
    assert (rows.value(row, "trend.name"), str(rows.value(row, "trend.score"))) == ("Trains", "7")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_tables_are_read_as_programs_for_windows_write_them(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("title;volume\r\nCafé;7\r\n".encode(encoding))
    rows = read_rows(path, "trends", USUAL)
    assert rows.value(rows[0], "trend.name") == "Café"


def test_a_document_of_one_record_is_a_row_and_may_be_nested(tmp_path: Path) -> None:
    names = Names.of({"metric.seconds": "stats.duration"})
    path = written(tmp_path, "about.json", {"title": "e1", "stats": {"duration": 4.5}})
    rows = read_rows(path, "metrics", names)
    assert [rows.value(row, "metric.seconds") for row in rows] == [4.5]


def test_mere_words_are_trends(tmp_path: Path) -> None:
    rows = read_rows(written(tmp_path, "t.json", ["Trains", "Roofs"]), "trends", USUAL)
    assert [rows.value(row, "trend.name") for row in rows] == ["Trains", "Roofs"]


def test_a_sound_that_cannot_be_decoded_has_no_length(tmp_path: Path, script: Script) -> None:
    written(tmp_path, "takes/1.wav", "no sound")
    timeline = read_sounds(tmp_path / "takes", script)
    assert (timeline.lines[0].duration, math.isnan(timeline.total)) == (0.0, True)


def test_padding_of_an_encoder_counts_as_programs_count_it(tmp_path: Path, script: Script) -> None:
    """A film is as long as its program is told that the MP3 file is: whole frames."""
    import av

    path, tone = tmp_path / "talk.mp3", np.sin(np.arange(72000) / 9.0).astype(np.float32)[None]
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mp3", rate=24000, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate = 24000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)
    entries = [{"text": t, "start": n, "end": n + 0.9} for n, t in enumerate(TEXTS)]
    timeline = read_timeline(
        written(tmp_path, "t.json", entries), USUAL, root=tmp_path, script=script, sounds=path
    )
    total = cut_lines(timeline, tmp_path / "cut").total
    assert 3.0 <= total < 3.1
    assert round(total * 24000) % 576 == 0
