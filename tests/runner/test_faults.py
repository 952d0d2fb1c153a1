"""Every fault is told truthfully, everywhere, leaves nothing behind, and can be resumed.

Each fault is injected for real into a real run, and depends on a file ``broken``: without the
file the same run, resumed, must end green.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from running import BEGIN, Ended, Runner, survivors
from waiting import wait_for

from proofbook.project import Project

pytestmark = pytest.mark.slow

IF_BROKEN = (
    "import os, sys, time, signal, subprocess\nfrom pathlib import Path\n"
    "if Path(flag).exists():\n    "
)
AFTERWARDS = "checks.expect('one', True)"
FINISH = "checks.finish()"


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and what must be said of it."""

    source: str
    code: int
    status: str
    cause: str
    states: tuple[str, ...] = ("completed", "completed", "interrupted", "not_run", "not_run")
    settings: str = ""
    run_settings: str = ""
    verdict: str = "error"
    finish: str = FINISH
    shown: tuple[str, ...] = field(default=())


FAULTS = {
    "kernel-sigkill": Fault(
        "os.kill(os.getpid(), signal.SIGKILL)", 3, "crashed", "was killed by SIGKILL"
    ),
    "kernel-segfault": Fault(
        "import ctypes; ctypes.string_at(0)", 3, "crashed", "was killed by SIGSEGV"
    ),
    "os-exit": Fault("os._exit(7)", 3, "crashed", "exited with code 7"),
    "grandchild-and-death": Fault(
        "subprocess.Popen(['sleep', '300'], start_new_session=True); os._exit(1)",
        3,
        "crashed",
        "exited with code 1",
    ),
    "out-of-memory": Fault(
        "hoard = [bytearray(os.urandom(1) * 50_000_000) for _ in range(100)]",
        3,
        "crashed",
        "out of memory",
        settings="memory_limit_gb: 0.5",
    ),
    "cell-timeout": Fault(
        "time.sleep(300)",
        3,
        "timed_out",
        "the cell took longer than 15 s",
        settings="cell_timeout: 15",
    ),
    "job-timeout": Fault(
        "time.sleep(300)", 3, "timed_out", "the job took longer", settings="timeout: 30"
    ),
    "run-timeout": Fault(
        "time.sleep(300)", 3, "timed_out", "the run took longer", run_settings="timeout: 40"
    ),
    "exception": Fault(
        "1 / 0",
        3,
        "error",
        "ZeroDivisionError",
        states=("completed", "completed", "failed", "not_run", "not_run"),
        shown=("ZeroDivisionError: division by zero",),
    ),
    "swallowed-exception": Fault(
        "Path('part.py').write_text('assert 1 == 2')\n"
        "    get_ipython().run_line_magic('run', 'part.py')",
        3,
        "error",
        r"AssertionError: .*\(cell cell-2\)",
        states=("completed", "completed", "failed", "not_run", "not_run"),
        shown=("AssertionError",),
    ),
    "failed-check": Fault(
        "checks.expect('loud', actual=-60.0, expected=-20.0, unit='dBFS')",
        1,
        "failed",
        "loud",
        states=("completed", "completed", "completed", "completed", "failed"),
        verdict="failed",
    ),
    "missing-finish": Fault(
        "Checks.finish = lambda self: None",
        3,
        "incomplete",
        "no finish record",
        states=("completed",) * 5,
        verdict="incomplete",
    ),
    "missing-evidence": Fault(
        "from proofbook.media import text; import os\n"
        "    shown = checks.show(text('evidence'))\n"
        "    os.remove(Path(os.environ['PROOFBOOK_MEDIA_FOLDER']) / shown.file.filename)",
        3,
        "incomplete",
        "is missing",
        states=("completed",) * 5,
        verdict="incomplete",
    ),
}


