"""Map a pair of audiocraft checkpoints onto the parameters of transformers' MusicGen.

Joins what reads checkpoints, what derives the architecture and what aligns keys. Loads no weights
and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.architecture import Architecture, musicgen_config
from proofbook_systems.musicgen.audit.configured import find_lost_projection, find_unbuildable
from proofbook_systems.musicgen.checkpoints import (
    Checkpoint,
    open_checkpoint,
    verify_checkpoint,
)
from proofbook_systems.musicgen.keymap import Options, Part, Plan, TensorSpec, plan_keys
from proofbook_systems.musicgen.keymap.names import canonical
from proofbook_systems.musicgen.keymap.rules import targets_of
from proofbook_systems.musicgen.sources import CheckpointFiles

if TYPE_CHECKING:
    import torch

__all__ = ["PARTS", "MappedModel", "map_checkpoints", "map_opened", "specs_of", "target_specs"]

PARTS: tuple[Part, ...] = ("language", "codec")
_PREFIXES: Mapping[Part, tuple[str, ...]] = {
    "language": ("decoder.", "enc_to_dec_proj."),
    "codec": ("audio_encoder.",),
}


@dataclass(frozen=True, kw_only=True)
class MappedModel:
    """Two checkpoints, the model that they make, and where each of its parameters comes from."""

    files: CheckpointFiles
    checkpoints: Mapping[Part, Checkpoint]
    architecture: Architecture
    targets: Mapping[Part, Mapping[str, TensorSpec]]
    """The parameters and buffers of the target model that its files hold."""
    plans: Mapping[Part, Plan]

    def sources(self, part: Part) -> dict[str, TensorSpec]:
        """Return names, shapes and types of a checkpoint's tensors."""
        return specs_of(self.checkpoints[part].tensors)

    @property
    def unfilled(self) -> tuple[str, ...]:
        """Parameters that have no source and may not be without one."""
        return tuple(name for part in PARTS for name in self.plans[part].unfilled)

    @property
    def allowed(self) -> tuple[str, ...]:
        """Parameters that have no source and may be without one."""
        return tuple(name for part in PARTS for name in self.plans[part].allowed)


def map_checkpoints(files: CheckpointFiles, options: Options | None = None) -> MappedModel:
    """Open both checkpoints, derive the model and align the keys.

    A mapping in ``options`` may name parameters of both parts; each is given to its own.

    Both are read whole first: what a damaged file holds is not the model's fault.

    Raises:
        SubjectError: A checkpoint cannot be read, is damaged, or is of a model that transformers
            does not have.
    """
    checkpoints: dict[Part, Checkpoint] = {
        "language": open_checkpoint(files.language),
        "codec": open_checkpoint(files.codec),
    }
    for checkpoint in checkpoints.values():
        verify_checkpoint(checkpoint.path)
    return map_opened(files, checkpoints, options)


def map_opened(
    files: CheckpointFiles, checkpoints: Mapping[Part, Checkpoint], options: Options | None = None
) -> MappedModel:
    """Derive the model of open checkpoints and align the keys, as :func:`map_checkpoints` does."""
    language, codec = checkpoints["language"], checkpoints["codec"]
    if unbuildable := find_unbuildable(language, codec):
        raise _unbuildable(files, unbuildable)
    architecture = musicgen_config(language, codec, files.text)
    if same_width := find_lost_projection(language, architecture.config):
        raise _unbuildable(files, same_width)
    targets = target_specs(architecture.config)
    plans = {
        part: plan_keys(
            part,
            specs_of(checkpoints[part].tensors),
            targets[part],
            _options_for(part, options or Options(), targets),
        )
        for part in PARTS
    }
    return MappedModel(
        files=files,
        checkpoints=checkpoints,
        architecture=replace(
            architecture, assumptions=(*architecture.assumptions, *_spares(plans))
        ),
        targets=targets,
        plans=plans,
    )


def _spares(plans: Mapping[Part, Plan]) -> list[str]:
    """Return a line for each part that has keys which nothing takes and which are no fault."""
    return [
        f"{len(plan.spares)} keys of the {part} are copies or counters that are not needed, such "
        f"as {next(iter(plan.spares))}"
        for part, plan in plans.items()
        if plan.spares
    ]


def _unbuildable(files: CheckpointFiles, lines: list[str]) -> SubjectError:
    return SubjectError(
        f"{files.name} cannot be built as transformers' MusicGen: {'; '.join(lines)}"
    )


def target_specs(config: Any) -> dict[Part, dict[str, TensorSpec]]:
    """Return what the files of a model of this ``MusicgenConfig`` hold, without building it."""
    import torch
    from transformers import MusicgenForConditionalGeneration

    with torch.device("meta"):
        tensors = MusicgenForConditionalGeneration(config).state_dict()
    specs = specs_of(tensors)
    return {
        part: {name: spec for name, spec in specs.items() if name.startswith(prefixes)}
        for part, prefixes in _PREFIXES.items()
    }


def specs_of(tensors: Mapping[str, torch.Tensor]) -> dict[str, TensorSpec]:
    """Return the shape and type of each tensor."""
    return {
        name: TensorSpec(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in tensors.items()
    }


def _options_for(
    part: Part, options: Options, targets: Mapping[Part, Mapping[str, TensorSpec]]
) -> Options:
    """Leave out of the mapping what names a parameter of the other part."""
    (other,) = (each for each in PARTS if each != part)
    mine = {
        name: key
        for name, key in options.mapping.items()
        if name not in targets[other] and not targets_of(other, canonical(name))
    }
    return replace(options, mapping=mine)
