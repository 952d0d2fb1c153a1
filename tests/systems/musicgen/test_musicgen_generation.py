"""The reference model, loaded and made to sing: format, determinism, and broken weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from proofbook.errors import SubjectError
from proofbook.media import read_audio
from proofbook_systems.musicgen.clips import write_wav
from proofbook_systems.musicgen.generation import Generation, Model, generate, generate_batch, load
from proofbook_systems.musicgen.subject import find_model
from proofbook_systems.musicgen.windows import WINDOWS, Windows

pytestmark = pytest.mark.slow
PROMPT = "a 30-second grand piano jazz improvisation"


@pytest.fixture(scope="module")
def model(cache: Path) -> Model:
    return load(find_model("reference:small", cache), "cpu")


@pytest.fixture(scope="module")
def clip(model: Model) -> Generation:
    return generate(model, PROMPT, 2.0, seed=7)


def test_the_reference_has_the_real_rates(model: Model):
    assert (model.rate, model.frame_rate, model.codebooks) == (32_000, 50, 4)
    assert model.network.config.decoder.vocab_size == 2048


def test_every_weight_of_the_reference_comes_from_its_file(model: Model):
    assert (model.missing_weights, model.unused_weights) == ((), ())


def test_a_clip_has_the_asked_length_exactly(clip: Generation):
    assert clip.samples.shape == (64_000, 1)
    assert clip.samples.dtype == np.float32
    assert clip.tokens.shape == (4, 100)
    assert clip.seconds == 2.0


def test_a_clip_is_audible_centred_and_unclipped(clip: Generation):
    assert 0.05 < clip.samples.std() < 0.2
    assert abs(clip.samples.mean()) < 1e-3
    assert abs(clip.samples).max() < 0.9


def test_the_same_seed_gives_the_same_clip(model: Model, clip: Generation):
    again = generate(model, PROMPT, 2.0, seed=7)
    assert np.array_equal(again.tokens, clip.tokens)
    assert np.array_equal(again.samples, clip.samples)


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    "change", [{"seed": 8}, {"prompt": "drums"}, {"guidance_scale": 1.0}, {"top_k": 1}]
)
def test_another_seed_prompt_or_setting_gives_another_clip(
    model: Model, clip: Generation, change: dict[str, Any]
):
    other = generate(model, **({"prompt": PROMPT, "seconds": 2.0, "seed": 7} | change))
    assert not np.array_equal(other.tokens, clip.tokens)


def test_the_tokens_are_those_that_were_decoded(model: Model, clip: Generation):
    codes = torch.from_numpy(clip.tokens)[None, None]
    with torch.inference_mode():
        audio = model.network.audio_encoder.decode(codes, [None]).audio_values
    assert np.array_equal(audio[0].T.numpy(), clip.samples)


def test_generating_leaves_the_random_state_alone(model: Model):
    before = torch.random.get_rng_state()
    generate(model, PROMPT, 0.2, seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_speed_is_counted_in_all_tokens_and_against_real_time():
    clip = Generation(
        prompt="", seed=0, samples=np.zeros((64_000, 1), np.float32), rate=32_000,
        tokens=np.zeros((4, 100), np.int64), seconds_taken=4.0,
    )  # fmt: skip
    assert (clip.tokens_per_second, clip.real_time_factor) == (100.0, 2.0)


def test_a_model_saved_and_loaded_again_generates_the_same(
    model: Model, clip: Generation, tmp_path: Path
):
    model.network.save_pretrained(tmp_path)
    model.processor.save_pretrained(tmp_path)
    again = generate(load(find_model(str(tmp_path)), "cpu"), PROMPT, 2.0, seed=7)
    assert np.array_equal(again.samples, clip.samples)


def test_a_weight_that_the_file_lacks_is_reported(rewrite: Callable[..., Path]):
    name = "decoder.lm_heads.3.weight"
    folder = rewrite(lambda tensors: tensors.pop(name))
    assert load(find_model(str(folder)), "cpu").missing_weights == (name,)


def test_a_weight_of_another_shape_is_refused(rewrite: Callable[..., Path]):
    name = "decoder.lm_heads.3.weight"
    folder = rewrite(lambda tensors: tensors.update({name: torch.zeros(3, 3)}))
    with pytest.raises(SubjectError, match="cannot be loaded from"):
        load(find_model(str(folder)), "cpu")


def test_a_device_that_is_not_there_is_refused(reference: Path):
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(SubjectError, match="no cuda device here; set device to auto or cpu"):
        load(find_model(str(reference)), "cuda:0")


@pytest.mark.parametrize("device", ["cuda:2", "cuda:9"])
def test_a_card_beyond_the_last_is_refused(
    reference: Path, monkeypatch: pytest.MonkeyPatch, device: str
):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(SubjectError, match=f"no {device} here: the last CUDA device is cuda:1$"):
        load(find_model(str(reference)), device)


def test_a_wav_holds_the_samples_bit_for_bit(clip: Generation, tmp_path: Path):
    path = write_wav(clip, tmp_path / "deep" / "out.wav")
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == 32_000
    assert np.array_equal(samples, clip.samples)


def test_the_same_clip_is_the_same_file(clip: Generation, tmp_path: Path):
    first, second = (write_wav(clip, tmp_path / name) for name in ("a.wav", "b.wav"))
    assert first.read_bytes() == second.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.wav", "b.wav"]


def test_a_wav_hides_neither_nan_nor_what_is_too_loud_nor_a_second_channel(tmp_path: Path):
    samples = np.array([[0.0, 1.5], [np.nan, -2.0], [0.25, 0.5]], np.float32)
    clip = Generation(
        prompt="", seed=0, samples=samples, rate=8000, tokens=np.zeros((1, 1), np.int64),
        seconds_taken=1.0,
    )  # fmt: skip
    heard = read_audio(write_wav(clip, tmp_path / "a.wav"))
    assert np.array_equal(heard.samples, samples, equal_nan=True)
    assert heard.measure.non_finite == 1


def test_a_batch_has_a_clip_for_each_prompt_and_comes_back(model: Model):
    prompts = ["piano", "drum beat", "piano"]
    first, second = (generate_batch(model, prompts, 0.5, seed=4) for _ in range(2))
    assert [clip.prompt for clip in first] == prompts
    assert {clip.tokens.shape for clip in first} == {(4, 25)}
    assert {clip.samples.shape for clip in first} == {(16_000, 1)}
    assert all(a.same_tokens(b) for a, b in zip(first, second, strict=True))
    assert not first[0].same_tokens(first[2])
    assert not first[0].same_tokens(generate_batch(model, prompts, 0.6, seed=4)[0])


def test_a_clip_is_what_transformers_own_generate_makes_of_the_same_seed(
    model: Model, clip: Generation
):
    inputs = model.processor(text=[PROMPT], padding=True, return_tensors="pt")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        audio = model.network.generate(
            **inputs, do_sample=True, guidance_scale=3.0, top_k=250, max_new_tokens=103
        )
    assert np.array_equal(audio[0].T.numpy(), clip.samples)


def test_a_clip_begins_as_a_shorter_one_of_its_seed_and_batch(model: Model, clip: Generation):
    start = generate(model, PROMPT, 0.2, seed=7)
    assert clip.same_start(start)
    assert start.same_start(clip)
    assert not clip.same_start(generate(model, PROMPT, 0.2, seed=8))
    in_a_batch = generate_batch(model, [PROMPT, "drums"], 2.0, seed=7)[0]
    assert not clip.same_start(in_a_batch)
    assert in_a_batch.same_start(generate_batch(model, [PROMPT, "drums"], 0.2, seed=7)[0])


def test_clips_too_short_to_compare_have_no_same_start(model: Model):
    short = generate(model, PROMPT, 0.08, seed=7)
    assert not short.same_start(short)


@pytest.mark.parametrize(("seconds", "steps"), [(0.001, 3), (0.04, 3), (0.06, 3), (0.08, 4)])
def test_the_shortest_clip_is_as_long_as_the_codebooks_delay(
    model: Model, seconds: float, steps: int
):
    clip = generate(model, PROMPT, seconds, seed=7)
    assert clip.tokens.shape == (4, steps)
    assert clip.samples.shape == (steps * 640, 1)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seconds", [30.0, 31.0])
def test_thirty_seconds_and_more_are_exact(model: Model, seconds: float):
    clip = generate(model, PROMPT, seconds, seed=7)
    assert clip.seconds == seconds
    assert clip.tokens.shape == (4, seconds * 50)


def test_each_window_hears_the_end_of_the_one_before(model: Model, monkeypatch: pytest.MonkeyPatch):
    decoder, decoded = model.network.audio_encoder, []
    decode = decoder.decode

    def keep(codes: torch.Tensor, *rest: Any, **options: Any) -> Any:
        decoded.append(codes)
        return decode(codes, *rest, **options)

    monkeypatch.setattr(decoder, "decode", keep)
    windows = Windows(seconds=1.0, stride=0.6)
    clips = generate_batch(model, ["piano", "drum"], 2.0, seed=4, windows=windows)
    tokens = np.stack([clip.tokens for clip in clips])[None]
    of_network = [codes.numpy() for codes in decoded[:3]]
    expected = [tokens[..., 0:50], tokens[..., 30:80], tokens[..., 60:100]]
    for found, wanted in zip(of_network, expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_thirty_seconds_are_one_window_and_a_minute_is_three():
    assert list(WINDOWS.plan(1500, 50)) == [(0, 1500)]
    assert list(WINDOWS.plan(1501, 50)) == [(0, 1500), (600, 1)]
    assert list(WINDOWS.plan(3000, 50)) == [(0, 1500), (600, 900), (600, 600)]
    assert list(WINDOWS.plan(3, 50)) == [(0, 3)]


@pytest.mark.exhaustive
@pytest.mark.parametrize("prompts", [["piano"], ["piano", "drum"]])
def test_a_clip_longer_than_a_window_goes_on_from_its_end(model: Model, prompts: list[str]):
    windows = Windows(seconds=1.0, stride=0.6)
    clips = generate_batch(model, prompts, 2.0, seed=4, windows=windows)
    first = generate_batch(model, prompts, 1.0, seed=4)
    for long, short in zip(clips, first, strict=True):
        assert (long.tokens.shape, long.seconds) == ((4, 100), 2.0)
        assert np.array_equal(long.tokens[:, :50], short.tokens)
        with torch.inference_mode():
            codes = torch.from_numpy(long.tokens)[None, None]
            audio = model.network.audio_encoder.decode(codes, [None]).audio_values
        np.testing.assert_allclose(long.samples[:, 0], audio[0, 0], atol=1e-5)
    again = generate_batch(model, prompts, 2.0, seed=4, windows=windows)
    assert all(a.same_tokens(b) for a, b in zip(clips, again, strict=True))
