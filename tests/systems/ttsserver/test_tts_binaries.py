"""The program is found as each system lays it out, or built, or its absence is one clear line."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.ttsserver.binaries import Binary, candidates, find_binary, find_or_build
from proofbook_systems.ttsserver.interpreters import build_environment, find_interpreter


def program(path: Path, size: int = 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"#" * size)
    path.chmod(0o755)
    return path


def build(root: Path, *command: str, **options: object) -> Binary:
    given = {"timeout": 300.0, "log": root / "build.log", "build_command": list(command)}
    return find_or_build(root, **{**given, **options})  # type: ignore[arg-type]


def test_windows_looks_for_exe_files_cuda_first() -> None:
    found = candidates(PureWindowsPath(r"C:\voicebox"), "Windows")
    assert [(str(path), kind) for path, kind in found] == [
        (r"C:\voicebox\backend\dist\voicebox-server-cuda\voicebox-server-cuda.exe", "onedir"),
        (r"C:\voicebox\backend\dist\voicebox-server.exe", "onefile"),
    ]


@pytest.mark.parametrize("system", ["Darwin", "Linux"])
def test_macos_and_linux_look_for_plain_names(system: str) -> None:
    found = candidates(PurePosixPath("/voicebox"), system)
    assert [(str(path), kind) for path, kind in found] == [
        ("/voicebox/backend/dist/voicebox-server-cuda/voicebox-server-cuda", "onedir"),
        ("/voicebox/backend/dist/voicebox-server", "onefile"),
    ]


@pytest.mark.parametrize(("system", "suffix"), [("Windows", ".exe"), ("Darwin", "")])
def test_the_first_hit_wins(tmp_path: Path, system: str, suffix: str) -> None:
    dist = tmp_path / "backend" / "dist"
    assert find_binary(tmp_path, system=system) is None
    single = program(dist / f"voicebox-server{suffix}")
    assert find_binary(tmp_path, system=system) == Binary(
        path=single.resolve(), kind="onefile", size=10
    )
    cuda = program(dist / "voicebox-server-cuda" / f"voicebox-server-cuda{suffix}")
    program(cuda.parent / "library", 5)
    assert find_binary(tmp_path, system=system) == Binary(
        path=cuda.resolve(), kind="onedir", size=15
    )


def test_a_given_program_is_used_as_it_is(tmp_path: Path) -> None:
    program(tmp_path / "backend" / "dist" / "voicebox-server")
    other = program(tmp_path / "other")
    found = build(tmp_path, "false", binary=str(other))
    assert (found.path, found.kind, found.build_seconds) == (other.resolve(), "given", None)


def test_a_program_that_is_missing_or_none_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match=r"^binary \S+/gone does not exist; give the server's"):
        find_binary(tmp_path, str(tmp_path / "gone"))
    with pytest.raises(SubjectError, match=r"^binary \S+ is a folder; give the server's program$"):
        find_binary(tmp_path, str(tmp_path))
    program(tmp_path / "flat").chmod(0o644)
    with pytest.raises(SubjectError, match=r"^binary \S+/flat is not executable; chmod \+x it"):
        find_binary(tmp_path, str(tmp_path / "flat"))


def test_nothing_is_built_where_that_is_not_wanted(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match=r"^there is no server at \S+cuda or \S+; build it, giv"):
        build(tmp_path, "touch", "built", skip_build=True)
    assert not (tmp_path / "built").exists()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROOFBOOK_CACHE", str(tmp_path / "a cache"))


SCRIPT = """
import json, os, sys
from pathlib import Path
import greeting
place = Path(__file__).parent / "dist" / "voicebox-server"
place.write_text("built")
place.chmod(0o755)
Path("spoor").touch()
Path(__file__).with_name("voicebox.spec").touch()
print("built it with", sys.executable)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A project with a build script that leaves files wherever it goes."""
    root = tmp_path / "voicebox"
    (root / "backend").mkdir(parents=True)
    (root / "backend" / "build_binary.py").write_text(SCRIPT)
    (root / "backend" / "greeting.py").write_text("hello = 1")
    return root


def files_in(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


@pytest.mark.exhaustive
def test_the_projects_own_script_builds_it_and_leaves_nothing_in_the_checkout(
    checkout: Path, tmp_path: Path
) -> None:
    before, log = files_in(checkout), tmp_path / "build.log"
    found = build(checkout, log=log)
    assert (found.kind, found.size) == ("onefile", 5)
    assert found.build_seconds is not None
    assert log.read_text() == f"built it with {sys.executable}\n"
    assert files_in(checkout) == before


@pytest.mark.exhaustive
def test_a_build_is_kept_until_the_sources_change(checkout: Path, tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    first = build(checkout, log=log)
    again = build(checkout, log=log)
    assert (again.path, again.build_seconds) == (first.path, None)
    (checkout / "backend" / "greeting.py").write_text("hello = 'another'")
    changed = build(checkout, log=log)
    assert changed.path != first.path
    assert changed.build_seconds is not None


@pytest.mark.parametrize(
    ("place", "origin"),
    [(".venv", "the project's .venv"), ("backend/venv", "the project's backend/venv")],
)
def test_it_is_built_with_the_projects_own_environment(
    checkout: Path, place: str, origin: str
) -> None:
    environment = checkout / place
    (environment / "bin").mkdir(parents=True)
    (environment / "pyvenv.cfg").touch()
    (environment / "bin" / "python").symlink_to(sys.executable)
    found = find_interpreter(checkout)
    assert found == (environment / "bin" / "python", origin)
    variables = build_environment(found, checkout)
    assert variables["VIRTUAL_ENV"] == str(environment)
    assert variables["PATH"].startswith(str(environment / "bin"))


def test_a_given_interpreter_or_environment_is_used(checkout: Path, tmp_path: Path) -> None:
    assert find_interpreter(checkout, sys.executable).path == Path(sys.executable)
    with pytest.raises(SubjectError, match=r"^python \S+ is no environment: it has no bin/python"):
        find_interpreter(checkout, str(tmp_path))
    with pytest.raises(SubjectError, match=r"^python \S+/gone is no program; give an interpreter"):
        find_interpreter(checkout, str(tmp_path / "gone"))


def test_a_command_in_one_text_is_read_as_a_shell_would(checkout: Path, tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    assert build(checkout, "python backend/build_binary.py", log=log).size == 5
    inside = str(checkout / "backend" / "build_binary.py")
    assert build(checkout, "python", inside, log=log).build_seconds is not None
    assert not (checkout / "spoor").exists()


def test_without_a_script_it_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match=r"^there is no server in \S+ and no \S+ to build one; "):
        build(tmp_path)


FAILS = "print('collecting'); print('ModuleNotFoundError: torch'); raise SystemExit(2)"


def test_a_build_that_fails_says_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(
        SubjectError,
        match=r"^the build exited with code 2: collecting / ModuleNotFoundError: torch; it ran "
        r"with \S+ \(Proofbook's own, as the project has no env.*; give python, or see \S+$",
    ):
        build(tmp_path, sys.executable, "-c", FAILS)


def test_a_build_that_leaves_nothing_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match=r"^the build ended well but left no server at "):
        build(tmp_path, "true")


def test_a_build_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match=r"^the build took longer than 0\.2 s and was ended; "):
        build(tmp_path, "sleep", "600", timeout=0.2)


def test_a_build_that_cannot_be_started_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match=r"^the build \(nonesuch\) cannot be started: No such"):
        build(tmp_path, "nonesuch")
