"""Why does a training not learn? A table of signatures, each with its words; the first that fits.

Their evidence is what was told of its steps, and what changes between its checkpoints. A part that
no optimizer was given may be frozen on purpose: it is asked about, and not blamed.
"""

from __future__ import annotations

import fnmatch
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from proofbook_systems.training import trend
from proofbook_systems.training.layouts import find_checkpoints
from proofbook_systems.training.steps import Step
from proofbook_systems.training.weight_changes import (
    SavedState,
    WeightChanges,
    read_changes,
    read_state,
)

__all__ = ["SIGNATURES", "Learning", "Signs", "find_learning", "judge_learning"]

_SHOWN = 3
"""Names in a sentence."""
_TAIL = 0.1
"""Part of the steps at the end in which a rate of 0 is no longer a schedule's last step."""
_FEWEST = 3
_VISIBLE = 1e-4
"""Part of a weight's largest value by which others change, from which its own change would show."""
_ADAPTER = re.compile(r"lora|adapter|ia3|hada_|lokr_|prefix_encoder|prompt_encoder", re.IGNORECASE)
"""Names of weights that are trained beside a frozen network."""
_SMALL = 16
"""Bits of a number in which a small update may be rounded away."""


@dataclass(frozen=True, kw_only=True)
class Signs:
    """What the signatures look at."""

    steps: Sequence[Step]
    changes: WeightChanges
    output: Path
    pattern: str

    @property
    def rates(self) -> list[tuple[int, float]]:
        """The learning rates that were told, by their steps."""
        return [(step.number, step.lr) for step in self.steps if step.lr is not None]

    @property
    def long(self) -> float:
        """So many steps at the end are more than a schedule's last ones."""
        return max(_FEWEST, _TAIL * self.steps[-1].number) if self.steps else _FEWEST


@dataclass(frozen=True, kw_only=True)
class Learning:
    """What was found."""

    finding: str
    """What is wrong with the weights, in words; empty where nothing is."""
    rise: str
    """How the loss rises; empty where it does not."""
    frozen: tuple[str, ...]
    """Weights that never change, and that no optimizer's state says should."""
    why_unknown: str
    """Why no change of a weight can be seen; empty where it can."""
    words: str
    """What was compared."""
    optimizer: str
    """What the optimizer's state says of weights that never change; empty where it says nothing."""

    @property
    def question(self) -> str:
        """What a person must say of the weights that never change; empty where there are none."""
        if not self.frozen:
            return ""
        kept = f"{_names(self.frozen)} never {_verb(self.frozen)}"
        return f"{kept}{self.optimizer}: frozen on purpose?"

    def explain(self, words: str) -> str:
        """Return the finding, or the rise; else ``words`` and what a person must say."""
        return self.finding or self.rise or "; ".join(filter(None, [words, self.question]))

    @property
    def table(self) -> str:
        """All of it, with every weight that never changes."""
        return "\n".join(
            [self.words, self.why_unknown, self.finding, self.rise, *self.frozen]
        ).strip()


def find_learning(
    steps: Sequence[Step], output: Path, pattern: str, frozen: Sequence[str]
) -> Learning:
    """Say why a training does not learn, from all that it left.

    Args:
        steps: As they were told.
        output: Its output folder.
        pattern: Of the checkpoints' places; empty recognises them.
        frozen: Patterns of names of weights that do not change on purpose; empty says nothing.
    """
    changes = read_changes(output, pattern)
    signs = Signs(steps=steps, changes=changes, output=output, pattern=pattern)
    return judge_learning(signs, frozen)


def judge_learning(signs: Signs, frozen: Sequence[str] = ()) -> Learning:
    """Say why a training does not learn, from its signs; see :func:`find_learning`."""
    changes = signs.changes
    finding = next((words for each in SIGNATURES if (words := each(signs))), "")
    finding = finding or _against(frozen, changes)
    expected = finding or frozen or all(map(_ADAPTER.search, changes.changed))
    unchanged = () if expected else tuple(changes.unchanged)
    steps = {each.step for each in changes.states}
    few = len(changes.states) < 2 or len(steps) < 2 or not changes.names
    where = ", ".join(each.label for each in changes.states) or "nothing"
    return Learning(
        finding=finding, rise=_rise(signs), frozen=unchanged,
        why_unknown=f"weights of {where} were read, and two states of them are needed"
        if few else "",
        words=f"{len(changes.changed)} of {len(changes.names)} weights change over {where}",
        optimizer=_given(changes),
    )  # fmt: skip


