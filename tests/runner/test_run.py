"""A run does what its profile says, keeps secrets, and keeps jobs apart."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
import pytest
import scrapbook
from running import BEGIN, Runner, survivors
from waiting import wait_for

from proofbook.project import Project
from proofbook.runs.folder import RunFolder, read_records
from proofbook.signoff.entries import canonical, line_hash
from proofbook.signoff.verification import verify_run

pytestmark = pytest.mark.slow

Add = Callable[..., Path]
FINISH = "checks.expect('one', True)\nchecks.finish()"


def test_a_green_run_is_green_everywhere(
    add_runbook: Add, add_profile: Add, runner: Runner
) -> None:
    show = (
        "from proofbook.media import text\nshown = checks.show(text('hello', caption='greeting'))\n"
        "checks.measure('speed', 2.5, unit='x', better='higher')\n"
        "checks.ask('nice', 'Is it nice?', about=[shown])"
    )
    add_runbook("demo/one", BEGIN, show, FINISH, parameters="x: int = 1  # a number")
    add_profile("jobs: [{runbook: demo/one, matrix: {x: [1, 2]}}]")
    ended = runner.run()
    assert ended.code == 0, ended.output
    report = ended.report()
    assert report["verdict"] == "unreviewed"
    assert {"run_id", "profile", "verdict", "jobs"} <= report.keys()
    job = ended.reported("demo-one-2")
    assert job["outcome"] == "passed"
    assert [len(job[k]) for k in ("checks", "metrics", "evidence", "questions")] == [1, 1, 1, 1]
    assert ended.outcome("demo-one-2")["kernel"] == "warm"
    stored = job["evidence"][0]["file"]
    media = ended.folder / "media" / f"{stored['sha256']}{stored['suffix']}"
    assert media.read_text() == "hello"
    nbformat.validate(nbformat.read(ended.folder / "jobs/demo-one-2/notebook.ipynb", 4))
    assert not (ended.folder / ".reserve").exists()
    assert not list(ended.folder.glob("jobs/*/work/*"))


@pytest.mark.exhaustive
def test_scrapbook_shows_every_record_of_an_executed_runbook(
    add_runbook: Add, add_profile: Add, runner: Runner
) -> None:
    add_runbook("demo/one", BEGIN, "checks.measure('speed', 2.5)", FINISH)
    add_profile("jobs: [{runbook: demo/one}]")
    ended = runner.run()
    scraps = scrapbook.read_notebook(str(ended.folder / "jobs/demo-one/notebook.ipynb")).scraps
    assert scraps["check/one"].data["status"] == "passed"
    assert scraps["metric/speed"].data["value"] == 2.5
    assert scraps["proofbook/finish"].data["counts"] == {"begin": 1, "check": 1, "metric": 1}


@pytest.mark.exhaustive
def test_jobs_have_their_own_folder_environment_and_random_state(
    add_runbook: Add, add_profile: Add, runner: Runner
) -> None:
    leave = (
        "import os, random, numpy, tempfile, builtins\nfrom pathlib import Path\n"
        "assert 'LEFT' not in os.environ and not hasattr(builtins, 'left')\n"
        "assert list(Path.cwd().iterdir()) == []\n"
        "os.environ['LEFT'] = '1'; builtins.left = 1\nPath('mine').touch()\n"
        "drawn = f'{random.random()} {numpy.random.rand()} {Path.cwd()} {tempfile.gettempdir()}'\n"
        "checks.expect('drawn', drawn, drawn)"
    )
    add_runbook("demo/one", BEGIN, leave, FINISH, parameters="x: int = 1")
    add_profile("jobs: [{runbook: demo/one, matrix: {x: [1, 2, 3, 4, 5, 6]}}]")
    ended = runner.run("-j", "3")
    assert ended.code == 0, ended.output
    drawn = [ended.reported(f"demo-one-{i}")["checks"][0]["actual"].split() for i in range(1, 7)]
    for column in zip(*drawn, strict=True):
        assert len(set(column)) == 6
    temporary = [Path(row[3]) for row in drawn]
    assert not any(path.exists() for path in temporary)
    assert survivors(ended.folder.name) == []


@pytest.mark.exhaustive
def test_a_planted_token_is_nowhere_in_what_is_written(
    add_runbook: Add, add_profile: Add, runner: Runner
) -> None:
    token = 'hf_Zq81"Secret\\42'
    runner.environment["HF_TOKEN"] = token
    spill = (
        "import os, sys, subprocess\ntoken = os.environ['HF_TOKEN']\nprint(token)\n"
        "print(token, file=sys.stderr)\nos.write(1, token.encode())\n"
        "subprocess.run(['printenv', 'HF_TOKEN'])\nchecks.expect('token', token, 'x')\n"
        "{'token': token}"
    )
    add_runbook("demo/one", BEGIN, spill, "raise ValueError(token)", FINISH)
    add_profile("jobs: [{runbook: demo/one}]")
    ended = runner.run()
    assert ended.outcome()["status"] == "error"
    forms = {token, json.dumps(token)[1:-1], "Zq81"}
    for path in runner.project.outputs.rglob("*"):
        if path.is_file():
            content = path.read_text(errors="replace")
            assert not [form for form in forms if form in content], path
    assert "Zq81" not in ended.output
    assert "[redacted:HF_TOKEN]" in (ended.folder / "jobs/demo-one/output.log").read_text()


@pytest.mark.exhaustive
def test_missing_hardware_is_a_failure_unless_the_profile_allows_the_skip(
    add_runbook: Add, add_profile: Add, runner: Runner
) -> None:
    add_runbook("demo/one", BEGIN, FINISH)
    add_profile(
        "jobs:\n  - {runbook: demo/one, id: must, hardware: {gpu: 99}}\n"
        "  - {runbook: demo/one, id: may, hardware: {gpu: 99}, allow_skips: [hardware]}\n"
        "  - {runbook: demo/one, id: does}\n"
    )
    ended = runner.run()
    assert ended.code == 1, ended.output
    assert ended.outcome("must")["status"] == "failed"
    assert "needs 99" in ended.outcome("must")["cause"]
    assert (ended.outcome("may")["status"], ended.outcome("may")["allowed"]) == ("skipped", True)
    assert ended.reported("may")["outcome"] == "skipped"
    assert ended.outcome("does")["status"] == "passed"


@pytest.mark.exhaustive
def test_a_missing_program_is_told_before_the_first_job_and_starts_nothing(
    add_runbook: Add, add_profile: Add, runner: Runner
) -> None:
    add_runbook("demo/one", BEGIN, FINISH)
    requires = "requires: {no-such-program: binutils}"
    add_profile(
        f"jobs:\n  - {{runbook: demo/one, id: must, {requires}}}\n"
        f"  - {{runbook: demo/one, id: may, {requires}, allow_skips: [requirements]}}\n"
        "  - {runbook: demo/one, id: does, requires: {sh: dash}}\n"
    )
    ended = runner.run("-j", "1")
    sentence = "needs no-such-program, not found here: install binutils"
    assert ended.code == 1, ended.output
    assert f"must and 1 more: {sentence}\n" in ended.output
    assert ended.output.index(sentence) < ended.output.index("passed")
    assert ended.outcome("must")["cause"] == f"required but unavailable: requirements ({sentence})"
    assert ended.outcome("may")["cause"] == f"every check was skipped: {sentence}"
    assert (ended.outcome("may")["status"], ended.outcome("may")["allowed"]) == ("skipped", True)
    assert not (ended.folder / "jobs/may/notebook.ipynb").exists()
    assert ended.reported("may")["checks"][0]["reason"] == sentence
    assert ended.outcome("does")["status"] == "passed"


@pytest.mark.exhaustive
def test_a_skip_that_is_not_allowed_is_a_failure(
    add_runbook: Add, add_profile: Add, runner: Runner
) -> None:
    add_runbook("demo/one", BEGIN, "checks.skip('gpu-memory', reason='no GPU')", FINISH)
    add_profile(
        "jobs:\n  - {runbook: demo/one, id: strict}\n"
        "  - {runbook: demo/one, id: lenient, allow_skips: ['gpu-*']}\n"
    )
    ended = runner.run()
    assert ended.code == 1
    assert ended.outcome("strict")["cause"] == "required but unavailable: gpu-memory (no GPU)"
    assert ended.outcome("lenient")["status"] == "passed"


@pytest.mark.exhaustive
def test_resume_runs_what_failed_and_what_needs_it_and_nothing_else(
    project: Project, add_runbook: Add, add_profile: Add, runner: Runner
) -> None:
    flag = project.root / "broken"
    flag.touch()
    add_runbook(
        "demo/one", BEGIN, f"assert not __import__('os').path.exists({str(flag)!r})", FINISH
    )
    add_runbook("demo/two", BEGIN, FINISH)
    add_profile(
        "jobs:\n  - {runbook: demo/two, id: good}\n  - {runbook: demo/one, id: bad}\n"
        "  - {runbook: demo/two, id: after, needs: [bad, good]}\n"
    )
    ended = runner.run()
    assert ended.code == 3
    before = ended.outcome("good")
    flag.unlink()
    again = runner.run("--rerun", "failed")
    assert again.code == 0, again.output
    assert again.folder == ended.folder
    assert again.outcome("good") == before
    assert again.outcome("after")["status"] == "passed"
    everything = runner.run("--resume", "latest", "--rerun", "all")
    assert everything.code == 0
    assert everything.outcome("good")["started"] != before["started"]


def test_a_run_is_sealed_when_it_ends_and_a_broken_seal_stays_broken(
    add_runbook: Add, add_profile: Add, runner: Runner, tmp_path: Path
) -> None:
    add_runbook("demo/one", BEGIN, FINISH)
    add_profile("jobs: [{runbook: demo/one}]")
    ended = runner.run()
    assert verify_run(RunFolder(ended.folder)).verdict == "passed"
    copy = tmp_path / "copy" / ended.folder.name
    shutil.copytree(ended.folder, copy, ignore=shutil.ignore_patterns(".*"))
    assert verify_run(RunFolder(copy)).verdict == "passed"
    (ended.folder / "jobs" / "demo-one" / "output.log").write_text("nothing happened")
    assert verify_run(RunFolder(ended.folder)).verdict == "tampered"
    assert runner.run("--resume", "latest", "--rerun", "all").code == 0
    found = verify_run(RunFolder(ended.folder))
    assert found.verdict == "tampered"
    assert found.reasons[0].text.startswith(
        "jobs/demo-one/output.log has been changed, before entry"
    )


def write_as_dated(folder: RunFolder, moment: str) -> None:
    """Have a run's only seal say another time, as if the clock had been wrong."""
    log = folder.path / "signoffs.jsonl"
    line = canonical({**json.loads(log.read_text()), "time": moment})
    log.write_text(f"{line}\n")
    head = canonical({"number": 0, "sha256": line_hash(line)})
    (folder.path / "signoffs.head").write_text(f"{head}\n")


