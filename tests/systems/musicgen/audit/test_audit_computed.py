"""A model that is computed with: each part has an effect, or is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from small_checkpoints import Pair, Size, small_pair

from proofbook_systems.musicgen import audit, conversion, generation, subject
from proofbook_systems.musicgen.mapping import map_checkpoints
from proofbook_systems.musicgen.sources import find_checkpoints

Change = Callable[[Any], object]


def loaded(pair: Pair, folder: Path) -> generation.Model:
    pair.write(folder / "mine")
    files = find_checkpoints(str(folder / "mine"), text_encoder=str(pair.text))
    converted = conversion.convert(map_checkpoints(files), folder / "cache")
    return generation.load(subject.find_model(str(converted.folder)), "cpu")


@pytest.fixture(scope="module")
def whole(base: Pair, tmp_path_factory: pytest.TempPathFactory) -> generation.Model:
    return loaded(base.copy(), tmp_path_factory.mktemp("whole"))


@pytest.fixture
def model(whole: generation.Model) -> Iterator[generation.Model]:
    """The same model for every test, with its weights put back afterwards."""
    kept = {name: tensor.clone() for name, tensor in whole.network.state_dict().items()}
    yield whole
    whole.network.load_state_dict(kept)


def found(model: generation.Model) -> dict[str, tuple[str, ...]]:
    return {c.name: c.findings for c in audit.audit_network(model).claims if c.findings}


@pytest.mark.exhaustive
def test_a_right_model_is_not_called_wrong_and_leaves_the_random_state(model: generation.Model):
    before = torch.random.get_rng_state()
    computed = audit.audit_network(model)
    assert found(model) == {}
    assert torch.equal(before, torch.random.get_rng_state())
    assert -1 <= computed.round_trip <= 1
    assert computed.surprise > 0.5 * computed.guess


@pytest.mark.exhaustive
def test_a_stereo_model_is_not_called_wrong(text_encoder: Path, tmp_path: Path):
    assert found(loaded(small_pair(text_encoder, Size(stereo=True, layers=2)), tmp_path)) == {}


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_is_not_called_wrong(model: generation.Model, kind: torch.dtype):
    model.network.to(kind)
    try:
        assert found(model) == {}
    finally:
        model.network.float()


def zero(name: str) -> Change:
    return lambda network: network.get_parameter(name).data.zero_()


def zero_all(ending: str) -> Change:
    def change(network: Any) -> None:
        for name, tensor in network.named_parameters():
            if name.endswith(ending):
                tensor.data.zero_()

    return change


def break_text(network: Any) -> None:
    network.text_encoder.encoder.final_layer_norm.weight.data.fill_(float("nan"))


def mute_encoder(network: Any) -> None:
    layer = network.audio_encoder.encoder.layers[-1].conv
    layer.parametrizations.weight.original0.data.zero_()


def mute_decoder(network: Any) -> None:
    layer = network.audio_encoder.decoder.layers[-1].conv
    layer.parametrizations.weight.original0.data.zero_()


def overflow(network: Any) -> None:
    network.audio_encoder.decoder.layers[0].conv.bias.data.fill_(float("inf"))


@pytest.mark.exhaustive(keep=1)
@pytest.mark.parametrize(
    ("change", "claim", "words"),
    [
        (zero("enc_to_dec_proj.weight"), "text-is-heard", "prompts change nothing"),
        (zero_all("encoder_attn.out_proj.weight"), "text-is-heard", "prompts change nothing"),
        (zero_all("encoder_attn.v_proj.weight"), "text-is-heard", "prompts change nothing"),
        (zero("text_encoder.encoder.final_layer_norm.weight"), "text-is-heard", "change nothing"),
        (break_text, "text-is-heard", "not finite"),
        (zero("decoder.model.decoder.embed_tokens.2.weight"), "codebooks-are-heard", "emb.2"),
        (zero("decoder.lm_heads.1.weight"), "codebooks-are-heard", "linears.1"),
        (mute_encoder, "encoder-computes", "the encoder makes the same"),
        (mute_decoder, "encoder-computes", "the decoder makes one value"),
        (overflow, "encoder-computes", "the decoder makes values that are not finite"),
    ],
)
def test_a_part_without_effect_is_named(
    model: generation.Model, change: Change, claim: str, words: str
):
    change(model.network)
    assert any(words in line for line in found(model).get(claim, ())), found(model)


class _Echo(torch.nn.Module):
    """A codec that keeps what it encoded, as a trained one nearly does."""

    def __init__(self, codec: Any) -> None:
        super().__init__()
        self.codec, self.encoder = codec, codec.encoder

    def encode(self, sounds: torch.Tensor) -> Any:
        self.sounds = sounds
        return self.codec.encode(sounds)

    def decode(self, codes: torch.Tensor, scales: Any) -> Any:
        answer = self.codec.decode(codes, scales)
        answer.audio_values = self.sounds + 0.001 * torch.randn_like(self.sounds)
        return answer


def test_a_codec_that_gives_sounds_back_correlates(model: generation.Model):
    codec = model.network.audio_encoder
    random = audit.audit_network(model).round_trip
    model.network.audio_encoder = _Echo(codec)
    try:
        assert audit.audit_network(model).round_trip > 0.8 > random + 0.3
    finally:
        model.network.audio_encoder = codec
