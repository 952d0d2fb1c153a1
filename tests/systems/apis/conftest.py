"""A server that misbehaves, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from proofbook_systems.apis.clients import ClientCommand
from proofbook_systems.apis.faults.bench import Bench, open_bench


@pytest.fixture(scope="session")
def faulty_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A server that misbehaves, with a client that does nothing."""
    folder = tmp_path_factory.mktemp("faults")
    nobody = ClientCommand(name="nobody", words=("nobody",), is_hosted=False)
    bench = open_bench(
        nobody, folder, server="reference:faulty", protocol="openai_api", timeout=0.4,
        patience=2.5, longest_sleep=1.5, crowd=30,
    )  # fmt: skip
    yield bench
    bench.close()
