"""Text that a language model writes, and whether it depends on what came before it, and only that.

By its own logits where transformers loads it, else by a command of the project.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook.processes import run
from proofbook.processes.placeholders import fill_command
from proofbook_systems.foundry.language_models import LanguageModel
from proofbook_systems.training.trainer import Trainer, find_interpreter

__all__ = [
    "SEEN",
    "Same",
    "Written",
    "same_text",
    "sees_future",
    "uses_context",
    "write_by_command",
    "write_text",
]

_SEED = 3
_LEARNT = 0.5
"""Part of a guess's loss that no model reaches which knows only how often each token comes."""
SEEN = 1e-4
"""Part of the logits' spread below which a difference is that of rounding."""


class Written(NamedTuple):
    """What was written after a prompt."""

    prompt: str
    text: str
    tokens: tuple[int, ...]
    """Empty where they are not known."""

    def outside(self, vocabulary: int) -> list[int]:
        """Return the tokens that a vocabulary does not have."""
        return [token for token in self.tokens if not 0 <= token < vocabulary]


class Same(NamedTuple):
    """What the same text after several prompts shows."""

    fault: str
    why_unknown: str


def write_text(model: LanguageModel, prompt: str, count: int) -> Written:
    """Return text of ``count`` tokens that are drawn one after the other, from a fixed seed.

    Raises:
        SubjectError: The prompt has no token.
    """
    import torch

    chance = torch.Generator().manual_seed(_SEED)
    tokens = model.encode(prompt)
    start = len(tokens)
    if not start:
        raise SubjectError(f"prompt {prompt!r} has no token; give another one")
    while len(tokens) < start + count:
        shares = torch.softmax(model.logits([tokens[-model.window :]])[0, -1], dim=-1)
        tokens.append(int(torch.multinomial(shares, 1, generator=chance)))
    return Written(prompt, model.decode(tokens[start:]), tuple(tokens[start:]))


def write_by_command(
    trainer: Trainer, command: Sequence[str], output: Path, prompt: str, timeout: float
) -> Written:
    """Return what a command of the project prints for a prompt, without the prompt itself.

    Args:
        trainer: Whose project it is.
        command: With ``{prompt}`` and ``{output_dir}``.
        output: The training's output folder.
        prompt: To be filled in.
        timeout: Seconds that it may take.

    Raises:
        SubjectError: It cannot be started, or fails.
    """
    words = fill_command(command, {
        "python": find_interpreter(trainer.project), "output_dir": str(output), "prompt": prompt,
        "config": str(trainer.config_file or ""),
    }, "generate_command")  # fmt: skip
    variables = {**os.environ, **trainer.environment}
    ended = run(words, timeout=timeout, cwd=trainer.project, env=variables)
    if ended.code != 0:
        raise SubjectError(f"generate_command {ended.words}: {ended.output.strip()[-300:]}")
    return Written(prompt, ended.output.replace(prompt, "").strip(), ())


def same_text(written: Sequence[Written], told: float | None, guess: float) -> Same:
    """Say whether a command writes the same text after each prompt, and what that shows.

    With the same random numbers, a model that has learnt little more than how often each token
    comes writes the same after any prompt. No model that reads nothing has a loss far below that of
    a guess.

    Args:
        written: What was written.
        told: The loss at the end of the training.
        guess: That of a guess among all tokens.
    """
    prompts, texts = {each.prompt for each in written}, {each.text for each in written}
    if len(texts) > 1 or not written:
        return Same("", "")
    if len(prompts) < 2:
        return Same("", "there is one prompt alone; give two")
    if told is None or not told < _LEARNT * guess:
        loss = "no loss was told" if told is None else f"its loss is {told:.3g}"
        return Same(
            "", f"the texts are the same, and {loss}, where a guess has {guess:.3g}: it may have "
            "learnt too little to need what it is given; train longer, or draw otherwise"
        )  # fmt: skip
    return Same("other prompts, the same text: it does not read what it is given", "")


def uses_context(model: LanguageModel, prompts: Sequence[str]) -> float:
    """Return by how much a prediction changes with what came before the last token.

    It is a part of the logits' spread: two prompts are ended by the same token.
    """
    first, second = (model.encode(prompt)[:-1] for prompt in prompts[:2])
    size = min(len(first), len(second))
    last = model.encode(prompts[0])[-1]
    logits = model.logits([[*first[:size], last], [*second[:size], last]])[:, -1]
    return float((logits[0] - logits[1]).abs().max() / _spread(logits))


def sees_future(model: LanguageModel, documents: Sequence[str]) -> float:
    """Return by how much predictions change with the tokens that come after them.

    It is a part of the logits' spread; 0 but for rounding where the network cannot look ahead.
    """
    tokens = [token for text in documents for token in model.encode(text)][: model.window]
    half = len(tokens) // 2
    other = [*tokens[:half], *reversed(tokens[half:])]
    if half < 1 or other == tokens:
        raise SubjectError(
            "the documents are too short to look for the future in; give longer ones"
        )
    logits = model.logits([tokens, other])[:, :half]
    return float((logits[0] - logits[1]).abs().max() / _spread(logits))


def _spread(logits: object) -> float:
    import torch

    assert isinstance(logits, torch.Tensor)
    return max(float(logits.std()), SEEN)
