"""Whatever happens to a job's files, in any order, it reads no greener than the laws allow."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from executed import cell_of, glue, output_of
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from job_files import ALLOWED, ERROR, FAILED, FORBIDDEN, JOB, PASSED, JobFiles
from obvious_judge import may_be_green

from proofbook.files import append_line
from proofbook.records import (
    AnyRecord,
    Begin,
    Evidence,
    Fault,
    Finish,
    Identity,
    Metric,
    Question,
)
from proofbook.runs.media_index import MediaIndex
from proofbook.runs.reading import read_job
from proofbook.runs.verdicts import judge_job

MEMORY = "/dev/shm"
CELL_STATES = ("completed", "failed", "interrupted", "not_run", "running")


class History(RuleBasedStateMachine):
    """A runner, its kernel, whoever kills them, and whoever edits what they left."""

    def __init__(self) -> None:
        super().__init__()
        # What each write waits for on a disk is not asked here, and would be half of the time.
        self.root = Path(tempfile.mkdtemp(dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
        self.files = JobFiles(self.root)
        self.made: list[AnyRecord] = []
        self.cells: list[dict[str, Any]] = []

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    @property
    def folder(self) -> Any:
        return self.files.folder

    # What a runner and its kernel do.

    @initialize()
    def begin(self) -> None:
        self.folder.path.mkdir(parents=True, exist_ok=True)
        self.made, self.cells = [], []
        self.files.write_outcome("incomplete")
        self.record(Begin(runbook=JOB.runbook))

    @rule(record=st.sampled_from([PASSED, ALLOWED, FAILED, ERROR, FORBIDDEN, Fault(what="late"),
                                  Identity(name="model", revision="1"),
                                  Metric(name="speed", value=1.0),
                                  Question(name="good", text="?")]))  # fmt: skip
    def record(self, record: AnyRecord) -> None:
        append_line(self.folder.records, record.model_dump_json())
        self.made.append(record)

    @rule()
    def show(self) -> None:
        evidence: Evidence = self.files.store()
        self.record(evidence)
        self.record(Question(name="about", text="?", about=(evidence.file.sha256,)))

    @rule(truthful=st.booleans())
    def finish(self, truthful: bool) -> None:
        counts: dict[str, int] = {}
        for each in self.made if truthful else self.made[1:]:
            counts[each.kind] = counts.get(each.kind, 0) + 1
        self.record(Finish(counts=counts))

    @rule(state=st.sampled_from(CELL_STATES), raised=st.booleans())
    def end_cell(self, state: str, raised: bool) -> None:
        outputs = [output_of("KeyError")] if raised and state != "not_run" else []
        self.cells.append(cell_of(f"cell-{len(self.cells)}", state, outputs=outputs))
        self.save()

    @rule()
    def end_well(self) -> None:
        self.cells.append(glue(cell_of(f"cell-{len(self.cells)}"), self.made))
        self.save()

    def save(self) -> None:
        notebook = {"cells": self.cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        self.folder.notebook.write_text(json.dumps(notebook))

    @rule()
    def judge(self) -> None:
        media = MediaIndex(self.files.run.media)
        self.folder.write_outcome(judge_job(JOB, self.folder, media).outcome)

    @rule()
    def resume(self) -> None:
        self.folder.set_aside()
        self.begin()

    @rule()
    def pass_at_once(self) -> None:
        """A whole good execution: else hardly any history would be green for a while."""
        self.resume()
        for each in (PASSED, Metric(name="speed", value=1.0)):
            self.record(each)
        self.show()
        self.finish(truthful=True)
        self.end_well()
        self.judge()

    # What befalls the files.

    @rule(cut=st.integers(1, 400))
    def tear(self, cut: int) -> None:
        if self.folder.records.exists():
            data = self.folder.records.read_bytes()
            self.folder.records.write_bytes(data[:-cut])

    @rule(name=st.sampled_from(["records.jsonl", "notebook.ipynb", "outcome.json"]),
          cut=st.integers(0, 4000))  # fmt: skip
    def cut_off(self, name: str, cut: int) -> None:
        path = self.folder.path / name
        if path.exists():
            path.write_bytes(path.read_bytes()[:cut])

    @rule(name=st.sampled_from(["records.jsonl", "notebook.ipynb", "outcome.json"]))
    def remove(self, name: str) -> None:
        (self.folder.path / name).unlink(missing_ok=True)

    @rule(index=st.integers(0, 12), twice=st.booleans())
    def edit_line(self, index: int, twice: bool) -> None:
        if self.folder.records.exists():
            lines = self.folder.records.read_bytes().splitlines(keepends=True)
            lines[index : index + 1] = lines[index : index + 1] * (2 if twice else 0)
            self.folder.records.write_bytes(b"".join(lines))

    @rule(name=st.sampled_from(["records.jsonl", "notebook.ipynb", "outcome.json"]),
          words=st.sampled_from([("failed", "passed"), ("error", "passed"), ("passed", "failed"),
                                 ("incomplete", "passed"), ("skipped", "passed"), ("-1", "-2"),
                                 ("completed", "failed"), ("exists", "gone"), ("begin", "metric"),
                                 ("musicgen", "other"), ("finish", "begin"),
                                 ("fault", "check")]))  # fmt: skip
    def edit_words(self, name: str, words: tuple[str, str]) -> None:
        path = self.folder.path / name
        if path.exists():
            path.write_text(path.read_text(errors="replace").replace(*words))

    @precondition(lambda self: self.files.run.media.exists())
    @rule(how=st.sampled_from(["remove", "change", "link", "grow"]), which=st.integers(0, 3))
    def spoil_media(self, how: str, which: int) -> None:
        stored = sorted(p for p in self.files.run.media.iterdir() if p.suffix in (".wav", ".png"))
        if not stored:
            return
        path = stored[which % len(stored)]
        data = path.read_bytes()
        path.unlink()
        if how == "link":
            (self.root / "elsewhere").write_bytes(data)
            path.symlink_to(self.root / "elsewhere")
        elif how != "remove":
            path.write_bytes(data[::-1] if how == "change" else data + b"x")

    @rule()
    def claim(self) -> None:
        """Somebody writes that it passed."""
        self.files.write_outcome("passed")

    @invariant()
    def never_greener_than_the_laws(self) -> None:
        outcome = read_job(JOB, self.folder, MediaIndex(self.files.run.media)).outcome
        if outcome.is_green:
            assert may_be_green(self.root, JOB.id, JOB.runbook, JOB.allow_skips), outcome


TestAnyHistory = History.TestCase
TestAnyHistory.settings = settings(
    max_examples=150, stateful_step_count=25, deadline=None, derandomize=True
)


def test_a_good_history_is_green_for_both(tmp_path: Path) -> None:
    history = History()
    history.begin()
    history.pass_at_once()
    assert may_be_green(history.root, JOB.id, JOB.runbook)
    assert read_job(JOB, history.folder, MediaIndex(history.files.run.media)).outcome.is_green
    history.teardown()
