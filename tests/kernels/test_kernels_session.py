from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from live_kernels import open_kernel, run_cell
from waiting import growing

from proofbook.kernels.session import WarmKernelManager, kernel_spec

pytestmark = pytest.mark.slow


def test_the_kernelspec_needs_no_installation():
    manager = WarmKernelManager(kernel_name="python3")
    assert manager.kernel_spec.argv == kernel_spec().argv
    assert manager.kernel_spec.metadata["kernel_provisioner"] == {
        "provisioner_name": "proofbook-provisioner"
    }


@pytest.mark.parametrize("warm", [True, False])
def test_a_kernel_that_dies_while_starting_is_noticed_at_once(forkserver, warm, tmp_path):
    (tmp_path / "profile_default" / "startup").mkdir(parents=True)
    (tmp_path / "profile_default" / "startup" / "00.py").write_text("import os; os._exit(7)")
    with pytest.raises(RuntimeError, match=r"died.*exited with code 7"):
        run_cell(forkserver if warm else None, "1", env={"IPYTHONDIR": str(tmp_path)})


def test_a_kernel_that_never_answers_is_given_up(forkserver, tmp_path):
    (tmp_path / "profile_default" / "startup").mkdir(parents=True)
    (tmp_path / "profile_default" / "startup" / "00.py").write_text("import time; time.sleep(60)")

    async def run():
        manager = WarmKernelManager()
        env = {**os.environ, "PROOFBOOK_FORKSERVER": str(forkserver.socket)}
        await manager.start_kernel(env={**env, "IPYTHONDIR": str(tmp_path)})
        client = manager.client()
        client.start_channels()
        try:
            with pytest.raises(RuntimeError, match=r"respond in 1\.5 seconds"):
                await client.wait_for_ready(timeout=1.5)
        finally:
            client.stop_channels()
            await manager.shutdown_kernel(now=True)

    asyncio.run(run())


def test_a_working_folder_that_does_not_exist_is_an_error_and_leaves_nothing(forkserver):
    manager = WarmKernelManager()
    env = {**os.environ, "PROOFBOOK_FORKSERVER": str(forkserver.socket)}
    with pytest.raises(FileNotFoundError, match="no-such-folder"):
        asyncio.run(manager.start_kernel(env=env, cwd="/no-such-folder"))
    assert manager.runtime_folder is None


def test_a_restart_gives_a_fresh_kernel_of_the_same_kind(forkserver):
    async def run():
        async with open_kernel(forkserver) as kernel:
            await kernel.run("x = 1")
            first = kernel.manager.provisioner.pid
            await kernel.manager.restart_kernel()
            await kernel.client.wait_for_ready(timeout=100)
            gone = await kernel.run("x")
            return gone.error, first != kernel.manager.provisioner.pid, kernel.manager.kernel_kind

    assert asyncio.run(run()) == ("NameError", True, "warm")


def test_what_is_written_below_python_reaches_cell_and_log(forkserver, tmp_path):
    code = (
        "import os, time; os.write(1, b'from the descriptor\\n'); os.system('echo from a child');"
        "time.sleep({})"
    )
    for bound in growing(0.5):  # a thread of the kernel's passes on what it reads from a pipe
        with (tmp_path / "log").open("wb") as log:
            reply = run_cell(forkserver, code.format(bound), stdout=log, stderr=log)
        if "from a child\n" in reply.text:
            break
    assert "from the descriptor\n" in reply.text
    assert "from a child\n" in reply.text
    raw = "import sys; sys.__stderr__.write('raw'); sys.__stderr__.flush()"
    with (tmp_path / "log").open("wb") as log:
        run_cell(forkserver, raw, stdout=log, stderr=log)
    assert "raw" in (tmp_path / "log").read_text()


def test_sockets_lie_in_a_private_folder_with_short_paths(forkserver):
    async def run():
        async with open_kernel(forkserver) as kernel:
            folder = Path(kernel.manager.runtime_folder)
            return folder.stat().st_mode & 0o777, [str(p) for p in folder.iterdir()]

    mode, paths = asyncio.run(run())
    assert mode == 0o700
    assert len(paths) == 6
    assert max(len(os.fsencode(path)) for path in paths) < 107
