"""What the departures of a resumed training look like: a table of signatures, each with its words.

Each signature looks at the same evidence, and returns a sentence where it recognises its cause.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, get_args

from proofbook_systems.training.comparison import size_words
from proofbook_systems.training.departing_weights import Kind
from proofbook_systems.training.evidence import Evidence
from proofbook_systems.training.magnitudes import (
    common_factor,
    departs_hardly,
    has_same_data,
    mean_loss,
    noise,
    one_tensor,
    rate_shift,
    relative_size,
)
from proofbook_systems.training.modes import recognise_mode
from proofbook_systems.training.optimizer_signatures import new_optimizer
from proofbook_systems.training.progress_signatures import (
    count_words,
    epochs_elsewhere,
    from_the_beginning,
    no_checkpoint,
    older,
    skipped,
)
from proofbook_systems.training.roles import Role

__all__ = ["AMBIGUOUS", "SIGNATURES", "Recognised", "Signature", "recognise"]

_ROUNDED = 1e-3
"""Part of the weights by which rounding changes them at the most, some steps later."""
_FEW = 5
"""Steps whose mean loss is compared with that of a new training."""

Signature = Callable[[Evidence], str | None]


def _scheduler(evidence: Evidence) -> str | None:
    number = evidence.departs("lr")
    if number is None:
        return _scheduler_state(evidence)
    steps, ours = evidence.control.steps, evidence.told[number].lr
    size = f"the learning rate at step {number} is {ours}, and {steps[number].lr} uninterrupted"
    shift = rate_shift(evidence, number)
    later = [n for n in evidence.told if n >= number and n in steps]
    pairs = [(evidence.told[n].lr or 0.0, steps[n].lr or 0.0) for n in later]
    if shift is None and (factor := common_factor(pairs)):
        return (
            f"{evidence.start()}: {size}: from there on it is {factor:.3g} times as large: the "
            "schedule goes on, with another largest rate"
        )
    if shift == evidence.resumed_at:
        size = f"the learning rate at step {number} is that of step {number - shift}"
    elif shift is not None:
        ahead = "behind" if shift > 0 else "ahead"
        return (
            f"{evidence.start()}: the learning rate at step {number} is that of step "
            f"{number - shift}: the scheduler is {count_words(abs(shift))} {ahead}"
        )
    return f"{evidence.start()}: {size}: the scheduler was not restored"


def _scheduler_state(evidence: Evidence) -> str | None:
    for key in evidence.states.get("scheduler", ()):
        ours, theirs = evidence.ours.get(key), evidence.theirs.get(key)
        if isinstance(ours, int) and isinstance(theirs, int):
            more = f"{count_words(ours - theirs)} more than uninterrupted were made by then"
            return (
                f"{evidence.start()}: the scheduler in checkpoint {evidence.at} has counted to "
                f"{ours} and not to {theirs}: {'it was not restored' if ours < theirs else more}"
            )
    return None


def _counters(evidence: Evidence) -> str | None:
    differing = evidence.states.get("step counters", {})
    saved = [evidence.resumed_at, *map(evidence.control.step_of, evidence.control.saved)]
    for key in differing:
        ours, theirs = _number(evidence.ours.get(key)), _number(evidence.theirs.get(key))
        if ours is None or theirs is None:
            continue
        what = "the optimizer's step counters" if len(differing) > 1 else f"the step counter {key}"
        cause, at = "fewer or more updates were made", evidence.step_of(key)
        if at - ours in saved:  # it began again there
            cause = (
                "the optimizer was not restored" if len(differing) > 1 else "it was not restored"
            )
        return (
            f"{evidence.start()}: {what} in checkpoint {at} say {ours:g} and not "
            f"{theirs:g}: {cause}"
        )
    return None


def _settings(evidence: Evidence) -> str | None:
    for key in evidence.states.get("optimizer", ()):
        if "param_groups" in key and not key.endswith("lr"):
            return (
                f"{evidence.start()}: the optimizer's setting {key} in checkpoint {evidence.at} is "
                f"{_say(evidence.ours.get(key))} and not {_say(evidence.theirs.get(key))}"
            )
    return None


def _not_finite(evidence: Evidence) -> str | None:
    number = evidence.departs("loss")
    loss = evidence.told[number].loss if number is not None else None
    if loss is None or math.isfinite(loss):
        return None
    return f"{evidence.start()}: the loss at step {number} is {loss}"


def _scaler(evidence: Evidence) -> str | None:
    differing = evidence.states.get("scaler")
    if not differing or (evidence.loss_departs_at_once and "weights" in evidence.states):
        return None
    key = next(iter(differing))
    return (
        f"{evidence.start()}: the gradient scaler's {key} in checkpoint {evidence.at} is "
        f"{_say(evidence.ours.get(key))} and not {_say(evidence.theirs.get(key))}: the scaler was "
        "not restored"
    )


def _average(evidence: Evidence) -> str | None:
    alone = "EMA" in evidence.states and "weights" not in evidence.states
    if not alone or evidence.departs("loss") is not None:
        return None
    return _largest(evidence, "EMA", "the moving average of the weights (EMA) was not restored")


def _random(evidence: Evidence) -> str | None:
    if "random numbers" in evidence.states:
        return (
            f"{evidence.start()}: the state of random numbers in checkpoint {evidence.at} is "
            f"another one{_loss_words(evidence)}: the random number generators were not restored"
        )
    missing = {"random numbers", "order of the data"} - evidence.saved
    departs = evidence.loss_departs_at_once or evidence.departs_untold
    if not departs or "random numbers" not in missing or not evidence.saved:
        return None
    what = _loss_words(evidence)[1:] or f" the weights in checkpoint {evidence.at} depart"
    return (
        f"{evidence.start()}:{what}, and no checkpoint holds the "
        f"{' or the '.join(sorted(missing, reverse=True))}: they were not restored"
    )


def _unsaved(evidence: Evidence) -> str | None:
    departs = evidence.departs("loss") is not None or "weights" in evidence.states
    if not departs or not evidence.unsaved:
        return None
    return (
        f"{evidence.start()}: {evidence.unsaved[0]} is in the final model and in no checkpoint: it "
        "was not saved"
    )


def _order(evidence: Evidence) -> str | None:
    if "order of the data" in evidence.states:
        return _largest(evidence, "order of the data", "the order of the data was not restored")
    known = "random numbers" in evidence.saved
    if not known or not evidence.loss_departs_at_once or has_same_data(evidence):
        return None
    start = f"{evidence.start()}:{_loss_words(evidence)[1:]} while the random numbers"
    if "order of the data" in evidence.saved and evidence.cycle.partly_told is not None:
        return None  # it may have departed some steps after resuming
    if "order of the data" in evidence.saved:
        return (
            f"{start} and the order of the data in checkpoint {evidence.at} are the same: weights "
            "were not restored as they were saved, or the data of an epoch were shuffled again"
        )
    return f"{start} are the same: other data: the order of the data (sampler) was not restored"


def _new_weights(evidence: Evidence) -> str | None:
    """Recognise losses that are those of a new training: far above those that were reached."""
    if not evidence.loss_departs_at_once:
        return None
    told = sorted(evidence.told)[:_FEW]
    ours = mean_loss(evidence.told, told)
    theirs = mean_loss(evidence.control.steps, told)
    new = mean_loss(evidence.control.steps, sorted(evidence.control.steps)[: len(told)])
    if None in (ours, theirs, new) or evidence.resumed_at < _FEW:
        return None
    assert ours is not None and theirs is not None and new is not None
    learnt = new - theirs
    if learnt <= 3 * noise(evidence) or abs(ours - new) > 0.3 * learnt:
        return None
    return (
        f"{evidence.start()}: the losses are those of a new training, {ours:.4g} and not "
        f"{theirs:.4g}: the weights were not restored"
    )


def _rounded(evidence: Evidence) -> str | None:
    hardly = departs_hardly(evidence)
    small = relative_size(evidence, "weights") <= _ROUNDED or hardly
    unseen = evidence.departs("loss") is None and "weights" in evidence.states
    if not (evidence.loss_departs_at_once or unseen) or not small:
        return None
    same = hardly or not evidence.loss_departs_at_once or has_same_data(evidence)
    if not evidence.coarse and not same:
        return None
    if unseen and relative_size(evidence, "optimizer") > 10 * _ROUNDED:
        return None
    return (
        f"{evidence.start()}:{_loss_words(evidence)[1:] or ' the losses are the same'}"
        f"{_weights_words(evidence)}: the weights were rounded when they were saved or loaded"
    )


def _other_weights(evidence: Evidence) -> str | None:
    kept = {"random numbers", "order of the data"} <= evidence.saved
    kept = kept and evidence.cycle.partly_told is None
    if not evidence.loss_departs_at_once or not kept or not has_same_data(evidence):
        return None
    return (
        f"{evidence.start()}:{_loss_words(evidence)[1:]} with the same data and random numbers: "
        "the weights are not those that were saved (not all were restored, or another copy of "
        "them was), or the network is in another mode, such as without dropout"
    )


def _part(evidence: Evidence) -> str | None:
    # What was rounded departs by much in one tensor, too: that which has small values, or none.
    at_once = evidence.loss_departs_at_once and not evidence.coarse
    tensor = one_tensor(evidence) if at_once else None
    if tensor is None:
        return None
    return (
        f"{evidence.start()}:{_loss_words(evidence)[1:]}, and {tensor} departs far more than the "
        "rest: it was not restored"
    )


def _moments(evidence: Evidence) -> str | None:
    unseen = evidence.departs("loss") is None and "optimizer" in evidence.states
    if not evidence.loss_departs_later and not unseen:
        return None
    lacking = evidence.saved and "optimizer" not in evidence.saved
    missing = ", which no checkpoint holds," if lacking else ""
    partly = evidence.cycle.partly_told is not None
    first = "the first loss is not comparable" if partly else "the first steps are the same"
    where = _loss_words(evidence) or f" in checkpoint {evidence.at}"
    return (
        f"{evidence.start()}: {first}, and then{where.removeprefix(',')}: the "
        f"optimizer's moments{missing} were not restored, or its updates go to other weights"
    )


SIGNATURES: tuple[Signature, ...] = (
    no_checkpoint, epochs_elsewhere, from_the_beginning, older, skipped, _not_finite,
    new_optimizer, _scheduler, _scaler, _counters, _settings, _average, _unsaved, _part,
    recognise_mode,
    _new_weights, _rounded, _random, _order, _other_weights, _moments,
)  # fmt: skip
"""In this order: what is the cause of the others comes first."""


_ALL: frozenset[Kind] = frozenset(get_args(Kind))
_SHOWN: dict[Signature, frozenset[Kind]] = {
    no_checkpoint: _ALL, from_the_beginning: _ALL, older: _ALL, skipped: _ALL,
    new_optimizer: frozenset({"rates", "moments", "settings"}),
    _scheduler: frozenset({"rates", "moments"}), _scaler: frozenset({"gradient", "moments"}),
    _counters: frozenset({"moments", "rates", "settings"}),
    _settings: frozenset({"settings", "moments"}),
    _unsaved: frozenset({"weights"}), _random: frozenset({"gradient"}),
}  # fmt: skip
"""What of an update follows from what a checkpoint, or the count of steps, shows for certain."""
AMBIGUOUS = frozenset({_new_weights, _random, _order, _other_weights, _moments})
"""Those whose causes look alike in losses: an experiment tells them apart."""


class Recognised(NamedTuple):
    """What a resumption looks like."""

    words: str
    ambiguous: bool
    """Whether others look alike."""
    shown: frozenset[Kind]
    """What of an update follows from it."""


def recognise(evidence: Evidence) -> Recognised | None:
    """Return what a resumption looks like; None if like nothing."""
    told = ((signature, signature(evidence)) for signature in SIGNATURES)
    return next(
        (Recognised(words, signature in AMBIGUOUS, _SHOWN.get(signature, frozenset()))
         for signature, words in told if words),
        None,
    )  # fmt: skip


def _loss_words(evidence: Evidence) -> str:
    number = evidence.departs("loss")
    if number is None:
        return ""
    return f", the loss at step {number} departs {size_words(evidence.gap(number))}"


def _weights_words(evidence: Evidence) -> str:
    part = relative_size(evidence, "weights")
    return f", and the weights in checkpoint {evidence.at} by a part of {part:.1g}" if part else ""


def _largest(evidence: Evidence, role: Role, cause: str) -> str:
    differing = evidence.states[role]
    key = max(differing, key=lambda each: (math.isnan(differing[each]), differing[each]))
    return (
        f"{evidence.start()}: {key} in checkpoint {evidence.at} departs "
        f"{size_words(differing[key])}: {cause}"
    )


def _number(value: Any) -> float | None:
    if hasattr(value, "reshape") and len(value.reshape(-1)) == 1:
        return float(value.reshape(-1)[0])
    return float(value) if isinstance(value, int | float) else None


def _say(value: Any) -> str:
    number = _number(value)
    return "another" if number is None else f"{number:g}"
