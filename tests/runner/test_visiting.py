"""An attempt elsewhere names the places of its machine, and what it sends back those of the run."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from simulation import job

from proofbook.records import Metric, Node, Outcome, Output, PathContent
from proofbook.runner.executors import visiting
from proofbook.runner.executors.pieces import write_pieces
from proofbook.runner.executors.protocol import JobResult, JobSpec
from proofbook.runner.executors.visiting import Visit
from proofbook.runner.job import Worker
from proofbook.runs.folder import read_records

RUN = "/outputs/run"
NODE = Node(name="there", environment={"python": "3.11"}, hardware={"gpus": 2})
FILE = PathContent(form="file", size=4, sha256="0" * 64)


def visit_to(folder: Path, resolved: Any = None, **inputs: Path) -> Visit:
    """Return an attempt in a folder; ``inputs`` are outputs of the job ``train``, by name."""
    spec = JobSpec(
        run_id="run", job=job("make"), notebook="{}", notebook_sha256="0" * 64,
        notebook_path="/one.ipynb", resolved=resolved or {},
    )  # fmt: skip
    return Visit(
        spec=spec, folder=folder / "run", run_path=RUN, runbook=folder / "one.ipynb",
        inputs={f"{RUN}/jobs/train/{name}": path for name, path in inputs.items()},
        environment={"HOME": "/home/there"}, node=NODE, cancelled=threading.Event(),
        kernel_manager_class=dict,
    )  # fmt: skip


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[JobSpec, Worker]]:
    """What was executed; nothing is."""
    calls: list[tuple[JobSpec, Worker]] = []

    def execute(spec: JobSpec, worker: Worker) -> JobResult:
        calls.append((spec, worker))
        assert worker.writer.reserve is not None
        assert worker.run.media.is_dir()
        outcome = Outcome(
            job=spec.job.id, runbook=spec.job.runbook, status="passed", resolved=dict(spec.resolved)
        )
        return JobResult(outcome=outcome)

    monkeypatch.setattr(visiting, "execute_job", execute)
    return calls


def test_a_job_finds_its_inputs_here_and_its_outcome_names_them_there(
    tmp_path: Path, executed: list[tuple[JobSpec, Worker]]
) -> None:
    resolved = {
        "model": f"{RUN}/jobs/train/model",
        "weights": [f"{RUN}/jobs/train/model/w.bin", 3, None],
        "more": {"command": f"load {RUN}/jobs/train/model, then go", f"{RUN}/jobs/train/model": 1},
    }
    visit = visit_to(tmp_path, resolved, model=Path("/received/model"))
    outcome = visit.execute(sink := list[Any]().append)
    ((spec, worker),) = executed
    assert spec.resolved == {
        "model": "/received/model",
        "weights": ["/received/model/w.bin", 3, None],
        "more": {"command": "load /received/model, then go", f"{RUN}/jobs/train/model": 1},
    }
    assert replace(spec, resolved=resolved) == visit.spec
    assert (outcome.status, outcome.resolved, outcome.node) == ("passed", resolved, NODE)
    assert (worker.run, worker.runbook) == (visit.run, visit.runbook)
    assert (worker.environment, worker.sink) == (visit.environment, sink)
    assert worker.cancelled is visit.cancelled
    assert worker.kernel_manager_class is dict
    assert visit.execute(sink).status == "passed"  # where there is a folder already


def test_an_input_whose_name_begins_another_s_is_not_taken_for_it(
    tmp_path: Path, executed: list[tuple[JobSpec, Worker]]
) -> None:
    at = f"{RUN}/jobs/train"
    resolved = {
        "names": [f"{at}/model", f"{at}/model-ema", f"{at}/model.bin", f"{at}/model_2/w"],
        "other": f"{at}/model-old {at}/model.tar {at}/model.",
    }
    more = {"model-ema": Path("/b/model-ema"), "model.bin": Path("/c/model.bin")}
    visit = visit_to(tmp_path, resolved, model=Path("/a/model"), **more)
    visit.execute(lambda event: None)
    assert executed[0][0].resolved == {
        "names": ["/a/model", "/b/model-ema", "/c/model.bin", f"{at}/model_2/w"],
        "other": f"{at}/model-old {at}/model.tar /a/model.",
    }


def test_a_place_that_is_named_once_is_not_renamed_again(
    tmp_path: Path, executed: list[tuple[JobSpec, Worker]]
) -> None:
    here = Path(f"{RUN}/jobs/train/b")
    visit = visit_to(tmp_path, {"x": f"{RUN}/jobs/train/a"}, a=here, b=Path("/received/b"))
    visit.execute(lambda event: None)
    assert executed[0][0].resolved == {"x": str(here)}


def records_of(visit: Visit, *records: Output | Metric, more: bytes = b"") -> Path:
    path = visit.run.job("make").records
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{record.model_dump_json()}\n" for record in records)
    path.write_bytes(lines.encode() + more)
    return path


def bring(visit: Visit, to: Path) -> list[Any]:
    to.mkdir()
    for bundle in visit.results():
        write_pieces(to, bundle)
    return read_records(to / "jobs/make/records.jsonl")[0]


def test_records_name_places_whose_names_json_writes_otherwise(tmp_path: Path) -> None:
    here = tmp_path / 'the "best"\\one\n\u00e9'
    (here / "w").mkdir(parents=True)
    visit = replace(visit_to(tmp_path, model=here), run_path='/outputs/a "run"')
    name = '/outputs/a "run"/jobs/make/outputs/made/w'
    records_of(
        visit, Output(name="made", value=str(tmp_path / "w"), content=FILE),
        Output(name="model", value=str(here / "w"), content=FILE),
    )  # fmt: skip
    (tmp_path / "w").write_text("data")
    made, model = bring(visit, tmp_path / "run-there")
    assert made.value == name
    assert model.value == f"{RUN}/jobs/train/model/w"


def test_an_output_from_anywhere_arrives_in_the_run_and_is_named_there(tmp_path: Path) -> None:
    made, received = tmp_path / "cache" / "made", tmp_path / "received" / "model"
    for path in (made, received):
        path.mkdir(parents=True)
        (path / "w").write_text("data")
    visit = visit_to(tmp_path / "there", model=received)
    work = visit.run.job("make").work
    work.mkdir(parents=True)
    (work / "own").write_text("own")
    visit.run.media.mkdir()
    (visit.run.media / "m").write_text("m")
    value = str(made)
    odd = f"{made}\udcff".encode(errors="surrogateescape") + b"\n"
    records_of(
        visit,
        Output(name="made", value=value, content=FILE),
        Output(name="own", value=str(work / "own"), content=FILE),
        Output(name="again", value=str(received), content=FILE),
        Output(name="gone", value=str(tmp_path / "gone"), content=FILE),
        Output(name="word", value=str(made / "w")),
        more=odd,
    )
    to = tmp_path / "run"
    values = {record.name: record.value for record in bring(visit, to)}
    assert values == {
        "made": f"{RUN}/jobs/make/outputs/made/made",
        "own": f"{RUN}/jobs/make/work/own",
        "again": f"{RUN}/jobs/train/model",
        "gone": str(tmp_path / "gone"),
        "word": f"{RUN}/jobs/make/outputs/made/made/w",
    }
    assert (to / "jobs/make/records.jsonl").read_bytes().endswith(b"/outputs/made/made\xff\n")
    assert (to / "jobs/make/outputs/made/made/w").read_text() == "data"
    assert (to / "jobs/make/work/own").read_text() == "own"
    assert (to / "media/m").read_text() == "m"
    assert sorted(path.name for path in (to / "jobs/make/outputs").iterdir()) == ["made"]
    assert (made / "w").read_text() == "data"


def test_what_an_attempt_has_left_without_records_arrives(tmp_path: Path) -> None:
    visit = visit_to(tmp_path / "there")
    assert list(visit.results()) == []
    visit.run.job("make").path.mkdir(parents=True)
    visit.run.job("make").log.write_text("killed")
    assert bring(visit, tmp_path / "run") == []
    assert (tmp_path / "run/jobs/make/output.log").read_text() == "killed"


def test_no_piece_is_larger_than_is_asked_for(tmp_path: Path) -> None:
    visit = visit_to(tmp_path)
    visit.run.job("make").path.mkdir(parents=True)
    visit.run.job("make").log.write_text("12345")
    sent = [piece for bundle in visit.results(largest=2) for piece in bundle]
    assert [bytes(piece.data) for piece in sent if piece.path.endswith(".log")] == [
        b"12", b"34", b"5"]  # fmt: skip
