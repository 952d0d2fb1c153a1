"""The model that a training leaves: can it be loaded, is it finite, whole, and the newest?

Families are told by their own files: a pipeline's ``model_index.json``, an adapter's config, an
index of shards. Knows nothing about whether the model is good.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from proofbook.errors import SubjectError
from proofbook_systems.training.layouts import (
    Checkpoint,
    checkpoint_of,
    find_checkpoints,
    is_temporary,
)
from proofbook_systems.training.roles import role_of
from proofbook_systems.training.soundness import find_index_faults
from proofbook_systems.training.states import (
    OpaqueError,
    can_read,
    is_unknown,
    read_states,
    recorded_step,
)

__all__ = ["FinalModel", "find_final_model"]

_TEXTS = (".json", ".yaml", ".yml")
_STATES = ("optimizer", "scheduler", "random numbers", "scaler", "order of the data", "progress")


class FinalModel(NamedTuple):
    """What was found outside of the checkpoints, or in the last one where there is nothing else."""

    files: list[str]
    """Files of weights, by their place in the output folder."""
    faults: list[str]
    """What is wrong with it."""
    from_checkpoint: str
    """The checkpoint whose weights were looked at; empty where there is a model of its own."""

    @property
    def words(self) -> str:
        """What was looked at."""
        where = (
            f" of {self.from_checkpoint}, as there is no other model"
            if self.from_checkpoint
            else ""
        )
        return f"{', '.join(self.files) or 'no file of weights'}{where}"


def find_final_model(output: Path, pattern: str = "") -> FinalModel:
    """Look for the model that a training left, and for everything that is wrong with it.

    Args:
        output: The training's output folder.
        pattern: Of the checkpoints' places; empty recognises them.
    """
    checkpoints = find_checkpoints(output, pattern)
    inside = {path for checkpoint in checkpoints for path in checkpoint.files}
    paths = [path for path in _weight_files(output) if path not in inside]
    paths = [path for path in paths if checkpoint_of(path.relative_to(output).as_posix()) is None]
    if paths:
        faults = [*_faults(output, paths), *_family_faults(output, paths)]
        return FinalModel(_places(output, paths), [*faults, *_stale(paths, checkpoints)], "")
    if not checkpoints:
        return FinalModel([], ["there are no weights, in no checkpoint and outside of them"], "")
    last = checkpoints[-1]
    paths = [path for path in last.files if _holds_weights(path)]
    return FinalModel(_places(output, paths), _faults(output, paths), last.path.name)


def _weight_files(output: Path) -> list[Path]:
    paths = sorted(path for path in output.rglob("*") if path.is_file() and _holds_weights(path))
    return [
        path for path in paths
        if not any(is_temporary(part) for part in path.relative_to(output).parts)
    ]  # fmt: skip


def _holds_weights(path: Path) -> bool:
    return (
        can_read(path)
        and not is_unknown(path)
        and path.suffix.lower() not in _TEXTS
        and role_of(path.name) not in _STATES
        and path.name != "training_args.bin"
    )


def _places(output: Path, paths: Sequence[Path]) -> list[str]:
    return [path.relative_to(output).as_posix() for path in paths]


def _faults(output: Path, paths: Sequence[Path]) -> list[str]:
    faults, unseen = [], list[str]()
    for path, name in zip(paths, _places(output, paths), strict=True):
        try:
            states = read_states(path)
        except OpaqueError as error:
            unseen.append(f"{name} cannot be judged: {error}")
            continue
        except SubjectError as error:
            faults.append(f"{name}: {error}")
            continue
        faults += list(_value_faults(name, states))
    nothing_seen = unseen if len(unseen) == len(paths) else []
    return [*faults, *nothing_seen, *find_index_faults(output)]


def _value_faults(name: str, states: dict[str, Any]) -> Iterator[str]:
    import torch

    tensors = {key: value for key, value in states.items() if hasattr(value, "dtype")}
    if not tensors:
        yield f"{name} holds no tensor"
    for key, value in tensors.items():
        tensor = torch.as_tensor(value)
        if tensor.is_floating_point() and bool(torch.isnan(tensor).any()):
            yield f"{name}: {key} has values that are NaN"
        elif tensor.is_floating_point() and bool(torch.isinf(tensor).any()) and "mask" not in key:
            yield f"{name}: {key} has values that are infinite"
    weights = [
        value for key, value in tensors.items() if role_of(name, key) in ("weights", "other")
    ]
    if weights and all(not bool(torch.as_tensor(value).any()) for value in weights):
        yield f"{name}: all values are 0"


def _family_faults(output: Path, paths: Sequence[Path]) -> Iterator[str]:
    """Yield the pieces that a model's family needs and that are missing."""
    for path in sorted(output.rglob("model_index.json")):
        yield from _pipeline_faults(path)
    for path in paths:
        if (
            path.name.startswith("adapter_model")
            and not (path.parent / "adapter_config.json").is_file()
        ):
            yield f"{path.parent.name}/{path.name} has no adapter_config.json beside it"
        elif (
            path.name in ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
            and not (path.parent / "config.json").is_file()
        ):
            yield f"{path.parent.name}/{path.name} has no config.json beside it"


