"""However a kernel ends, its end is told truly and nothing of it is left."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from live_kernels import TREE, alive, open_kernel, wait_for, wait_gone

pytestmark = pytest.mark.slow

KINDS = pytest.mark.parametrize("warm", [True, False], ids=["warm", "ordinary"])


def end_while_running(forkserver, code, action=None, **kwargs):
    """Start TREE, then run a cell that ends the kernel; return the reason, code and processes."""

    async def run():
        async with open_kernel(forkserver, **kwargs) as kernel:
            reply = await kernel.run(TREE)
            pids = [int(pid) for pid in reply.text.split()]
            provisioner = kernel.manager.provisioner
            begun = asyncio.Event()
            cell = asyncio.ensure_future(
                kernel.run(f"print('begun', flush=True)\n{code}", 100, begun)
            )
            if action is not None:
                await begun.wait()
                await action(kernel)
            ended = await asyncio.wait_for(provisioner.wait(), 100)
            cell.cancel()
            await asyncio.gather(cell, return_exceptions=True)
            return kernel.manager.exit_reason, ended, pids

    reason, code, pids = asyncio.run(run())
    assert len(pids) == 3
    return reason, code, pids


@pytest.mark.exhaustive(keep=1)
@KINDS
@pytest.mark.parametrize(
    ("code", "reason", "returncode"),
    [
        ("import os; os._exit(3)", "exited with code 3", 3),
        ("import os; os._exit(0)", "exited with code 0", 0),
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL", -9),
        ("import ctypes; ctypes.string_at(0)", "was killed by SIGSEGV", -11),
    ],
)
def test_the_end_of_a_kernel_is_told_and_ends_all_it_started(
    forkserver, warm, code, reason, returncode
):
    told, ended, pids = end_while_running(forkserver if warm else None, code)
    assert (told, ended) == (reason, returncode)
    assert wait_gone(pids) == []


@KINDS
def test_a_kill_ends_a_kernel_that_ignores_every_signal(forkserver, warm):
    code = (
        "import signal, time\n"
        "for s in (signal.SIGINT, signal.SIGTERM): signal.signal(s, signal.SIG_IGN)\n"
        "time.sleep(600)"
    )
    told, _, pids = end_while_running(
        forkserver if warm else None, code, lambda kernel: kernel.manager.provisioner.kill()
    )
    assert told == "was killed by SIGKILL"
    assert wait_gone(pids) == []


@KINDS
def test_a_stopped_kernel_can_be_killed(forkserver, warm):
    async def action(kernel):
        await kernel.manager.provisioner.send_signal(signal.SIGSTOP)
        await kernel.manager.provisioner.kill()

    _, ended, pids = end_while_running(forkserver if warm else None, "pass", action)
    assert ended == -9
    assert wait_gone(pids) == []


@KINDS
def test_the_memory_limit_counts_children_and_names_the_figure(forkserver, warm):
    code = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'x = bytearray(400 << 20); input()'],"
        " stdin=subprocess.PIPE)\ntime.sleep(600)"
    )
    told, ended, pids = end_while_running(
        forkserver if warm else None, code, env={"PROOFBOOK_MEMORY_LIMIT_GB": "0.35"}
    )
    assert told.startswith("ran out of memory: 0.") and told.endswith("GB of 0.35 GB")
    assert ended == -9
    assert wait_gone(pids) == []


def test_a_kernel_under_its_memory_limit_goes_on(forkserver):
    async def run():
        env = {"PROOFBOOK_MEMORY_LIMIT_GB": "1"}
        async with open_kernel(forkserver, env=env) as kernel:
            return await kernel.run(
                "x = bytearray(200 << 20); import time; time.sleep(0.5); print(1)"
            )

    assert asyncio.run(run()).text == "1\n"


def warden_of(pid):
    return psutil.Process(pid).ppid()


@KINDS
def test_a_killed_warden_leaves_nothing(forkserver, warm):
    async def action(kernel):
        os.kill(warden_of(kernel.manager.provisioner.pid), signal.SIGKILL)

    told, ended, pids = end_while_running(
        forkserver if warm else None, "import time; time.sleep(600)", action
    )
    assert (told, ended) == ("was killed, as its warden was killed", -9)
    assert wait_gone(pids) == []


def test_a_killed_subreaper_of_an_ordinary_kernel_leaves_nothing():
    async def action(kernel):
        subreaper = warden_of(warden_of(kernel.manager.provisioner.pid))
        os.kill(subreaper, signal.SIGKILL)

    told, _, pids = end_while_running(None, "import time; time.sleep(600)", action)
    assert told == "was killed, as its subreaper ended"
    assert wait_gone(pids) == []


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_forkserver_leaves_nothing(own_forkserver, signum):
    async def action(kernel):
        os.kill(own_forkserver.pid, signum)

    told, ended, pids = end_while_running(own_forkserver, "import time; time.sleep(600)", action)
    assert (told, ended) == ("was killed, as its forkserver ended", -9)
    assert wait_gone([*pids, own_forkserver.pid]) == []


_CLIENT = """
import asyncio, sys
from live_kernels import TREE, open_kernel
class T: socket = sys.argv[1]
async def run():
    async with open_kernel(T if T.socket != "off" else None) as kernel:
        print((await kernel.run(TREE)).text.strip(), kernel.manager.kernel_kind,
              kernel.manager.runtime_folder, flush=True)
        await asyncio.sleep(600)
asyncio.run(run())
"""


@KINDS
def test_a_killed_client_leaves_nothing(forkserver, warm):
    script = f"import sys; sys.path.append({str(Path(__file__).parent)!r})\n{_CLIENT}"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(forkserver.socket) if warm else "off"],
        stdout=subprocess.PIPE,
        text=True,
    ) as client:
        *pids, kind, folder = client.stdout.readline().split()
        pids = [int(pid) for pid in pids]
        assert kind == ("warm" if warm else "ordinary")
        assert alive(pids) == pids
        assert len(list(Path(folder).iterdir())) > 3
        client.kill()
    assert wait_gone(pids) == []
    wait_for(lambda: not Path(folder).exists())


@KINDS
def test_an_interrupt_stops_the_cell_and_not_the_kernel(forkserver, warm):
    async def run():
        async with open_kernel(forkserver if warm else None) as kernel:
            begun = asyncio.Event()
            code = "import time; print(1, flush=True); time.sleep(600)"
            cell = asyncio.ensure_future(kernel.run(code, 100, begun))
            await begun.wait()
            await kernel.manager.interrupt_kernel()
            interrupted = await asyncio.wait_for(cell, 100)
            return interrupted.error, (await kernel.run("print('alive')")).text

    assert asyncio.run(run()) == ("KeyboardInterrupt", "alive\n")


@KINDS
def test_a_shutdown_ends_what_the_kernel_left_running(forkserver, warm):
    async def run():
        async with open_kernel(forkserver if warm else None) as kernel:
            pids = [int(pid) for pid in (await kernel.run(TREE)).text.split()]
            folder = kernel.manager.runtime_folder
            assert alive(pids) == pids
        return pids, folder, kernel.manager.exit_reason

    pids, folder, reason = asyncio.run(run())
    assert alive(pids) == []
    assert reason == "exited with code 0"
    assert not Path(folder).exists()


def test_no_zombie_stays_below_the_forkserver(forkserver):
    assert wait_for(
        lambda: (
            not [
                p
                for p in psutil.Process(forkserver.pid).children(recursive=True)
                if p.status() == psutil.STATUS_ZOMBIE
            ]
        )
    )
