"""Fetch another project's test suite from its source distribution, and run it in a process.

The distribution is named by version and hash, kept in the user's cache, and never part of this
repository.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from leaving_out import leave_out
from waiting import HANG

import proofbook

KERNELSPEC = Path(proofbook.__file__).parent / "kernels" / "kernelspec"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "proofbook-tests"
HERE = Path(__file__).parent
START = "import pytest; sys.exit(pytest.main(sys.argv[1:]))"


@dataclass(frozen=True, kw_only=True)
class Suite:
    """The tests of one project, at one version."""

    project: str
    version: str
    sha256: str
    tests: tuple[str, ...]
    """Paths in the distribution, or what else pytest takes."""
    requires: tuple[str, ...] = ()
    """What the tests need beside the project, with versions."""
    installed: bool = True
    """Whether we depend on the project itself: then only this version of it is tested."""

    @property
    def name(self) -> str:
        """Project and version."""
        return f"{self.project}-{self.version}"


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What became of a suite."""

    outcomes: Mapping[str, str]
    """``passed``, ``failed``, ``skipped`` or ``not collected``, by the test's id."""
    kernels: Counter[str]
    reasons: Counter[str]
    """Why ordinary kernels were started."""
    output: str = field(repr=False)


def fetch(suite: Suite) -> Path:
    """Return a suite's source distribution; leave the test out where none can be had."""
    if suite.installed and version(suite.project) != suite.version:
        leave_out(f"is for {suite.project} {suite.version}, not {version(suite.project)}")
    path = CACHE / f"{suite.name}.tar.gz"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        wanted = CACHE / f"{suite.name}.txt"
        wanted.write_text(f"{suite.project}=={suite.version} --hash=sha256:{suite.sha256}\n")
        pip("download", "--no-deps", "--no-binary", ":all:", "--require-hashes",
            "-r", str(wanted), "-d", str(CACHE))  # fmt: skip
    assert hashlib.sha256(path.read_bytes()).hexdigest() == suite.sha256
    return path


def requirements(suite: Suite) -> Path:
    """Return a folder with what a suite needs; leave the test out where it cannot be had."""
    key = hashlib.sha256("\n".join((sys.version, *suite.requires)).encode()).hexdigest()[:12]
    folder = CACHE / f"{suite.name}-requirements-{key}"
    if not folder.exists():
        partial = folder.with_suffix(f".{os.getpid()}")
        pip("install", "--no-deps", "--target", str(partial), *suite.requires)
        if not folder.exists():
            partial.rename(folder)
    return folder


def pip(*arguments: str) -> None:
    """Run pip; leave the test out where it fails."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        leave_out(f"needs a package index: pip says {last}")


def run(suite: Suite, folder: Path, environment: Mapping[str, str], *options: str) -> Ran:
    """Run a suite with our engine and with our provisioner for ``python3``."""
    with tarfile.open(fetch(suite)) as archive:
        archive.extractall(folder, filter="data")
    root, report = folder / suite.name, folder / "report.json"
    spec = folder / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text((KERNELSPEC / "kernel.json").read_text())
    # No PYTHONPATH: a kernel with another one than the forkserver's would not be warm.
    paths = [str(HERE), *([str(requirements(suite))] if suite.requires else [])]
    env = {
        **os.environ,
        **environment,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "JUPYTER_PATH": str(folder / "jupyter"),
        "PROOFBOOK_UPSTREAM_REPORT": str(report),
        "PYTEST_ADDOPTS": "",
    }
    command = [
        *(sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}; {START}"),
        *("-p", "upstream_plugin", "-p", "no:cacheprovider", "-c", os.devnull),
        *("--rootdir", str(root), "-q", "--timeout", "120", "--tb", "short"),
        *("--continue-on-collection-errors", *options, *suite.tests),
    ]
    done = subprocess.run(
        command, cwd=root, env=env, capture_output=True, text=True, timeout=2 * HANG, check=False
    )
    assert report.exists(), done.stdout[-3000:] + done.stderr[-3000:]
    content = json.loads(report.read_text())
    return Ran(
        outcomes=content["outcomes"], kernels=Counter(content["kernels"]),
        reasons=Counter(content["reasons"]), output=done.stdout,
    )  # fmt: skip
