"""Models are used where they are installed as known, and what is missing is named."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from spoken_scripts import DIALOGUE, TRENDS, script_of, timeline_of

from proofbook.errors import SubjectError
from proofbook_systems.pipeline.content import examine_content, judge_content, judging
from proofbook_systems.pipeline.content.observing import ask_models
from proofbook_systems.pipeline.content.programs.speakers import voiced
from proofbook_systems.pipeline.content.programs.waves import RATE, asked_samples, speech_bounds
from proofbook_systems.pipeline.content.sounds import Question, Request
from proofbook_systems.pipeline.content.weights import QUALITY, SPEAKERS, WEIGHTS, installed, lack
from proofbook_systems.pipeline.findings import Finding

ABSENT = {kind: f"the package {each.package} is not installed" for kind, each in WEIGHTS.items()}
PATHS = [Path(f"{i:03d}.wav") for i in range(1, len(DIALOGUE) + 1)]
SPOKEN = {"audio-says-its-line", "audio-is-whole", "word-errors"}


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {each.name: each for each in findings}


def without_models(monkeypatch: pytest.MonkeyPatch, absent: Mapping[str, str] = ABSENT) -> None:
    monkeypatch.setattr(judging, "absent_models", lambda: dict(absent))


def test_without_the_extra_each_judge_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    without_models(monkeypatch)
    findings = by_name(judge_content(script_of(DIALOGUE), timeline_of(DIALOGUE, PATHS), TRENDS))
    assert {findings[name].untried for name in SPOKEN} == {ABSENT["speech"]}
    assert "Resemblyzer" in findings["voices-stay"].untried
    assert "speechmos" in findings["speech-quality"].untried
    assert "judged by words alone, since the package all-minilm" in findings["topic-in-script"].why
    assert not any(each.faults for each in findings.values())


def test_a_foreign_script_is_untried_for_what_knows_english_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_models(monkeypatch, {"speakers": "gone", "quality": "gone"})
    french = replace(script_of(DIALOGUE), metadata={"language": "fr"})
    findings = by_name(judge_content(french, timeline_of(DIALOGUE, PATHS), TRENDS))
    assert {findings[name].untried for name in SPOKEN} == {
        "the script is fr, and Whisper tiny.en hears English alone"
    }
    assert "MiniLM reads English alone" in findings["topic-in-script"].why


def test_without_a_time_line_only_the_topic_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    without_models(monkeypatch)
    report = examine_content(script_of(DIALOGUE), None, TRENDS)
    assert {each.name for each in report.findings if not each.untried} == {"topic-in-script"}


class Package(SimpleNamespace):
    """An installed package, as importlib.metadata tells of it."""

    def locate_file(self, name: str) -> Path:
        return Path(self.folder, name)


def test_another_version_or_a_missing_package_is_named_with_the_command() -> None:
    other = lack(SPEAKERS, locate=lambda name: Package(version="9.9"))  # type: ignore[arg-type,return-value]
    assert "Resemblyzer is 9.9" in other and "--no-deps Resemblyzer==0.1.4" in other

    def gone(name: str) -> Any:
        raise importlib.metadata.PackageNotFoundError(name)

    assert lack(QUALITY, locate=gone).endswith("pip install 'proofbook[real]'")


def test_weights_that_are_not_those_known_are_refused(tmp_path: Path) -> None:
    package = Package(version="0.1.4", folder=tmp_path)
    with pytest.raises(SubjectError, match="did not bring"):
        installed(SPEAKERS, locate=lambda name: package)  # type: ignore[arg-type,return-value]
    (tmp_path / "resemblyzer").mkdir()
    (tmp_path / "resemblyzer" / "pretrained.pt").write_bytes(b"other")
    with pytest.raises(SubjectError, match="is not the file that Resemblyzer"):
        installed(SPEAKERS, locate=lambda name: package)  # type: ignore[arg-type,return-value]


def test_weights_are_told_as_real_with_version_and_digest() -> None:
    for weights in WEIGHTS.values():
        assert weights.told.startswith("REAL weights: ")
        assert f"({weights.package} {weights.version}, sha256 " in weights.told
        assert all(len(digest) == 64 for digest in weights.files.values())


def test_a_request_survives_its_way_to_the_models() -> None:
    question = Question(
        name="line:1", path=Path("a.wav"), wants=("speech",), texts=("x",), then=Path("b.wav")
    )
    request = Request(questions=(question,), sentences=("y",))
    read = json.loads(json.dumps(request.to_json(), default=str))
    assert Request.from_json(read) == request


def test_a_process_that_takes_too_long_makes_all_absent() -> None:
    answer = ask_models(Request(questions=()), timeout=0.01)
    assert set(answer.absent) == set(WEIGHTS)
    assert "took longer than 0.01 s" in answer.absent["speech"]


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    """A second of sound between two half seconds of silence, at 8 kHz."""
    sound = np.zeros(16_000)
    sound[4000:12_000] = 0.5 * np.sin(np.arange(8000))
    soundfile.write(tmp_path / "tone.wav", sound, 8000)
    return tmp_path / "tone.wav"


def test_a_cut_counts_from_where_speech_begins_and_ends(tone: Path) -> None:
    def seconds(**spoilt: Any) -> float:
        samples = asked_samples(Question(name="q", path=tone, wants=(), **spoilt))
        return len(samples) / RATE

    assert seconds() == pytest.approx(2.0, abs=0.01)
    assert seconds(cut_start=0.4) == pytest.approx(1.1, abs=0.02)
    assert seconds(cut_end=0.4) == pytest.approx(1.1, abs=0.02)
    assert seconds(then=tone) == pytest.approx(4.0, abs=0.01)
    assert seconds(cut_start=9.0) == 0.0


def test_noise_and_silence_are_what_they_say(tone: Path) -> None:
    plain, noisy, silent = (
        asked_samples(Question(name="q", path=tone, wants=(), **spoilt))
        for spoilt in ({}, {"noise": 0.0}, {"is_silenced": True})
    )
    assert np.std(noisy - plain) == pytest.approx(np.std(plain), rel=0.2)
    assert not silent.any() and len(silent) == len(plain)
    assert speech_bounds(silent) == (0, len(silent))


def test_pauses_are_shortened_before_a_voice_is_embedded(tone: Path) -> None:
    samples = asked_samples(Question(name="q", path=tone, wants=()))
    assert 1.0 <= len(voiced(samples)) / RATE <= 1.4
    assert len(voiced(np.zeros(RATE, np.float32))) == 0
    assert len(voiced(np.zeros(0, np.float32))) == 0


def test_a_sound_that_cannot_be_decoded_is_told(tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF\x00\x00")
    with pytest.raises(SubjectError, match=r"broken\.wav"):
        asked_samples(Question(name="q", path=tmp_path / "broken.wav", wants=()))
