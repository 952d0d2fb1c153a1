"""How much memory a training should need: what Python and PyTorch take, and what is computed.

Weights, gradients and Adam's two moments have 4 bytes a parameter each; activations are counted as
the field does for blocks with attention, whatever the network.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook.processes import run
from proofbook_systems.foundry.model_sizes import Sizes
from proofbook_systems.training.trainer import Trainer, find_interpreter

__all__ = ["Footprint", "estimate_footprint"]

_BYTES = 4
_STATES = 4
"""Weights, gradients, and two moments."""
_BLOCK = 34
"""Numbers of a block that are kept for a token, in widths of the network."""
_LOGITS = 4
"""Logits, their softmax, and the gradients of both."""
_LIBRARIES = ("torch", "transformers", "datasets", "accelerate")
_MEASURE = """
import importlib.util, resource, sys
for name in sys.argv[1:]:
    if importlib.util.find_spec(name): __import__(name)
unit = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
"""


class Footprint(NamedTuple):
    """MB that are expected."""

    libraries: float
    states: float
    activations: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.libraries + self.states + self.activations

    @property
    def words(self) -> str:
        """All of it in a sentence."""
        return (
            f"{self.libraries:.0f} MB for the libraries, {self.states:.1f} MB for weights, "
            f"gradients and moments, {self.activations:.1f} MB for activations"
        )


def estimate_footprint(trainer: Trainer, sizes: Sizes, tokens: int, timeout: float) -> Footprint:
    """Return what a training should need.

    Args:
        trainer: Whose interpreter is asked what its libraries take.
        sizes: Of its model.
        tokens: Of a forward pass.
        timeout: Seconds that the interpreter may take.

    Raises:
        SubjectError: The interpreter cannot be asked.
    """
    command = [find_interpreter(trainer.project), "-c", _MEASURE, *_LIBRARIES]
    ended = run(command, timeout=timeout, env={**os.environ, **trainer.environment})
    last = (ended.output.split() or [""])[-1]
    if ended.code != 0 or not last.isdigit():
        raise SubjectError(f"{command[0]} {ended.words}: {ended.output.strip()[-200:]}")
    block = _BLOCK * max(1, sizes.layers) * sizes.hidden
    activations = tokens * (block + _LOGITS * sizes.vocabulary) * _BYTES
    return Footprint(int(last) / 1e6, _STATES * _BYTES * sizes.parameters / 1e6, activations / 1e6)
