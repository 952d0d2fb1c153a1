"""Which places of a row a network is taught, by the gradient of its logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from proofbook_systems.training.injected.sitecustomize import watch_torch
from proofbook_systems.training.watching import Watched, read_watch

Look = Callable[[], Watched]
IDS = torch.tensor([[1, 2, 3, 4, 5, 6], [1, 2, 3, 0, 0, 0]])


@pytest.fixture
def look(tmp_path: Path) -> Iterator[Look]:
    watcher = watch_torch(torch, str(tmp_path), whole_rows=True)
    yield lambda: read_watch(tmp_path)
    watcher.stop()


class Network(nn.Module):
    """Logits for each id, in the form that is asked for."""

    def __init__(self, form: str = "tensor") -> None:
        super().__init__()
        torch.manual_seed(3)
        self.embed, self.head, self.form = nn.Embedding(8, 4), nn.Linear(4, 8), form

    def forward(self, ids: torch.Tensor) -> Any:
        hidden = self.embed(ids)
        logits = self.head(hidden)
        forms = {
            "tensor": logits, "mapping": {"logits": logits}, "flat": logits.view(-1, 8),
            "with others": (logits, hidden.mean(-1)), "two alike": (logits, hidden),
        }  # fmt: skip
        return forms.get(self.form, loss_of(logits, IDS))


def loss_of(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    scores = logits.view(*labels.shape, -1)[:, :-1]
    return nn.functional.cross_entropy(scores.flatten(0, 1), labels[:, 1:].flatten())


def logits_of(output: Any) -> torch.Tensor:
    found = output["logits"] if isinstance(output, dict) else output
    return found[0] if isinstance(found, tuple) else found


def train(network: Network, *labels: torch.Tensor) -> None:
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    outputs = [(logits_of(network(IDS)), each) for each in labels]
    torch.stack([loss_of(*each) for each in outputs]).sum().backward()
    optimizer.step()


def learnt(seen: Watched) -> list[int | None]:
    return [row.learnt for row in seen.rows(1)]


IGNORING = IDS.masked_fill(IDS == 0, -100)


@pytest.mark.parametrize("form", ["tensor", "mapping", "flat", "with others"])
def test_places_of_a_row_are_taught_up_to_the_last_known_label(look: Look, form: str) -> None:
    train(Network(form), IGNORING)
    assert learnt(look()) == [5, 2]


def test_padding_without_a_mask_of_labels_is_taught(look: Look) -> None:
    train(Network(), IDS)
    assert learnt(look()) == [5, 5]


def test_each_of_several_passes_has_its_own_places(look: Look) -> None:
    train(Network(), IGNORING, IDS)
    assert learnt(look()) == [5, 2, 5, 5]


def test_nothing_is_said_where_no_tensor_alone_has_the_form_of_logits(look: Look) -> None:
    train(Network("two alike"), IDS)
    assert learnt(look()) == [None, None]


def test_nothing_is_said_of_a_network_that_returns_its_loss_alone(look: Look) -> None:
    network = Network("loss")
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    network(IDS).backward()
    optimizer.step()
    assert learnt(look()) == [None, None]
    assert look().fault == ""


def test_nothing_is_looked_at_where_whole_rows_are_not_asked_for(tmp_path: Path) -> None:
    watcher = watch_torch(torch, str(tmp_path))
    train(Network(), IDS)
    watcher.stop()
    assert learnt(read_watch(tmp_path)) == [None, None]