def _not_finite(signs: Signs) -> str | None:
    """Recognise values that are NaN or infinite, and where they came first."""
    states = signs.changes.states
    if not states or not _spoilt(states[-1]):
        return None
    told = next((s for s in signs.steps if s.loss is not None and not math.isfinite(s.loss)), None)
    loss = f"the loss is {told.loss} from step {told.number} on; " if told else ""
    before = ""
    for checkpoint in find_checkpoints(signs.output, signs.pattern):
        state = read_state(checkpoint)
        if spoilt := _spoilt(state):
            return f"{loss}{_names(spoilt)} of {state.label} {_are(spoilt)} not finite{before}"
        before = f", and all of {state.label} are finite" if state.weights else before
    return f"{loss}{_names(_spoilt(states[-1]))} of {states[-1].label} are not finite{before}"


def _never_changes(signs: Signs) -> str | None:
    """Recognise a training that changes no weight at all."""
    changes = signs.changes
    if not changes.names or changes.changed or len({each.step for each in changes.states}) == 1:
        return None
    labels = f"{changes.states[0].label} and {changes.states[-1].label}"
    return f"all {len(changes.names)} weights are the same in {labels}: {_why_none(signs)}"


def _rate_at_zero(signs: Signs) -> str | None:
    """Recognise a rate that falls to 0 long before the end."""
    zeros = _tail_of_zeros(signs.rates)
    if not zeros or len(zeros) == len(signs.rates) or zeros[-1] - zeros[0] < signs.long:
        return None
    tail = [each for each in signs.changes.states if each.step >= zeros[0]]
    if not tail or tail[-1].step - tail[0].step < signs.long:
        return None  # it may be told with few digits
    if not all(signs.changes.same(tail[0], each) for each in tail):
        return None  # it is told with few digits, or the rate of other weights is told
    return (
        f"the learning rate is 0 from step {zeros[0]} to the last one, {zeros[-1]}: the scheduler "
        "is at zero, and nothing is learnt since then"
    )


def _stops(signs: Signs) -> str | None:
    """Recognise a training that changes its weights, and from some step on does not."""
    states = signs.changes.states
    for one, other in zip(states[-3:], states[-2:], strict=False):
        if other.step - one.step >= signs.long and signs.changes.same(one, other):
            return (
                f"the weights of {other.label} are those of {one.label}, and the ones before "
                f"differ: nothing is learnt since step {one.step}"
            )
    return None


def _parts(signs: Signs) -> str | None:
    """Recognise weights whose updates arrive elsewhere, or that no gradient reaches."""
    changes = signs.changes
    if not changes.states:
        return None
    state = changes.last
    moved = {(state.weights[n].digest, state.weights[n].shape) for n in changes.changed
             if n in state.weights}  # fmt: skip
    reached = Counter(shape for _, shape in moved)
    live = Counter(each.shape for each in state.moments.values() if each.live)
    dead = Counter(each.shape for each in state.moments.values() if not each.live)
    stuck = [n for n in changes.unchanged if n in state.weights]
    unreached = [n for n in stuck if dead[state.weights[n].shape]]
    updated = [n for n in stuck if live[state.weights[n].shape] > reached[state.weights[n].shape]
               and _would_show(changes, state, n)]  # fmt: skip
    total = len(state.moments)
    if updated:
        among = "" if len(updated) == _lacking(live, reached, state, updated) else "among "
        return (
            f"{among}{_names(updated)} never {_verb(updated)}, and the optimizer makes updates "
            "there: these go to other tensors, such as a copy"
        )
    if any(dead.values()) and any(live.values()):
        where = f": {_names(unreached)}" if unreached else f", of shapes {_shapes(dead)}"
        return (
            f"no gradient other than 0 has reached {sum(dead.values())} of the {total} parameters "
            f"that the optimizer updates{where}: they are cut off from the loss"
        )
    return None


def _rise(signs: Signs) -> str:
    """Say how a loss rises, from its beginning or after it has fallen; empty where it does not."""
    told = [step for step in signs.steps if step.loss is not None and math.isfinite(step.loss)]
    losses = [step.loss for step in told if step.loss is not None]
    if not trend.known(losses) or not (found := trend.find_trend(losses)).rising:
        return ""
    lowest = min(range(len(losses)), key=losses.__getitem__)
    early = lowest < _TAIL * len(losses)
    since = "from its beginning" if early else f"since step {told[lowest].number}"
    cause = (
        "updates go uphill, or are far too large" if early
        else "it had fallen until then: the learning rate is too high, or rises"
    )  # fmt: skip
    sizes = f"to {losses[-1]:.4g} from {losses[lowest]:.4g}"
    return f"the loss rises {since}, {sizes} ({found.words}): {cause}"


