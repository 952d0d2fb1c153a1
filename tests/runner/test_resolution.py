"""When a job starts, an output that it names is there and fits, or the job does not start."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel, Field, JsonValue

from proofbook import fingerprints
from proofbook.checks.outputs import make_output
from proofbook.files import append_line
from proofbook.notebooks import Runbook, read_runbook
from proofbook.records import Check, Outcome, OutcomeStatus, Output, PlannedJob
from proofbook.runner import parameters, resolution
from proofbook.runner.executors.cluster.sending import Sending
from proofbook.runner.executors.store import Store
from proofbook.runner.outputs import Reference
from proofbook.runner.resolution import (
    UnresolvedError,
    lost_outputs,
    output_problem,
    read_outputs,
    resolve_parameters,
)
from proofbook.runs.folder import RunFolder

MODEL = "${{ jobs.train.outputs.model }}"
PARAMETERS = 'model: str = ""\nsteps: int = 1\nrates: list[float] = []\nmore: dict = {}'


@pytest.fixture
def runbook(add_runbook: Callable[..., Path]) -> Runbook:
    return read_runbook(add_runbook("demo/use", parameters=PARAMETERS))


def job(**values: JsonValue) -> PlannedJob:
    return PlannedJob(id="use", runbook="demo/use", parameters=values, timeout=10)


def outputs_of(**outputs: Output) -> Callable[[str], Mapping[str, Output]]:
    """Return the outputs of ``train``; no other job has any."""
    return lambda job_id: outputs if job_id == "train" else {}


def value(content: JsonValue) -> Output:
    return Output(name="model", value=content)


def test_only_parameters_that_name_outputs_are_returned_in_their_types(runbook: Runbook) -> None:
    resolved = resolve_parameters(
        job(model=f"at {MODEL}", rates=[0.5, MODEL], steps=3),
        runbook,
        outputs_of(model=value(2)),
    )
    assert resolved == {"model": "at 2", "rates": [0.5, 2.0]}
    assert type(resolved["rates"][1]) is float  # type: ignore[index, call-overload]


def test_a_job_without_expressions_looks_nothing_up(runbook: Runbook) -> None:
    assert resolve_parameters(job(model="x"), runbook, lambda job_id: pytest.fail(job_id)) == {}


@pytest.mark.parametrize(
    ("values", "output", "message"),
    [
        ({"steps": MODEL}, "three", "'steps' must be int, found str 'three', from"),
        ({"model": MODEL}, 3, "'model' must be str, found int 3, from"),
        ({"rates": [MODEL]}, [1.5], "'rates' must be list"),
        ({"steps": f"1{MODEL}"}, 3, "'steps' must be int, found str '13', from"),
        ({"model": f"a {MODEL}"}, None, "'model': .* is null, which cannot stand"),
        ({"model": MODEL}, "x" * 10_000, ""),
        ({"steps": MODEL}, "x" * 10_000, "found str 'xx"),
    ],
)
def test_an_output_of_another_type_is_the_jobs_error_in_one_line(
    runbook: Runbook, values: dict[str, JsonValue], output: JsonValue, message: str
) -> None:
    if not message:
        assert resolve_parameters(job(**values), runbook, outputs_of(model=value(output)))
        return
    with pytest.raises(UnresolvedError, match=message) as error:
        resolve_parameters(job(**values), runbook, outputs_of(model=value(output)))
    assert error.value.status == "error"
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


class _Config(BaseModel):
    model: str = ""
    steps: int = Field(1, le=5)
    rates: list[float] = []
    more: dict[str, JsonValue] = {}


def test_an_output_out_of_range_is_the_jobs_error(
    runbook: Runbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parameters, "find_config", lambda name: _Config)
    resolve_parameters(job(steps=MODEL), runbook, outputs_of(model=value(5)))
    with pytest.raises(UnresolvedError, match=r"'steps': .* less than or equal to 5, from \$"):
        resolve_parameters(job(steps=MODEL), runbook, outputs_of(model=value(6)))


def test_an_output_that_reads_as_an_expression_is_a_text(runbook: Runbook) -> None:
    text = "${{ jobs.other.outputs.x }}"
    resolved = resolve_parameters(job(model=MODEL), runbook, outputs_of(model=value(text)))
    assert resolved == {"model": text}


def test_an_output_that_became_a_secret_is_refused_unseen(
    runbook: Runbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMO_TOKEN", "hush-very-secret")
    with pytest.raises(UnresolvedError, match="contains the value of a secret") as error:
        resolve_parameters(job(model=MODEL), runbook, outputs_of(model=value("hush-very-secret")))
    assert "hush" not in str(error.value)


def test_an_output_that_was_not_made_skips_the_job(runbook: Runbook) -> None:
    with pytest.raises(UnresolvedError) as error:
        resolve_parameters(job(model=MODEL), runbook, outputs_of())
    assert str(error.value) == "needs output model of train, which was not made"
    assert error.value.status == "skipped"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda folder: (folder / "a.bin").write_bytes(b"12346"), "has other bytes than were"),
        (lambda folder: (folder / "b.bin").touch(), "has other bytes than were"),
        (lambda folder: folder.rename(folder.with_name("moved")), "no longer exists"),
        (lambda folder: (folder / "a.bin").unlink(), "has other bytes than were"),
    ],
)
def test_a_path_that_is_not_what_it_was_skips_the_job(
    runbook: Runbook, tmp_path: Path, change: Callable[[Path], object], problem: str
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"12345")
    outputs = outputs_of(model=make_output("model", folder, None))
    assert resolve_parameters(job(model=MODEL), runbook, outputs) == {"model": str(folder)}
    change(folder)
    with pytest.raises(
        UnresolvedError, match=f"^needs output model of train, but .*{problem}"
    ) as err:
        resolve_parameters(job(model=MODEL), runbook, outputs)
    assert err.value.status == "skipped"
    assert "\n" not in str(err.value)


def test_an_unchanged_path_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.bin").write_bytes(b"12345")
    output = make_output("model", tmp_path / "a.bin", None)
    hashed: list[Path] = []
    read = fingerprints.hash_file
    monkeypatch.setattr(
        fingerprints, "hash_file", lambda path: (hashed.append(path), read(path))[1]
    )
    assert [output_problem(output) for _ in range(3)] == ["", "", ""]
    assert Sending({}, Store(f"file://{tmp_path}/store")).input(str(tmp_path / "a.bin")).bundles
    assert len(hashed) == 1  # and not again where it is sent
    before = (tmp_path / "a.bin").stat()
    (tmp_path / "a.bin").write_bytes(b"54321")
    os.utime(tmp_path / "a.bin", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "other bytes" in output_problem(output)


def write_job(run: RunFolder, status: OutcomeStatus, *outputs: Output) -> None:
    folder = run.job("train")
    folder.path.mkdir(parents=True)
    for record in (Check(name="output", status="passed"), *outputs):
        append_line(folder.records, record.model_dump_json())
    folder.write_outcome(Outcome(job="train", runbook="demo/train", status=status))


@pytest.mark.parametrize("status", ["skipped", "failed", "error", "incomplete"])
def test_only_a_job_that_passed_has_outputs(tmp_path: Path, status: OutcomeStatus) -> None:
    output = value({"a": [1]})
    write_job(RunFolder(tmp_path / "one"), "passed", output)
    write_job(RunFolder(tmp_path / "two"), status, output)
    assert read_outputs(RunFolder(tmp_path / "one"), "train") == {"model": output}
    assert read_outputs(RunFolder(tmp_path / "two"), "train") == {}
    assert read_outputs(RunFolder(tmp_path / "two"), "never-started") == {}


def test_what_a_job_got_and_is_lost_names_its_maker(tmp_path: Path) -> None:
    (tmp_path / "a.bin").touch()
    outputs = outputs_of(model=make_output("model", tmp_path / "a.bin", None), n=value(1))
    wanted = job(model=MODEL, more={"n": str(Reference("train", "n")), "other": "x"})
    assert lost_outputs(wanted, outputs) == set()
    (tmp_path / "a.bin").unlink()
    assert lost_outputs(wanted, outputs) == {"train"}
    assert lost_outputs(job(steps=str(Reference("train", "n"))), outputs) == set()


@pytest.mark.parametrize(
    ("name", "words"),
    [("model", f"too long, from {MODEL}"), ("steps", "too long"), ("gone", "too long")],
)
def test_a_wrong_value_is_told_with_the_expressions_that_it_comes_from(
    name: str, words: str
) -> None:
    error = parameters.ParameterError(name, "too long")
    assert resolution._with_origin(error, job(model=f"at {MODEL}", steps=3)) == words
