"""Say what was wrong with one run of a stage; the first fault is the cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from proofbook_systems.apis.faulty_server import Call
from proofbook_systems.pipeline.integrations.messages import cause_fault, tells_fallback
from proofbook_systems.pipeline.integrations.trials import Terms, Trial

__all__ = ["judge", "judge_control", "publications"]

_EARLY = 0.9
"""Share of a wait that is enough: clocks differ."""


def judge_control(trial: Trial) -> list[str]:
    """Return what is wrong where nothing was wrong with the API."""
    faults = [*trial.run.faults, *trial.leftovers.faults, *trial.leftovers.missing]
    if trial.run.ended_well and trial.costing and not trial.right:
        told = sorted({str(call.status) for call in trial.costing})
        faults.append(
            f"{trial.run.stage} ended with code 0, though all of its {len(trial.costing)} calls "
            f"were answered with {', '.join(told)}"
        )
    elif trial.run.ended_well and not trial.right:
        faults.append(
            f"{trial.run.stage} ended well and made no call: which variable or "
            f"argument points it at the API? Give it in addresses.{trial.service.name}"
        )
    return [*faults, *trial.leaks]


def judge(trial: Trial, control: Trial, terms: Terms) -> list[str]:
    """Return what is wrong with a run in a case, against the run where nothing was wrong."""
    if trial.run.code is None:
        calls = f"{len(trial.calls)} calls were made"
        return [f"{trial.run.stage} did not end within {terms.patience:g} s; {calls}"]
    return [
        *_retries(trial, control, terms), *_waits(trial), *trial.leaks,
        *(_success(trial, control, terms) if trial.run.ended_well else _failure(trial, control)),
        *_published_twice(trial, control, terms),
    ]  # fmt: skip


def publications(trial: Trial, path: str) -> list[Call]:
    """Return the calls that publish."""
    return [call for call in trial.costing if path in call.path]


def _retries(trial: Trial, control: Trial, terms: Terms) -> Iterator[str]:
    assert trial.case is not None
    same = Counter((call.method, call.path, call.body) for call in trial.costing)
    most = max(same.values(), default=0)
    refreshed = any(terms.refresh_path and terms.refresh_path in c.path for c in trial.calls)
    if trial.case.never_retried:
        allowed, needed = 1 + refreshed, len(control.costing) * (1 + refreshed)
        if most > allowed or len(trial.costing) > max(1, needed):
            number = max(most, len(trial.costing) if most <= allowed else 0)
            yield f"one request was made {number} times, though {trial.case.title}"
    elif most > 1 + terms.retries:
        yield f"one request was made {most} times; at most {1 + terms.retries} are wanted"
    elif len(trial.costing) > max(1, len(control.costing)) * (1 + terms.retries):
        yield f"{len(trial.costing)} calls were made where {len(control.costing)} are needed"
    if not trial.calls:
        yield f"{trial.run.stage} made no call, though it does where nothing is wrong"


def _waits(trial: Trial) -> Iterator[str]:
    assert trial.case is not None
    if not trial.case.keeps_wait:
        return
    for number, call in enumerate(trial.costing):
        if not call.wait_told or call.ended is None:
            continue
        again = next((c for c in trial.costing[number + 1 :] if _is_same(c, call)), None)
        if again and (waited := again.started - call.ended) < _EARLY * call.wait_told:
            yield (
                f"the request was made again after {waited:.2f} s; the server had asked for "
                f"{call.wait_told:.1f} s"
            )


def _is_same(one: Call, other: Call) -> bool:
    return (one.method, one.path, one.body) == (other.method, other.path, other.body)


def _success(trial: Trial, control: Trial, terms: Terms) -> Iterator[str]:
    assert trial.case is not None
    stage = trial.run.stage
    for fault in (*trial.leftovers.faults, *trial.leftovers.missing):
        yield f"{stage} ended with code 0, but {fault}"
    for name in ("sounds", "lines"):
        here, there = getattr(trial.leftovers, name), getattr(control.leftovers, name)
        if name == "sounds" and here < there and not trial.leftovers.missing:
            yield f"{stage} ended with code 0 with {here} of {there} lines; the rest is lost"
    answered = {(c.path, c.body) for c in trial.right}
    wanted = {(c.path, c.body) for c in control.right}
    is_lacking = trial.case.right == "error" or len(answered) < len(wanted)
    # A stage may look whether the lost publication was made, and find it.
    if not is_lacking or trial.case.publishes_once:
        return
    is_told = tells_fallback(trial.run.output, control.run.output)
    if terms.fallback and is_told and trial.service.artefacts:
        return
    number = len(answered) if trial.case.right == "either" or trial.case.spared else 0
    told = "and tells of a fallback, which is not wanted" if is_told else "and tells of no fallback"
    yield (
        f"{stage} ended with code 0, though the API gave {number} of {len(wanted)} right answers "
        f"({trial.case.title}), {told}"
    )


def _failure(trial: Trial, control: Trial) -> Iterator[str]:
    assert trial.case is not None
    if fault := cause_fault(trial.run.output, trial.case.names, control.run.output):
        yield f"{trial.run.stage} {trial.run.words} ({trial.case.title}): {fault}"
    for half in trial.leftovers.faults:
        yield f"{trial.run.stage} failed, and {half}"
    if trial.run.code is not None and trial.run.code < 0:
        yield f"{trial.run.stage} {trial.run.words}; it should end by itself"


def _published_twice(trial: Trial, control: Trial, terms: Terms) -> Iterator[str]:
    assert trial.case is not None
    if not trial.case.publishes_once:
        return
    made = {call.body for call in publications(trial, terms.publish_path)}
    usual = {call.body for call in publications(control, terms.publish_path)}
    if len(made) > max(1, len(usual)):
        yield f"{len(made)} different publications were asked for; the first one may have been done"
