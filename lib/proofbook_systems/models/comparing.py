"""Checks that compare two answers of one model, with tolerances from its float64 reference."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from proofbook_systems.models.choices import is_lost_in_choice
from proofbook_systems.models.inputs import Inputs, join
from proofbook_systems.models.layouts import MODALITIES
from proofbook_systems.models.outputs import (
    Distance,
    Outputs,
    call,
    equal,
    first_sample,
    measure_distance,
)
from proofbook_systems.models.references import EXACT, in_float64, widen
from proofbook_systems.models.widening import InFloat64

__all__ = [
    "NoSuchPartError",
    "NotApplicableError",
    "beyond",
    "check_batch",
    "check_determinism",
    "check_sensitivity",
    "exchange_each",
    "refuse_draws",
]

_DROPPING = (
    functional.dropout, functional.dropout1d, functional.dropout2d, functional.dropout3d,
    functional.alpha_dropout, functional.feature_alpha_dropout,
)  # fmt: skip
_SCORES = "logits"
_ON_THE_WAY = re.compile(r"hidden_state|attentions|embed|features|pooler_output")
"""What a model has made of its inputs before it scores; whatever else it answers is a result."""
_ROUNDINGS = 8
"""How many changes by a rounding are tried before an answer counts as steady."""


class NotApplicableError(Exception):
    """A check cannot be made; the message says why."""


class NoSuchPartError(NotApplicableError):
    """A check asks of what a model of this kind does not have."""


def check_determinism(model: Any, inputs: Inputs, ours: Outputs) -> str:
    """Return where a second call with the same seed answers otherwise, or drops numbers.

    A dropout that is on outside of training hides behind the seed, and shows wherever two ways to
    one answer draw differently.
    """
    watching = _Dropouts()
    with watching:
        again = call(model, inputs)
    if watching.share:
        return f"drops {watching.share:g} of its numbers at random, and is not trained"
    same = ours.keys() == again.keys() and all(equal(ours[n], again[n]) for n in ours)
    return "" if same else f"two equal calls differ: {_words(measure_distance(ours, again))}"


class _Dropouts(TorchFunctionMode):
    """Notes the share that a dropout leaves out."""

    share = 0.0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _DROPPING and kwargs.get("training", True) and len(args) == 1:
            self.share = self.share or kwargs.get("p", 0.5)
        return func(*args, **kwargs)


def check_sensitivity(model: Any, inputs: Inputs, other: Inputs, ours: Outputs) -> str:
    """Return which input can be exchanged without any change of the answer.

    An input that reaches a choice, of the nearest code or a rounding, on which the answer depends,
    was looked at, too. Where a model scores, its results must depend on it: what an encoder has
    made of an image is often answered beside them, and says nothing of what became of it. Results
    that no input moves, as the share of one text among one, say nothing either: then all that is
    answered is compared.

    Raises:
        NotApplicableError: No input could be exchanged.
    """
    answers = {
        name: (changed, call(model, changed)) for name, changed in exchange_each(inputs, other)
    }
    if not answers:
        raise NotApplicableError("no input could be exchanged for another")
    names = _name_results(ours)
    unmoved = {n for n, (_, theirs) in answers.items() if not _moved(ours, theirs, names)}
    if unmoved == answers.keys():
        unmoved = {n for n, (_, theirs) in answers.items() if not _moved(ours, theirs, set(ours))}
    blind = [
        name
        for name, (changed, _) in answers.items()
        if name in unmoved and not is_lost_in_choice(model, inputs, changed, ours)
    ]
    return f"the answer does not depend on {', '.join(blind)}" if blind else ""


def exchange_each(inputs: Inputs, other: Inputs) -> Iterator[tuple[str, Inputs]]:
    """Yield each input that can be exchanged for another sample's, and all inputs with that."""
    for name in [n for n in inputs if n in other and _carries(n, inputs[n])]:
        value = _exchanged(inputs, other, name)
        if value.shape == inputs[name].shape and not torch.equal(value, inputs[name]):
            yield name, {**inputs, name: value}


def _name_results(outputs: Outputs) -> set[str]:
    """Return what a model answers, without what it has made on the way where it scores."""
    if not any(_SCORES in name for name in outputs):
        return set(outputs)
    return {name for name in outputs if _SCORES in name or not _ON_THE_WAY.search(name)}


def _moved(ours: Outputs, theirs: Outputs, names: set[str]) -> bool:
    """Say whether answers differ in these outputs, or in which outputs there are."""
    if ours.keys() != theirs.keys():
        return True
    before = {name: ours[name] for name in ours if name in names}
    after = {name: theirs[name] for name in before}
    return bool(measure_distance(before, after).share) or _choices_differ(before, after)


