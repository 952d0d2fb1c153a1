"""Environments are made once, whole or not at all, and a fault of the installer is one line."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from waiting import HANG

from proofbook.errors import SubjectError
from proofbook_subjects.apis import environments
from proofbook_subjects.apis.environments import make_environment


class Installer:
    """Puts a package's metadata where pip would, and counts."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.fails: BaseException | None = None

    def __call__(self, python: Path, requirements: Sequence[str], log: Path) -> None:
        self.calls.append(list(requirements))
        site = next(python.parents[1].glob("lib/python*/site-packages"))
        for each in requirements:
            (site / f"{each.replace('==', '-')}.dist-info").mkdir()
        if self.fails:
            raise self.fails


@pytest.fixture(autouse=True)
def quick_venv(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make what venv makes, as far as it is looked at; the slow test uses the real one."""

    def create(place: Path, _log: Path) -> None:
        environments._site(place).mkdir(parents=True)
        (place / "bin").mkdir()
        (place / "bin" / "python").touch()

    monkeypatch.setattr(environments, "_create", create)


def test_environment_is_made_once(tmp_path: Path) -> None:
    installer = Installer()
    made = [make_environment("a", ["x==1"], tmp_path, install=installer) for _ in range(2)]
    assert made[0] == made[1]
    assert made[0].exists()
    assert installer.calls == [["x==1"]]


@pytest.mark.parametrize(
    ("requirements", "shares"), [(["x==2"], False), (["x==1", "y==1"], False), (["x==1"], True)]
)
def test_other_wishes_make_another_environment(
    tmp_path: Path, requirements: list[str], shares: bool
) -> None:
    first = make_environment("a", ["x==1"], tmp_path, install=Installer())
    second = make_environment(
        "a", requirements, tmp_path, install=Installer(), shares_packages=shares
    )
    assert first != second


def _lose_marker(place: Path) -> None:
    (place / ".whole.json").unlink()


def _cut_marker(place: Path) -> None:
    (place / ".whole.json").write_text('{"inst')


def _lose_package(place: Path) -> None:
    shutil.rmtree(next(place.glob("lib/python*/site-packages/x-1.dist-info")))


def _lose_interpreter(place: Path) -> None:
    (place / "bin" / "python").unlink()
    (place / "bin" / "python").symlink_to("/nowhere/python")


@pytest.mark.parametrize("spoil", [_lose_marker, _cut_marker, _lose_package, _lose_interpreter])
def test_environment_that_is_not_whole_is_made_again(tmp_path: Path, spoil: object) -> None:
    installer = Installer()
    python = make_environment("a", ["x==1"], tmp_path, install=installer)
    assert callable(spoil)
    spoil(python.parents[1])
    (python.parents[1] / "left.txt").touch()
    make_environment("a", ["x==1"], tmp_path, install=installer)
    assert len(installer.calls) == 2
    assert not (python.parents[1] / "left.txt").exists()


@pytest.mark.parametrize("fault", [SubjectError("no such package"), KeyboardInterrupt()])
def test_fault_leaves_no_environment_behind(tmp_path: Path, fault: BaseException) -> None:
    installer = Installer()
    installer.fails = fault
    with pytest.raises(type(fault)):
        make_environment("a", ["x==1"], tmp_path, install=installer)
    assert [path for path in (tmp_path / "apis-environments").iterdir() if path.is_dir()] == []


def test_jobs_that_ask_at_once_make_it_once(tmp_path: Path) -> None:
    installer, barrier = Installer(), threading.Barrier(4)

    def ask() -> Path:
        barrier.wait(HANG)
        return make_environment("a", ["x==1"], tmp_path, install=installer)

    with ThreadPoolExecutor(4) as pool:
        pythons = [each.result() for each in [pool.submit(ask) for _ in range(4)]]
    assert len(set(pythons)) == 1
    assert len(installer.calls) == 1


@pytest.mark.parametrize(
    ("output", "fault"),
    [
        (
            "Looking in links: /x\nERROR: Could not find a version\nERROR: No matching\n"
            "WARNING: later\n",
            "Could not find a version / No matching",
        ),
        ("Traceback\nOSError: disk full\n", "OSError: disk full"),
        ("", "it printed nothing"),
    ],
)
def test_fault_of_the_installer_is_one_line(output: str, fault: str) -> None:
    assert environments._fault(output) == fault


@pytest.mark.exhaustive
@pytest.mark.slow
def test_pip_installs_into_a_real_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    project = tmp_path / "project"
    project.mkdir()
    (project / "setup.py").write_text(
        "from setuptools import setup\nsetup(name='small', version='1', py_modules=['small'])\n"
    )
    (project / "small.py").write_text("ANSWER = 42\n")
    python = make_environment(
        "small",
        ["--no-build-isolation", "--no-index", "--no-deps", str(project)],
        tmp_path,
        shares_packages=True,
    )
    ask = "import small, numpy, sys; print(small.ANSWER, sys.prefix)"
    told = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["42", str(python.parents[1])]


@pytest.mark.slow
def test_pip_says_in_one_line_what_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    with pytest.raises(SubjectError) as caught:
        make_environment("none", ["--no-index", "no-such-package-here==1"], tmp_path)
    message = str(caught.value)
    assert "no-such-package-here" in message
    assert "\n" not in message
    log = Path(message.rpartition("see ")[2])
    assert "No matching distribution" in log.read_text()
