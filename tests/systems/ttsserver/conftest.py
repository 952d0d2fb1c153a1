"""The frozen reference server, built once a machine, and runs on it with faults on demand."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from leaving_out import need
from speaking import MATRIX, TIMEOUT, Spoken

from proofbook_systems.ttsserver.binaries import find_or_build
from proofbook_systems.ttsserver.contract_files import load_contract
from proofbook_systems.ttsserver.matrix import choose_rows
from proofbook_systems.ttsserver.projects import find_project
from proofbook_systems.ttsserver.rows import RowOptions
from proofbook_systems.ttsserver.sample import VoiceSample, read_sample
from proofbook_systems.ttsserver.server import speech_launch
from proofbook_systems.ttsserver.session import speak_all


@pytest.fixture(scope="session")
def reference_project() -> Path:
    """The reference server's sources, in the user's cache."""
    return find_project("reference:voicebox")


@pytest.fixture(scope="session")
def frozen_server(reference_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The frozen reference server."""
    need("objdump", "libpython")
    log = tmp_path_factory.mktemp("build") / "build.log"
    return find_or_build(reference_project, timeout=600, log=log).path


@pytest.fixture(scope="session")
def sample(reference_project: Path) -> VoiceSample:
    """The speech that is cloned."""
    return read_sample(reference_project)


@pytest.fixture(scope="session")
def speak(
    frozen_server: Path, sample: VoiceSample, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Spoken]:
    """Return a function that runs rows of the matrix, by name, on a server with faults."""

    def run(names: Sequence[str], faults: str = "", timeout: float = TIMEOUT) -> Spoken:
        folder = Path(tempfile.mkdtemp(dir=tmp_path_factory.getbasetemp()))
        by_name = {row.name: row for row in choose_rows(MATRIX)}
        rows = [by_name[name] for name in names]
        options = RowOptions(
            text="One two three.", language="en", seed=1, normalize=True,
            timeout_cached=timeout, timeout_download=timeout, duration_tolerance=0.1,
            audio_folder=folder / "audio",
        )  # fmt: skip
        contract = load_contract("voicebox")
        launch = speech_launch(
            contract, frozen_server, log=folder / "server.log", timeout_health=600,
            environment={"VOICEBOX_FAULTS": faults},
        )  # fmt: skip
        session = speak_all(launch, contract, rows, sample, options)
        return Spoken(
            results=session.results, restarts=session.restarts, log=launch.log.read_text()
        )

    return run
