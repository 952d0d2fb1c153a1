"""Whole runs on a Ray cluster: what a person sees is what the local executor leaves."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray_cluster
from running import BEGIN, Ended, Runner, survivors
from waiting import wait_for

from proofbook.project import Project

pytestmark = pytest.mark.slow

Add = Callable[..., Path]
MAKE = (
    "from pathlib import Path\nimport helper\nfrom proofbook.media import text\n"
    "Path('model').mkdir()\nPath('model/w').write_text(helper.WEIGHTS)\n"
    "checks.output('model', Path('model'))\nchecks.show(text('seen'))\nchecks.measure('size', 3.0)"
)
USE = "from pathlib import Path\nchecks.expect('w', Path(model, 'w').read_text(), 'abc')"
FINISH = "checks.expect('one', True)\nchecks.finish()"


@pytest.fixture
def handing_on(add_runbook: Add, add_profile: Add) -> None:
    path = add_runbook("demo/make", BEGIN, MAKE, FINISH)
    path.with_name("helper.py").write_text("WEIGHTS = 'abc'")
    add_runbook("demo/use", BEGIN, USE, FINISH, parameters='model: str = ""')
    add_profile(ray_cluster.HANDING_ON)


def records(ended: Ended) -> list[Any]:
    """Return the records of a run without times, cells' numbers and its own place."""
    lines: list[Any] = []
    for job in ("make", "use"):
        text = (ended.folder / "jobs" / job / "records.jsonl").read_text()
        lines += [_timeless(json.loads(line)) for line in text.splitlines()]
    return json.loads(json.dumps(lines).replace(str(ended.folder), "RUN"))


def _timeless(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != "time"}


@pytest.mark.exhaustive
@pytest.mark.parametrize("with_store", [False, True])
def test_a_run_on_a_cluster_leaves_what_a_local_one_does(
    with_store: bool,
    handing_on: None,
    on_cluster: tuple[str, ...],
    runner: Runner,
    tmp_path: Path,
) -> None:
    how = (*on_cluster, *(("--store", f"file://{tmp_path}/store") if with_store else ()))
    here = runner.run("--outputs", str(tmp_path / "local"), "-j", "2")
    there = runner.run("--outputs", str(tmp_path / "there"), *how)
    local = Ended(here.code, here.output, next((tmp_path / "local").glob("*/run.json")).parent)
    away = Ended(there.code, there.output, next((tmp_path / "there").glob("*/run.json")).parent)
    assert (local.code, away.code) == (0, 0), there.output
    assert records(away) == records(local)
    assert [p.name for p in (away.folder / "media").iterdir()] == [
        p.name for p in (local.folder / "media").iterdir()
    ]
    made = away.outcome("make")
    assert made["node"]["name"]
    assert made["kernel"] == "warm"
    assert (away.folder / "jobs/make/work/model/w").read_text() == "abc"
    assert not list(away.folder.glob(".brought-*"))
    stored = [path.read_bytes() for path in tmp_path.glob("store/content/*")]
    assert stored.count(b"abc") == with_store  # brought, and handed on from there
    assert len(list(tmp_path.glob("store/outcomes/*/*/1-*"))) == 2 * with_store


