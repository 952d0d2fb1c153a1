"""Audio is judged as a listener would: right sounds are left alone, spoilt ones named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import right_sounds
import spoilt_sounds
from right_sounds import Right, times
from spoilt_sounds import Spoilt

from proofbook.errors import SubjectError
from proofbook.media import (
    AudioFault,
    AudioLimits,
    ExpectedAudio,
    find_audio_faults,
    group_audio_faults,
)
from proofbook.media.audio_faults.grouping import GROUPS
from proofbook.media.audio_faults.judging import EXPLAINS, ORDER

RIGHT = {**right_sounds.SHOWN, **right_sounds.HELD_OUT}
HALVES = {"shown": spoilt_sounds.SHOWN, "held out": spoilt_sounds.HELD_OUT}


def heard(name: str, seed: int = 1) -> tuple[np.ndarray, int]:
    return RIGHT[name].make(np.random.default_rng(seed))


def judge(spoilt: Spoilt, **limits: float) -> list[AudioFault]:
    samples, rate = spoilt_sounds.make(spoilt)
    expected = ExpectedAudio(content=spoilt.content, **spoilt.expected)
    return find_audio_faults(samples, rate, limits=AudioLimits(**limits), expected=expected)


def kinds(samples: np.ndarray, rate: int, **expected: Any) -> list[str]:
    return [f.name for f in find_audio_faults(samples, rate, expected=ExpectedAudio(**expected))]


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("right", RIGHT.values(), ids=RIGHT)
def test_a_right_sound_is_left_alone_however_unusual(right: Right) -> None:
    samples, rate = right.make(np.random.default_rng(1))
    stereo = samples.ndim == 2 and right.content == "music"
    expected = ExpectedAudio(content=right.content, stereo=stereo)
    assert find_audio_faults(samples, rate, expected=expected) == []


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize("half", HALVES)
def test_planted_defects_are_found_and_named_by_the_first_finding(half: str) -> None:
    found = {name: judge(spoilt) for name, spoilt in HALVES[half].items()}
    missed = [name for name, faults in found.items() if not faults]
    misnamed = {
        name: faults[0].words
        for name, faults in found.items()
        if faults and faults[0].name not in HALVES[half][name].named
    }
    assert len(missed) <= 0.05 * len(found), missed
    assert len(missed) + len(misnamed) <= 0.15 * len(found), (missed, misnamed)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a NaN", "channel 2 of 2 1 samples are NaN (at 1.00 s)"),
        ("right is silent", "channel 2 of 2 is silent"),
        ("left 60 dB down", "channel 1 of 2 is 59 dB quieter than the loudest"),
        ("mono of a stereo model", "1 channel instead of 2"),
        ("wrong rate", "the rate is 24000 Hz instead of 22050 Hz: it plays at the wrong pitch"),
        ("too short", "lasts 3.00 s instead of 4.00 s"),
        ("ends early", "ends at 1.80 s; the remaining 2.20 s are silent"),
        ("8 bits", "its samples are made with 8 bits only"),
        ("a sine", "is one tone that never changes, at 438 Hz"),
    ],
)
def test_a_finding_says_what_where_and_how_much(name: str, words: str) -> None:
    assert judge(spoilt_sounds.SHOWN[name])[0].words.startswith(words)


@pytest.mark.exhaustive(keep=2)
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("telephone codes", "its samples have 216 values only, the louder the farther apart"),
        ("zeros between samples", "was brought from 8000 Hz to its rate without a filter"),
        ("joined by lines", "was brought from 16000 Hz to its rate without a filter"),
        ("mains under music", "hums at 60, 120, 180 Hz, as mains of 60 Hz do, 17 dB below"),
        ("begins with a burst", "begins with a burst of 5.0 ms that reaches 0.79 of full scale"),
        ("right is late", "channel 2 of 2 is 20.0 ms behind the other"),
        ("frames turned round", "runs backwards in frames of 20.0 ms"),
    ],
)
def test_what_cables_codecs_and_cheap_resamplers_leave_is_told_by_its_cause(
    name: str, words: str
) -> None:
    assert judge(spoilt_sounds.SHOWN[name])[0].words.startswith(words)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("name", "limit", "value"),
    [
        ("left 60 dB down", "channel_difference", 70.0),
        ("clipped", "clipped", 0.5),
        ("beyond full scale", "beyond_full_scale", 1.0),
        ("offset", "offset", 0.1),
        ("one dropout", "dropouts", 1),
        ("three clicks", "clicks", 3),
        ("of 8 kHz", "bandwidth", 0.2),
        ("8 bits", "bits", 8),
        ("white noise", "noise", 1.0),
        ("a sine", "tone", 1.0),
        ("ends early", "end_silence", 0.9),
        ("mains under speech", "hum", -10.0),
        ("right is late", "channel_delay", 0.03),
    ],
)
def test_each_limit_can_be_moved(name: str, limit: str, value: float) -> None:
    spoilt = spoilt_sounds.SHOWN[name]
    assert judge(spoilt)[0].name in spoilt.named
    assert not [f for f in judge(spoilt, **{limit: value}) if f.name in spoilt.named]


def test_limits_are_changed_by_name_and_unknown_ones_refused() -> None:
    assert AudioLimits().changed({"clicks": 2}).clicks == 2
    with pytest.raises(SubjectError, match=r"no audio limit 'click'; there are quietest, "):
        AudioLimits().changed({"click": 2})
    with pytest.raises(SubjectError, match=r"audio limit clicks is '2': give a number"):
        AudioLimits().changed({"clicks": "2"})  # type: ignore[dict-item]


def test_how_quiet_and_how_silent_a_sound_may_be_is_a_limit() -> None:
    samples, rate = heard("quiet piece")
    assert kinds(samples, rate) == []
    limits = AudioLimits(quietest=-30.0)
    (fault,) = find_audio_faults(samples, rate, limits=limits)
    assert (fault.name, fault.unit) == ("silent", "dBFS")
    samples, rate = heard("sparse hits")
    (fault,) = find_audio_faults(samples, rate, limits=AudioLimits(most_silence=0.1))
    assert fault.words == "is silent for 27% of its length"


def test_what_a_finding_explains_is_not_told_again() -> None:
    samples, rate = heard("piano")
    samples[round(1.8 * rate) :] = 0
    samples[rate : rate + 300] = np.nan
    assert [f.name for f in find_audio_faults(samples, rate)] == ["not-finite"]


@pytest.mark.exhaustive
def test_a_defect_of_all_channels_is_told_once_and_without_a_number() -> None:
    samples, rate = heard("piano")
    (fault,) = find_audio_faults(samples * 0.8 + 0.05, rate)
    assert (fault.name, fault.channel) == ("dc-offset", None)
    samples[:, 1] += 0.05
    (fault,) = find_audio_faults(samples, rate)
    assert (fault.name, fault.channel) == ("dc-offset", 2)


def test_exact_repetition_is_a_defect_of_speech_even_without_a_break() -> None:
    samples, rate = heard("speech")
    word = samples[rate : rate + rate // 2] * np.hanning(rate // 2)
    samples[2 * rate : 2 * rate + rate // 2] = word
    samples[rate : rate + rate // 2] = word
    (fault,) = find_audio_faults(samples, rate, expected=ExpectedAudio(content="speech"))
    assert fault.name == "looped"
    assert find_audio_faults(samples, rate, expected=ExpectedAudio(content="music")) == []


def said_twice(seconds: float, lag: float) -> tuple[np.ndarray, int]:
    """Return speech in which one word is the same to the sample, so much later."""
    samples, rate = heard("speech")
    samples = np.concatenate([samples, samples[::-1]])
    length, at, later = (round(each * rate) for each in (seconds, 0.5, 0.5 + lag))
    word = samples[at : at + length] * np.hanning(length)
    samples[later : later + length] = samples[at : at + length] = word
    fade = round(0.03 * rate)
    for place in (at, later):  # as a pause is, so that nothing is cut
        samples[place - fade : place] *= np.linspace(1, 0, fade)
        samples[place + length : place + length + fade] *= np.linspace(0, 1, fade)
    return samples, rate


@pytest.mark.parametrize(("seconds", "lag"), [(0.2, 2.2), (0.3, 1.2), (0.5, 2.0)])
def test_a_voice_may_say_a_word_twice_from_one_recording(seconds: float, lag: float) -> None:
    """As announcements do, and a synthesiser that computes each sound by itself."""
    samples, rate = said_twice(seconds, lag)
    assert kinds(samples, rate, content="speech") == []


@pytest.mark.parametrize(("seconds", "lag"), [(0.5, 0.6), (0.5, 0.9), (1.0, 1.1)])
def test_speech_that_goes_round_is_a_loop(seconds: float, lag: float) -> None:
    samples, rate = said_twice(seconds, lag)
    assert kinds(samples, rate, content="speech") == ["looped"]


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("frames", [1, 2, 5, 63, 128, 1600, 9600])
@pytest.mark.parametrize("height", [0.0, 0.1, 1e30])
def test_short_and_absurd_sounds_are_judged_without_an_error(
    channels: int, frames: int, height: float
) -> None:
    samples = np.random.default_rng(1).normal(0, 1, (frames, channels)) * height
    found = find_audio_faults(samples, 32_000, expected=ExpectedAudio(content="speech"))
    assert bool(found) or height == 0.1


def test_no_samples_at_all_are_silence() -> None:
    (fault,) = find_audio_faults(np.zeros((0, 2)), 32_000)
    assert (fault.name, fault.words) == ("silent", "has no sound")


def test_every_finding_has_a_place_in_the_order_and_in_one_group() -> None:
    grouped = [name for names, _ in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(ORDER)
    assert set(EXPLAINS) <= set(ORDER)
    for cause, consequences in EXPLAINS.items():
        assert all(ORDER.index(cause) < ORDER.index(each) for each in consequences), cause


def test_findings_are_grouped_into_checks_and_some_can_be_left_out() -> None:
    faults = judge(spoilt_sounds.SHOWN["too short"])
    checks = {check.name: check.faults for check in group_audio_faults(faults)}
    assert set(checks) == set(GROUPS)
    assert {name: each for name, each in checks.items() if each} == {
        "duration": ["lasts 3.00 s instead of 4.00 s"]
    }
    assert "duration" not in [c.name for c in group_audio_faults(faults, without=["duration"])]


@pytest.mark.exhaustive
@pytest.mark.parametrize("drive", [3.0, 6.0])
def test_noise_pressed_against_full_scale_is_no_overflow(drive: float) -> None:
    rate, generator = 22_050, np.random.default_rng(4)
    since = times(4.0, rate)
    chord = sum(np.sin(2 * np.pi * hertz * since) for hertz in (196, 247, 392)) / 4
    snare = generator.normal(0, 1, len(since)) * np.exp(-30 * (since % 0.5))
    mix = (0.3 * chord + 0.6 * snare) * (0.6 + 0.4 * np.sin(since))
    pressed = np.tanh(drive * mix)
    assert "wrapped" not in kinds(pressed / np.abs(pressed).max() * 0.985, rate)
    assert kinds((drive * (chord + 0.2 * snare) + 1) % 2 - 1, rate)[0] == "wrapped"


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize("seed", [3, 8, 21, 27, 53])
def test_one_note_in_a_wide_room_is_not_called_inverted(seed: int) -> None:
    samples, rate = right_sounds.one_note(np.random.default_rng(1), seed)
    assert "inverted" not in kinds(samples, rate)


def test_a_rest_is_no_dropout_and_the_same_gap_in_a_note_is_one() -> None:
    rate = 32_000
    t = times(2.0, rate)
    tone = sum(np.sin(2 * np.pi * k * (330 + 20 * t) * t) / k for k in range(1, 8)) * 0.2
    faded, cut = tone.copy(), tone.copy()
    gap = slice(rate, rate + 1600)
    for part, ramp in (
        (slice(rate - 960, rate), (1, 0)),
        (slice(gap.stop, gap.stop + 960), (0, 1)),
    ):
        faded[part] *= np.linspace(*ramp, 960)
    faded[gap] = cut[gap] = 0
    assert kinds(faded, rate) == []
    assert kinds(cut, rate) == ["dropout"]


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        (lambda t: np.exp(-3 * t), []),
        (lambda t: np.exp(-2 * t), []),
        (lambda t: np.ones(len(t)), ["tone"]),
        (lambda t: np.clip((2 - t) / 0.5, 0, 1), ["tone"]),
        (lambda t: np.clip(1 - t / 2, 0, 1), ["tone"]),
        (lambda t: 0.6 + 0.4 * np.sin(2 * np.pi * 3 * t), ["tone"]),
        (lambda t: np.exp(2 * (t - 2)), ["tone"]),
    ],
    ids=["drum", "bell", "sine", "faded out", "faded all along", "tremolo", "swelling"],
)
def test_a_struck_note_that_dies_away_is_no_steady_tone(shape: Any, found: list[str]) -> None:
    t = times(2.0, 16_000)
    assert kinds(0.5 * shape(t) * np.sin(2 * np.pi * 312 * t), 16_000, content="music") == found
