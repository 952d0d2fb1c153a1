"""All trials of one stage that writes to databases, in order."""

from __future__ import annotations

from collections.abc import Sequence

from proofbook_systems.pipeline.databases.baselines import (
    Baseline,
    judge_baseline,
    run_baseline,
    writes_when_empty,
)
from proofbook_systems.pipeline.databases.concurrency import try_at_once
from proofbook_systems.pipeline.databases.config import DatabasesConfig
from proofbook_systems.pipeline.databases.damage import try_damage, try_read_only
from proofbook_systems.pipeline.databases.failing import try_refusals
from proofbook_systems.pipeline.databases.keys import Key, find_keys, judge_twice
from proofbook_systems.pipeline.databases.killing import try_kills
from proofbook_systems.pipeline.databases.leftovers import judge_closed, try_leftovers
from proofbook_systems.pipeline.databases.locking import try_long_lock, try_short_lock
from proofbook_systems.pipeline.databases.subject import Subject
from proofbook_systems.pipeline.findings import Finding, blamed
from proofbook_systems.pipeline.names import Names

__all__ = ["keys_of", "try_crashes", "try_files", "try_writers", "undisturbed"]

_PATIENCE = 0.6
"""Part of the time for which a stage waits for a lock: so long it may be held when all meet."""
_DATABASE_OF = {"trends": "trends_db", "images": "library_db", "metrics": "metrics_db"}


def undisturbed(
    subject: Subject, stages: Sequence[str], workers: int
) -> tuple[list[Baseline], list[Finding]]:
    """Run each stage undisturbed; return those that work, and what was found of all.

    Raises:
        SubjectError: One cannot be started.
    """
    baselines, findings = [], []
    for stage in stages:
        if not subject.workspace.has(stage):
            findings.append(Finding(name=f"{stage}-writes", why="a stage that records something",
                                    untried=f"commands has no {stage}"))  # fmt: skip
            continue
        baseline = run_baseline(subject, stage, workers)
        own = _DATABASE_OF.get(stage, "")
        undeclared = "" if own in subject.databases else own
        held = (
            not baseline.adds
            and not undeclared
            and writes_when_empty(subject, stage, baseline.before)
        )
        findings.append(judge_baseline(baseline, undeclared, has_written=held))
        findings.append(judge_closed(baseline))
        if baseline.adds and not blamed(findings[-2:-1]):
            baselines.append(baseline)
    return baselines, findings


def keys_of(subject: Subject, config: DatabasesConfig, baseline: Baseline) -> list[Key]:
    """Return the declared keys of the tables that are there."""
    return find_keys(baseline.once, config.unique, Names.of(subject.workspace.names))


def try_writers(
    subject: Subject, config: DatabasesConfig, baselines: Sequence[Baseline]
) -> list[Finding]:
    """Run each stage again, behind a lock, and several times at once."""
    findings = []
    for baseline in baselines:
        keys = keys_of(subject, config, baseline)
        findings += judge_twice(baseline, keys)
        short = try_short_lock(subject, baseline, config.short_lock)
        long = try_long_lock(subject, baseline, config.long_lock)
        gate = 0.0 if blamed(short) else max(config.short_lock, _PATIENCE * long.waited)
        findings += [*short, *long.findings]
        findings += try_at_once(subject, baseline, keys, config.workers, gate)
    return findings


def try_crashes(
    subject: Subject, config: DatabasesConfig, baselines: Sequence[Baseline]
) -> list[Finding]:
    """Kill each stage while it writes, refuse it rows, and leave it what a crash leaves."""
    findings = []
    for baseline in baselines:
        findings += try_kills(subject, baseline, config.kills, config.seed)
        findings += try_refusals(subject, baseline)
        findings += try_leftovers(subject, baseline)
    return findings


def try_files(subject: Subject, baselines: Sequence[Baseline]) -> list[Finding]:
    """Start each stage on databases that are damaged or read-only, and what makes them on such."""
    findings = []
    for baseline in baselines:
        makers = [s for s in ("init",) if subject.workspace.has(s) and baseline is baselines[0]]
        findings += try_damage(subject, baseline, [baseline.stage, *makers])
        findings += try_read_only(subject, baseline)
    return findings
