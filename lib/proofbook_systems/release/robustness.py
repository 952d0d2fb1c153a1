"""Before a release: rates are held, errors are handled, and the log tells of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.integrations.bench import Bench
from proofbook_systems.pipeline.integrations.cases import cases_of
from proofbook_systems.pipeline.integrations.judging import judge
from proofbook_systems.pipeline.integrations.preparing import Prepared
from proofbook_systems.pipeline.integrations.propagation import judge_propagation
from proofbook_systems.pipeline.integrations.trials import Trial

__all__ = ["judge_errors", "judge_logging", "judge_rates"]

_RATES = ("429-seconds", "429-always")
_ERRORS = ("401", "500-always", "html")
_FAILURES = ("error", "fail", "cannot", "could not", "no ", "not ", "500", "unavailable", "refused")


def judge_rates(bench: Bench, prepared: Prepared) -> Iterator[Finding]:
    """Have each API limit the rate: once with a time to wait, and on and on."""
    why = "a pipeline that does not heed a limit is locked out in the middle of a batch"
    if not prepared.controls:
        yield finding("rate-limits", [], why=why, untried="apis has none that could be tried")
    yield from _judged(bench, prepared, _RATES, why, [])


def judge_errors(bench: Bench, prepared: Prepared, trials: list[Trial]) -> Iterator[Finding]:
    """Have each API fail, and break what each stage leaves; ``trials`` gets what was run."""
    why = "who runs it at night needs one line that says what to do"
    yield from _judged(bench, prepared, _ERRORS, why, trials)
    yield from judge_propagation(bench)


def _judged(
    bench: Bench, prepared: Prepared, names: Sequence[str], why: str, trials: list[Trial]
) -> Iterator[Finding]:
    for api, control in prepared.controls.items():
        for case in cases_of(api, names):
            trial = bench.try_case(api, case)
            trials.append(trial)
            yield finding(f"{api}-{case.name}", judge(trial, control, bench.terms), why=why)


def judge_logging(bench: Bench, trials: Sequence[Trial], logs: Sequence[str]) -> list[Finding]:
    """Judge what is told of failures: the stage, the episode, what failed, and no secret.

    Args:
        bench: Where they were run.
        trials: Stages that failed.
        logs: Where the pipeline logs, as patterns; what it prints counts as well.
    """
    failed = [trial for trial in trials if trial.run.code not in (0, None)]
    why = "who looks for a failure in the log of a week finds it by stage and episode"
    if not failed:
        untried = "no stage failed whose log could be read"
        return [finding("log-tells", [], why=why, untried=untried)]
    faults: list[str] = []
    for trial in failed:
        text = trial.run.output + _logged(trial, logs)
        faults += _lacking(trial, text, bench.episode)
    leaks = [leak for trial in trials for leak in trial.leaks]
    return [
        finding("log-tells", list(dict.fromkeys(faults)), why=why),
        finding("log-keeps-secrets", leaks, why="a log is read by many"),
    ]


def _logged(trial: Trial, patterns: Sequence[str]) -> str:
    folder = trial.workspace.folder
    files = [file for pattern in patterns for file in sorted(folder.glob(pattern))]
    return "\n".join(f.read_text(encoding="utf-8", errors="replace") for f in files if f.is_file())


def _lacking(trial: Trial, text: str, episode: str) -> list[str]:
    stage = trial.run.stage
    programs = {Path(word).stem.lower() for word in trial.workspace.commands[stage]
                if word.endswith((".py", ".sh", ".js"))}  # fmt: skip
    lower = text.lower()
    faults = []
    if not any(word in lower for word in {stage, *programs}):
        faults.append(f"{stage} failed, and neither log nor output names the stage")
    if episode.lower() not in lower:
        faults.append(f"{stage} failed, and neither log nor output names the episode {episode}")
    if not any(word in lower for word in _FAILURES):
        faults.append(f"{stage} failed, and neither log nor output says so")
    return faults
