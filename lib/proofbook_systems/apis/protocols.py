"""What is known of each backend from its public interface: its key, and what it can be asked.

``llvm`` is taken for llama.cpp's server. ``ovms`` speaks KServe's protocol v2 and TensorFlow
Serving's ``:predict``. Knows no client.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from proofbook.errors import SubjectError

__all__ = ["DEFAULT_INPUTS", "PROTOCOLS", "Protocol", "no_keys", "protocol_of"]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A backend's public interface."""

    core: str
    """The action without which it is of no use."""
    more: tuple[str, ...] = ()
    """Actions that it may offer beside."""
    key: str = ""
    """Environment variable that its users keep their key in."""
    secret: str = ""
    """Environment variable of the second half of the key."""
    needs_key: bool = False
    """Whether nobody is served without one. Servers of one's own usually ask for none."""


_CHAT = ("stream", "models")

DEFAULT_INPUTS = [{"name": "input", "shape": [1, 3], "datatype": "FP32", "data": [1.0, 2.0, 3.0]}]
"""What a model that is no language model is asked, in the words of KServe's protocol."""

PROTOCOLS: Mapping[str, Protocol] = {
    "openai_api": Protocol(
        core="chat", more=(*_CHAT, "completion", "embeddings"), key="OPENAI_API_KEY"
    ),
    "claude": Protocol(core="chat", more=_CHAT, key="ANTHROPIC_API_KEY", needs_key=True),
    "groq": Protocol(core="chat", more=_CHAT, key="GROQ_API_KEY", needs_key=True),
    "ollama": Protocol(
        core="chat", more=(*_CHAT, "completion", "embeddings"), key="OLLAMA_API_KEY"
    ),
    "hf_tgi": Protocol(core="chat", more=("stream", "completion", "models"), key="HF_TOKEN"),
    "hf_tei": Protocol(core="embeddings", key="HF_TOKEN"),
    "gemini": Protocol(
        core="chat", more=(*_CHAT, "embeddings"), key="GEMINI_API_KEY", needs_key=True
    ),
    "vllm": Protocol(core="chat", more=(*_CHAT, "completion", "embeddings"), key="VLLM_API_KEY"),
    "llvm": Protocol(core="chat", more=(*_CHAT, "completion", "embeddings"), key="LLAMA_API_KEY"),
    "ovms": Protocol(core="infer", more=("predict",), key="OVMS_API_KEY"),
    "opea": Protocol(core="chat", more=("stream",), key="OPEA_API_KEY"),
    "s3_kit": Protocol(
        core="objects", key="AWS_ACCESS_KEY_ID", secret="AWS_SECRET_ACCESS_KEY",
        needs_key=True,
    ),
}  # fmt: skip
"""By the backend's name in the checklist."""


def no_keys() -> dict[str, str]:
    """Return every variable that a key is kept in, empty: a client that is given none has none."""
    names = {name for known in PROTOCOLS.values() for name in (known.key, known.secret)}
    return {name: "" for name in sorted(names) if name}


def protocol_of(api: str) -> Protocol:
    """Return what is known of a backend.

    Raises:
        SubjectError: There is no such backend.
    """
    if api not in PROTOCOLS:
        raise SubjectError(f"there is no API {api!r}; take one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[api]
