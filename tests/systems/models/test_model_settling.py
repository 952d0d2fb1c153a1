"""A signal that fades in batch norms is heard once they know what reaches them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch

from proofbook_systems.models.building import Built
from proofbook_systems.models.checking import Trial
from proofbook_systems.models.findings import Verdict
from proofbook_systems.models.hints import Hint
from proofbook_systems.models.outputs import call, measure_distance
from proofbook_systems.models.settling import FAINT, has_norms, settled
from proofbook_systems.models.trial import _settled

DRAW = torch.Generator().manual_seed(0)
ONE, OTHER = ({"image": torch.randn(1, 3, 8, 8, generator=DRAW)} for _ in range(2))


class Deep(torch.nn.Module):
    """Convolutions that make a signal small, each with a norm that begins near zero."""

    def __init__(self, *, scale: float = 0.02, deaf: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        widths = [3, 8, 8, 8, 8]
        parts: list[torch.nn.Module] = []
        for here, there in pairwise(widths):
            norm = torch.nn.BatchNorm2d(there)
            torch.nn.init.normal_(norm.weight, std=scale)
            torch.nn.init.normal_(norm.bias)
            parts += [torch.nn.Conv2d(here, there, 3, padding=1), norm, torch.nn.SiLU()]
        self.parts, self.deaf = torch.nn.Sequential(*parts).eval(), deaf
        self.eval()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.parts(torch.ones_like(image) if self.deaf else image).mean((2, 3))


def hears(model: torch.nn.Module) -> float:
    return measure_distance(call(model, ONE), call(model, OTHER)).share


def settle(model: Any, absent: list[str] | None = None, made: Any = (ONE, OTHER)) -> list[str]:
    trial = Trial(verdict=Verdict(type="deep", category="vision"), tell=lambda _: None)
    built = Built(model=model, config=None, task="", parameters=1, hint=Hint(reason=""))
    built.absent = absent
    answer = _settled(trial, built, list(made), call(model, made[0]))
    assert measure_distance(answer, call(model, made[0])).share == 0
    return trial.verdict.notes


def test_signal_that_fades_is_heard_in_norms_that_know_what_reaches_them() -> None:
    model = Deep()
    assert hears(model) < FAINT
    assert "settled" in settle(model)[0]
    assert hears(model) > 3 * FAINT


def test_model_that_does_not_look_at_its_input_stays_deaf() -> None:
    model = Deep(deaf=True)
    settle(model)
    assert hears(model) == 0


@pytest.mark.parametrize("absent", [[], ["head.weight"]])
def test_norms_of_weights_that_somebody_trained_stay_as_they_are(absent: list[str]) -> None:
    model = Deep()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert settle(model, absent) == []
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_model_that_hears_its_input_stays_as_it_is() -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4))
    assert not has_norms(model)
    heard = Deep(scale=1.0)
    with settled(heard, lambda: call(heard, ONE)) as kept:
        kept.append(True)
    assert settle(heard) == []


def test_norms_are_what_they_were_where_nobody_keeps_them() -> None:
    model = Deep()
    before = hears(model)
    with settled(model, lambda: call(model, ONE)):
        assert hears(model) > before
    assert hears(model) == before
    with pytest.raises(ValueError, match="no such"), settled(model, lambda: call(model, ONE)):
        raise ValueError("no such layer")
    assert hears(model) == before


class Reading(Deep):
    """Reads a text beside an image that fades: what the text moves hides it."""

    def forward(self, pixel_values: torch.Tensor, input_ids: torch.Tensor) -> dict[str, Any]:  # type: ignore[override]
        return {"image_embeds": super().forward(pixel_values), "text_embeds": input_ids / 99}


@pytest.mark.parametrize("deaf", [False, True])
def test_image_that_fades_beside_a_text_is_heard_where_it_is_looked_at(deaf: bool) -> None:
    model: Any = Reading(deaf=deaf)
    one, other = (
        {"pixel_values": sample["image"], "input_ids": torch.full((1, 4), word)}
        for sample, word in ((ONE, 70), (OTHER, 90))
    )
    notes = settle(model, made=[one, other])
    seen = measure_distance(call(model, one), call(model, {**one, "pixel_values": OTHER["image"]}))
    assert (bool(notes), seen.share > FAINT) == (not deaf, not deaf)
