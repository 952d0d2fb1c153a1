"""Weights that show: what is still all alike after it was made is given numbers of its own."""

from __future__ import annotations

import pytest
import torch

from proofbook_systems.models.building import excite
from proofbook_systems.models.catalogue import own_classes
from proofbook_systems.models.comparing import check_sensitivity
from proofbook_systems.models.outputs import call


class Codec(torch.nn.Module):
    """Answers with the nearest row of a codebook that no gradient fills."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("codes", torch.zeros(32, 4))
        self.register_buffer("mask", torch.zeros(6, 6), persistent=False)
        self.register_buffer("places", torch.arange(8.0).view(2, 4))
        self.register_buffer("counted", torch.zeros(4, dtype=torch.long))
        self.norm = torch.nn.BatchNorm1d(4)

    def forward(self, input_values: torch.Tensor) -> torch.Tensor:
        nearest = torch.cdist(input_values, self.codes).argmin(-1)
        return self.codes[nearest]


def looks(codec: Codec) -> str:
    draw = torch.Generator().manual_seed(0)
    one, other = ({"input_values": torch.randn(12, 4, generator=draw)} for _ in range(2))
    return check_sensitivity(codec, one, other, call(codec, one))


def test_codebook_of_zeros_hides_the_input_until_it_is_filled() -> None:
    codec = Codec().eval()
    assert looks(codec) == "the answer does not depend on input_values"

    excite(codec, 0)
    assert looks(codec) == ""


class Far(Codec):
    """Hears little of a sound beside all that it adds by itself: one code is always the nearest."""

    def __init__(self, *, deaf: bool = False, mute: bool = False) -> None:
        super().__init__()
        self.deaf, self.mute = deaf, mute

    def forward(self, input_values: torch.Tensor) -> torch.Tensor:
        heard = torch.full_like(input_values, 9.0) + (0 if self.deaf else input_values * 1e-3)
        nearest = torch.cdist(heard, self.codes).argmin(-1)
        return self.codes[nearest * 0 if self.mute else nearest]


def test_sound_that_is_lost_in_the_choice_of_a_code_was_looked_at() -> None:
    codec = Far().eval()
    excite(codec, 0)
    assert looks(codec) == ""


@pytest.mark.parametrize("broken", [{"deaf": True}, {"mute": True}])
def test_choice_without_the_sound_or_without_an_effect_excuses_nothing(
    broken: dict[str, bool],
) -> None:
    codec = Far(**broken).eval()
    excite(codec, 0)
    assert looks(codec) == "the answer does not depend on input_values"


def test_words_that_both_samples_have_are_exchanged_among_themselves() -> None:
    class Reader(torch.nn.Module):
        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
            return input_ids.double() * torch.arange(4.0)

    class Blind(torch.nn.Module):
        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
            return torch.ones(1, 4)

    words = {"input_ids": torch.tensor([[70, 71, 72, 3]])}
    assert check_sensitivity(Reader(), words, words, call(Reader(), words)) == ""
    assert check_sensitivity(Blind(), words, words, call(Blind(), words)) != ""


def test_masks_places_and_statistics_stay_as_they_are() -> None:
    codec = Codec().eval()
    kept = ("mask", "places", "counted", "norm.running_mean", "norm.running_var")
    before = {name: value.clone() for name, value in codec.named_buffers() if name in kept}
    excite(codec, 0)

    assert len(before) == len(kept)
    assert all(torch.equal(before[name], codec.get_buffer(name)) for name in kept)


def test_filled_codebook_is_the_same_for_one_seed() -> None:
    one, other = Codec(), Codec()
    excite(one, 3)
    excite(other, 3)

    assert torch.equal(one.codes, other.codes)


@pytest.mark.parametrize(("name", "classes"), [
    ("sam_prompt_encoder", ["SamMaskEmbedding"]),  # SamPromptEncoder wants the whole model's
    ("sam2_prompt_encoder", ["Sam2PromptEncoder"]),
    ("vibevoice_diffusion", ["VibeVoiceDiffusionHead"]),  # which takes what it does not name
])  # fmt: skip
def test_a_class_that_wants_another_configuration_comes_last(name: str, classes: list[str]) -> None:
    from transformers import CONFIG_MAPPING

    assert [each.__name__ for each in own_classes(CONFIG_MAPPING[name]())] == classes
