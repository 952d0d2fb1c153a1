"""What a network learns to predict, where its trainer computes the loss itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from proofbook_systems.training.injected.sitecustomize import watch_torch
from proofbook_systems.training.watched_updates import wrong_target
from proofbook_systems.training.watching import Watched, read_watch

Look = Callable[[], Watched]
IDS = 50


class Net(nn.Module):
    """Returns the logits of each id, with what they are made from, or flat."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form
        self.embed, self.head = nn.Embedding(IDS, 8), nn.Linear(8, IDS)

    def forward(self, ids: torch.Tensor) -> Any:
        hidden = self.embed(ids)
        logits = self.head(hidden)
        flat = logits.flatten(0, 1)
        return {"alone": logits, "flat": flat, "with hidden": (logits, hidden)}[self.form]


@pytest.fixture
def look(tmp_path: Path) -> Iterator[Look]:
    watcher = watch_torch(torch, str(tmp_path))
    yield lambda: read_watch(tmp_path)
    watcher.stop()


def stream(place: int) -> torch.Tensor:
    """Return windows of a text, begun so many places later than the batch."""
    text = torch.randint(5, IDS, (4, 17), generator=torch.Generator().manual_seed(4))
    return text[:, 3 + place :][:, :10]


def train(form: str, labels: torch.Tensor, batch: torch.Tensor, **options: Any) -> None:
    torch.manual_seed(3)
    net = Net(form)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    out = net(batch)
    logits = out[0] if isinstance(out, tuple) else out
    lines = logits.reshape(-1, IDS)
    loss = nn.functional.cross_entropy(lines, labels.flatten(), ignore_index=-1, **options)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


@pytest.mark.parametrize("form", ["alone", "flat", "with hidden"])
@pytest.mark.parametrize("place", [-1, 0, 1, 2])
def test_the_gradient_of_logits_tells_what_they_are_to_predict(
    look: Look, form: str, place: int
) -> None:
    train(form, stream(place), stream(0))
    seen = look()
    assert (seen.predicts, seen.fault) == ({place}, "")
    assert bool(wrong_target(seen)) == (place != 1)


@pytest.mark.parametrize(
    "options",
    [{"label_smoothing": 0.2}, {"weight": torch.linspace(0.1, 3, IDS)}, {"reduction": "sum"}],
)
def test_a_loss_of_another_form_asks_for_the_same_ids(look: Look, options: dict[str, Any]) -> None:
    train("alone", stream(1), stream(0), **options)
    assert (look().predicts, wrong_target(look())) == ({1}, "")


@pytest.mark.parametrize(
    "labels",
    [
        stream(1).index_fill(1, torch.arange(4), -1),  # a prompt is not learnt
        torch.where(stream(1) % 3 == 0, -1, stream(1)),  # nor some ids
    ],
)
def test_ids_that_are_not_learnt_tell_nothing(look: Look, labels: torch.Tensor) -> None:
    train("alone", labels, stream(0))
    assert look().predicts == {1}


@pytest.mark.parametrize(
    ("batch", "labels"),
    [
        (stream(0), stream(0).flip(0)),  # other rows, as of a translation
        (stream(0), (stream(0) > 20).long()),  # a class of each id
        (stream(0), torch.where(stream(0) % 7 == 0, stream(1), -1)),  # too few to tell
        (torch.full_like(stream(0), 4), stream(0)),  # all masked, and filled in
        (torch.full_like(stream(0), 9), torch.full_like(stream(0), 9)),  # one id throughout
    ],
)
def test_what_is_no_text_going_on_is_not_judged(
    look: Look, batch: torch.Tensor, labels: torch.Tensor
) -> None:
    train("alone", labels, batch)
    assert (look().predicts, wrong_target(look()), look().fault) == (frozenset(), "", "")
