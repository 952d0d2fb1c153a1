"""The container step, against a real program that notes what it is told instead of an engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest
from waiting import HANG, growing, wait_for

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.preload import containers

SCRIPT = """#!/bin/sh
echo "$@" >> {told}
case "$1" in
  info) {info} ;;
  build) {build} ;;
  pull) {pull} ;;
  run)
    while [ $# -gt 0 ]; do
      if [ "$1" = --env-file ]; then cat "$2" >> {variables}; fi
      shift
    done
    {run} ;;
  image) {image} ;;
esac
"""


class Docker:
    """Writes an engine that behaves as told, and puts it on PATH."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.told = folder / "bin", folder / "told.txt"
        self.variables, self.mount = folder / "variables.txt", folder / "cache"
        self.folder.mkdir()
        monkeypatch.setenv("PATH", f"{self.folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
        self.log = folder / "logs" / "preload.log"
        self.dockerfile = folder / "Dockerfile"
        self.dockerfile.write_text("FROM scratch\n")

    def write(self, name: str = "docker", **does: str) -> containers.Engine:
        path = self.folder / name
        steps = dict.fromkeys(("info", "build", "pull", "run", "image"), "exit 0") | does
        path.write_text(SCRIPT.format(told=self.told, variables=self.variables, **steps))
        path.chmod(0o755)
        return containers.find_engine()

    def image(
        self, engine: containers.Engine, fallback: str = "", timeout: float = HANG
    ) -> containers.Image:
        return containers.build_or_pull(
            engine, dockerfile=self.dockerfile, image="mine:1", fallback=fallback, log=self.log,
            timeout=timeout,
        )  # fmt: skip

    def run(
        self,
        engine: containers.Engine,
        variables: Mapping[str, str] | None = None,
        *,
        gpus: bool = False,
        timeout: float = HANG,
    ) -> int:
        return containers.run_in_image(
            engine, containers.Image(name="mine:1", built=True, problem=""), ["python", "p.py"],
            mounts={self.mount: "/cache"}, environment=variables or {}, log=self.log,
            timeout=timeout, gpus=gpus,
        )  # fmt: skip

    def commands(self, verb: str) -> list[str]:
        return [line for line in self.told.read_text().splitlines() if line.startswith(verb)]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    return Docker(tmp_path, monkeypatch)


def is_running(*words: str) -> bool:
    return any(p.info["cmdline"] == list(words) for p in psutil.process_iter(["cmdline"]))


def test_the_image_is_built_from_the_dockerfile(docker: Docker, tmp_path: Path):
    engine = docker.write(build="echo building")
    image = docker.image(engine)
    assert (image.name, image.built) == ("mine:1", True)
    assert docker.commands("build") == [f"build -f {docker.dockerfile} -t mine:1 {tmp_path}"]
    assert "building" in docker.log.read_text()
    assert containers.describe_image(engine, image) == "mine:1, built"


def test_the_build_sees_the_folder_that_is_given(docker: Docker, tmp_path: Path):
    containers.build_or_pull(
        docker.write(), dockerfile=docker.dockerfile, image="mine:1", fallback="", log=docker.log,
        timeout=HANG, context=tmp_path.parent,
    )  # fmt: skip
    assert docker.commands("build")[0].endswith(f"-t mine:1 {tmp_path.parent}")


def test_a_published_image_stands_in_where_the_build_fails_and_says_so(docker: Docker):
    engine = docker.write(build="exit 7")
    image = docker.image(engine, fallback="theirs:2")
    assert (image.name, image.built) == ("theirs:2", False)
    assert docker.commands("pull") == ["pull theirs:2"]
    described = containers.describe_image(engine, image)
    assert described.startswith("theirs:2, pulled, since the build of mine:1 failed: exit 7, see")


def test_a_build_that_hangs_is_ended_and_the_published_image_stands_in(docker: Docker):
    engine = docker.write(build="sleep 654 & wait")
    for bound in growing(0.5):  # the published image has as long
        image = docker.image(engine, fallback="theirs:2", timeout=bound)
        if image.name:
            break
    assert (image.name, image.built) == ("theirs:2", False)
    assert "it took longer than" in image.problem
    wait_for(lambda: not is_running("sleep", "654"))


def test_no_image_at_all_is_told_and_nothing_is_run_in_it(docker: Docker):
    engine = docker.write(build="exit 7", pull="exit 3")
    lone, neither = docker.image(engine), docker.image(engine, fallback="theirs:2")
    assert "give a fallback image" in lone.problem
    assert "theirs:2 was not pulled: exit 3" in neither.problem
    assert containers.describe_image(engine, neither).startswith("no image: the build of mine:1")
    with pytest.raises(SubjectError, match="there is no image to preload in"):
        containers.run_in_image(
            engine, lone, ["x"], mounts={}, environment={}, log=docker.log, timeout=5
        )
    docker.dockerfile.unlink()
    with pytest.raises(SubjectError, match="does not exist"):
        docker.image(engine)


def test_an_image_that_the_engine_does_not_have_is_told(docker: Docker):
    engine = docker.write(image="exit 1")
    assert containers.describe_image(engine, docker.image(engine)) == "mine:1 is not there"


def test_the_command_runs_with_its_folders_and_graphics_cards_only_where_asked(docker: Docker):
    engine = docker.write()
    assert docker.run(engine) == 0
    (words,) = docker.commands("run")
    assert words.startswith("run --rm --name proofbook-preload-")
    assert words.endswith(f"-v {docker.mount}:/cache mine:1 python p.py")
    assert docker.mount.is_dir()
    assert "--gpus" not in words
    docker.run(engine, gpus=True)
    assert "--gpus all" in docker.commands("run")[1]


def test_variables_reach_the_container_and_neither_the_log_nor_the_command_line(docker: Docker):
    docker.run(docker.write(), {"HF_HOME": "/cache", "HF_TOKEN": "hf_secret"})
    assert docker.variables.read_text() == "HF_HOME=/cache\nHF_TOKEN=hf_secret\n"
    written = docker.log.read_text() + docker.told.read_text()
    assert "hf_secret" not in written
    file = Path(docker.commands("run")[0].split("--env-file ")[1].split()[0])
    assert not file.exists()
    with pytest.raises(SubjectError, match="variable X for the container"):
        docker.run(docker.write(), {"X": "a\nb"})


def test_the_commands_exit_code_and_output_are_kept(docker: Docker):
    assert docker.run(docker.write(run="echo Traceback; exit 5")) == 5
    assert "Traceback" in docker.log.read_text()


def test_a_container_that_hangs_is_ended_and_removed(docker: Docker):
    engine = docker.write(run="sleep 321 & wait")
    for bound in growing(1):
        with pytest.raises(SubjectError, match=f"the container took longer than {bound:g} s"):
            docker.run(engine, timeout=bound)
        if docker.told.exists() and docker.commands("run"):
            break
    name = docker.commands("run")[0].split()[3]
    assert docker.commands("rm")[-1:] == [f"rm -f {name}"]
    wait_for(lambda: not is_running("sleep", "321"))


_RUN = (
    "import sys; from pathlib import Path\n"
    "from proofbook_systems.musicgen.preload import containers as c\n"
    "c.run_in_image(c.find_engine(), c.Image(name='mine:1', built=True, problem=''), ['x'],\n"
    "    mounts={}, environment={}, log=Path(sys.argv[1]), timeout=600)\n"
)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_runbook_leaves_no_container(docker: Docker, how: signal.Signals):
    docker.write(run="sleep 3")
    process = subprocess.Popen([sys.executable, "-c", _RUN, str(docker.log)],
                               stderr=subprocess.DEVNULL)  # fmt: skip
    wait_for(lambda: docker.told.exists() and bool(docker.commands("run")))
    process.send_signal(how)
    process.wait(HANG)
    name = docker.commands("run")[0].split()[3]
    wait_for(lambda: docker.commands("rm") == [f"rm -f {name}"])


def test_an_engine_that_does_not_answer_is_none(docker: Docker):
    engine = docker.write(info="echo cannot connect to the daemon >&2; exit 1")
    assert engine.command == ""
    assert "docker does not answer (cannot connect to the daemon)" in engine.problem
    assert docker.write("podman").command.endswith("podman")


def test_an_engine_that_is_late_does_not_tell_that_an_image_is_missing(
    docker: Docker, monkeypatch: pytest.MonkeyPatch
):
    engine = docker.write(image="exec sleep 60")
    image = docker.image(engine)
    monkeypatch.setattr(containers, "_ANSWER_SECONDS", 0.2)
    told = containers.describe_image(engine, image)
    assert told == "mine:1, of which the engine tells nothing within 0.2 s"


def test_an_engine_that_hangs_is_left_after_a_moment(
    docker: Docker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(containers, "_ANSWER_SECONDS", 0.3)
    assert "no answer in 0 s" in docker.write(info="exec sleep 60").problem


def test_a_program_that_cannot_be_started_is_no_engine(docker: Docker):
    path = docker.folder / "docker"
    path.write_text("#!/no/such/interpreter\n")
    path.chmod(0o755)
    assert "docker does not answer (No such file" in containers.find_engine("docker").problem


def test_no_engine_is_told(docker: Docker, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(docker.folder))
    assert containers.find_engine().problem == (
        "there is no docker on PATH; there is no podman on PATH"
    )
    assert containers.find_engine("nerdctl").problem == "there is no nerdctl on PATH"


def test_a_mount_that_cannot_be_made_is_named(docker: Docker):
    docker.mount.touch()
    with pytest.raises(SubjectError, match=r"cache for the container cannot be made"):
        docker.run(docker.write())
