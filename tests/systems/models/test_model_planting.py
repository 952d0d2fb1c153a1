"""Faults that are planted: found by their checks, mended again, and counted."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from proofbook_systems.models import writing
from proofbook_systems.models.checking import (
    WITHOUT_REFERENCE,
    Ready,
    Subject,
    Trial,
    make_subject,
)
from proofbook_systems.models.comparing import NotApplicableError, check_batch
from proofbook_systems.models.controls import try_fault
from proofbook_systems.models.findings import Finding, Verdict
from proofbook_systems.models.gradients import check_gradient
from proofbook_systems.models.hints import Hint
from proofbook_systems.models.inputs import Layout
from proofbook_systems.models.lifecycle import load
from proofbook_systems.models.outputs import call
from proofbook_systems.models.padding import check_padding
from proofbook_systems.models.planting import FAULTS, find_damage, planted
from proofbook_systems.models.sweeps import (
    count_faults,
    find_false_alarms,
    name_missed,
    why_not_planted,
)


class Reader(torch.nn.Module):
    """Reads a text from the front, as what writes does, and looks at its mask, or does not."""

    def __init__(self, *, looks: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = torch.nn.Embedding(16, 4)
        self.layers = torch.nn.ModuleList([torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)])
        self.looks, self.config = looks, SimpleNamespace(pad_token_id=0, is_encoder_decoder=False)

    def forward(self, input_ids: Any, attention_mask: Any = None) -> dict[str, Any]:
        states = self.words(input_ids)
        if self.looks and attention_mask is not None:
            states = states * attention_mask[..., None]
        states = states.cumsum(1)
        for layer in self.layers:
            states = layer(states).tanh()
        return {"states": states}


INPUTS = {"input_ids": torch.tensor([[3, 4, 5, 6]]), "attention_mask": torch.ones(1, 4).long()}


def _padding(model: Reader) -> str:
    return check_padding(model, INPUTS, call(model, INPUTS), 1e-5)


def test_padding_at_the_end_does_not_hide_that_a_mask_is_ignored() -> None:
    assert _padding(Reader()) == ""
    assert "mask is not looked at" in _padding(Reader(looks=False))


def _subject(model: Reader, folder: Path) -> Subject:
    def save_load(loading: Any) -> str:
        torch.save(model.state_dict(), folder / "weights.pt")
        loaded = loading(model, folder)
        same = all(torch.equal(a, b) for a, b in
                   zip(model.parameters(), loaded.parameters(), strict=True))  # fmt: skip
        return "" if same else "weights differ"

    return Subject(model=model, checks={"padding": lambda _: _padding(model),
                                        "save-load": save_load})  # fmt: skip


def _verdict(**statuses: Any) -> Verdict:
    findings = [Finding(check=k.replace("_", "-"), status=v) for k, v in statuses.items()]
    return Verdict(type="reader", category="language", findings=findings)


@pytest.mark.parametrize(
    "fault", [name for name, check in FAULTS.items() if check in ("padding", "save-load")]
)
def test_a_fault_is_found_and_mended_again(fault: str, tmp_path: Path) -> None:
    model, sound = Reader(), _verdict(padding="passed", save_load="passed")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = try_fault(fault, _subject(model, tmp_path), sound)
    assert found.status == "passed" and found.reason
    assert _padding(model) == ""
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())


def test_a_fault_that_nothing_sees_is_missed(tmp_path: Path) -> None:
    subject = Subject(model=Reader(), checks={"padding": lambda _: _blind(subject.model)})
    found = try_fault("ignored-mask", subject, _verdict(padding="passed"))
    assert found.status == "failed"


def _blind(model: Reader) -> str:
    call(model, {**INPUTS, "attention_mask": torch.tensor([[1, 1, 0, 0]])})
    return ""


class Choosing(torch.nn.Module):
    """Answers with the place of the larger of two numbers that only float64 tells apart."""

    def __init__(self, *, mixes: bool = False) -> None:
        super().__init__()
        self.scale, self.mixes = torch.nn.Parameter(torch.ones(1)), mixes

    def forward(self, states: Any) -> dict[str, Any]:
        total = states * self.scale
        if states.dtype == torch.float32:  # another order of adding, as another batch size has
            total = total * (1 + (len(states) - 1) * 2.0**-23)
        if self.mixes:
            total = total + states.mean(0)
        return {"boxes": (total > 1 + 2.0**-24).to(states.dtype)}


@pytest.mark.parametrize(("mixes", "value", "words"), [(False, 1.0, ""), (True, 0.5, "beside")])
def test_a_choice_that_a_rounding_turns_over_is_no_fault_of_a_batch(
    mixes: bool, value: float, words: str
) -> None:
    model = Choosing(mixes=mixes)
    one, other = {"states": torch.full((1, 3), value)}, {"states": torch.full((1, 3), 5.0)}
    found = check_batch(model, one, other, call(model, one), 1e-5)
    assert found.partition(" ")[0] == words


class Swapping(Choosing):
    """Answers a sample with its neighbour's answer, in float32 alone."""

    def forward(self, states: Any) -> dict[str, Any]:
        boxes = states * self.scale
        return {"boxes": boxes.flip(0) if states.dtype == torch.float32 else boxes}


