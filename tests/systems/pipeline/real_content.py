"""Real speech judged by real models: what is right is green, what is spoilt is named by its line.

Runs where the extra ``real`` is installed; with Piper's voice where ``make test-real`` has put it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from spoken_scripts import (
    DIALOGUE,
    ESPEAK,
    PIPER,
    TRENDS,
    EspeakVoice,
    Samples,
    Voices,
    piper_python,
    script_of,
    speak,
    spoil,
    timeline_of,
)

from proofbook_systems.pipeline.content import ContentReport, examine_content

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
]
VOICES: Mapping[str, Voices] = {"eSpeak NG": ESPEAK, "Piper": PIPER}
Spoken = Callable[[str], list[Path]]


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Spoken:
    """Return a function that speaks the dialogue once by each program, and returns copies."""
    folders: dict[str, Path] = {}

    def copies(program: str) -> list[Path]:
        if program == "Piper" and piper_python() is None:
            pytest.skip("Piper is not installed: make test-real")
        if program not in folders:
            folders[program] = tmp_path_factory.mktemp("spoken")
            speak(DIALOGUE, folders[program], VOICES[program])
        copy = tmp_path_factory.mktemp("copy") / "sounds"
        return sorted(Path(shutil.copytree(folders[program], copy)).glob("*.wav"))

    return copies


def examined(
    paths: Sequence[Path], dialogue: Sequence[tuple[str, str]] = DIALOGUE, topic: str = ""
) -> ContentReport:
    script = script_of(dialogue)
    if topic:
        script = replace(script, topics=(topic,))
    report = examine_content(script, timeline_of(dialogue, paths), TRENDS)
    print(report.numbers, report.seconds, report.memory_mb, report.transcripts)
    return report


def reds(report: ContentReport) -> dict[str, set[int]]:
    """Return the lines that each red check names; none where it names no line."""
    return {
        each.name: {int(f.split()[1]) for f in each.faults if f.startswith("line ")}
        for each in report.findings
        if each.faults
    }


def untried(report: ContentReport) -> set[str]:
    return {each.name for each in report.findings if each.untried}


def first_sample(samples: Samples) -> int:
    return int(np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max())[0])


def last_sample(samples: Samples) -> int:
    return int(np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max())[-1])


def replace_line(path: Path, text: str, voices: Voices, character: str) -> None:
    """Speak another text, or by another voice, into one file."""
    _, timeline = speak([(character, text)], path.parent / f"for-{path.stem}", voices)
    shutil.move(timeline.lines[0].audio, path)


@pytest.mark.parametrize("program", VOICES)
def test_a_right_script_is_green_and_told_as_real(spoken: Spoken, program: str) -> None:
    report = examined(spoken(program))
    assert reds(report) == {}
    assert untried(report) == ({"words-are-right"} if program == "eSpeak NG" else set())
    assert len(report.told) == 4 and all("REAL weights" in each for each in report.told)
    assert report.numbers["word_error_rate"] < (0.4 if program == "eSpeak NG" else 0.1)


@pytest.mark.parametrize("program", VOICES)
def test_exchanged_cut_doubled_and_foreign_words_are_named(spoken: Spoken, program: str) -> None:
    paths, voices = spoken(program), VOICES[program]
    spoil(paths[1], lambda x, rate: x[first_sample(x) + int(0.4 * rate) :])
    spoil(paths[3], lambda x, rate: np.zeros_like(x))
    spoil(paths[6], lambda x, rate: np.concatenate([x, x]))
    replace_line(paths[8], f"Butcher. {DIALOGUE[8][1]}", voices, "Butcher")
    replace_line(paths[9], "You have exceeded your quota, please upgrade.", voices, "Nutsy")
    red = reds(examined(paths))
    assert red["audio-says-its-line"] == {4, 10}
    assert red["audio-is-whole"] == {2, 7, 9}
    assert set(red) <= {"audio-says-its-line", "audio-is-whole", "speech-quality"}
    assert red.get("speech-quality", {4}) == {4}


@pytest.mark.parametrize("program", VOICES)
def test_swapped_files_voices_and_spoilt_sound_are_named(spoken: Spoken, program: str) -> None:
    paths, voices = spoken(program), VOICES[program]
    third, fourth = paths[2].read_bytes(), paths[3].read_bytes()
    paths[2].write_bytes(fourth)
    paths[3].write_bytes(third)
    spoil(paths[5], lambda x, rate: x[: last_sample(x) - int(0.6 * rate)])
    replace_line(paths[6], DIALOGUE[6][1], voices, "Nutsy")
    spoil(paths[8], lambda x, rate: np.clip(x * 40, -1, 1) * 0.7)
    last, _ = soundfile.read(paths[11], dtype="float32")
    spoil(paths[9], lambda x, rate: np.concatenate([x, last]))
    red = reds(examined(paths))
    assert red["audio-says-its-line"] == {3, 4}
    assert red["audio-is-whole"] == {6, 10}
    # A robotic voice is rated as low as a clipped one, and is no longer itself when it is clipped.
    assert red["voices-stay"] in ({7}, {7, 9})
    assert 9 in red["voices-stay"] | red.get("speech-quality", set())
    assert red.get("speech-quality", {9}) == {9}


@pytest.mark.parametrize("program", VOICES)
def test_a_third_voice_half_a_line_noise_and_a_mood_are_named(spoken: Spoken, program: str) -> None:
    paths, voices = spoken(program), VOICES[program]
    replace_line(paths[1], DIALOGUE[1][1], voices, "Third")
    spoil(paths[2], lambda x, rate: x[: len(x) // 2])
    noise = np.random.default_rng(1)
    spoil(paths[4], lambda x, rate: 0.1 * noise.standard_normal(len(x)).astype(np.float32))
    replace_line(paths[5], f"Happy. {DIALOGUE[5][1]}", voices, "Nutsy")
    paths[10].unlink()
    red = reds(examined(paths))
    assert red == {
        "audio-says-its-line": {3, 5, 11}, "audio-is-whole": {6}, "voices-stay": {2},
        "speech-quality": {5},
    }  # fmt: skip


CHANGED = {
    1: ("Have you heard? The price of acorns went down again this morning.", "'down' for 'up'"),
    4: ("A robot squirrel? Does it at least say thank them?", "'them' for 'you'"),
    9: ("The acorn market opens at half past nine tomorrow.", "'nine' for 'eight'"),
    10: ("Then I will become the first vegetarian butcher in Spain.", "'spain' for 'france'"),
    11: ("You would have to sell every single spoon you own.", "'spoon' for 'knife'"),
}
"""Lines with a word of another meaning, and how that is told."""


def test_a_changed_word_is_named_in_a_voice_that_is_heard_well(spoken: Spoken) -> None:
    paths = spoken("Piper")
    for number, (text, _) in CHANGED.items():
        replace_line(paths[number - 1], text, PIPER, DIALOGUE[number - 1][0])
    report = examined(paths)
    assert reds(report) == {"words-are-right": set(CHANGED)}
    faults = next(each.faults for each in report.findings if each.name == "words-are-right")
    for fault, (_, told) in zip(faults, CHANGED.values(), strict=True):
        assert told in fault


@pytest.mark.parametrize("program", VOICES)
def test_a_voice_is_known_by_samples_of_another_film(spoken: Spoken, program: str) -> None:
    paths = spoken(program)
    script, timeline = script_of(DIALOGUE[:4]), timeline_of(DIALOGUE[:4], paths[:4])
    samples = {"Butcher": [paths[8], paths[10]], "Nutsy": [paths[9], paths[11]]}
    swapped = {"Butcher": samples["Nutsy"], "Nutsy": samples["Butcher"]}
    for given, wrong in ((samples, 0), (swapped, 2)):
        report = examine_content(script, timeline, TRENDS, samples=given)
        found = next(each for each in report.findings if each.name == "voices-are-known")
        assert not found.untried and len(found.faults) == wrong, found
    assert found.faults[0].startswith("Butcher speaks with the voice of Nutsy's samples")


def test_one_voice_for_both_and_another_topic_are_red(tmp_path: Path) -> None:
    one = {"Butcher": ESPEAK["Butcher"], "Nutsy": ESPEAK["Butcher"]}
    _, timeline = speak(DIALOGUE, tmp_path, one)
    report = examined([line.audio for line in timeline.lines], topic="football world cup final")
    assert set(reds(report)) == {"voices-differ", "topic-in-script"}
    assert untried(report) == {"voices-stay", "words-are-right"}


ODD = {
    "three characters": [
        (["Butcher", "Nutsy", "Third"][i % 3], text) for i, (_, text) in enumerate(DIALOGUE)
    ],
    "one character": [("Nutsy", text) for _, text in DIALOGUE[:5]],
    "one line": DIALOGUE[:1],
    "names and numbers": [
        ("Nutsy", "Nutsy, come here and look at the price of these acorns."),
        ("Butcher", "I have no time for this, Nutsy."),
        ("Butcher", "Madame Dubois wants 250 grams of ham, and 3 kilos of veal."),
        ("Nutsy", "Nutsy says: winter is coming on the 21st of December."),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_right_but_unusual_scripts_have_no_false_alarm(tmp_path: Path, name: str) -> None:
    _, timeline = speak(ODD[name], tmp_path, ESPEAK)
    report = examined([line.audio for line in timeline.lines], ODD[name])
    assert reds(report) == {} or (set(reds(report)) == {"topic-in-script"} and name == "one line")
    wanted = {"one character", "one line"}
    assert ({"voices-differ", "voices-stay"} <= untried(report)) == (name in wanted)


def test_quick_slow_and_quiet_voices_after_a_pause_have_no_false_alarm(tmp_path: Path) -> None:
    voices = {"Butcher": EspeakVoice("m3", 35, 110), "Nutsy": EspeakVoice("f2", 65, 210)}
    _, timeline = speak(DIALOGUE, tmp_path, voices)
    paths = [line.audio for line in timeline.lines]
    for path in paths[::2]:
        spoil(path, lambda x, rate: np.concatenate([np.zeros(rate, np.float32), 0.2 * x]))
    assert reds(examined(paths)) == {}


def test_a_line_of_half_a_minute_has_no_false_alarm(tmp_path: Path) -> None:
    long = [*DIALOGUE[:4], ("Butcher", " ".join(text for _, text in DIALOGUE) * 2)]
    _, timeline = speak(long, tmp_path, ESPEAK)
    report = examined([line.audio for line in timeline.lines], long)
    assert reds(report) == {}


def test_a_french_script_is_judged_by_voices_and_quality_alone(tmp_path: Path) -> None:
    voices = {
        "Butcher": EspeakVoice("m3", 35, 150, "fr"), "Nutsy": EspeakVoice("f2", 65, 165, "fr"),
    }  # fmt: skip
    french = [
        ("Butcher", "Bonjour Nutsy, tu as vu le prix des glands ce matin ?"),
        ("Nutsy", "Non, je ne suis pas encore sorti de la maison."),
        ("Butcher", "Il y a un robot qui achète toute la forêt, c'est fou."),
        ("Nutsy", "Et moi qui ne mange que des glands avec du beurre."),
    ]
    _, timeline = speak(french, tmp_path, voices)
    report = examined([line.audio for line in timeline.lines], french, topic="prix des glands")
    assert reds(report) == {}
    names = ("audio-says-its-line", "audio-is-whole", "words-are-right", "word-errors")
    assert untried(report) == set(names)
