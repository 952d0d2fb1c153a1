"""The provisioner in the hands of plain papermill, jupyter_client and JupyterLab's server."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from live_kernels import UNTIL_ASKED, alive, open_kernel, run_cell, wait_for

from proofbook.kernels import provisioner
from proofbook.kernels.ownership import start_forkserver

pytestmark = pytest.mark.slow


@pytest.fixture
def kernels(tmp_path):
    """A folder with our kernelspec as it is installed."""
    spec = tmp_path / "kernels" / "proofbook"
    spec.mkdir(parents=True)
    source = Path(provisioner.__file__).parent / "kernelspec" / "kernel.json"
    (spec / "kernel.json").write_text(source.read_text())
    return tmp_path / "kernels"


@pytest.fixture
def said(caplog, monkeypatch):
    """What the provisioner has logged, from a clean memory."""
    monkeypatch.setattr(provisioner, "_reported", set())
    caplog.set_level(logging.WARNING, logger="proofbook.kernels")
    return lambda: [r.getMessage() for r in caplog.records if r.name == "proofbook.kernels"]


def kind_of(forkserver, **kwargs):
    async def run():
        async with open_kernel(forkserver, **kwargs) as kernel:
            assert (await kernel.run("print(1 + 1)")).text == "2\n"
            return kernel.manager.kernel_kind

    return asyncio.run(run())


@pytest.mark.exhaustive
def test_without_a_forkserver_the_kernel_is_ordinary_and_it_is_said_once(said):
    for _ in range(2):
        assert kind_of(None, env={"PROOFBOOK_FORKSERVER": ""}) == "ordinary"
    assert said() == ["starting an ordinary kernel: no warm forkserver is running"]


@pytest.mark.exhaustive
def test_a_dead_socket_gives_an_ordinary_kernel(said, tmp_path):
    import socket

    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))
    assert kind_of(None, env={"PROOFBOOK_FORKSERVER": str(tmp_path / "s")}) == "ordinary"
    assert "no forkserver answers at" in said()[0]
    assert kind_of(None, env={"PROOFBOOK_FORKSERVER": str(tmp_path / "none")}) == "ordinary"


@pytest.mark.exhaustive
@pytest.mark.parametrize("variable", ["PYTHONHASHSEED", "PYTHONOPTIMIZE", "LC_ALL"])
def test_an_override_that_a_fork_cannot_have_gives_an_ordinary_kernel(forkserver, said, variable):
    value = {"LC_ALL": "C.UTF-8"}.get(variable, "1")
    assert kind_of(forkserver, refused=True, env={variable: value}) == "ordinary"
    assert variable in said()[0]
    code = f"import os; print(os.environ[{variable!r}])"
    assert run_cell(forkserver, code, refused=True, env={variable: value}).text == f"{value}\n"


@pytest.mark.exhaustive
def test_a_preloaded_module_that_starts_a_thread_makes_the_forkserver_refuse(
    said, tmp_path, monkeypatch
):
    (tmp_path / "pb_thread.py").write_text(
        "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with start_forkserver(["pb_thread", "pb_not_there"], bare=True) as started:
        status = started.wait_ready()
        assert not status.usable
        assert [warning.partition(",")[0].partition(":")[0] for warning in status.warnings[:2]] == [
            "pb_thread leaves threads running",
            "pb_not_there is left out",
        ]
        assert "left threads running" in status.warnings[2]
        assert kind_of(started, refused=True) == "ordinary"
    assert "left threads running" in said()[0]


def test_a_module_that_was_edited_makes_the_forkserver_refuse(said, tmp_path, monkeypatch):
    (tmp_path / "pb_edited_later.py").write_text("value = 1")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    code = "import pb_edited_later as m; print(m.value)"
    with start_forkserver(["pb_edited_later"], bare=True) as started:
        started.wait_ready()
        assert run_cell(started, code).text == "1\n"
        (tmp_path / "pb_edited_later.py").write_text("value = 22")
        assert run_cell(started, code, refused=True).text == "22\n"
    assert "pb_edited_later.py changed" in said()[0]


def test_a_kernel_waits_for_a_forkserver_that_is_still_importing(tmp_path, monkeypatch):
    (tmp_path / "pb_slow.py").write_text(UNTIL_ASKED)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with start_forkserver(["pb_slow"], bare=True) as started:
        wait_for(started.socket.exists)
        assert kind_of(started) == "warm"


def test_the_plain_manager_starts_interrupts_and_restarts_over_tcp(forkserver, tmp_path, kernels):
    manager = KernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(kernels)]))
    manager.kernel_name = "proofbook"
    env = {**os.environ, "PROOFBOOK_FORKSERVER": str(forkserver.socket)}
    manager.start_kernel(env=env, cwd=str(tmp_path), stdout=subprocess.PIPE)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=100)
        assert manager.provisioner.kind == "warm"
        assert manager.transport == "tcp"
        client.execute("import time; print(1, flush=True); time.sleep(600)")
        while client.get_iopub_msg(timeout=100)["msg_type"] != "stream":
            pass
        manager.interrupt_kernel()
        assert client.get_shell_msg(timeout=100)["content"]["ename"] == "KeyboardInterrupt"
        pid = manager.provisioner.pid
        pipe = manager.provisioner.process.stdout
        manager.restart_kernel(now=True, stdout=None)
        client.wait_for_ready(timeout=100)
        assert alive([pid]) == []
        assert pipe.closed
        assert manager.is_alive()
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
    assert manager.provisioner.exit_reason == "exited with code 0"


def test_output_given_as_popen_takes_it_arrives(forkserver, tmp_path):
    async def run(**streams):
        async with open_kernel(forkserver, **streams) as kernel:
            await kernel.run("import sys; sys.__stderr__.write('E'); sys.__stderr__.flush()")
            return kernel.manager.provisioner.process

    with (tmp_path / "file").open("wb") as file:
        asyncio.run(run(stdout=file, stderr=subprocess.STDOUT))
    assert "E" in (tmp_path / "file").read_text()
    asyncio.run(run(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))


def test_an_unusual_way_of_starting_is_left_to_jupyter_client(forkserver, said):
    async def run():
        async with open_kernel(forkserver, refused=True, independent=True) as kernel:
            assert kernel.manager.kernel_kind == "ordinary"
            await kernel.manager.interrupt_kernel()
            return (await kernel.run("print('on its own')")).text

    assert asyncio.run(run()) == "on its own\n"
    assert "does not allow a warden" in said()[0]


def test_a_memory_limit_that_is_no_number_is_said(said):
    assert provisioner._memory_limit({"PROOFBOOK_MEMORY_LIMIT_GB": "much"}) is None
    assert "much" in said()[0]


NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code", "execution_count": None, "id": "a", "metadata": {}, "outputs": [],
            "source": "import os\nprint(open(f'/proc/{os.getpid()}/comm').read().strip())",
        }
    ],
    "metadata": {}, "nbformat": 4, "nbformat_minor": 5,
}  # fmt: skip


@pytest.mark.exhaustive
def test_plain_papermill_runs_in_a_warm_kernel(forkserver, tmp_path, kernels):
    (tmp_path / "in.ipynb").write_text(json.dumps(NOTEBOOK))
    done = subprocess.run(
        [sys.executable, "-m", "papermill", "-k", "proofbook", "in.ipynb", "out.ipynb"],
        cwd=tmp_path,
        env={
            **os.environ,
            "JUPYTER_PATH": str(kernels.parent),
            "PROOFBOOK_FORKSERVER": str(forkserver.socket),
        },
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    (cell,) = json.loads((tmp_path / "out.ipynb").read_text())["cells"]
    assert "".join(cell["outputs"][0]["text"]).strip() == "pb-kernel"


def test_jupyter_servers_kernels_start_and_restart_warm(forkserver, tmp_path, kernels, monkeypatch):
    from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager

    monkeypatch.setenv("PROOFBOOK_FORKSERVER", str(forkserver.socket))

    async def run():
        specs = KernelSpecManager(kernel_dirs=[str(kernels)])
        mapping = AsyncMappingKernelManager(root_dir=str(tmp_path), kernel_spec_manager=specs)
        name = await mapping.start_kernel(kernel_name="proofbook")
        manager = mapping.get_kernel(name)
        await manager.ready
        first = manager.provisioner.pid, manager.provisioner.kind
        await mapping.restart_kernel(name)
        second = manager.provisioner.pid, manager.provisioner.kind
        assert await manager.is_alive()
        await mapping.shutdown_all()
        return first, second

    first, second = asyncio.run(run())
    assert first[1] == second[1] == "warm"
    assert first[0] != second[0]
    assert alive([first[0], second[0]]) == []