@pytest.mark.exhaustive
@pytest.mark.parametrize("without", ["", "report", "clock"])
def test_a_run_that_is_resumed_is_sealed_again(
    project: Project, add_runbook: Add, add_profile: Add, runner: Runner, without: str
) -> None:
    flag = project.root / "broken"
    flag.touch()
    add_runbook("demo/one", BEGIN, f"assert not __import__('pathlib').Path({str(flag)!r}).exists()",
                FINISH)  # fmt: skip
    add_profile("jobs: [{runbook: demo/one}]")
    folder = RunFolder(runner.run().folder)
    assert verify_run(folder).verdict == "failed"
    flag.unlink()
    if without == "clock":
        write_as_dated(folder, "2099-01-01T00:00:00Z")
    elif without:
        shutil.rmtree(folder.path / without)
    assert runner.run("--resume", "latest").code == 0
    assert verify_run(folder).verdict == "passed"


@pytest.mark.exhaustive
def test_a_runbook_that_was_changed_since_is_run_again(
    add_runbook: Add, add_profile: Add, runner: Runner
) -> None:
    path = add_runbook("demo/one", BEGIN, FINISH)
    add_profile("jobs: [{runbook: demo/one}]")
    before = runner.run().outcome()["started"]
    assert runner.run("--resume", "latest").outcome()["started"] == before
    book = json.loads(path.read_text())
    book["metadata"]["kernelspec"]["display_name"] = "as JupyterLab leaves it"
    path.write_text(json.dumps(book))
    assert runner.run("--resume", "latest").outcome()["started"] == before
    add_runbook("demo/one", BEGIN, "checks.expect('more', True)", FINISH)
    changed = runner.run("--resume", "latest")
    assert changed.outcome()["started"] != before
    assert len(changed.reported()["checks"]) == 2


