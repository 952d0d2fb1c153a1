"""The program is found as each system lays it out, or built, or its absence is one clear line."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from proofbook.errors import SubjectError
from proofbook_systems.ttsserver.binaries import Binary, candidates, find_binary, find_or_build


def program(path: Path, size: int = 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"#" * size)
    path.chmod(0o755)
    return path


def build(root: Path, *command: str, **options: object) -> Binary:
    given = {"timeout": 20.0, "log": root / "build.log", "build_command": list(command)}
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


def test_the_projects_own_script_builds_it(tmp_path: Path) -> None:
    script = tmp_path / "backend" / "build_binary.py"
    script.parent.mkdir()
    script.write_text(
        "from pathlib import Path\n"
        "path = Path('backend/dist/voicebox-server')\n"
        "path.parent.mkdir()\n"
        "path.write_text('built')\n"
        "path.chmod(0o755)\n"
        "print('built it')\n"
    )
    found = build(tmp_path)
    assert (found.path, found.kind, found.size) == (
        tmp_path / "backend/dist/voicebox-server", "onefile", 5)  # fmt: skip
    assert found.build_seconds is not None
    assert (tmp_path / "build.log").read_text() == "built it\n"


def test_without_a_script_it_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match=r"^there is no server in \S+ and no \S+ to build one; "):
        build(tmp_path)


FAILS = "print('collecting'); print('ModuleNotFoundError: torch'); raise SystemExit(2)"


def test_a_build_that_fails_says_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(
        SubjectError,
        match=r"^the build exited with code 2: collecting / ModuleNotFoundError: torch; see \S+$",
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
