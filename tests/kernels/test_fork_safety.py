from __future__ import annotations

import resource
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from proofbook.kernels.fork_safety import unfit_process, unfit_request
from proofbook.kernels.imports import Imported
from proofbook.processes.owned import make_request

ARGV = [sys.executable, "-m", "ipykernel_launcher", "-f", "x.json"]


@pytest.fixture
def request_():
    return make_request(ARGV, env={})


def test_a_request_like_this_process_is_fit(request_):
    assert unfit_request(request_, Imported()) is None
    ours = [*ARGV[:2], "proofbook.kernels.launcher", "-f", "x"]
    assert unfit_request(replace(request_, argv=ours), Imported()) is None


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["bash"], "command line"),
        ([sys.executable, "-X", "dev", "-m", "ipykernel_launcher"], "command line"),
        ([sys.executable, "-m", "other_kernel"], "command line"),
        (["/usr/bin/python3", "-m", "ipykernel_launcher"], "not /usr/bin/python3"),
    ],
)
def test_another_command_or_interpreter_is_unfit(request_, argv, reason):
    assert reason in unfit_request(replace(request_, argv=argv), Imported())


def test_another_virtual_environment_of_the_same_base_is_unfit(request_, tmp_path):
    link = tmp_path / "bin" / "python"
    link.parent.mkdir()
    link.symlink_to(Path(sys.executable).resolve())
    argv = [str(link), *ARGV[1:]]
    assert str(link) in unfit_request(replace(request_, argv=argv), Imported())


@pytest.mark.parametrize("name", ["PYTHONHASHSEED", "PYTHONOPTIMIZE", "LANG", "LD_PRELOAD"])
def test_a_variable_that_only_a_new_process_reads_is_unfit(request_, name):
    assert name in unfit_request(replace(request_, env={name: "0"}), Imported())


def test_a_relative_python_path_is_unfit(request_):
    env = {"PYTHONPATH": "/lib:lib"}
    assert "relative" in unfit_request(replace(request_, env=env), Imported(environment=env))


def test_stale_imports_are_unfit(request_):
    imported = Imported(files={"/no/such/file.py": (0, 0, 0)})
    assert "/no/such/file.py changed" in unfit_request(request_, imported)


def test_cpus_and_limits_that_cannot_be_had_are_unfit(request_):
    assert "CPUs" in unfit_request(replace(request_, affinity=[99_999]), Imported())
    number = resource.RLIMIT_CORE
    before = resource.getrlimit(number)
    limits = {str(number): (-1, -1)}
    if before[1] == resource.RLIM_INFINITY:
        assert unfit_request(replace(request_, limits=limits), Imported()) is None
    else:
        assert "limits" in unfit_request(replace(request_, limits=limits), Imported())


def test_a_process_with_a_second_thread_must_not_be_forked(monkeypatch):
    monkeypatch.setattr("proofbook.kernels.fork_safety.thread_names", lambda: ["python"])
    monkeypatch.setitem(sys.modules, "zmq", None)
    assert unfit_process() is None
    monkeypatch.undo()
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert "left threads running" in unfit_process()
    finally:
        stop.set()
        thread.join()
