"""Run the pipeline once where nothing is wrong, and keep it as it is before each API's stage."""

from __future__ import annotations

from dataclasses import dataclass, field

from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.integrations.bench import Bench
from proofbook_systems.pipeline.integrations.judging import judge_control
from proofbook_systems.pipeline.integrations.services import SERVICES
from proofbook_systems.pipeline.integrations.trials import Trial
from proofbook_systems.pipeline.workspace import copy_workspace

__all__ = ["PREPARED", "Prepared", "prepare", "safe_command"]

PREPARED = ("init", "trends", "script", "audio", "images", "video", "post")
_WHY = "what follows would blame the wrong one"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The runs where nothing was wrong."""

    controls: dict[str, Trial] = field(default_factory=dict)
    """By API; those that were as they should be."""
    findings: list[Finding] = field(default_factory=list)
    untried: dict[str, str] = field(default_factory=dict)
    """By API or stage: why it cannot be tried."""


def prepare(bench: Bench) -> Prepared:
    """Run the stages in order, each API's by its control."""
    prepared = Prepared()
    workspace = bench.bases["all"]
    failed = ""
    for stage in PREPARED:
        apis = [api for api in bench.config.apis if SERVICES[api].stage == stage]
        reason = failed or ("" if workspace.has(stage) else f"commands has no {stage}")
        if stage == "post" and not apis and not bench.config.dry_run:
            reason = (
                reason or "apis has no posting and dry_run gives no arguments: it would be real"
            )
        if reason:
            prepared.untried.update(dict.fromkeys([*apis, stage], reason))
            continue
        for api in apis:
            folder = bench.folder / "before" / api
            bench.bases[api] = copy_workspace(workspace, folder, bench.config.link)
        bench.bases[f"before-{stage}"] = copy_workspace(
            workspace, bench.folder / "before" / stage, bench.config.link
        )
        failed = _run(bench, stage, apis, prepared)
    bench.bases["end"] = workspace
    return prepared


def safe_command(bench: Bench, stage: str) -> list[str]:
    """Return a stage's command; posting is dry where it would meet the real platform."""
    words = list(bench.bases["all"].commands[stage])
    is_real = stage == "post" and "posting" not in bench.servers
    return [*words, *bench.config.dry_run] if is_real else words


def _run(bench: Bench, stage: str, apis: list[str], prepared: Prepared) -> str:
    """Run a stage with its APIs; return why those after it cannot run."""
    workspace = bench.bases["all"]
    if not apis:
        run = bench.run(stage, workspace, command=safe_command(bench, stage))
        prepared.findings.append(finding(f"{stage}-runs", run.faults, why=_WHY))
        return "; ".join(run.faults)
    failed = ""
    for number, api in enumerate(apis):
        trial = bench.try_case(api, None, None if number else workspace)
        faults = judge_control(trial)
        prepared.findings.append(finding(f"{api}-right-answer", faults, why=_WHY))
        if faults:
            prepared.untried[api] = faults[0]
            failed = failed or (faults[0] if not number else "")
        else:
            prepared.controls[api] = trial
    return failed