@pytest.fixture
def prepare(
    project: Project, add_runbook: Callable[..., Path], add_profile: Callable[..., Path]
) -> Callable[[Fault], Path]:
    """Return a function that writes the fault's project; it returns the file ``broken``."""

    def write(fault: Fault) -> Path:
        flag = project.root / "broken"
        flag.touch()
        add_runbook(
            "demo/one",
            BEGIN,
            IF_BROKEN + fault.source,
            AFTERWARDS,
            fault.finish,
            parameters=f"flag: str = {str(flag)!r}",
        )
        add_runbook("demo/two", BEGIN, AFTERWARDS, FINISH, parameters="x: int = 1")
        add_profile(
            f"{fault.run_settings}\njobs:\n"
            f"  - {{runbook: demo/one, {fault.settings or 'retries: 0'}}}\n"
            "  - {runbook: demo/two, id: free}\n"
            "  - {runbook: demo/two, id: dependent, needs: [demo-one]}\n"
        )
        return flag

    return write


def assert_all_say(ended: Ended, status: str, verdict: str, cause: str) -> None:
    """Assert that every form of the result says the same."""
    assert ended.outcome()["status"] == status
    assert re.search(cause, ended.outcome()["cause"])
    assert ended.reported()["outcome"] == status
    assert ended.report()["verdict"] == verdict
    case = ended.junit()
    kind = "failure" if status == "failed" else "error"
    assert [(e.tag, e.get("type")) for e in case] == [(kind, status)]
    assert re.search(rf'id="job-demo-one"[^>]*data-state="{status}"', ended.page())
    assert not re.search(r'id="job-demo-one"[^>]*data-state="passed"', ended.page())
    assert f"| {status} |" in ended.folder.joinpath("report/report.md").read_text().replace(
        "timed out", "timed_out"
    )


def assert_resumes_green(runner: Runner, ended: Ended, flag: Path) -> None:
    flag.unlink()
    again = runner.run("--resume", ended.folder.name)
    assert (again.code, again.folder) == (0, ended.folder), again.output
    assert {j["id"]: j["outcome"] for j in again.report()["jobs"]} == {
        "demo-one": "passed",
        "free": "passed",
        "dependent": "passed",
    }
    assert (ended.folder / "jobs/demo-one/attempts/1/outcome.json").exists()


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_truthfully_everywhere(
    name: str, prepare: Callable[[Fault], Path], runner: Runner
) -> None:
    fault = FAULTS[name]
    flag = prepare(fault)
    ended = runner.run("-j", "2")
    assert ended.code == fault.code, ended.output
    assert_all_say(ended, fault.status, fault.verdict, fault.cause)
    assert tuple(ended.cell_states()) == fault.states
    assert tuple(c["status"] for c in ended.reported()["cells"]) == fault.states
    assert all(text in ended.page() for text in fault.shown)
    if not fault.run_settings:
        assert ended.outcome("free")["status"] == "passed"
        assert ended.outcome("dependent")["status"] == "skipped"
        assert "it needs demo-one" in ended.outcome("dependent")["cause"]
    assert survivors(ended.folder.name) == []
    assert_resumes_green(runner, ended, flag)


SLEEPER = Fault("Path(flag + '-begun').touch(); time.sleep(300)", 130, "cancelled", "cancelled")


def start_sleeper(runner: Runner, flag: Path) -> subprocess.Popen[str]:
    process = runner.start("-j", "2")
    wait_for(Path(f"{flag}-begun").exists)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_runner_cancels_cleanly(
    number: int, prepare: Callable[[Fault], Path], runner: Runner
) -> None:
    flag = prepare(SLEEPER)
    process = start_sleeper(runner, flag)
    os.kill(process.pid, number)
    ended = runner.end(process)
    assert ended.code == 130, ended.output
    assert_all_say(ended, "cancelled", "cancelled", "cancelled")
    assert ended.cell_states() == ["completed", "completed", "interrupted", "not_run", "not_run"]
    assert survivors(ended.folder.name) == []
    assert_resumes_green(runner, ended, flag)


