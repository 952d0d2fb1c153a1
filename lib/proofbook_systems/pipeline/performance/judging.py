"""What was measured against what was promised; a bound within the noise is neither kept nor not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.performance.measuring import QUICK, USUAL, Measured
from proofbook_systems.pipeline.performance.spreads import Interval, median_of, ratio_of

__all__ = ["judge_memory", "judge_seconds", "judge_speedups", "seconds_of", "speedups", "wholes"]


def seconds_of(runs: Sequence[Measured], stage: str, form: str) -> list[float]:
    """Return the seconds of each repetition, without warm-ups."""
    return [r.seconds for r in runs if (r.stage, r.form) == (stage, form) and r.repetition > 0]


def speedups(runs: Sequence[Measured]) -> dict[str, Interval]:
    """Return how many times as quick the quicker form of each stage is."""
    stages = dict.fromkeys(run.stage for run in runs if run.form == QUICK)
    found = {}
    for stage in stages:
        usual, quick = (seconds_of(runs, stage, form) for form in (USUAL, QUICK))
        if usual and quick:
            found[stage] = ratio_of(usual, quick)
    return found


def wholes(runs: Sequence[Measured]) -> dict[str, list[float]]:
    """Return the seconds of all stages together, in the usual forms and in the quickest."""
    sums: dict[str, dict[int, float]] = {USUAL: {}, QUICK: {}}
    repetitions = {run.repetition for run in runs if run.repetition > 0}
    for number in repetitions:
        usual = {r.stage: r.seconds for r in runs if r.repetition == number and r.form == USUAL}
        quick = {r.stage: r.seconds for r in runs if r.repetition == number and r.form == QUICK}
        sums[USUAL][number] = sum(usual.values())
        sums[QUICK][number] = sum({**usual, **quick}.values())
    return {form: list(each.values()) for form, each in sums.items() if each}


def judge_seconds(
    runs: Sequence[Measured], slowest: Mapping[str, float], whole: float
) -> list[Finding]:
    """Say which stages take longer than was promised."""
    times = {stage: seconds_of(runs, stage, USUAL) for stage in slowest}
    bounds = dict(slowest)
    if whole:
        times["whole"], bounds["whole"] = wholes(runs).get(USUAL, []), whole
    return [_within(f"{stage}-seconds", times[stage], bound) for stage, bound in bounds.items()]


def judge_speedups(runs: Sequence[Measured], least: Mapping[str, float]) -> list[Finding]:
    """Say which quicker forms are less quick than was promised."""
    measured, findings = speedups(runs), []
    for stage, bound in least.items():
        name, why = f"{stage}-speedup", "a quicker form that is none is only harder to keep right"
        if stage not in measured:
            untried = f"quicker has no {stage}, or it did not end well"
            findings.append(finding(name, [], why=why, untried=untried))
            continue
        ratio = measured[stage]
        words = f"{ratio.words} times as quick, of {bound:g} promised"
        sure = ratio.low >= bound or ratio.high < bound
        findings.append(finding(
            name, [words] if ratio.high < bound else [], why=why,
            untried="" if sure else f"within the noise: {words}; give more repetitions",
        ))  # fmt: skip
    return findings


def judge_memory(runs: Sequence[Measured], bound_gb: float) -> Finding:
    """Say which stages hold more memory than the bound."""
    most: dict[str, int] = {}
    for run in runs:
        most[run.stage] = max(most.get(run.stage, 0), run.memory)
    faults = [
        f"{stage} held {size / 1e9:.2f} GB at one time, of {bound_gb:g} GB"
        for stage, size in most.items() if size > bound_gb * 1e9
    ]  # fmt: skip
    return finding("memory-below-bound", faults, why="beyond it the machine swaps or kills",
                   untried="" if any(most.values()) else "no memory was read")  # fmt: skip


def _within(name: str, seconds: Sequence[float], bound: float) -> Finding:
    why = "who waits longer than was promised plans for nothing"
    if not seconds:
        return finding(name, [], why=why, untried="it was not run to its end")
    found = median_of(seconds)
    words = f"{found.words} s, of {bound:g} s"
    sure = found.high <= bound or found.low > bound
    untried = "" if sure else f"within the noise: {words}; give more repetitions"
    return finding(name, [words] if found.low > bound else [], why=why, untried=untried)