def _carries(name: str, value: Any) -> bool:
    """Say whether an input carries what a model looks at; masks and places do not."""
    if not isinstance(value, torch.Tensor):
        return False
    return name in MODALITIES or (value.is_floating_point() and "mask" not in name)


def _choices_differ(ours: Outputs, theirs: Outputs) -> bool:
    return any(
        name in theirs and not torch.equal(value, theirs[name])
        for name, value in ours.items()
        if not value.is_floating_point()
    )


def _exchanged(inputs: Inputs, other: Inputs, name: str) -> torch.Tensor:
    value: torch.Tensor = inputs[name]
    if value.is_floating_point() or value.shape != other[name].shape:
        return other[name]  # type: ignore[no-any-return]
    # Placeholders stay: ids below 64 are the special ones where the vocabulary is large enough.
    special = value < 64 if int(value.max()) >= 64 else torch.zeros_like(value, dtype=torch.bool)
    changed = torch.where(special, value, other[name])
    if torch.equal(changed, value):  # both samples have the words that a hint writes
        changed[~special] = value[~special].roll(1)
    return changed


def check_batch(
    model: Callable[..., Any], inputs: Inputs, other: Inputs, ours: Outputs, tolerance: float
) -> str:
    """Return how the answer to a sample changes where another one is in the batch.

    A choice, as of the best of many boxes, can be turned over by a rounding, and all that follows
    with it. That excuses a difference where none is left in float64, and where the sample alone is
    answered otherwise, too, once weights are changed by a rounding.

    Raises:
        NotApplicableError: No output has a batch; or another seed changes the answer, as the draws
            for two samples do.
    """
    distance = _beside(model, inputs, other, ours)
    words = beyond("beside another sample", distance, tolerance)
    excused = (
        words and _is_exact(model, inputs, other) and _is_unsteady(model, inputs, ours, tolerance)
    )
    if words and not excused:
        refuse_draws(model, inputs, ours, tolerance)
    return "" if excused else words


def refuse_draws(
    model: Callable[..., Any], inputs: Inputs, ours: Outputs, tolerance: float
) -> None:
    """Refuse a comparison of which two sides draw otherwise.

    Raises:
        NotApplicableError: Another seed changes the answer.
    """
    if measure_distance(ours, call(model, inputs, seed=1)).share > tolerance:
        raise NotApplicableError("its answer is drawn at random, for other sizes otherwise")


def _beside(model: Callable[..., Any], inputs: Inputs, other: Inputs, ours: Outputs) -> Distance:
    both = call(model, join([inputs, other]))
    first = first_sample(both, ours)
    # A loss, or what else has one size for any batch, is about all samples together.
    batched = {
        n: v
        for n, v in first.items()
        if n in ours and v.shape != both[n].shape and not n.endswith("loss")
    }
    comparable = {n: v for n, v in batched.items() if v.shape == ours[n].shape}
    if not comparable:
        raise NotApplicableError("no output has a batch to compare")
    return measure_distance({n: ours[n] for n in comparable}, comparable)


def _is_exact(model: Any, inputs: Inputs, other: Inputs) -> bool:
    """Say whether a model answers a sample beside another one as alone, where hardly is rounded."""
    try:
        exact, one, two = in_float64(model), widen(inputs), widen(other)
        with InFloat64():
            return _beside(exact, one, two, call(exact, one)).share <= EXACT
    except Exception:  # noqa: BLE001 - what does not run in float64 is judged by float32 alone
        return False


def _is_unsteady(model: Any, inputs: Inputs, ours: Outputs, tolerance: float) -> bool:
    """Say whether weights that a rounding changes change the answer to one sample alone."""
    return any(
        beyond("", measure_distance(ours, call(_rounded(model, seed), inputs)), tolerance)
        for seed in range(_ROUNDINGS)
    )


def _rounded(model: Any, seed: int) -> Any:
    """Return a copy of which each weight is the next number above or below."""
    noise, copied = torch.Generator().manual_seed(seed), copy.deepcopy(model)
    with torch.no_grad():
        for parameter in copied.parameters():
            if parameter.is_floating_point():
                up = torch.rand(parameter.shape, generator=noise) < 0.5
                target = torch.where(up, torch.inf, -torch.inf).to(parameter.dtype)
                parameter.copy_(torch.nextafter(parameter, target))
    return copied


def beyond(what: str, distance: Distance, tolerance: float) -> str:
    """Return how far an answer is by more than rounding; empty where it is not."""
    if distance.share <= tolerance and math.isfinite(distance.share):
        return ""
    return f"{what} {_words(distance)}; rounding explains {tolerance:.1e}"


def _words(distance: Distance) -> str:
    return f"{distance.where} is {distance.share:.1e} away"