def _pipeline_faults(index: Path) -> Iterator[str]:
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
        parts = {name: entry for name, entry in content.items() if isinstance(entry, list)}
    except (ValueError, AttributeError):
        yield f"{index.name} cannot be read"
        return
    for name, entry in parts.items():
        folder = index.parent / name
        if len(entry) != 2 or None in entry:
            continue
        if not folder.is_dir():
            yield f"{index.name} names {name}, which is missing"
        elif not any(path.is_file() for path in folder.iterdir()):
            yield f"{index.name} names {name}, whose folder is empty"
        elif (folder / "config.json").is_file() and not _has_weights(folder):
            yield f"{index.name} names {name}, which has a config.json and no weights"


def _has_weights(folder: Path) -> bool:
    # A scheduler, tokenizer or feature extractor has no config.json, but one of another name.
    return any(path.suffix in (".safetensors", ".bin", ".pt") for path in folder.iterdir())


def _stale(paths: Sequence[Path], checkpoints: Sequence[Checkpoint]) -> Iterator[str]:
    """Say where the final weights are those of an older checkpoint, and not of the last one."""
    final = _digests(paths)
    each = [
        (checkpoint, _digests([path for path in checkpoint.files if _holds_weights(path)]))
        for checkpoint in _by_age(checkpoints)
    ]
    if not final or len(each) < 2 or not each[-1][1]:
        return
    newest = each[-1][1]
    for checkpoint, digests in each[:-1]:
        if final <= digests and not final <= newest:
            yield (
                f"the final weights are those of {checkpoint.path.name}, and "
                f"{each[-1][0].path.name} has others: what was learnt since then is lost"
            )
            return


def _by_age(checkpoints: Sequence[Checkpoint]) -> list[Checkpoint]:
    """Return checkpoints in the order of the steps that all record, such as last.ckpt beside names.

    Where one does not tell its step, they are as they were.
    """
    steps = [recorded_step(checkpoint.path) for checkpoint in checkpoints]
    if any(step is None for step in steps):
        return [*checkpoints]
    pairs = sorted(
        zip(steps, range(len(steps)), strict=True), key=lambda pair: (pair[0] or 0, pair[1])
    )
    return [checkpoints[place] for _, place in pairs]


def _digests(paths: Sequence[Path]) -> set[str]:
    """Return the hashes of all tensors of some size, whatever they are called."""
    import torch

    found: set[str] = set()
    for path in paths:
        try:
            states = read_states(path)
        except SubjectError:
            continue  # reported as a fault of its own
        for value in states.values():
            if isinstance(value, torch.Tensor) and value.numel() > 1 and value.is_floating_point():
                data = value.detach().to(torch.float32).contiguous().numpy().tobytes()
                found.add(hashlib.sha256(data).hexdigest())
    return found