Signature = Callable[[Signs], str | None]
SIGNATURES: tuple[Signature, ...] = (
    _not_finite, _rate_at_zero, _never_changes, _stops, _parts,
)  # fmt: skip
"""In this order: what is the cause of the others comes first."""


def _why_none(signs: Signs) -> str:
    """Say why no weight changes, as far as rates and the optimizer's state tell it."""
    state = signs.changes.last
    told = [rate for _, rate in signs.rates]
    saved = [rate for each in signs.changes.states for rate in each.rates]
    live = [each for each in state.moments.values() if each.live]
    if told and not any(told) and not any(saved):
        return f"the learning rate is 0 in all {len(told)} steps that tell it"
    if saved and not any(saved):
        return "the learning rate in their optimizers is 0"
    if not state.has_optimizer:
        return "no update reaches them (frozen, a rate of 0, or an optimizer of other tensors)"
    if not state.having and state.keeps_moments:
        return "the optimizer's state is empty: no gradient has reached the parameters that it has"
    if not state.moments:
        return "no update reaches them (frozen, or an optimizer of other tensors)"
    if not live:
        return "the optimizer's moments are all 0, as every gradient was"
    if {each.bits for each in state.weights.values()} == {_SMALL}:
        return "the optimizer makes updates, which numbers of 16 bits may round away"
    return (
        f"the optimizer makes updates of {len(live)} tensors, which are not these: it has a copy "
        "of them, or others are saved than are trained"
    )


def _against(frozen: Sequence[str], changes: WeightChanges) -> str:
    """Say what departs from what was declared as frozen."""
    if not frozen or not changes.names:
        return ""
    fits = {name: any(fnmatch.fnmatchcase(name, each) for each in frozen) for name in changes.names}
    if moved := [name for name in changes.changed if fits[name]]:
        return f"{_names(moved)} should be frozen, and {_verb(moved)}"
    if stuck := [name for name in changes.unchanged if not fits[name]]:
        return f"{_names(stuck)} never {_verb(stuck)}: not declared as frozen"
    none = [each for each in frozen if not any(fnmatch.fnmatchcase(n, each) for n in fits)]
    return f"frozen names {none[0]}, which no weight is called" if none else ""


def _given(changes: WeightChanges) -> str:
    """Say whether an optimizer has parameters that no gradient has reached."""
    state = changes.last if changes.states else None
    if state is None or not state.keeps_moments or not state.given:
        return ""
    idle = state.given - len(state.having)
    if idle > 0:
        return f", and {idle} of the {state.given} parameters in the optimizer never had a gradient"
    is_rest = state.given <= len(changes.changed)
    return ", and the optimizer does not have them" if is_rest else ""


def _would_show(changes: WeightChanges, state: SavedState, name: str) -> bool:
    """Say whether a change as large as those of the others would show in a weight's digits."""
    weight = state.weights[name]
    sizes = sorted(changes.size_of(each) for each in changes.changed)
    usual = sizes[len(sizes) // 2] if sizes else 0.0
    return weight.bits > _SMALL and usual > _VISIBLE * weight.largest


def _lacking(
    live: Counter[tuple[int, ...]], reached: Counter[tuple[int, ...]], state: SavedState,
    names: Sequence[str],
) -> int:  # fmt: skip
    shapes = {state.weights[name].shape for name in names}
    return sum(live[shape] - reached[shape] for shape in shapes)


def _tail_of_zeros(rates: Sequence[tuple[int, float]]) -> list[int]:
    """Return the steps at the end whose rate is 0."""
    zeros: list[int] = []
    for number, rate in reversed(rates):
        if rate != 0:
            break
        zeros.insert(0, number)
    return zeros


def _spoilt(state: SavedState) -> list[str]:
    return [
        name for name, each in state.weights.items()
        if not math.isfinite(each.largest) and "mask" not in name
    ]  # fmt: skip


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _verb(names: Sequence[str]) -> str:
    return "changes" if len(names) == 1 else "change"


def _shapes(shapes: Counter[tuple[int, ...]]) -> str:
    return ", ".join(str(list(shape)) for shape in list(shapes)[:_SHOWN])
