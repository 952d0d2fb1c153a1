"""The reference server keeps the contract that the client is built on."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from proofbook_subjects.ttsserver import espeak, formants, freezing, server
from proofbook_subjects.ttsserver.application import build_application
from proofbook_subjects.ttsserver.engines import ENGINES, MODELS
from proofbook_subjects.ttsserver.faults import Fault, read_faults
from proofbook_subjects.ttsserver.models import ModelFolder, models_folder
from proofbook_subjects.ttsserver.project import prepare_project, sources_hash
from proofbook_subjects.ttsserver.sounds import (
    Recording,
    estimate_pitch,
    normalise,
    read_wav,
    resample,
    write_wav,
)
from proofbook_subjects.ttsserver.speech import synthesise
from proofbook_subjects.ttsserver.store import Store
from proofbook_subjects.ttsserver.watchdog import identity

TEXT = "One two."


def sine(hertz: float, seconds: float = 2.5, rate: int = 8000, level: int = 9000) -> array[int]:
    import math

    count = round(seconds * rate)
    return array(
        "h", (round(level * math.sin(2 * math.pi * hertz * i / rate)) for i in range(count))
    )


@pytest.fixture
def ended() -> list[bool]:
    return []


@pytest.fixture
def web(tmp_path: Path, ended: list[bool]) -> Iterator[TestClient]:
    models = ModelFolder(tmp_path / "models")
    app = build_application(tmp_path, models, read_faults(""), lambda: ended.append(True))
    with TestClient(app) as client:
        yield client


def profile(web: TestClient, **body: object) -> Any:
    return web.post("/profiles", json={"name": "p", "voice_type": "cloned", **body})


def add_sample(web: TestClient, profile_id: str, wav: bytes, text: str = "words") -> Any:
    files = {"file": ("a.wav", wav, "audio/wav")}
    return web.post(f"/profiles/{profile_id}/samples", files=files, data={"reference_text": text})


def preset(web: TestClient) -> str:
    voice = {"preset_engine": "kokoro", "preset_voice_id": "af_heart"}
    return str(profile(web, voice_type="preset", **voice).json()["id"])


def generate(web: TestClient, **body: object) -> Any:
    return web.post("/generate", json={"text": TEXT, "engine": "kokoro", **body})


def events(web: TestClient, generation_id: str) -> list[dict[str, Any]]:
    import json

    lines = web.get(f"/generate/{generation_id}/status").text.splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line]


def test_health_has_every_field(web: TestClient) -> None:
    assert set(web.get("/health").json()) == {
        "status", "model_loaded", "model_downloaded", "model_size", "gpu_available", "gpu_type",
        "vram_used_mb", "backend_type", "backend_variant"}  # fmt: skip


def test_a_generation_goes_from_request_to_audio(web: TestClient, tmp_path: Path) -> None:
    asked = generate(web, profile_id=preset(web), seed=3)
    assert asked.status_code == 200
    row = asked.json()
    assert (row["status"], row["audio_path"], row["duration"]) == ("generating", "", 0.0)
    last = events(web, row["id"])[-1]
    assert last["status"] == "completed"
    kept = web.get(f"/history/{row['id']}").json()
    assert kept["completed_at"] - kept["started_at"] == pytest.approx(kept["generation_seconds"])
    audio = web.get(f"/audio/{row['id']}").content
    assert (tmp_path / kept["audio_path"]).read_bytes() == audio
    assert read_wav(audio).seconds == pytest.approx(last["duration"])
    states = {m["model_name"]: m for m in web.get("/models/status").json()["models"]}
    assert states["kokoro"]["downloaded"] and states["kokoro"]["loaded"]
    assert not states["luxtts"]["downloaded"]
    assert len(states) == 12


def test_an_unknown_generation_is_not_found_with_200(web: TestClient) -> None:
    assert [event["status"] for event in events(web, "nobody")] == ["not_found"]
    for path in ("/history/nobody", "/audio/nobody"):
        assert web.get(path).status_code == 404


def test_a_waiting_generation_is_cancelled(web: TestClient) -> None:
    voice = preset(web)
    first, second = (generate(web, profile_id=voice).json()["id"] for _ in range(2))
    assert web.post(f"/generate/{second}/cancel").status_code == 200
    assert events(web, second)[-1]["error"] == "cancelled"
    assert events(web, first)[-1]["status"] == "completed"
    assert web.get(f"/audio/{second}").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"voice_type": "preset"}, 400, "a preset profile needs preset_engine and preset_voice_id"),
        ({"voice_type": "preset", "preset_engine": "kokoro", "preset_voice_id": "x"}, 400,
         "kokoro has no voice 'x'"),
        ({"voice_type": "other"}, 422, ""),
        ({"name": ""}, 422, ""),
    ],
)  # fmt: skip
def test_a_profile_that_cannot_be_is_refused(
    web: TestClient, body: dict[str, str], status: int, detail: str
) -> None:
    answer = profile(web, **body)
    assert answer.status_code == status
    assert not detail or answer.json()["detail"] == detail


def test_a_name_is_taken_once(web: TestClient) -> None:
    assert profile(web).status_code == 200
    assert profile(web).status_code == 400


@pytest.mark.parametrize(
    ("wav", "detail"),
    [
        (b"no wav", "the sample is no WAV file of integer samples (cut off)"),
        (b"this is no WAV file", "the sample is no WAV file of integer samples (file does not"),
        (write_wav(sine(100, 1), 8000), "the sample lasts 1.0 s; 2 to 30 are taken"),
        (write_wav(sine(100, 31, 4000), 4000), "the sample lasts 31.0 s; 2 to 30 are taken"),
        (write_wav(array("h", bytes(40000)), 8000), "the sample is silent"),
    ],
)
def test_a_sample_that_cannot_be_cloned_is_refused(
    web: TestClient, wav: bytes, detail: str
) -> None:
    answer = add_sample(web, profile(web).json()["id"], wav)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(detail)


def test_a_sample_is_taken_and_gives_its_pitch(web: TestClient, tmp_path: Path) -> None:
    wav = prepare_project(tmp_path) / "backend" / "tests" / "fixtures" / "reference_voice.wav"
    words = wav.with_suffix(".txt").read_text()
    identifier = profile(web).json()["id"]
    assert generate(web, profile_id=identifier, engine="luxtts").status_code == 400
    answer = add_sample(web, identifier, wav.read_bytes(), words)
    assert 70 < answer.json()["hertz"] < 400
    assert generate(web, profile_id=identifier, engine="luxtts").status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"engine": "nope"}, 400, "there is no engine nope "),
        ({"engine": "tada", "model_size": "9B"}, 400, "there is no engine tada 9B"),
        ({"language": "fi"}, 400, "kokoro does not speak fi"),
        ({"engine": "luxtts", "language": "de"}, 400, "luxtts does not speak de"),
        ({"engine": "qwen_custom_voice"}, 400, "qwen_custom_voice needs a profile with one of"),
        ({"profile_id": "nobody"}, 404, "there is no profile nobody"),
        ({"text": ""}, 422, ""),
    ],
)
def test_a_generation_that_cannot_be_is_refused(
    web: TestClient, body: dict[str, str], status: int, detail: str
) -> None:
    answer = generate(web, **{"profile_id": preset(web), **body})
    assert answer.status_code == status
    assert not detail or answer.json()["detail"].startswith(detail)


def test_shutdown_is_passed_on(web: TestClient, ended: list[bool]) -> None:
    assert web.post("/shutdown").status_code == 200
    assert ended == [True]


def test_what_was_being_made_when_the_server_died_is_failed_afterwards(tmp_path: Path) -> None:
    first = Store(tmp_path)
    owner = first.add("profiles", name="p", voice_type="cloned", language="en")
    row = first.add("generations", profile_id=owner["id"], text="x", language="en", engine="qwen",
                    model_size=None, seed=1, normalize=True, status="generating")  # fmt: skip
    first.close()
    again = Store(tmp_path).find("generations", id=row["id"])
    assert again is not None
    assert (again["status"], again["error"]) == ("failed", "interrupted by a restart")


def test_a_changed_model_is_fetched_again(tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path)
    folder.load(MODELS[0])
    file = tmp_path / MODELS[0].name / "model.json"
    file.write_text("{}")
    fresh = ModelFolder(tmp_path)
    assert not fresh.states()[0]["downloaded"]
    assert fresh.load(MODELS[0]) == MODELS[0].settings
    assert file.read_bytes() == MODELS[0].content


def test_models_lie_where_the_variables_say(tmp_path: Path) -> None:
    both = {"VOICEBOX_MODELS_DIR": "/a", "HF_HUB_CACHE": "/b"}
    assert models_folder(tmp_path, both) == Path("/a")
    assert models_folder(tmp_path, {"HF_HUB_CACHE": "/b"}) == Path("/b")
    assert models_folder(tmp_path, {}) == tmp_path / "models"


def test_every_engine_speaks_differently_and_each_the_same_again() -> None:
    assert {model.engine for model in MODELS} == set(ENGINES)
    spoken = [synthesise(TEXT, model.settings) for model in MODELS]
    assert len({hashlib.sha256(speech.wav).hexdigest() for speech in spoken}) == len(MODELS)
    assert synthesise(TEXT, MODELS[0].settings) == spoken[0]
    assert synthesise(TEXT, MODELS[0].settings, seed=1) != spoken[0]
    assert synthesise(TEXT, MODELS[0].settings, hertz=220) != spoken[0]
    for speech in spoken:
        recording = read_wav(speech.wav)
        assert recording.seconds == pytest.approx(speech.seconds)
        assert 28000 < recording.peak < 30000  # 1 dB below full scale


def test_without_espeak_formants_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    assert espeak.available()
    settings = MODELS[0].settings
    real = synthesise(TEXT, settings)
    monkeypatch.setattr(espeak, "available", lambda: False)
    babble = synthesise(TEXT, settings)
    assert babble != real
    assert read_wav(babble.wav).peak > 28000
    samples, rate = formants.speak("aaaaaaaa", pitch=50, speed=170)
    assert estimate_pitch(Recording(samples, rate)) == pytest.approx(170, abs=12)


def test_sounds_are_measured_and_turned() -> None:
    tone = Recording(sine(110), 8000)
    assert estimate_pitch(tone) == pytest.approx(110, rel=0.03)
    again = resample(tone.samples, 8000, 12000)
    assert len(again) == 30000
    assert estimate_pitch(Recording(again, 12000)) == pytest.approx(110, rel=0.03)
    assert normalise(array("h", [0, 0])) == array("h", [0, 0])
    assert max(normalise(array("h", [1, -2]))) == 14602
    assert read_wav(write_wav(tone.samples, 8000)) == tone


def test_faults_are_read_strictly() -> None:
    found = read_faults("qwen/1.7B=hang; tada=slow:1.5, server=html")
    assert found.of("qwen", "1.7B") == Fault("hang", 0)
    assert found.of("qwen", "0.6B") == Fault()
    assert found.of("tada", "3B") == found.of("tada", "1B") == Fault("slow", 1.5)
    assert found.server == "html"
    for text, problem in {
        "qwen": "not of the form", "kokorro=hang": "no such model", "qwen=hug": "there is no fault",
        "qwen=hang:3": "takes no value", "server=hang": "there is no fault",
        "qwen/9B=hang": "no such model",
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=problem):
            read_faults(text)


def test_mistakes_on_the_command_line_end_with_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEBOX_FAULTS", "qwen=hug")
    assert server.main(["--port", "0"]) == 2
    assert capsys.readouterr().err.startswith("VOICEBOX_FAULTS: there is no fault 'hug'; there are")
    with pytest.raises(SystemExit) as caught:
        server.main(["--version"])
    assert caught.value.code == 0


def test_a_process_is_told_from_none() -> None:
    import os

    assert identity(os.getpid()) == identity(os.getpid()) != ""
    assert identity(2**22 + 1) == ""


def test_the_project_is_made_once_and_laid_out_like_the_real_one(tmp_path: Path) -> None:
    root = prepare_project(tmp_path)
    assert root.name == sources_hash()
    found = sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())
    assert found == [
        "backend/build_binary.py",
        "backend/speech_api.py",
        "backend/tests/fixtures/reference_voice.txt",
        "backend/tests/fixtures/reference_voice.wav",
    ]
    (root / "backend" / "dist" / "built").touch()
    assert (prepare_project(tmp_path) / "backend" / "dist" / "built").exists()


def test_a_build_that_fails_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freezing, "pyinstaller_command", lambda *_: ["sh", "-c", "echo no; exit 3"])
    assert freezing.main(["--dist", str(tmp_path / "dist")]) == 1
    assert capsys.readouterr().err == "PyInstaller failed with code 3: no\n"
    assert list((tmp_path / "dist").iterdir()) == []
