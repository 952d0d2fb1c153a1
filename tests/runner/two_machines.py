"""Two machines on this one: each with a network, processes, a host name and folders of its own.

They are namespaces of Linux (unshare(1)), joined by a veth pair (veth(4)). The first process of
each ends when its input is closed, whatever ends the tests, and the kernel ends and frees the rest
with it: the machine's processes, its mounts, its network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from leaving_out import leave_out
from ray_cluster import BEFORE_OTHERS, ENVIRONMENT

_TOOLS = {"ip": "iproute2", "mount": "mount", "nsenter": "util-linux", "unshare": "util-linux"}
_NAMESPACES = ("--net", "--mount", "--pid", "--uts")
_PORT = 6379
_TRIES = 3
MEMORY = "/dev/shm"
"""Of each machine alone: Ray's objects and files, and sockets of forkservers."""
_FIRST_PROCESS = """
import signal, socket, subprocess, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whatever is left to it is reaped, see wait(2)
name, *folders = sys.argv[1:]
socket.sethostname(name)
for folder in folders:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0700", "tmpfs", folder], check=False)
print("ready", flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One of the machines."""

    name: str
    pid: int
    """Of its first process, as the tests see it."""
    ip: str

    def command(self, *arguments: str) -> list[str]:
        """Return a command that executes another one there."""
        return ["nsenter", f"--target={self.pid}", *_NAMESPACES, "--", *arguments]

    def run(self, *arguments: str) -> str:
        """Execute a command there; return what it prints.

        Raises:
            RuntimeError: It failed.
        """
        done = subprocess.run(
            self.command(*arguments), env={**os.environ, **ENVIRONMENT, "XDG_RUNTIME_DIR": MEMORY},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False, start_new_session=True,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{self.name}: {' '.join(arguments)}: {done.stdout[-2000:]}")
        return done.stdout


@contextmanager
def two_machines() -> Iterator[tuple[Machine, Machine]]:
    """Yield two machines that reach each other; each has an empty memory file system.

    The first one has the tests' temporary folder; in its place, the second has an empty one. A test
    is left out where this machine lacks a tool, or this user may not make namespaces.
    """
    for tool, package in _TOOLS.items():
        if shutil.which(tool) is None:
            leave_out(f"needs {tool}: install {package}")
    with ExitStack() as stack:
        first = stack.enter_context(_machine("first", "10.99.0.1", [MEMORY]))
        empty = [MEMORY, tempfile.gettempdir()]
        second = stack.enter_context(_machine("second", "10.99.0.2", empty))
        _join(first, second)
        yield first, second


@contextmanager
def _machine(name: str, ip: str, empty: Sequence[str]) -> Iterator[Machine]:
    process = subprocess.Popen(
        ["unshare", *_NAMESPACES, "--fork", "--kill-child", "--mount-proc",
         sys.executable, "-c", _FIRST_PROCESS, name, *empty],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        if not process.stdout.readline():
            leave_out("needs namespaces, which this user may not make: run it as root")
        (first,) = psutil.Process(process.pid).children()
        yield Machine(name=name, pid=first.pid, ip=ip)
        with suppress(OSError):
            process.stdin.close()


def _join(first: Machine, second: Machine) -> None:
    """Lay a cable between two machines; it is gone with either."""
    near, far = f"netns {first.pid}", f"netns {second.pid}"
    cable = f"ip link add cable {near} type veth peer name cable {far}"
    subprocess.run(cable.split(), check=True)
    for machine in (first, second):
        machine.run("ip", "address", "add", f"{machine.ip}/24", "dev", "cable")
        machine.run("ip", "link", "set", "cable", "up")
        machine.run("ip", "link", "set", "lo", "up")


def start_ray(first: Machine, second: Machine) -> str:
    """Start a cluster with ``ray start``: its head on the first machine; return its address.

    The second machine has more CPUs, and the first more memory.
    """
    address = f"{first.ip}:{_PORT}"
    head = ["--head", f"--port={_PORT}", f"--temp-dir={MEMORY}/ray", "--no-monitor"]
    head += ["--include-dashboard=false"]
    _start_node(first, *head, "--num-cpus=1", f"--memory={4 * 2**30}")
    _start_node(second, f"--address={address}", "--num-cpus=2", f"--memory={2**30}")
    return address


def _start_node(machine: Machine, *options: str) -> None:
    ray = str(Path(sys.executable).with_name("ray"))
    for left in reversed(range(_TRIES)):
        try:
            machine.run(
                *BEFORE_OTHERS, ray, "start", f"--node-ip-address={machine.ip}", "--num-gpus=0",
                "--include-log-monitor=false", f"--object-store-memory={100 * 2**20}", *options,
            )  # fmt: skip
            return
        except RuntimeError:
            if not left:
                raise
            machine.run(ray, "stop", "--force")
