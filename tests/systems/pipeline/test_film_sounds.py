"""Lines' sound files: planted faults are named with their line, right files pass."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from film_making import Episode, make_episode, voice

from proofbook_systems.pipeline.film.linesounds import judge_sounds
from proofbook_systems.pipeline.findings import blamed

RATE = 22050


def _rewrite(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        samples, rate = soundfile.read(path)
        soundfile.write(path, change(samples), rate)

    return spoil


def _cut_bytes(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _stutter(samples: np.ndarray) -> np.ndarray:
    out = samples.copy()
    for at in (4000, 7000, 9500):
        out[at : at + 700] = 0
    return out


FAULTS: dict[str, tuple[str, str, Callable[[Path], None]]] = {
    "not-there": ("line-sounds-play", "is not there", Path.unlink),
    "empty": ("line-sounds-play", "0 bytes", lambda p: p.write_bytes(b"") and None),
    "a-page": ("line-sounds-play", "no sound", lambda p: p.write_text("<html>429</html>") and None),
    "no-samples": ("line-sounds-play", "no sound", _rewrite(lambda s: s[:0])),
    "too-short": ("line-sounds-play", "no words", _rewrite(lambda s: s[:1000])),
    "truncated": ("line-sounds-play", "truncated", _cut_bytes),
    "silent": ("line-sounds-audible", "silent", _rewrite(lambda s: 0 * s)),
    "clipped": ("line-sounds-clean", "clipped", _rewrite(lambda s: np.clip(9 * s, -1, 0.999))),
    "longer": ("line-durations", "too little", _rewrite(lambda s: np.pad(s, (0, 4000)))),
    "shorter": ("line-durations", "too much", _rewrite(lambda s: s[2000:])),
    "off-centre": ("line-sounds-clean", "off centre", _rewrite(lambda s: 0.5 * s + 0.2)),
    "tone": (
        "line-sounds-clean", "tone",
        _rewrite(lambda s: 0.3 * np.sin(np.arange(len(s)) * 0.06))),
    "noise": (
        "line-sounds-clean", "noise",
        _rewrite(lambda s: np.random.default_rng(0).normal(0, 0.1, len(s)))),
}  # fmt: skip


@pytest.fixture(scope="module")
def episode(tmp_path_factory: pytest.TempPathFactory) -> Episode:
    return make_episode(tmp_path_factory.mktemp("lines"), count=3, seconds=0.8)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("name", FAULTS)
def test_fault_of_a_line_is_named(name: str, episode: Episode, tmp_path: Path) -> None:
    wanted, words, spoil = FAULTS[name]
    second = episode.timeline.lines[1]
    path = tmp_path / second.audio.name
    path.write_bytes(second.audio.read_bytes())
    spoil(path)
    lines = (episode.timeline.lines[0], replace(second, audio=path), episode.timeline.lines[2])
    findings = judge_sounds(replace(episode.timeline, lines=lines))
    first = next(each for each in findings if each.faults)
    assert first.name == wanted
    assert re.search(f"line 2: .*{words}", first.faults[0])


@pytest.mark.parametrize(
    "form",
    [{}, {"suffix": ".mp3", "rate": 44100}, {"suffix": ".flac", "rate": 48000}, {"rate": 8000},
     {"suffix": ".ogg"}, {"loud": -18.0}],
    ids=str,
)  # fmt: skip
def test_right_lines_pass(form: dict[str, Any], tmp_path: Path) -> None:
    episode = make_episode(tmp_path, count=2, seconds=0.8, **form)
    assert blamed(judge_sounds(episode.timeline)) == []


def test_one_sound_for_two_texts_is_found(episode: Episode, tmp_path: Path) -> None:
    first, second, third = episode.timeline.lines
    copy = replace(third, audio=first.audio, duration=first.duration)
    findings = judge_sounds(replace(episode.timeline, lines=(first, second, copy)))
    assert blamed(findings) == ["line-sounds-differ"]
    same = replace(copy, text=first.text.upper())
    assert blamed(judge_sounds(replace(episode.timeline, lines=(first, second, same)))) == []


def test_a_word_that_breaks_off_is_found(episode: Episode, tmp_path: Path) -> None:
    path = tmp_path / "broken.wav"
    sound = voice(1, 1.5, RATE, 120)
    loud = np.convolve(np.abs(sound), np.ones(400) / 400, "same")
    end = 12000 + int(np.argmax(loud[12000:24000]))
    soundfile.write(path, sound[:end], RATE)
    line = replace(episode.timeline.lines[0], audio=path, duration=end / RATE)
    findings = judge_sounds(replace(episode.timeline, lines=(line,)))
    assert "line-sounds-whole" in blamed(findings)


@pytest.mark.parametrize(("factor", "names"), [(0.1, ["line-sounds-level"]), (0.4, [])])
def test_a_line_far_lower_than_the_speakers_others_is_named(
    factor: float, names: list[str], episode: Episode, tmp_path: Path
) -> None:
    """A whisper, 8 dB lower, is right; 20 dB are not."""
    lines = [replace(line, character="Anna") for line in episode.timeline.lines]
    path = tmp_path / lines[1].audio.name
    samples, rate = soundfile.read(lines[1].audio)
    soundfile.write(path, factor * samples, rate)
    lines[1] = replace(lines[1], audio=path)
    findings = judge_sounds(replace(episode.timeline, lines=tuple(lines)))
    assert blamed(findings) == names
    told = [fault for each in findings for fault in each.faults]
    assert all("line 2: " in fault and "dB lower than the speaker" in fault for fault in told)
