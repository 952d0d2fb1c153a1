"""The reference models are real ones in small: the same each time, complete, and audible."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from transformers import MusicgenForConditionalGeneration, T5Tokenizer

from proofbook_subjects.musicgen.reference import SIZES, build_reference, reference_folder

pytestmark = pytest.mark.slow
FILES = (
    "config.json", "generation_config.json", "model.safetensors", "processor_config.json",
    "tokenizer.json",
)  # fmt: skip


def test_it_is_built_the_same_each_time(reference: Path, tmp_path: Path):
    build_reference(SIZES["small"], tmp_path)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (reference / name).read_bytes(), name


@pytest.mark.parametrize("size", SIZES)
def test_random_codes_decode_to_an_audible_sound(size: str, cache: Path):
    model = MusicgenForConditionalGeneration.from_pretrained(reference_folder(size, cache))
    assert model.config.decoder.num_hidden_layers == SIZES[size].layers
    assert model.config.audio_encoder.sampling_rate == 32_000
    codes = torch.randint(2048, (1, 1, 4, 50), generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        sound = model.audio_encoder.decode(codes, [None]).audio_values
    assert sound.shape == (1, 1, 32_000)
    assert 0.05 < sound.std() < 0.2
    assert sound.abs().max() < 0.9
    assert abs(sound.mean()) < 0.01


def test_the_sizes_differ_in_width_and_layers():
    small, medium = SIZES["small"], SIZES["medium"]
    assert (small.hidden_size, small.layers) < (medium.hidden_size, medium.layers)


def test_building_leaves_the_random_state_alone(tmp_path: Path):
    before = torch.random.get_rng_state()
    build_reference(SIZES["small"], tmp_path)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_tokenizer_spells_what_it_does_not_know(reference: Path):
    tokenizer = T5Tokenizer.from_pretrained(reference)
    tokens = tokenizer("grand piano xylophones").input_ids
    assert tokens[-1] == tokenizer.eos_token_id
    assert tokenizer.unk_token_id not in tokens
    assert tokenizer.decode(tokens, skip_special_tokens=True) == "grand piano xylophones"


def test_a_broken_cache_entry_is_rebuilt(tmp_path: Path, reference: Path):
    place = tmp_path / "musicgen" / reference.name
    shutil.copytree(reference, place)
    (place / "model.safetensors").write_bytes(b"")
    assert reference_folder("small", tmp_path) == place
    assert (place / "model.safetensors").stat().st_size > 0
