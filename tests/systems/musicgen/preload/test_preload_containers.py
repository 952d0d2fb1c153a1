"""The container step, against a real program that notes what it is told instead of an engine."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from proofbook.errors import SubjectError
from proofbook.systems.musicgen.preload import containers

SCRIPT = """#!/bin/sh
echo "$@" >> {log}
case "$1" in
  info) {info} ;;
  build) {build} ;;
  pull) {pull} ;;
  run) {run} ;;
esac
"""


class Engine:
    """Writes an engine that behaves as told, and puts it on PATH."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.told = folder / "bin", folder / "told.txt"
        self.folder.mkdir()
        monkeypatch.setenv("PATH", f"{self.folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
        self.log = folder / "logs" / "preload.log"
        self.dockerfile = folder / "Dockerfile"
        self.dockerfile.write_text("FROM scratch\n")

    def write(self, name: str = "docker", **does: str) -> containers.Engine:
        path = self.folder / name
        steps = {"info": "exit 0", "build": "exit 0", "pull": "exit 0", "run": "exit 0", **does}
        path.write_text(SCRIPT.format(log=self.told, **steps))
        path.chmod(0o755)
        return containers.find_engine()

    def image(self, engine: containers.Engine, fallback: str = "") -> containers.Image:
        return containers.build_or_pull(
            engine, dockerfile=self.dockerfile, image="mine:1", fallback=fallback, log=self.log,
            timeout=20,
        )  # fmt: skip

    @property
    def commands(self) -> list[str]:
        return self.told.read_text().splitlines()


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    return Engine(tmp_path, monkeypatch)


def run(
    engine: containers.Engine, docker: Engine, *, gpus: bool = False, timeout: float = 20
) -> int:
    return containers.run_in_image(
        engine, "mine:1", ["python", "preload.py"], mounts={docker.folder.parent / "c": "/cache"},
        environment={"HF_HOME": "/cache"}, log=docker.log, timeout=timeout, gpus=gpus,
    )  # fmt: skip


def test_the_image_is_built_from_the_dockerfile(docker: Engine):
    image = docker.image(docker.write(build="echo building"))
    assert (image.name, image.built) == ("mine:1", True)
    assert docker.commands[-1].startswith(f"build -f {docker.dockerfile} -t mine:1 ")
    assert "building" in docker.log.read_text()


def test_a_published_image_stands_in_where_the_build_fails(docker: Engine):
    image = docker.image(docker.write(build="exit 7"), fallback="theirs:2")
    assert (image.name, image.built) == ("theirs:2", False)
    assert "exit code 7" in image.problem
    assert docker.commands[-1] == "pull theirs:2"


def test_no_image_at_all_is_named(docker: Engine):
    engine = docker.write(build="exit 7", pull="exit 3")
    with pytest.raises(SubjectError, match=r"not built \(exit 7\); give a fallback|exit 7, see"):
        docker.image(engine)
    with pytest.raises(SubjectError, match=r"theirs:2 not pulled \(exit 3\)"):
        docker.image(engine, fallback="theirs:2")
    docker.dockerfile.unlink()
    with pytest.raises(SubjectError, match="does not exist"):
        docker.image(engine)


def test_the_command_runs_with_its_folders_and_variables(docker: Engine):
    engine = docker.write()
    assert run(engine, docker) == 0
    words = docker.commands[-1]
    assert f"-v {docker.folder.parent / 'c'}:/cache -e HF_HOME=/cache mine:1 python" in words
    assert "--rm --name proofbook-preload-" in words
    assert "--gpus" not in words
    run(engine, docker, gpus=True)
    assert "--gpus all" in docker.commands[-1]
    assert (docker.folder.parent / "c").is_dir()


def test_the_commands_exit_code_is_returned(docker: Engine):
    assert run(docker.write(run="echo Traceback; exit 5"), docker) == 5
    assert "Traceback" in docker.log.read_text()


def test_what_hangs_is_ended_with_its_container(docker: Engine):
    engine = docker.write(run="sleep 321 & wait")
    with pytest.raises(SubjectError, match="took longer than 1 s"):
        run(engine, docker, timeout=1)
    assert docker.commands[-1].startswith("rm -f proofbook-preload-")
    time.sleep(0.1)
    assert not [
        p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "321"]
    ]


def test_an_engine_that_does_not_answer_is_none(docker: Engine):
    engine = docker.write(info="echo cannot connect to the daemon >&2; exit 1")
    assert engine.command == ""
    assert "docker does not answer (cannot connect to the daemon)" in engine.problem
    assert docker.write("podman").command.endswith("podman")


def test_no_engine_is_told(docker: Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(docker.folder))
    assert containers.find_engine().problem == (
        "there is no docker on PATH; there is no podman on PATH"
    )
    assert containers.find_engine("nerdctl").problem == "there is no nerdctl on PATH"


def test_an_image_is_there_or_not(docker: Engine):
    engine = docker.write()
    assert containers.has_image(engine, "mine:1")
    path = Path(engine.command)
    path.write_text("#!/bin/sh\nexit 1\n")
    assert not containers.has_image(engine, "mine:1")
