"""Run the cases of every API, some at a time, and say of each what was wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.integrations.bench import Bench
from proofbook_systems.pipeline.integrations.cases import ALWAYS, Case, cases_of
from proofbook_systems.pipeline.integrations.config import IntegrationsConfig
from proofbook_systems.pipeline.integrations.judging import judge
from proofbook_systems.pipeline.integrations.messages import spoken_lines
from proofbook_systems.pipeline.integrations.preparing import Prepared
from proofbook_systems.pipeline.integrations.trials import Trial

__all__ = [
    "Tried",
    "count_cases",
    "judge_rates",
    "judge_recovery",
    "judge_speed",
    "list_rows",
    "run_cases",
]

_DELAY = 0.3
_BEFORE = ("third-line", "500-always")
"""The first of these that an API has is what it recovers from."""


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A case that was run and judged."""

    trial: Trial
    finding: Finding


def run_cases(bench: Bench, prepared: Prepared, api: str) -> Iterator[Tried]:
    """Run an API's cases, and yield them in order.

    What is wrong is run a second time before it counts: a busy machine has its own time-outs.
    """
    cases = cases_of(api, bench.config.only, bench.config.skip)
    with ThreadPoolExecutor(bench.config.workers) as pool:
        yield from pool.map(lambda case: _try(bench, prepared.controls[api], api, case), cases)


def _try(bench: Bench, control: Trial, api: str, case: Case) -> Tried:
    trial = bench.try_case(api, case)
    faults = judge(trial, control, bench.terms)
    if faults:
        again = bench.try_case(api, case)
        second = judge(again, control, bench.terms)
        trial, faults = (again, second) if not second else (trial, faults)
    return Tried(trial=trial, finding=finding(f"{api}-{case.name}", faults, why=case.why))


def judge_recovery(bench: Bench, control: Trial) -> Finding:
    """Give the same command again once the API is well: it goes on, and pays nothing twice.

    Both runs are on the same port: to a pipeline another address may be another voice.
    """
    service = control.service
    name = f"{service.name}-goes-on"
    why = "what was paid for is paid for again, or the batch begins from its start"
    case = next(c for n in _BEFORE for c in cases_of(service.name) if c.name == n)
    place = bench.copy(service.name, "goes-on")
    with bench.servers[service.name].open_lane() as lane:
        lane.plan(bench.plan(service, case))
        before = bench.try_on(lane, service, place, case)
        lane.reset()
        lane.plan(bench.plan(service, None))
        after = bench.try_on(lane, service, place)
    if before.run.ended_well:
        reason = f"{service.stage} did not fail where it should have ({case.title})"
        return finding(name, [], why=why, untried=reason)
    faults = [f"the same command again: {fault}" for fault in after.run.faults]
    faults += [*after.leftovers.faults, *after.leftovers.missing]
    if after.leftovers.sounds < control.leftovers.sounds and not faults:
        faults.append(f"{after.leftovers.sounds} of {control.leftovers.sounds} lines have sound")
    paid = {(call.path, call.body) for call in before.right}
    twice = [call for call in after.right if (call.path, call.body) in paid]
    if twice and service.artefacts:
        faults.append(f"{len(twice)} of {len(paid)} answers that it had were asked for again")
    return finding(name, faults, why=why)


def judge_rates(bench: Bench, control: Trial) -> Finding:
    """Answer slowly, and count how many calls are in flight at once."""
    api = control.service.name
    name, why = f"{api}-calls-at-once", "above what the account may do, calls are refused"
    limit = bench.config.most_at_once.get(api, 0)
    if not limit:
        return finding(name, [], why=why, untried=f"most_at_once has no {api}")
    slow = Case(
        name="slow", title="slow answers", why=why, right="either", names=(),
        faults=({"kind": "delay", "seconds": _DELAY, "times": ALWAYS},),
    )  # fmt: skip
    trial = bench.try_case(api, slow)
    faults = list(trial.run.faults)
    if trial.peak > limit:
        faults.insert(0, f"{trial.peak} calls were in flight at once; {limit} are allowed")
    if len(control.costing) <= limit:
        few = f"{len(control.costing)} calls are too few to be more than {limit} at once"
        return finding(name, faults, why=why, untried="" if faults else few)
    return finding(name, faults, why=why)


def judge_speed(bench: Bench, control: Trial) -> Finding:
    """Count how many calls the control began within any second: its answers came at once."""
    api = control.service.name
    name, why = f"{api}-calls-a-second", "above what the account may do, calls are refused"
    limit = bench.config.most_a_second.get(api, 0)
    if not limit:
        return finding(name, [], why=why, untried=f"most_a_second has no {api}")
    starts = sorted(call.started for call in control.costing)
    most = max((sum(0 <= each - first < 1.0 for each in starts) for first in starts), default=0)
    if len(starts) <= limit:
        few = f"{len(starts)} calls are too few to be more than {limit} a second"
        return finding(name, [], why=why, untried=few)
    told = f"{most} calls were begun within a second; {limit} are allowed"
    return finding(name, [told] if most > limit else [], why=why)


def count_cases(config: IntegrationsConfig, prepared: Prepared) -> int:
    """Return how many cases there are for the APIs that can be tried."""
    return sum(len(cases_of(api, config.only, config.skip)) for api in prepared.controls)


def list_rows(tried: Sequence[Tried]) -> list[dict[str, str]]:
    """Return what was seen of each case, as rows of a table."""
    rows = []
    for each in tried:
        trial = each.trial
        lines = spoken_lines(trial.run.output)
        rows.append({
            "case": each.finding.name, "title": trial.case.title if trial.case else "",
            "calls": str(len(trial.costing)), "exit": str(trial.run.code),
            "seconds": f"{trial.run.seconds:.1f}", "says": lines[-1][:120] if lines else "",
            "wrong": "; ".join(each.finding.faults),
        })  # fmt: skip
    return rows