def test_samples_that_are_swapped_in_float32_alone_are_no_rounding() -> None:
    model = Swapping()
    one, other = {"states": torch.full((1, 3), 0.5)}, {"states": torch.full((1, 3), 5.0)}
    assert check_batch(model, one, other, call(model, one), 1e-5).startswith("beside another")


class Other(Reader):
    """Answers in float64 as no rounding explains."""

    def forward(self, input_ids: Any, attention_mask: Any = None) -> dict[str, Any]:
        states = super().forward(input_ids, attention_mask)["states"]
        return {"states": states / 0 if states.dtype == torch.float64 else states}


def test_a_reference_that_is_another_answer_loosens_nothing(tmp_path: Path) -> None:
    model = Other()
    built: Any = SimpleNamespace(model=model, config=model.config, hint=Hint())
    ready = Ready(built=built, layout=Layout(places={}), inputs=INPUTS, other=INPUTS,
                  outputs=call(model, INPUTS))  # fmt: skip
    trial = Trial(verdict=_verdict(), tell=lambda _: None)
    subject = make_subject(trial, ready, tmp_path)
    assert "from float64" in subject.checks["reference"](load)
    assert trial.verdict.metrics["tolerance"] == WITHOUT_REFERENCE
    assert subject.checks["control"](load) == ""


def test_what_does_not_hold_by_itself_proves_nothing(tmp_path: Path) -> None:
    subject = _subject(Reader(), tmp_path)
    assert try_fault("ignored-mask", subject, _verdict(padding="failed")).status == "skipped"
    assert try_fault("misused-cache", subject, _verdict()).reason == "cache is not there"


def test_a_fault_without_anything_to_break_is_not_counted(tmp_path: Path) -> None:
    model = Reader()
    model.layers = torch.nn.ModuleList([torch.nn.Linear(4, 4)])
    found = try_fault("swapped-layers", _subject(model, tmp_path), _verdict(save_load="passed"))
    assert found.status == "skipped" and "nothing to break" in found.reason


def test_a_cache_is_mended_again() -> None:
    from transformers import cache_utils

    before = cache_utils.DynamicLayer.update
    with planted("misused-cache", Reader()) as (_, touched):
        assert cache_utils.DynamicLayer.update is not before
        layer = cache_utils.DynamicLayer()
        word = torch.arange(4.0).reshape(1, 1, 2, 2)
        layer.update(word, word)
        assert not touched()
        keys, _ = layer.update(word[:, :, :1], word[:, :, :1])
        assert touched() and torch.equal(keys[0, 0, 0], word[0, 0, 0])
    assert cache_utils.DynamicLayer.update is before


def test_beams_are_put_in_order_again() -> None:
    from transformers import cache_utils

    before, order = cache_utils.Cache.reorder_cache, torch.tensor([1, 1])
    cache = cache_utils.DynamicCache()
    cache.update(torch.arange(4.0).reshape(2, 1, 1, 2), torch.ones(2, 1, 1, 2), 0)
    with planted("unordered-beams", Reader()) as (_, touched):
        cache.reorder_cache(torch.tensor([0, 1]))
        assert not touched()
        cache.reorder_cache(order)
        assert touched() and not torch.equal(cache.layers[0].keys[0], cache.layers[0].keys[1])
    assert cache_utils.Cache.reorder_cache is before
    cache.reorder_cache(order)
    assert torch.equal(cache.layers[0].keys[0], cache.layers[0].keys[1])


def test_faults_are_counted_and_the_missed_ones_named() -> None:
    some = [_verdict(), _verdict()]
    some[0].planted = [Finding(check="ignored-mask", status="passed", reason="x")]
    some[1].planted = [
        Finding(check="ignored-mask", status="failed"),
        Finding(check="misused-cache", status="skipped", reason="no cache"),
    ]
    counts = count_faults(some)
    assert counts["ignored-mask"] == (1, 1, 0) and counts["ignored-mask"].share == 0.5
    assert counts["misused-cache"] == (0, 0, 1)
    assert name_missed(some) == ["reader: ignored-mask was not seen by padding"]
    assert why_not_planted(some, "misused-cache") == "no cache (1 of 1 types)"
    assert why_not_planted(some, "zeroed-weight") == "no type came so far that faults are planted"


