"""The lines in which trainers print their steps: a table of forms, each with a sample.

Knows nothing about files and processes.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from proofbook.errors import SubjectError

__all__ = [
    "FORMS",
    "LineForm",
    "Told",
    "logs_an_epoch",
    "own_form",
    "read_lines",
    "split_lines",
    "steps_an_epoch",
    "with_steps",
    "without_partial_losses",
]

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf(?:inity)?)"
_QUOTED = rf"[\"']?(?P<value>{_NUMBER})"
_IS = r"[\"']?\s*(?:[:=]\s*|\s)"
_LOSS = re.compile(
    r"(?<![A-Za-z0-9_/.])(?:(?:train(?:ing)?|total|avr|avg|mean|average|step|lm|running|smooth(?:ed)?)"
    rf"[ _/-]?)*loss(?:[ _/-](?:train|step|total|avg))*{_IS}{_QUOTED}",
    re.IGNORECASE,
)
_RATE = re.compile(
    rf"(?<![A-Za-z0-9_])(?:lr|learning[ _]rate|train/lr"
    rf"|lr[-_](?:unet|text|adamw?|sgd|group|pg|\d)\w*){_IS}{_QUOTED}",
    re.IGNORECASE,
)
_EPOCH = re.compile(rf"[\"']epoch[\"']\s*:\s*{_QUOTED}")
_HELD_OUT = re.compile(r"(?:val|valid|validation|eval|test)[ _/-]*loss", re.IGNORECASE)
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class LineForm(NamedTuple):
    """One way to print a step."""

    name: str
    pattern: re.Pattern[str]
    """With the group ``step``; ``epoch`` and ``total`` where steps are counted within an epoch."""
    sample: str
    """A line of that form: its step is 5 (of epoch 1, of 30), its loss 0.25."""
    worded: bool = False
    """Whether lines that call a step differently are about different things."""


class Told(NamedTuple):
    """What one line tells of a step."""

    step: int | None
    """As it is printed; None where the line has none."""
    epoch: int | None
    total: int | None
    """Steps of an epoch, where they are counted within one."""
    loss: float | None
    lr: float | None
    word: str = ""
    """What the line calls a step."""
    line: str = ""
    passed: float | None = None
    """Epochs that have passed, where a dictionary tells them."""
    in_parts: bool = False
    """Whether its line counts something else, too, such as the parts of a batch."""


def _form(name: str, pattern: str, sample: str, *, worded: bool = False) -> LineForm:
    return LineForm(name, re.compile(pattern, re.IGNORECASE), sample, worded)


_OF = r"(?P<step>\d+)\s*/\s*(?P<total>\d+)"
FORMS: tuple[LineForm, ...] = (
    _form(
        "progress bar within an epoch",
        rf"Epoch:?\s+\[?(?P<epoch>\d+)(?:/\d+)?\]?:?.*?(?:\||━+\s|\s){_OF}\s*(?:\[|[-\d]+:)",
        "Epoch 1:  17%|█▋    | 5/30 [00:01<00:05, 4.9it/s, v_num=0, train_loss=0.250]",
    ),
    _form(
        "step within an epoch",
        rf"Epoch(?:\(train\))?:?\s*\[?\s*(?P<epoch>\d+)(?:/\d+)?\s*\]?\W*(?:(?:Step|Iter|Batch)\w*\W*)?[\[|]\s*{_OF}",
        "Epoch [1/3], Step [5/30], Loss: 0.2500",
    ),
    _form(
        "progress bar",
        r"(?<!\d)(?P<step>\d+)/(?P<total>\d+) \[[^\]]*\]?",
        "Steps:  17%|█▋    | 5/30 [00:01<00:05,  1.00s/it, loss=0.25, lr=5e-06]",
    ),
    _form(
        "progress bar of Keras",
        r"(?<!\d)(?P<step>\d+)/\d+ [━=>.\[]+",
        "5/30 ━━━━━━━━━━━━━━━━━━━━ 1s 4ms/step - loss: 0.2500",
    ),
    _form(
        "step of all in brackets",
        r"\[(?:\w+[=: ]\s*)?\s*(?P<step>\d+)\s*/\s*\d+\s*(?:\([^)]*\))?\]",
        "[5/30] loss: 0.25",
    ),
    _form(
        "step by name",
        r"(?<![A-Za-z_])(?:global[ _]?)?(?:train(?:ing|er)?[ _/])?"
        r"(?:steps?|iter(?:ation)?s?|update|batch)(?:_num)?[\"']?\s*[:=#]?\s*\[?\s*(?P<step>\d+)(?![.\d]|\s*(?:[mun]?s\b|%))",
        "iter 5: loss 0.2500, time 12.00ms, mfu 1.00%",
        worded=True,
    ),
    _form(
        "number before a bar",
        r"^\s*(?P<step>\d+)(?:\s*/\s*\d+)?\s*[|:,]\s*(?=\S.*loss|loss)",
        "5 | loss 0.2500 | lr 1.0e-04 | 439.59ms | mfu 0.00%",
    ),
    _form(
        "epoch by name",
        r"(?<![A-Za-z])epoch[\"']?\s*[:=#]?\s*\[?\s*(?P<step>\d+)(?![.\d]|\s*%)",
        "Epoch 5/30 - train loss: 0.25",
    ),
)
"""In the order in which one is taken where several fit the same lines."""

_UPDATES = ("global", "update", "step", "iter")
"""What counts updates, the likeliest first, where a line counts several things."""
_BAR = FORMS[2].pattern
_UNNUMBERED = _form(
    "dictionary next to a progress bar",
    r"^\s*(?P<dictionary>\{[\"'].*[\"']?loss[\"'].*\})\s*$",
    "{'loss': 0.25, 'grad_norm': 1.5, 'learning_rate': 5e-05, 'epoch': 0.2}",
)


def own_form(pattern: str) -> LineForm:
    """Return the form that a person gave as a regular expression.

    Raises:
        SubjectError: It is none, or has no group ``step``.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise SubjectError(
            f"log_pattern {pattern!r} is not a regular expression: {error}"
        ) from None
    if "step" not in compiled.groupindex:
        raise SubjectError(
            f"log_pattern {pattern!r} has no group (?P<step>…); give one, and (?P<loss>…) and "
            "(?P<lr>…) where lines tell them"
        )
    return LineForm("log_pattern", compiled, "")


