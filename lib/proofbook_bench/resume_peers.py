"""Resuming with what others offer: torchdata's loader in a plain loop, and transformers' Trainer.

Each is used as its documentation says, with all the state that it offers saved and put back. The
network, the texts and the optimizer are the same.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from proofbook_bench.resume_cases import Case

__all__ = ["resume_hf_trainer", "resume_torchdata", "steps_per_epoch", "weights_digest"]

_ITEMS, _BATCH, _LENGTH, _VOCABULARY, _EPOCHS, _SEED = 32, 4, 12, 64, 2, 11


class _Texts(Dataset[dict[str, torch.Tensor]]):
    """Fixed texts; with ``noise`` a part of each is replaced at random whenever it is read."""

    def __init__(self, noise: bool) -> None:
        chance = torch.Generator().manual_seed(_SEED)
        self._ids = torch.randint(_VOCABULARY, (_ITEMS, _LENGTH), generator=chance)
        self._noise = noise

    def __len__(self) -> int:
        return _ITEMS

    def __getitem__(self, item: int) -> dict[str, torch.Tensor]:
        ids = self._ids[item].clone()
        if self._noise:
            hit = torch.rand(_LENGTH) < 0.3
            ids[hit] = torch.randint(_VOCABULARY, (int(hit.sum()),))
        return {"input_ids": ids, "labels": ids}


def steps_per_epoch(case: Case) -> int:
    """Return the optimizer steps of an epoch."""
    return _ITEMS // _BATCH // case.passes


def weights_digest(model: Any) -> str:
    """Return a digest of all weights, to the bit."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


def resume_torchdata(case: Case, folder: Path, stops: list[tuple[int, int]]) -> str:
    """Train in a plain loop over ``StatefulDataLoader``, cut at ``stops``; return the digest.

    Weights, optimizer, gradients, torch's random numbers and the loader's state are saved. The
    random numbers are put back once the loader has drawn its own, which is in the loop's favour.
    """
    path = folder / "state.pt"
    path.unlink(missing_ok=True)
    for stop in [*stops, None]:
        model = _loop(case, path, stop)
    return weights_digest(model)


def _loop(case: Case, path: Path, stop: tuple[int, int] | None) -> Any:
    from torchdata.stateful_dataloader import StatefulDataLoader

    model, optimizer = _begin(case)
    loader: Any = StatefulDataLoader(
        _Texts(case.kind == "random-data"), batch_size=_BATCH, shuffle=True,
        num_workers=case.workers,
    )  # fmt: skip
    done, saved = 0, None
    if path.exists():
        saved = torch.load(path, weights_only=False)
        done = _put_back(saved, model, optimizer, loader)
    total = _EPOCHS * _ITEMS // _BATCH
    while done < total:
        batches = iter(loader)
        if saved is not None:
            torch.set_rng_state(saved["random"])
            saved = None
        for batch in batches:
            _make_pass(model, optimizer, batch, done, case.passes)
            done += 1
            if stop and divmod(done, case.passes) == stop:
                torch.save(_take(model, optimizer, loader, done), path)
                return model
    return model


def _begin(case: Case) -> tuple[Any, Any]:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(_SEED)
    share = 0.2 if case.kind == "dropout" else 0.0
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=_VOCABULARY, n_positions=_LENGTH, n_embd=16, n_layer=1, n_head=2,
            resid_pdrop=share, embd_pdrop=share, attn_pdrop=share, bos_token_id=0, eos_token_id=0,
        )
    ).train()  # fmt: skip
    return model, torch.optim.AdamW(model.parameters(), lr=1e-2)


def _make_pass(model: Any, optimizer: Any, batch: Any, done: int, passes: int) -> None:
    (model(**batch).loss / passes).backward()
    if (done + 1) % passes == 0:
        optimizer.step()
        optimizer.zero_grad()


def _take(model: Any, optimizer: Any, loader: Any, done: int) -> dict[str, Any]:
    return {
        "model": model.state_dict(), "optimizer": optimizer.state_dict(), "done": done,
        "loader": loader.state_dict(), "random": torch.get_rng_state(),
        "gradients": [parameter.grad for parameter in model.parameters()],
    }  # fmt: skip


def _put_back(saved: dict[str, Any], model: Any, optimizer: Any, loader: Any) -> int:
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    for parameter, gradient in zip(model.parameters(), saved["gradients"], strict=True):
        parameter.grad = gradient
    loader.load_state_dict(saved["loader"])
    return int(saved["done"])


def resume_hf_trainer(case: Case, folder: Path, stops: list[tuple[int, int]]) -> str:
    """Train with transformers' ``Trainer``, cut at ``stops``; return the digest of the weights.

    It saves after complete steps alone: cut within one, it makes that step again.
    """
    output = folder / "trainer"
    for number, stop in enumerate([*stops, None]):
        model, _ = _begin(case)
        trainer = _trainer(case, model, output, stop)
        trainer.train(resume_from_checkpoint=True if number else None)
    return weights_digest(trainer.model)


def _trainer(case: Case, model: Any, output: Path, stop: tuple[int, int] | None) -> Any:
    from transformers import Trainer, TrainerCallback, TrainingArguments

    class StopAt(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if stop and state.global_step == stop[0]:
                control.should_save, control.should_training_stop = True, not stop[1]

        def on_substep_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if stop and stop[1] and state.global_step == stop[0]:
                control.should_training_stop = True

    arguments = TrainingArguments(
        output_dir=str(output), num_train_epochs=_EPOCHS, per_device_train_batch_size=_BATCH,
        gradient_accumulation_steps=case.passes, dataloader_num_workers=case.workers,
        learning_rate=1e-2, seed=_SEED, save_strategy="no", logging_strategy="no", report_to=[],
        disable_tqdm=True, use_cpu=True,
    )  # fmt: skip
    return Trainer(
        model=model, args=arguments, train_dataset=_Texts(case.kind == "random-data"),
        callbacks=[StopAt()],
    )  # fmt: skip
