"""llama.cpp's server, from xllamacpp: ``python llama_server.py --model FILE --name NAME --port N``.

One thread: two on a busy machine wait for each other. Where ``LLAMA_API_KEY`` is set, it is its
key.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

import xllamacpp

__all__ = ["main"]


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(prog="llama_server.py")
    parser.add_argument("--model", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    if not Path(given.model).is_file():
        sys.exit(f"cannot start llama.cpp's server: there is no model {given.model}")
    try:
        server = xllamacpp.Server(_settings(given.model, given.name, given.port))
    except RuntimeError as error:
        sys.exit(
            f"cannot start llama.cpp's server on port {given.port} with {given.model}: {error}"
        )
    sys.stdout.write(f"listening on {server.listening_address}\n")
    signal.pause()


def _settings(model: str, name: str, port: int) -> xllamacpp.CommonParams:
    settings = xllamacpp.CommonParams()
    settings.model.path = model
    settings.model_alias = {name}
    settings.hostnames = ["127.0.0.1"]
    settings.port = port
    settings.n_ctx, settings.n_parallel = 4096, 4
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    settings.warmup = False
    settings.embedding = True
    settings.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    if key := os.environ.get("LLAMA_API_KEY"):
        settings.api_keys = [key]
    return settings


if __name__ == "__main__":
    main()
