"""Sound files: good ones, odd ones, broken ones."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from proofbook.errors import SubjectError
from proofbook.media import Media, audio, read_audio

RATE = 32_000


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "Clip.WAV"
    samples = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    soundfile.write(path, np.stack([samples, samples], axis=1), RATE, subtype="PCM_16")
    return path


def facts(media: Media) -> dict[str, object]:
    return {fact.name: fact.value for fact in media.facts}


def test_a_wav_becomes_evidence_with_levels_and_two_pictures(wav: Path) -> None:
    media = audio(wav, caption="a tone", seed=7)
    assert (media.kind, media.suffix, media.name, media.source) == ("audio", ".wav", "Clip", wav)
    assert (media.caption, media.labels) == ("a tone", {"seed": 7})
    assert [png[:4] for png in media.views.values()] == [b"\x89PNG"] * 2
    assert set(media.views) == {"waveform", "spectrogram"}
    found = facts(media)
    assert (found["duration"], found["sample rate"], found["channels"]) == (1.0, RATE, 2)
    assert (found["format"], found["clipped"], found["silent"]) == ("PCM_16", 0, 0)
    assert found["peak"] == pytest.approx(-6.02, abs=0.01)
    assert "NaN or infinite" not in found


def test_a_wav_with_a_list_chunk_before_its_data_is_read(wav: Path) -> None:
    content = wav.read_bytes()
    at = content.index(b"data")
    text = b"INFOISFT\x06\x00\x00\x00Lavf61"
    content = content[:at] + b"LIST" + struct.pack("<I", len(text)) + text + content[at:]
    wav.write_bytes(b"RIFF" + struct.pack("<I", len(content) - 8) + content[8:])
    assert read_audio(wav).seconds == 1.0


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF + 36, 0x80000000 + 36])
def test_a_streamed_wav_whose_header_knows_no_size_is_read(wav: Path, size: int) -> None:
    content = wav.read_bytes()
    wav.write_bytes(b"RIFF" + struct.pack("<I", size) + content[8:])
    assert read_audio(wav).seconds == 1.0


def make_mp3(path: Path, seconds: float) -> Path:
    """Write an MP3 as ffmpeg writes it into a pipe: its length can only be estimated."""
    import av

    with av.open(str(path), "w", format="mp3", options={"write_xing": "0"}) as file:
        stream = file.add_stream("libmp3lame", rate=22050, layout="mono")
        tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(22050 * seconds)) / 22050)
        frame = av.AudioFrame.from_ndarray(
            np.int16(32767 * tone).reshape(1, -1), format="s16", layout="mono"
        )
        frame.sample_rate = 22050
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    return path


def test_an_mp3_that_does_not_say_its_length_is_whole(tmp_path: Path) -> None:
    assert read_audio(make_mp3(tmp_path / "a.mp3", 1.6)).seconds == pytest.approx(1.6, abs=0.1)


def test_a_truncated_mp3_that_says_its_length_is_refused(wav: Path) -> None:
    path = wav.with_suffix(".mp3")
    soundfile.write(path, *soundfile.read(wav))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SubjectError, match="truncated"):
        read_audio(path)


@pytest.mark.parametrize("suffix", [".flac", ".ogg"])
def test_compressed_sound_is_read(wav: Path, suffix: str) -> None:
    samples, rate = soundfile.read(wav)
    path = wav.with_suffix(suffix)
    soundfile.write(path, samples, rate)
    media = audio(path)
    assert (media.suffix, facts(media)["duration"]) == (suffix, 1.0)


def test_nan_in_a_float_wav_is_reported_not_fatal(tmp_path: Path) -> None:
    samples = np.full(RATE, 0.25, dtype=np.float32)
    samples[5:8] = np.nan
    path = tmp_path / "nan.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    found = facts(audio(path))
    assert found["NaN or infinite"] == 3
    assert found["loudness"] == "not defined: 3 samples are NaN or infinite"


def test_silence_is_stated_in_words_that_json_can_hold(tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(RATE), RATE)
    found = facts(audio(path))
    assert (found["peak"], found["silent"]) == ("-∞", 100)


def test_a_truncated_wav_is_refused_in_one_line(wav: Path) -> None:
    wav.write_bytes(wav.read_bytes()[:50_000])
    with pytest.raises(SubjectError, match=r"truncated: 50000 of 128044 bytes") as caught:
        audio(wav)
    assert "\n" not in str(caught.value)


def test_a_truncated_flac_is_refused(wav: Path) -> None:
    samples, rate = soundfile.read(wav)
    noise = np.random.default_rng(3).normal(0, 0.1, samples.shape)
    path = wav.with_suffix(".flac")
    soundfile.write(path, samples + noise, rate)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SubjectError):
        read_audio(path)


@pytest.mark.parametrize("content", [b"<html>404 not found</html>", b"RIFF", b"\0" * 4096])
def test_what_is_no_sound_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(content)
    with pytest.raises(SubjectError, match=r"clip\.wav: ") as caught:
        read_audio(path)
    assert "\n" not in str(caught.value)


def test_a_missing_and_an_empty_file_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    with pytest.raises(SubjectError, match="no such audio file"):
        audio(tmp_path / "gone.wav")
    with pytest.raises(SubjectError, match="empty"):
        audio(tmp_path / "empty.wav")


def test_a_wav_of_no_frames_is_measured_as_zero_seconds(tmp_path: Path) -> None:
    path = tmp_path / "none.wav"
    soundfile.write(path, np.zeros(0), RATE)
    assert read_audio(path).seconds == 0.0