def split_lines(printed: str) -> list[str]:
    """Return what was printed line by line, without colours; bars may rewrite their line."""
    return re.split(r"[\r\n]+", _COLOUR.sub("", printed))


def read_lines(lines: Iterable[str], form: LineForm | None) -> Iterator[Told]:
    """Yield what the lines of one form tell; a line without a loss or a learning rate is another.

    Args:
        lines: As :func:`split_lines` returns them.
        form: None for dictionaries, whose step is that of the progress bar before them.
    """
    if form is None:
        yield from _read_dictionaries(lines)
        return
    pending: re.Match[str] | None = None
    for line in lines:
        match = _best_match(form, line)
        told = _told(form, match or pending, line) if match or pending else None
        if told is not None:
            yield told
        # Rich bars, and some logs, have the numbers of a step in the line below it.
        pending = match if match and told is None else None


def _best_match(form: LineForm, line: str) -> re.Match[str] | None:
    """Return the counter of a line; of several, that of the updates, as in names of checkpoints.

    A line such as ``iter 12 step 6`` counts the parts of a batch, too.
    """
    found = list(form.pattern.finditer(line)) if form.worded else []
    if len(found) < 2:
        return form.pattern.search(line)
    return min(found, key=lambda match: next(
        (rank for rank, word in enumerate(_UPDATES) if word in match.group().casefold()),
        len(_UPDATES),
    ))  # fmt: skip


def _told(form: LineForm, match: re.Match[str] | None, line: str) -> Told | None:
    assert match is not None
    groups = match.groupdict()
    loss = _named(groups, "loss") if "loss" in groups else _value(_LOSS, line)
    rate = _named(groups, "lr") if "lr" in groups else _value(_RATE, line)
    if loss is None and rate is None and "loss" not in groups:
        return None
    epoch, total = _whole(groups, "epoch"), _whole(groups, "total")
    word = re.sub(r"[^a-z]", "", match.group().casefold()) if form.worded else ""
    parts = form.worded and len(list(form.pattern.finditer(line))) > 1
    return Told(int(groups["step"]), epoch, total, loss, rate, word, line.strip(), in_parts=parts)


