"""What it looks like where a resumption goes on from another step than its newest checkpoint's."""

from __future__ import annotations

from proofbook_systems.training.evidence import Evidence

__all__ = [
    "count_words",
    "epochs_elsewhere",
    "from_the_beginning",
    "no_checkpoint",
    "older",
    "skipped",
]


def no_checkpoint(evidence: Evidence) -> str | None:
    """Recognise a start from the beginning where nothing was recognised as a checkpoint."""
    if not _begins(evidence) or evidence.control.checkpoints or evidence.departs("loss") is None:
        return None
    return (
        f"steps are counted from {evidence.first} again, with other losses than a new training's: "
        "progress was not restored, and no checkpoint was recognised in the output folder"
    )


def epochs_elsewhere(evidence: Evidence) -> str | None:
    """Recognise epochs that go on elsewhere than the newest checkpoint was made.

    Steps that follow from epochs are places in the data: what these are read with, or in how many
    passes, says more than the count of updates, which may be right.
    """
    found, newest = evidence.control.ended.recognised, evidence.cycle.newest
    in_epochs = found is not None and found.steps_an_epoch > 0
    departs = evidence.departs("loss") or evidence.departs("lr")
    if not in_epochs or not newest or evidence.resumed_at == newest or departs is None:
        return None
    return (
        f"checkpoint {newest} was there, and the epochs that are told go on as after step "
        f"{evidence.resumed_at}: the place in the data was not restored, batches are counted "
        "otherwise (passes of an update), or progress was not restored"
    )


def from_the_beginning(evidence: Evidence) -> str | None:
    """Recognise a training that began again although there was a checkpoint."""
    if not _begins(evidence) or not evidence.cycle.newest_called:
        return None
    newest, weights_of = evidence.cycle.newest_called, evidence.cycle.weights_of
    if weights_of:
        return (
            f"it went on with the weights of step {weights_of}, and steps are counted from "
            f"{evidence.first} again: progress, or the number that checkpoints are called by, was "
            "not restored"
        )
    if evidence.departs("loss") is None:
        return (
            f"checkpoint {newest} was there, and training began again from its beginning: step "
            f"{evidence.first} is that of a new training"
        )
    return (
        f"progress was not restored: checkpoint {newest} was there, and steps are counted from "
        f"{evidence.first} again, with other losses than a new training's"
    )


def older(evidence: Evidence) -> str | None:
    """Recognise a resumption from an older checkpoint than the newest."""
    newest, resumed = evidence.cycle.newest, evidence.resumed_at
    if resumed >= newest:
        return None
    stride = evidence.control.numbering.stride
    begins = f"training went on from {resumed} though checkpoint {newest} was there: an older"
    # Of those that are told every k-th step, the first one tells k that it may have gone on from.
    possible = range(resumed, resumed + max(1, stride))
    saves = [
        each for each in evidence.control.save_ranges if any(map(each.may_hold, possible))
    ]  # fmt: skip
    if any(each.latest < newest for each in saves):
        return f"{begins} checkpoint was taken than the newest"
    if any(each.is_vague(stride) for each in saves):
        return f"{begins} checkpoint was taken, or progress was not restored as it was"
    return (
        f"checkpoint {newest} was taken, and steps are counted from {resumed}: progress was "
        "not restored as it was"
    )


def skipped(evidence: Evidence) -> str | None:
    """Recognise steps that are left out, or counted ahead."""
    newest = evidence.cycle.newest
    departs = evidence.departs("lr") or evidence.departs("loss")
    cycle, stride = evidence.cycle, evidence.control.numbering.stride
    known = bool(cycle.checkpoints) and stride <= 1 and bool(newest or not cycle.newest_called)
    if not known or evidence.resumed_at <= newest or departs is None:
        return None
    ahead = evidence.resumed_at - newest
    steps, told = evidence.control.steps, evidence.told
    if all(n - ahead in steps and steps[n - ahead].loss == told[n].loss for n in told):
        return (
            f"after resuming, steps are called {count_words(ahead)} too late: step "
            f"{evidence.first} has the loss of step {evidence.first - ahead}: progress, or the "
            "log's count, is ahead"
        )
    return (
        f"training went on from {evidence.resumed_at}, and checkpoint {newest} was the newest: "
        f"progress was not restored as it was: {count_words(evidence.resumed_at - newest)} left out"
    )


def _begins(evidence: Evidence) -> bool:
    """Say whether a start counts from the first step; a bar may not have been drawn at that."""
    found = evidence.control.ended.recognised
    slack = 0 if found and found.is_log else evidence.control.numbering.first
    return evidence.resumed_at <= slack


def count_words(count: int) -> str:
    """Return a number of steps in words."""
    return "1 step" if count == 1 else f"{count} steps"