SLEEPING = ["completed", "completed", "running", "not_run", "not_run"]


def saved_as_sleeping(runner: Runner) -> bool:
    """Whether the notebook on disk says that the sleeper's third cell runs."""
    jobs = (runner.project.root / "outputs").glob("*/jobs/demo-one/notebook.ipynb")
    runs = [Ended(code=-1, output="", folder=path.parents[2]) for path in jobs]
    return any(run.cell_states() == SLEEPING for run in runs)


def test_a_killed_runner_leaves_an_incomplete_run_and_no_process(
    prepare: Callable[[Fault], Path], runner: Runner
) -> None:
    flag = prepare(SLEEPER)
    process = start_sleeper(runner, flag)
    wait_for(lambda: saved_as_sleeping(runner))  # the next save, however slow the disk
    os.kill(process.pid, signal.SIGKILL)
    ended = runner.end(process)
    assert ended.code == -signal.SIGKILL
    assert survivors(ended.folder.name) == []
    temporary, mine = Path(tempfile.gettempdir()), f"proofbook-job-{process.pid}-*"
    wait_for(lambda: not any(temporary.glob(mine)))
    assert_all_say(ended, "incomplete", "incomplete", "")
    assert ended.cell_states() == SLEEPING
    records = (ended.folder / "jobs/demo-one/records.jsonl").read_text()
    assert '"kind":"begin"' in records
    command = [sys.executable, "-m", "proofbook", "report", ended.folder.name]
    subprocess.run(command, cwd=runner.project.root, check=True, capture_output=True)
    assert_all_say(ended, "incomplete", "incomplete", "")
    assert_resumes_green(runner, ended, flag)


@pytest.mark.exhaustive
def test_a_full_disk_is_told_and_can_be_resumed(
    mount_disk: Callable[[str], Path], prepare: Callable[[Fault], Path], runner: Runner
) -> None:
    small_disk = mount_disk("size=12m")
    fill = (
        "filler = open(Path(os.environ['PROOFBOOK_MEDIA_FOLDER']) / 'filler', 'wb')\n"
        "    while True: filler.write(os.urandom(4096)); filler.flush()"
    )
    flag = prepare(Fault(fill, 3, "error", "No space"))
    ended = runner.end(runner.start("-j", "1", "--outputs", str(small_disk)), small_disk)
    assert ended.code == 3, ended.output
    assert_all_say(ended, "error", "error", "No space left on device")
    assert survivors(ended.folder.name) == []
    (ended.folder / "media" / "filler").unlink()
    flag.unlink()
    process = runner.start("--resume", ended.folder.name, "--outputs", str(small_disk))
    again = runner.end(process, small_disk)
    assert again.code == 0, again.output


@pytest.mark.exhaustive
def test_a_flood_of_output_is_cut_in_the_notebook_and_nothing_else_suffers(
    prepare: Callable[[Fault], Path], runner: Runner
) -> None:
    prepare(Fault("for _ in range(2000): print('x' * 100_000)", 0, "passed", ""))
    ended = runner.run("-j", "2")
    assert ended.code == 0, ended.output
    assert ended.outcome()["status"] == "passed"
    notebook = ended.folder / "jobs/demo-one/notebook.ipynb"
    assert notebook.stat().st_size < 2_000_000
    assert "left out here" in notebook.read_text()
    assert (ended.folder / "jobs/demo-one/output.log").stat().st_size < 70_000_000


def test_a_crash_is_tried_again_and_then_called_flaky(
    project: Project,
    add_runbook: Callable[..., Path],
    add_profile: Callable[..., Path],
    runner: Runner,
) -> None:
    flag = project.root / "broken"
    flag.touch()
    once = IF_BROKEN + "os.remove(flag); os.kill(os.getpid(), signal.SIGKILL)"
    parameters = f"flag: str = {str(flag)!r}"
    add_runbook("demo/one", BEGIN, once, AFTERWARDS, FINISH, parameters=parameters)
    add_profile("jobs: [{runbook: demo/one, retries: 1}]")
    ended = runner.run()
    assert ended.code == 0, ended.output
    outcome = ended.outcome()
    assert (outcome["status"], outcome["flaky"]) == ("passed", True)
    assert [a["status"] for a in outcome["attempts"]] == ["crashed", "passed"]
    assert "flaky" in ended.page()


