"""MLServer with a small runtime of our own: KServe's protocol v2."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

from proofbook.caching import cached_folder
from proofbook.files import hash_file
from proofbook_subjects.apis.environments import make_environment
from proofbook_subjects.apis.peers.launching import PROGRAMS, launched
from proofbook_subjects.apis.servers import Served, Server, write_server

__all__ = ["write_mlserver"]

_VERSION = "1.7.1"
_NAME = "doubling"
_RUNTIME = PROGRAMS / "doubling_runtime.py"
_TENSOR = {"datatype": "FP32", "shape": [-1, -1]}
_SETTINGS = {
    "name": _NAME,
    "implementation": "doubling_runtime.DoublingModel",
    "platform": "python",
    "parameters": {"version": "1"},
    "inputs": [{"name": "input", **_TENSOR}],
    "outputs": [{"name": "output", **_TENSOR}],
}
_ENVIRONMENT = {
    "MLSERVER_HOST": "127.0.0.1",
    # Without workers of its own: it is one small program.
    "MLSERVER_PARALLEL_WORKERS": "0",
}


def write_mlserver(root: Path) -> Path:
    """Make the environment and the folder with the runtime, and write the server's file."""
    python = make_environment("mlserver", [f"mlserver=={_VERSION}"], root, shares_packages=True)
    recipe = {"runtime": hash_file(_RUNTIME), "settings": _SETTINGS}
    folder = cached_folder(root / "apis-models", _NAME, recipe, partial(_write_model))
    words = ["-m", "mlserver.cli.main", "start", str(folder)]
    served = Served(base_path="", model=_NAME, actions=("infer",))
    server = Server(
        name="mlserver",
        version=f"{_VERSION}, a runtime that doubles numbers",
        implementation="REAL",
        command=launched(
            python,
            words,
            "MLSERVER_GRPC_PORT",
            "MLSERVER_METRICS_PORT",
            port_as="MLSERVER_HTTP_PORT",
        ),
        environment=_ENVIRONMENT,
        health=f"/v2/models/{_NAME}/ready",
        serves={"ovms": served},
        start_seconds=120.0,
    )
    return write_server(server, root)


def _write_model(folder: Path) -> None:
    shutil.copy(_RUNTIME, folder)
    (folder / "model-settings.json").write_text(json.dumps(_SETTINGS, indent=1) + "\n")
