"""Outside of a run a cell can be run again, in a kernel that is told its cells as by JupyterLab."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from waiting import HANG

from proofbook.checks.journal import JOB_FOLDER
from proofbook.project import Project
from proofbook.records import AnyRecord, Check, Evidence, Fault, Finish
from proofbook.runs.folder import read_records
from proofbook.runs.record_rules import broken_sequence, contradictions

pytestmark = pytest.mark.slow

BEGIN = "from proofbook.checks import Checks\nchecks = Checks('demo/one')"
FINISH = "checks.finish()"


class Kernel:
    """A real kernel in a project, and what its checks have written."""

    def __init__(self, client: BlockingKernelClient, project: Project) -> None:
        self.client, self.project = client, project

    def run(self, source: str, cell: str = "") -> str:
        """Execute a cell; return the exception that it raised, in one line."""
        session = self.client.session
        session.metadata = {"cellId": cell} if cell else {}
        # Otherwise what is asked for just after an error is aborted, not executed.
        options = {"stop_on_error": False, "reply": True, "timeout": HANG}
        reply = self.client.execute(source, **options)["content"]
        assert reply["status"] in ("ok", "error")
        return f"{reply['ename']}: {reply['evalue']}" if reply["status"] == "error" else ""

    @property
    def file(self) -> Path:
        (file,) = self.project.outputs.glob("interactive/*/records.jsonl")
        return file

    @property
    def records(self) -> list[AnyRecord]:
        records, unreadable = read_records(self.file)
        assert unreadable == 0
        return records

    @property
    def checks(self) -> list[tuple[str, str, str]]:
        return [(r.cell, r.name, r.status) for r in self.records if isinstance(r, Check)]

    def assert_whole(self) -> None:
        """The records are those of one execution, as a run would ask."""
        assert broken_sequence(self.records, 0) == ""
        assert contradictions(self.records, "demo/one", {}) == ""


@pytest.fixture
def kernel(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    monkeypatch.delenv(JOB_FOLDER, raising=False)
    manager, client = start_new_kernel(cwd=str(project.root))
    try:
        yield Kernel(client, project)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_one_check_can_be_changed_without_running_the_others(kernel: Kernel) -> None:
    kernel.run(BEGIN, "setup")
    kernel.run("checks.expect('costly', True)", "train")
    kernel.run("checks.expect('size', 1, 2)", "size")
    assert "1 of 2 checks did not pass: size" in kernel.run(FINISH, "finish")
    assert kernel.run("checks.expect('size', 2, 2)", "size") == ""
    assert not any(isinstance(record, Finish) for record in kernel.records), "it is not finished"
    assert kernel.run(FINISH, "finish") == ""
    assert kernel.checks == [("train", "costly", "passed"), ("size", "size", "passed")]
    kernel.assert_whole()
    assert kernel.run(FINISH, "finish") == "", "it can be repeated"
    kernel.assert_whole()


def test_a_check_that_is_gone_from_its_cell_is_gone_from_the_records(kernel: Kernel) -> None:
    kernel.run(BEGIN, "setup")
    kernel.run("checks.expect('old', False); checks.measure('speed', 1.0)", "size")
    kernel.run("checks.expect('new', True)", "other")
    kernel.run("pass", "size")
    assert kernel.run(FINISH, "finish") == ""
    assert kernel.checks == [("other", "new", "passed")]
    kernel.assert_whole()


def test_a_refused_call_is_forgiven_once_its_cell_is_right(kernel: Kernel) -> None:
    kernel.run(BEGIN, "setup")
    assert "no actual value" in kernel.run("checks.expect('size')", "size")
    assert [r.cell for r in kernel.records if isinstance(r, Fault)] == ["size"]
    kernel.run("checks.expect('size', True)", "size")
    assert kernel.run(FINISH, "finish") == ""
    kernel.assert_whole()


def test_evidence_and_questions_are_replaced(kernel: Kernel) -> None:
    kernel.run(BEGIN, "setup")
    show = (
        "from proofbook.media import text\ntake = checks.show(text({!r}, name='log'))\n"
        "checks.ask('fine', 'Fine?', about=[take])\nchecks.expect('there', True)"
    )
    assert kernel.run(show.format("one"), "show") == ""
    assert kernel.run(show.format("two"), "show") == ""
    assert kernel.run(FINISH, "finish") == ""
    (evidence,) = (record for record in kernel.records if isinstance(record, Evidence))
    assert (evidence.cell, evidence.name) == ("show", "log")
    kernel.assert_whole()


def test_the_same_name_in_another_cell_is_refused_until_that_cell_runs_again(
    kernel: Kernel,
) -> None:
    kernel.run(BEGIN, "setup")
    kernel.run("checks.expect('size', False)", "first")
    moved = "checks.expect('size', True)"
    refusal = kernel.run(moved, "second")
    assert "two checks are called 'size'" in refusal
    assert "run this cell again to replace that of cell first" in refusal
    assert kernel.run(moved, "second") == ""
    assert kernel.run(FINISH, "finish") == ""
    assert kernel.checks == [("second", "size", "passed")]
    kernel.assert_whole()


def test_twice_in_one_cell_stays_refused(kernel: Kernel) -> None:
    kernel.run(BEGIN, "setup")
    twice = "for _ in range(2):\n    checks.expect('size', True)"
    for _ in range(2):
        assert "two checks are called 'size'; give each its own name" in kernel.run(twice, "size")


def test_where_nobody_names_cells_nothing_is_replaced(kernel: Kernel) -> None:
    kernel.run(BEGIN)
    kernel.run("checks.expect('size', False)")
    assert "two checks" in kernel.run("checks.expect('size', True)")
    assert "did not pass: size" in kernel.run(FINISH)
    assert "did not pass: size" in kernel.run(FINISH), "and the finish can be repeated"
    assert kernel.checks == [("", "size", "failed")]


def test_in_a_run_nothing_is_replaced(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run(f"import os; os.environ['{JOB_FOLDER}'] = {str(tmp_path / 'job')!r}")
    kernel.run(BEGIN, "setup")
    for _ in range(2):
        refusal = kernel.run("checks.expect('size', True)", "size")
    assert "two checks are called 'size'; give each its own name" in refusal
    assert "run this cell again" not in refusal
    kernel.run(FINISH, "finish")
    assert "finish() was called twice" in kernel.run(FINISH, "finish")