@pytest.mark.exhaustive
def test_an_attempt_that_is_lost_with_its_worker_is_made_again(
    add_runbook: Add, add_profile: Add, on_cluster: tuple[str, ...], runner: Runner, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    wait = (
        f"import pathlib, time\nflag = pathlib.Path({str(flag)!r})\n"
        "first = not flag.exists()\nflag.touch()\nprint('begun', first, flush=True)\n"
        "time.sleep(300 * first)"
    )
    add_runbook("demo/one", BEGIN, wait, FINISH)
    add_profile("jobs:\n  - {runbook: demo/one, id: lost-once}\n")
    process = runner.start(*on_cluster)
    wait_for(lambda: "begun True" in _live(runner, "lost-once/output.log"))
    for worker in _workers("lost-once"):
        worker.send_signal(signal.SIGKILL)
    ended = runner.end(process)
    assert ended.code == 0, ended.output
    outcome = ended.outcome("lost-once")
    assert [each["status"] for each in outcome["attempts"]] == ["crashed", "passed"]
    assert [each["infrastructure"] for each in outcome["attempts"]] == [True, False]
    assert outcome["flaky"] is False
    assert "the process that executed it is gone" in outcome["attempts"][0]["cause"]
    assert "begun True" in (ended.folder / "jobs/lost-once/attempts/1/output.log").read_text()


@pytest.mark.exhaustive
def test_a_killed_run_leaves_nothing_on_its_machines(
    add_runbook: Add, add_profile: Add, on_cluster: tuple[str, ...], runner: Runner, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    wait = f"import pathlib, time\npathlib.Path({str(flag)!r}).touch()\ntime.sleep(300)"
    add_runbook("demo/one", BEGIN, wait, FINISH)
    add_profile("jobs:\n  - {runbook: demo/one, id: forsaken}\n")
    process = runner.start(*on_cluster)
    wait_for(flag.exists)
    (folder,) = runner.project.outputs.glob("*/run.json")
    process.kill()
    process.wait()
    assert survivors(folder.parent.name) == []
    wait_for(lambda: not list(_workers("forsaken")))


@pytest.mark.exhaustive
def test_what_no_machine_has_is_said_before_anything_starts(
    add_runbook: Add, add_profile: Add, on_cluster: tuple[str, ...], runner: Runner
) -> None:
    add_runbook("demo/one", BEGIN, FINISH)
    add_profile("jobs:\n  - {runbook: demo/one, resources: {gpus: 2}}\n")
    ended = runner.run(*on_cluster)
    assert ended.code == 2
    assert "needs 2 gpus, found 1 on the best of 1 machines" in ended.output
    assert not list(runner.project.outputs.glob("*/run.json"))


@pytest.mark.exhaustive
def test_jobs_that_ask_for_the_one_gpu_never_have_it_at_once(
    add_runbook: Add, add_profile: Add, on_cluster: tuple[str, ...], runner: Runner, tmp_path: Path
) -> None:
    alone = (
        f"import os, pathlib\nmark = pathlib.Path({str(tmp_path / 'taken')!r})\nmark.mkdir()\n"
        "checks.expect('gpu', os.environ['CUDA_VISIBLE_DEVICES'], '7')\nmark.rmdir()"
    )
    add_runbook("demo/one", BEGIN, alone, FINISH)
    jobs = [
        f"  - {{runbook: demo/one, id: j{n}, resources: {{gpus: 1, cpus: 1}}}}" for n in (1, 2, 3)
    ]
    add_profile("jobs:\n" + "\n".join(jobs) + "\n")
    ended = runner.run(*on_cluster)
    assert ended.code == 0, ended.output


def test_a_cluster_that_is_not_there_is_one_line(
    add_runbook: Add, add_profile: Add, runner: Runner
) -> None:
    add_runbook("demo/one", BEGIN, FINISH)
    add_profile("jobs:\n  - {runbook: demo/one}\n")
    ended = runner.run("--executor", "ray", "--address", "127.0.0.1:1")
    assert ended.code == 2
    assert re.search(r"no Ray cluster at 127\.0\.0\.1:1: .*ray start --head", ended.output)


def _live(runner: Runner, name: str) -> str:
    """Return what is known of a file of a job while it runs elsewhere."""
    return "".join(path.read_text() for path in runner.project.outputs.glob(f"*/jobs/{name}"))


def _workers(job: str) -> Iterator[psutil.Process]:
    """Yield the Ray workers that execute a job: Ray names them by their task."""
    for process in psutil.process_iter():
        try:
            if process.cmdline()[:1] == [f"ray::{job}"]:
                yield process
        except psutil.Error:
            continue


@pytest.mark.exhaustive
@pytest.mark.parametrize("executor", ["local", "ray"])
def test_a_run_is_resumed_where_it_was_brought_to(
    executor: str,
    add_runbook: Add,
    add_profile: Add,
    runner: Runner,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    flag = tmp_path / "flag"
    path = add_runbook("demo/make", BEGIN, MAKE, FINISH)
    path.with_name("helper.py").write_text("WEIGHTS = 'abc'")
    ready = f"from pathlib import Path\nchecks.require('ready', Path({str(flag)!r}).exists(), True)"
    add_runbook("demo/use", BEGIN, ready, USE, FINISH, parameters='model: str = ""')
    add_profile(ray_cluster.HANDING_ON)
    begun = runner.run()
    assert begun.code == 1, begun.output
    there = Project(tmp_path / "another" / "machine")
    there.root.parent.mkdir()
    runner.project.root.rename(there.root)
    flag.touch()
    how = request.getfixturevalue("on_cluster") if executor == "ray" else ()
    ended = Runner(there).run("--resume", "latest", *how)
    assert ended.code == 0, ended.output
    assert [ended.outcome(job)["status"] for job in ("make", "use")] == ["passed", "passed"]
    assert ended.outcome("make")["started"] < begun_at(ended) < ended.outcome("use")["started"]
    resolved = ended.outcome("use")["resolved"]["model"]
    assert resolved == str(ended.folder / "jobs/make/work/model")
    reported = {ended.reported(job)["machine"] for job in ("make", "use")}
    assert len(reported) == (2 if executor == "ray" else 1)


def begun_at(ended: Ended) -> str:
    """Return when a run was resumed."""
    time: str = json.loads((ended.folder / "run.json").read_text())["resumed"][-1]["time"]
    return time
