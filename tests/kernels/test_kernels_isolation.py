"""What a forked kernel shares with its forkserver and its siblings: code, and nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from live_kernels import open_kernel, run_cell

from proofbook.kernels.ownership import start_forkserver

pytestmark = pytest.mark.slow

DRAWS = """
import json, random, secrets, tempfile, uuid, numpy, multiprocessing
print(json.dumps([random.random(), numpy.random.random(), numpy.random.default_rng().random(),
    uuid.uuid4().hex, uuid.uuid1().hex, secrets.token_hex(), tempfile.mktemp(),
    multiprocessing.current_process().authkey.hex()]))
"""


def test_no_two_kernels_draw_the_same_numbers(forkserver):
    draws = [json.loads(run_cell(forkserver, DRAWS).text) for _ in range(3)]
    for values in zip(*draws, strict=True):
        assert len(set(values)) == 3


def test_each_kernel_has_its_own_folder_and_environment(forkserver, tmp_path):
    code = (
        "import os, time; print(os.getcwd(), os.environ.get('PROOFBOOK_X'), os.environ.get('SET'),"
        " os.system('exit ${PROOFBOOK_X:-9}') >> 8, time.tzname[0]); os.environ['SET'] = 'here';"
        "os.chdir('/'); import json; json.changed = True"
    )
    (tmp_path / "a").mkdir()
    one = run_cell(
        forkserver, code, cwd=str(tmp_path / "a"), env={"PROOFBOOK_X": "4", "TZ": "XYZ-3"}
    )
    other = run_cell(forkserver, code + "; print(json.changed)", cwd=str(tmp_path))
    assert one.text == f"{tmp_path / 'a'} 4 None 4 XYZ\n"
    assert other.text.startswith(f"{tmp_path} None None 9 ")
    fresh = run_cell(
        forkserver, "import json, os; print(hasattr(json, 'changed'), 'SET' in os.environ)"
    )
    assert fresh.text == "False False\n"


FRESH = """
import gc, json, os, resource, signal, sys, threading, multiprocessing.process
print(json.dumps({
    "path": sys.path, "argv": sys.argv[:2], "executable": sys.executable,
    "orig": sys.orig_argv[:4],
    "handlers": {s.name: str(signal.getsignal(s)) for s in signal.Signals
                 if s.name not in ("SIGINT", "SIGKILL", "SIGSTOP")},
    "mask": [int(s) for s in signal.pthread_sigmask(signal.SIG_BLOCK, ())],
    "umask": os.umask(0o22), "limit": resource.getrlimit(resource.RLIMIT_NOFILE),
    "leader": os.getsid(0) == os.getpid() == os.getpgid(0),
    "original": multiprocessing.process.ORIGINAL_DIR,
    "stdin": os.readlink("/proc/self/fd/0") == os.devnull,
    "parent_known": os.environ["JPY_PARENT_PID"] == str(os.getppid()),
    "variables": sorted(k for k in os.environ if k != "LINES" and k[:7] != "PYDEVD_"),
    "main": sys.modules["__main__"].__name__, "niceness": os.nice(0),
    "stdout": [type(sys.stdout).__name__, sys.stdout.encoding, sys.__stdout__.encoding],
    "main_thread": threading.current_thread() is threading.main_thread(),
    "limits": [resource.getrlimit(n) for n in range(16)],
    "cpus": sorted(os.sched_getaffinity(0)), "gc": [gc.isenabled(), gc.get_threshold()],
}))
"""


def test_a_warm_kernel_cannot_be_told_from_an_ordinary_one(forkserver, tmp_path):
    warm, ordinary = (
        json.loads(run_cell(t, FRESH, cwd=str(tmp_path), env={"PROOFBOOK_FORKSERVER": s}).text)
        for t, s in ((forkserver, str(forkserver.socket)), (None, "off"))
    )
    warm["argv"], ordinary["argv"] = (facts["argv"][0] for facts in (warm, ordinary))
    assert warm == ordinary
    assert "" in warm["path"]
    assert warm["leader"] and warm["parent_known"]


def test_no_descriptor_of_the_forkserver_or_the_warden_is_open(forkserver):
    code = (
        "import os\nfor fd in os.listdir('/proc/self/fd'):\n"
        "    try: print(fd, os.readlink(f'/proc/self/fd/{fd}'))\n    except OSError: pass"
    )
    before = run_cell(None, code).text.count("socket:")
    assert run_cell(forkserver, code).text.count("socket:") <= before


def test_a_local_module_is_imported_from_the_kernels_folder(forkserver, tmp_path):
    (tmp_path / "pb_local_module.py").write_text("where = __file__")
    reply = run_cell(forkserver, "import pb_local_module as m; print(m.where)", cwd=str(tmp_path))
    assert reply.text.strip() == str(tmp_path / "pb_local_module.py")


_LOWERED = 'umask 027; ulimit -S -n 300; exec "$@"'


def test_umask_and_limits_are_the_clients(forkserver):
    code = (
        "import subprocess, sys\nfrom live_kernels import run_cell\n"
        "class T: socket = sys.argv[1]\n"
        "print(run_cell(T, refused=True, code='import os, resource; print(os.umask(0),"
        " resource.getrlimit(resource.RLIMIT_NOFILE)[0])').text)"
    )
    done = subprocess.run(
        ["sh", "-c", _LOWERED, "sh", sys.executable, "-c", code, str(forkserver.socket)],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )
    assert "ordinary" in done.stderr  # another PYTHONPATH than the forkserver's
    assert done.stdout.split() == ["23", "300"]


def test_exit_hooks_of_the_kernel_run_and_what_imports_made_stays(tmp_path, monkeypatch):
    (tmp_path / "pb_makes_folder.py").write_text(
        "import tempfile; folder = tempfile.TemporaryDirectory()"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    code = (
        "import atexit, pathlib, sys, tempfile, os, ctypes, pb_makes_folder\n"
        "mine = tempfile.TemporaryDirectory()\n"
        f"atexit.register(lambda: pathlib.Path({str(tmp_path / 'ran')!r}).write_text(mine.name))\n"
        "sys.__stdout__.write('unflushed '); ctypes.CDLL(None).printf(b'from C')\n"
        "print(mine.name, pb_makes_folder.folder.name)"
    )
    with start_forkserver(["pb_makes_folder"], bare=True) as started:
        started.wait_ready()
        with (tmp_path / "log").open("wb") as log:
            env = {"PYTEST_CURRENT_TEST": "descriptors are not captured"}
            reply = run_cell(started, code, stdout=log, stderr=log, env=env)
            mine, shared = reply.text.split()
        assert (tmp_path / "ran").read_text() == mine
        assert not Path(mine).exists()
        assert Path(shared).exists()
    assert not Path(shared).exists()
    assert sorted((tmp_path / "log").read_text().split()) == ["C", "from", "unflushed"]


def test_plots_show_inline(forkserver):
    code = "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()"
    again = "plt.plot([2, 1])"

    async def run():
        async with open_kernel(forkserver) as kernel:
            return [await kernel.run(code), await kernel.run(again)]

    for reply in asyncio.run(run()):
        assert any("image/png" in data for data in reply.displays)


def test_a_backend_chosen_by_the_environment_is_kept(forkserver):
    code = "import matplotlib.pyplot as plt; print(plt.get_backend())"
    assert run_cell(forkserver, code, env={"MPLBACKEND": "agg"}).text.strip().lower() == "agg"


def test_numpy_has_the_threads_that_the_environment_allows(forkserver):
    code = (
        "import numpy, os; a = numpy.ones((600, 600)); assert (a @ a == 600).all()\n"
        "def pools():\n"
        "    names = [open(f'/proc/self/task/{t}/comm').read().strip()"
        " for t in os.listdir('/proc/self/task')]\n"
        "    return len(names)\n"
        "print(pools())"
    )
    one, many = (
        int(run_cell(forkserver, code, env={"OPENBLAS_NUM_THREADS": n}).text) for n in ("1", "2")
    )
    assert many - one == min(2, os.cpu_count() or 1) - 1


@pytest.mark.exhaustive
def test_the_debugger_of_jupyterlab_works(forkserver):
    async def run():
        async with open_kernel(forkserver) as kernel:
            message = kernel.client.session.msg(
                "debug_request",
                {
                    "type": "request", "seq": 1, "command": "initialize",
                    "arguments": {"clientID": "test", "adapterID": "python", "pathFormat": "path"},
                },
            )  # fmt: skip
            kernel.client.control_channel.send(message)
            return await kernel.client._recv_reply(
                message["header"]["msg_id"], timeout=100, channel="control"
            )

    assert asyncio.run(run())["content"]["success"] is True


def test_sixteen_kernels_start_at_once(forkserver):
    async def one(number):
        async with open_kernel(forkserver) as kernel:
            reply = await kernel.run(f"import os; print({number}, os.getpid())")
            return kernel.manager.kernel_kind, *reply.text.split()

    async def run():
        return await asyncio.gather(*(one(n) for n in range(16)))

    results = asyncio.run(run())
    assert {kind for kind, _, _ in results} == {"warm"}
    assert [int(n) for _, n, _ in results] == list(range(16))
    assert len({pid for _, _, pid in results}) == 16


@pytest.mark.exhaustive
@pytest.mark.parametrize("warm", [True, False])
def test_outputs_wait_for_a_client_that_does_not_read_yet(forkserver, warm):
    code = (
        "from IPython.display import display\n"
        "for n in range(3_000): display({'text/plain': str(n)}, raw=True)"
    )

    async def run():
        async with open_kernel(forkserver if warm else None) as kernel:
            asked = kernel.client.execute(code)
            await kernel.client._recv_reply(asked, timeout=100)
            numbers, state = [], ""
            while state != "idle":
                content = (await kernel.client.get_iopub_msg(timeout=100))["content"]
                state = content.get("execution_state", "")
                numbers += [int(content["data"]["text/plain"])] if "data" in content else []
            return numbers

    assert asyncio.run(run()) == list(range(3_000))


@pytest.mark.exhaustive
def test_torch_computes_in_a_warm_kernel_and_draws_its_own_numbers():
    code = (
        "import torch; a = torch.ones(400, 400); assert float((a @ a)[0, 0]) == 400\n"
        "print(torch.rand(1).item(), torch.initial_seed(), torch.get_num_threads())"
    )
    with start_forkserver(["torch"], bare=True) as started:
        assert started.wait_ready().usable
        replies = [
            run_cell(started, code, env={"OMP_NUM_THREADS": n}).text.split() for n in ("1", "2")
        ]
    assert [reply[2] for reply in replies] == ["1", "2"]
    assert replies[0][0] != replies[1][0]
    assert replies[0][1] != replies[1][1]