@pytest.mark.exhaustive
def test_each_record_names_the_cell_that_made_it(
    add_runbook: Add, add_profile: Add, runner: Runner
) -> None:
    add_runbook("demo/one", BEGIN, "checks.expect('size', 1, 2); checks.expect(1)", FINISH)
    add_profile("jobs: [{runbook: demo/one}]")
    records, _ = read_records(runner.run().folder / "jobs/demo-one/records.jsonl")
    assert [(record.kind, record.cell) for record in records] == [
        ("begin", "cell-1"),
        ("check", "cell-2"),
        ("fault", "cell-2"),
    ]


@pytest.mark.exhaustive
def test_a_run_is_not_resumed_with_parameters_that_no_longer_exist(
    add_runbook: Add, add_profile: Add, runner: Runner
) -> None:
    add_runbook("demo/one", BEGIN, "assert False", FINISH, parameters="model: str = 'a'")
    add_profile("jobs: [{runbook: demo/one, parameters: {model: mine}}]")
    assert runner.run().code == 3
    add_runbook("demo/one", BEGIN, FINISH, parameters="model_path: str = 'a'")
    again = runner.run("--resume", "latest")
    assert again.code == 2
    assert "cannot be resumed: demo/one has no parameter 'model'" in again.output
    assert again.report()["verdict"] == "error"