def without_partial_losses(told: Sequence[Told]) -> list[Told]:
    """Return lines without the losses of a first and a last step that is told in part.

    A batch in two parts is told in two lines. A start may begin between them, or end there.
    """
    if not any(each.in_parts for each in told):
        return list(told)
    groups = [list(group) for _, group in itertools.groupby(told, lambda each: each.step)]
    sizes = [len(group) for group in groups]
    usual = max(set(sizes), key=sizes.count)
    for group in (groups[0], groups[-1]):
        if len(group) < usual:
            group[-1] = group[-1]._replace(loss=None)
    return [each for group in groups for each in group]


def steps_an_epoch(told: Sequence[Told]) -> float:
    """Return how many steps an epoch has, from dictionaries that tell epochs beside a bar's steps.

    A bar that is printed rarely is behind its dictionaries, and right when it comes to its end.
    """
    rates = [each.step / each.passed for each in told if each.step and each.passed]
    return float(round(max(rates, default=0.0)))


def logs_an_epoch(told: Sequence[Told]) -> float:
    """Return how many times an epoch tells, from the epochs that dictionaries tell; 0 where none.

    Nothing but the distance between two tells it, where there is no step beside them.
    """
    passed = sorted({each.passed for each in told if each.passed})
    gaps = [b - a for a, b in itertools.pairwise([0.0, *passed])]
    return 1 / min(gaps) if gaps else 0.0


def with_steps(told: Sequence[Told], rate: float) -> list[Told]:
    """Return lines with steps: by the epochs that they tell, or by their place."""
    if rate and all(each.passed is not None for each in told):
        return [each._replace(step=round((each.passed or 0.0) * rate)) for each in told]
    return [
        each if each.step is not None else each._replace(step=place)
        for place, each in enumerate(told, 1)
    ]


def _read_dictionaries(lines: Iterable[str]) -> Iterator[Told]:
    lines = list(lines)
    step, total = None, _total_of_the_bar(lines)
    for line in lines:
        # A bar that did not end its line stands before the dictionary.
        for bar in _BAR.finditer(line):
            if total == bar["total"]:
                step = int(bar["step"])
        start = line.find("{")
        if start >= 0 and "train_runtime" in line[start:]:
            continue  # the summary of a whole training
        if start >= 0 and _UNNUMBERED.pattern.search(line[start:]):
            loss, epoch = _value(_LOSS, line), _EPOCH.search(line)
            if loss is not None:
                told = float(epoch["value"]) if epoch else None
                yield Told(
                    step, None, None, loss, _value(_RATE, line), "", line[start:].strip(), told
                )


def _total_of_the_bar(lines: Sequence[str]) -> str | None:
    """Return the total of the bar that counts steps: there are others, such as of written files.

    It is one that stands before a dictionary in its line, or that goes on beside them.
    """
    counts: dict[str, set[str]] = {}
    for line in lines:
        bars = list(_BAR.finditer(line))
        start = line.find("{")
        if start >= 0 and bars and _UNNUMBERED.pattern.search(line[start:]):
            return bars[-1]["total"]
        for bar in bars:
            counts.setdefault(bar["total"], set()).add(bar["step"])
    total = max(counts, key=lambda each: len(counts[each]), default=None)
    return total if total is not None and len(counts[total] - {"0"}) > 1 else None


def _value(pattern: re.Pattern[str], line: str) -> float | None:
    for match in pattern.finditer(line):
        before = line[max(0, match.start() - 12) : match.end()]
        if not _HELD_OUT.search(before):
            return float(match["value"])
    return None


def _named(groups: dict[str, str | None], name: str) -> float | None:
    text = groups[name]
    return None if text is None else float(text)


def _whole(groups: dict[str, str | None], name: str) -> int | None:
    text = groups.get(name)
    return None if text is None else int(text)