def test_a_check_that_changes_from_round_to_round_is_a_false_alarm() -> None:
    calm = [[_verdict(padding="passed", batch="failed")] for _ in range(3)]
    assert find_false_alarms(calm) == []
    nervous = [*calm, [_verdict(padding="failed", batch="failed")]]
    assert find_false_alarms(nervous) == ["reader: padding fails in 1 of 4 rounds: "]


def test_weights_that_are_rounded_already_have_nothing_to_break_so() -> None:
    model = torch.nn.Linear(2, 2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.bfloat16().float())
    damage = find_damage("rounded-dtype")
    assert damage is not None
    with torch.no_grad():
        assert not damage(model)
        model.bias.add_(2.0**-20)
        assert damage(model)


@pytest.mark.parametrize("steps", [0, 1])
def test_words_that_no_cache_was_read_for_say_nothing_of_it(
    steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = [torch.ones(1, 4)] * 2
    monkeypatch.setattr(writing, "_own_generate", lambda model: False)
    monkeypatch.setattr(writing, "_scores", lambda *args: scores[:steps])

    class Writer:
        def can_generate(self) -> bool:
            return True

        def forward(self, use_cache: bool = True) -> None: ...

    with pytest.raises(NotApplicableError, match="the first is written without it"):
        writing.check_cache(Writer(), {}, 1e-4, {})
    monkeypatch.setattr(writing, "_scores", lambda *args: scores)
    assert writing.check_cache(Writer(), {}, 1e-4, {}) == ""


@pytest.mark.parametrize("drawn", [False, True])
def test_padding_of_a_text_that_is_answered_by_chance_compares_nothing(drawn: bool) -> None:
    class Chance(torch.nn.Module):
        def forward(self, input_ids: Any, attention_mask: Any) -> dict[str, Any]:
            noise = torch.randn(input_ids.shape).flip(-1) if drawn else input_ids.sum()
            return {"states": input_ids + noise}

    model = Chance()
    inputs = {"input_ids": torch.tensor([[5, 6, 7, 8]]), "attention_mask": torch.ones(1, 4)}
    ours = call(model, inputs)
    if not drawn:
        assert check_padding(model, inputs, ours, 1e-5).startswith("beside masked padding")
        return
    with pytest.raises(NotApplicableError, match="drawn at random"):
        check_padding(model, inputs, ours, 1e-5)


@pytest.mark.parametrize("drawn", [False, True])
def test_samples_that_are_answered_by_chance_are_not_compared(drawn: bool) -> None:
    class Chance(torch.nn.Module):
        def forward(self, states: Any) -> dict[str, Any]:
            return {"states": states + (torch.randn(states.shape) if drawn else states.sum())}

    model, one, two = Chance(), {"states": torch.ones(1, 3)}, {"states": torch.ones(1, 3) * 2}
    ours = call(model, one)
    if not drawn:
        assert check_batch(model, one, two, ours, 1e-5).startswith("beside another sample")
        return
    with pytest.raises(NotApplicableError, match="drawn at random"):
        check_batch(lambda **given: call_turned(model, given), one, two, ours, 1e-5)


def call_turned(model: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Answer with the draws of two samples the other way round."""
    answer = model(**inputs)
    return {name: value.flip(0) for name, value in answer.items()}


class Layered(torch.nn.Module):
    """Three layers, of which the last may be left out."""

    def __init__(self, *, runs: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.third = (torch.nn.Linear(4, 4) for _ in range(3))
        self.runs = runs

    def forward(self, states: Any) -> dict[str, Any]:
        made = torch.tanh(self.first(states))
        return {"logits": self.third(self.second(made) if self.runs else made)}


@pytest.mark.parametrize("fault", ["turned-gradient", "cut-gradient"])
@pytest.mark.parametrize(("runs", "status"), [(True, "passed"), (False, "skipped")])
def test_gradient_that_is_turned_or_cut_in_one_layer_is_found_and_mended(
    fault: str, runs: bool, status: str
) -> None:
    model, given = Layered(runs=runs), {"states": torch.ones(1, 4)}
    subject = Subject(model=model, checks={"gradient": lambda _: check_gradient(model, given)[0]})
    found = try_fault(fault, subject, _verdict(gradient="passed"))
    assert found.status == status
    assert "second.bias" in found.reason or not runs
    assert check_gradient(model, given)[0] == ""
