"""The real servers that ``reference:<name>`` names."""

from __future__ import annotations

from proofbook.subjects import Makers
from proofbook_subjects.apis.peers.litellm import write_litellm
from proofbook_subjects.apis.peers.llama import write_xllamacpp, write_xllamacpp_random
from proofbook_subjects.apis.peers.mlserver import write_mlserver
from proofbook_subjects.apis.peers.moto import write_moto
from proofbook_subjects.apis.peers.transformers import write_transformers_serve
from proofbook_subjects.apis.peers.vllm import write_vllm_cpu

__all__ = ["PEERS"]

PEERS: Makers = {
    "litellm": write_litellm,
    "mlserver": write_mlserver,
    "moto": write_moto,
    "transformers-serve": write_transformers_serve,
    "vllm-cpu": write_vllm_cpu,
    "xllamacpp": write_xllamacpp,
    "xllamacpp-random": write_xllamacpp_random,
}
"""Each makes what its server needs, writes its ``server.json`` and returns it."""
