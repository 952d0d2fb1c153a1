"""A spec carries what a job's parameters name, unless the machine lacks what the job needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from proofbook.checks.outputs import make_output
from proofbook.files import append_line
from proofbook.notebooks import read_runbook
from proofbook.records import Outcome, PlannedJob, RunInfo
from proofbook.runner.capacity import Allocation, Capacity
from proofbook.runner.executors.protocol import JobSpec
from proofbook.runner.handover import Handover
from proofbook.runner.outcomes import OutcomeWriter
from proofbook.runner.reserve import Reserve
from proofbook.runner.resolution import UnresolvedError
from proofbook.runner.schedule import Start
from proofbook.runs.folder import RunFolder

NAMED = {"model": "${{ jobs.train.outputs.model }}"}
CAPACITY = Capacity(slots=1, cpus=4, memory_gb=8)


@pytest.fixture
def spec_of(tmp_path: Path, add_runbook: Callable[..., Path]) -> Callable[..., JobSpec]:
    """Return the spec of the job ``use``, which needs what ``train`` has left."""
    runbook = read_runbook(add_runbook("demo/use", parameters='model: str = ""'))
    job = PlannedJob(id="use", runbook="demo/use", parameters=NAMED, needs=("train",), timeout=9)
    run = RunFolder(tmp_path / "run")

    def spec_of(*, lacking: str = "", made: Path | None = None) -> JobSpec:
        folder = run.job("train")
        folder.path.mkdir(parents=True)
        if made is not None:
            folder.write_outcome(Outcome(job="train", runbook="demo/train", status="passed"))
            append_line(folder.records, make_output("model", made, None).model_dump_json())
        handover = Handover(
            info=RunInfo(run_id="r1", profile="tiny", plan=(job,)),
            writer=OutcomeWriter(run=run, reserve=Reserve(run.path)),
            runbooks={"demo/use": runbook},
            capacity=CAPACITY,
            lacking={"use": lacking} if lacking else {},
        )
        return handover.spec(Start(job, Allocation(CAPACITY.request(job.resources))))

    return spec_of


def test_what_another_job_has_made_is_resolved_and_sent_along(
    spec_of: Callable[..., JobSpec], tmp_path: Path
) -> None:
    (tmp_path / "model.bin").write_text("weights")
    spec = spec_of(made=tmp_path / "model.bin")
    assert spec.resolved == {"model": str(tmp_path / "model.bin")}
    assert spec.inputs == (str(tmp_path / "model.bin"),)
    assert spec.lacking == ""


def test_a_job_does_not_start_without_what_it_names(spec_of: Callable[..., JobSpec]) -> None:
    with pytest.raises(UnresolvedError, match="model"):
        spec_of()


def test_a_job_that_is_skipped_for_its_machine_misses_no_output(
    spec_of: Callable[..., JobSpec],
) -> None:
    spec = spec_of(lacking="needs 1 gpus, found 0")
    assert (spec.lacking, spec.resolved, spec.inputs) == ("needs 1 gpus, found 0", {}, ())