@pytest.mark.exhaustive
def test_a_failed_check_stays_failed_where_the_kernel_dies_after_it(
    project: Project,
    add_runbook: Callable[..., Path],
    add_profile: Callable[..., Path],
    runner: Runner,
) -> None:
    flag = project.root / "broken"
    flag.touch()
    once = IF_BROKEN + "checks.expect('quality', False); os.remove(flag); os._exit(1)"
    parameters = f"flag: str = {str(flag)!r}"
    add_runbook("demo/one", BEGIN, once, AFTERWARDS, FINISH, parameters=parameters)
    add_profile("jobs: [{runbook: demo/one, retries: 3}]")
    ended = runner.run()
    assert ended.code == 3, ended.output
    assert [a["status"] for a in ended.outcome()["attempts"]] == ["crashed"]


@pytest.mark.exhaustive
def test_what_breaks_the_harness_is_one_jobs_outcome(
    project: Project,
    add_runbook: Callable[..., Path],
    add_profile: Callable[..., Path],
    runner: Runner,
) -> None:
    victim = project.runbook("demo/zz")
    gone = f"import os; os.remove({str(victim)!r})"
    add_runbook("demo/one", BEGIN, gone, AFTERWARDS, FINISH)
    add_runbook("demo/zz", BEGIN, AFTERWARDS, FINISH)
    add_runbook("demo/two", BEGIN, AFTERWARDS, FINISH)
    add_profile(
        "jobs:\n  - {runbook: demo/one}\n  - {runbook: demo/zz, needs: [demo-one]}\n"
        "  - {runbook: demo/two, needs: [demo-one]}\n"
    )
    ended = runner.run("-j", "1")
    assert ended.code == 3, ended.output
    assert ended.outcome("demo-zz")["status"] == "error"
    assert "could not be executed: FileNotFoundError" in ended.outcome("demo-zz")["cause"]
    assert ended.outcome("demo-two")["status"] == "passed"
    assert ended.report()["verdict"] == "error"


@pytest.mark.exhaustive
def test_a_failed_check_is_never_tried_again(
    add_runbook: Callable[..., Path], add_profile: Callable[..., Path], runner: Runner
) -> None:
    add_runbook("demo/one", BEGIN, "checks.expect('one', False)", FINISH)
    add_profile("jobs: [{runbook: demo/one, retries: 3}]")
    ended = runner.run()
    assert ended.code == 1
    assert len(ended.outcome()["attempts"]) == 1


@pytest.mark.exhaustive
def test_a_job_that_spoils_the_evidence_of_another_leaves_no_green_run(
    add_runbook: Callable[..., Path], add_profile: Callable[..., Path], runner: Runner
) -> None:
    show = "from proofbook.media import text\nchecks.show(text('evidence'))"
    spoil = (
        "import os; from pathlib import Path\n"
        "for path in Path(os.environ['PROOFBOOK_MEDIA_FOLDER']).glob('*.txt'): path.unlink()"
    )
    add_runbook("demo/one", BEGIN, show, AFTERWARDS, FINISH)
    add_runbook("demo/two", BEGIN, spoil, AFTERWARDS, FINISH)
    add_profile("jobs: [{runbook: demo/one}, {runbook: demo/two, needs: [demo-one]}]")
    ended = runner.run()
    assert ended.code == 3, ended.output
    assert "incomplete" in ended.output
    assert json.loads((ended.folder / "run.json").read_text())["verdict"] == "incomplete"
    assert ended.report()["verdict"] == "incomplete"
    assert "is missing" in ended.reported()["cause"]