@pytest.mark.exhaustive
def test_a_later_try_says_what_it_was_made_with(
    add_runbook: Add, add_profile: Add, runner: Runner
) -> None:
    add_runbook("demo/one", BEGIN, FINISH)
    add_profile("jobs: [{runbook: demo/one}]")
    runner.run()
    again = runner.run("--resume", "latest", "--rerun", "all", "-j", "1")
    info = json.loads((again.folder / "run.json").read_text())
    assert len(info["resumed"]) == 1
    assert "papermill" in info["resumed"][0]["environment"]


@pytest.mark.exhaustive
def test_two_processes_do_not_execute_one_run(
    project: Project, add_runbook: Add, add_profile: Add, runner: Runner
) -> None:
    begun = project.root / "begun"
    source = f"import time, pathlib; pathlib.Path({str(begun)!r}).touch(); time.sleep(600)"
    add_runbook("demo/one", BEGIN, source, FINISH)
    add_profile("jobs: [{runbook: demo/one}]")
    first = runner.start()
    wait_for(begun.exists)
    second = runner.run("--resume", "latest")
    assert second.code == 2
    assert "is being executed by another process" in second.output
    assert runner.run("--resume", "latest").code == 2
    os.kill(first.pid, signal.SIGINT)
    assert runner.end(first).code == 130


@pytest.mark.exhaustive
def test_a_run_without_a_forkserver_is_merely_slower(
    add_runbook: Add, add_profile: Add, runner: Runner
) -> None:
    add_runbook("demo/one", BEGIN, FINISH)
    add_profile("jobs: [{runbook: demo/one}]")
    ended = runner.run("--cold")
    assert ended.code == 0, ended.output
    assert ended.outcome()["kernel"] == "ordinary"


@pytest.mark.exhaustive
def test_a_forkserver_of_its_own_ends_with_the_run(
    add_runbook: Add, add_profile: Add, runner: Runner, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir(mode=0o700)
    runner.environment["XDG_RUNTIME_DIR"] = str(tmp_path / "other")
    add_runbook(
        "demo/one", BEGIN, "import sys; checks.expect('warm', 'wave' in sys.modules)", FINISH
    )
    add_profile("warm: [wave, no_such_module]\njobs: [{runbook: demo/one}]")
    ended = runner.run()
    assert ended.code == 0, ended.output
    assert ended.outcome()["kernel"] == "warm"
    assert "no_such_module" in ended.output
    commands = [" ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"])]
    assert not [command for command in commands if "no_such_module" in command]


@pytest.fixture
def read_only(tmp_path: Path, mount_disk: Callable[[str], Path]) -> Path:
    """A folder that this user cannot write; root could write any but a mounted one."""
    if os.geteuid() == 0:
        return mount_disk("ro")
    folder = tmp_path / "read-only"
    folder.mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
    return folder


def test_an_outputs_folder_that_cannot_be_written_is_one_line(
    add_runbook: Add, add_profile: Add, runner: Runner, read_only: Path
) -> None:
    add_runbook("demo/one", BEGIN, FINISH)
    add_profile("jobs: [{runbook: demo/one}]")
    ended = runner.run("--outputs", str(read_only))
    assert ended.code == 2
    assert ended.output.count("\n") == 1
    assert f"cannot write a run in {read_only}" in ended.output


@pytest.mark.exhaustive
def test_a_job_time_limit_holds_for_a_kernel_that_ignores_interrupts(
    add_runbook: Add, add_profile: Add, runner: Runner
) -> None:
    stubborn = (
        "import time\nwhile True:\n    try: time.sleep(60)\n    except KeyboardInterrupt: pass"
    )
    add_runbook("demo/one", BEGIN, stubborn, FINISH)
    add_profile("jobs: [{runbook: demo/one, timeout: 2}]")
    ended = runner.run()  # which never returns where the limit does not hold
    assert ended.outcome()["status"] == "timed_out"
    assert survivors(ended.folder.name) == []
