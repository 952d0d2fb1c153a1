"""The config that a person named, and the folder that its trainer runs in.

``reference:butcher`` is a small project that is drawn on the spot: a mouse, and a tiny model to
teach it to. ``reference:butcher-sd15`` is the same for Stable Diffusion 1.5, with the checklist's
settings; ``reference:butcher-random`` has random weights of that size.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from proofbook.caching import cached_folder
from proofbook.errors import SubjectError
from proofbook.files import hash_file
from proofbook.yamlfile import parse_scalar
from proofbook_subjects.dreambooth.data import find_pictures
from proofbook_subjects.dreambooth.drawing import write_characters
from proofbook_subjects.dreambooth.models import resolve_base
from proofbook_systems.dreambooth.config import TrainerConfig
from proofbook_systems.training.running import Training
from proofbook_systems.training.subject import Trainer

__all__ = [
    "Subject",
    "Trained",
    "change_config",
    "resolve_subject",
    "resolve_trained",
    "trainer_of",
]

_REFERENCE = "reference:butcher"
_PICTURES = 12
_BUTCHER_STEPS = 60
_BUTCHER: dict[str, Any] = {
    "base_model": "reference:tiny",
    "instance_data_dir": "images",
    "instance_prompt": "a photo of sks mouse",
    "class_data_dir": "class_images",
    "class_prompt": "a photo of an animal",
    "with_prior_preservation": True,
    "prior_loss_weight": 0.5,
    "num_class_images": 4,
    "output_dir": "models/dreambooth_butcher",
    "train_batch_size": 8,
    "learning_rate": 1e-3,
    "lr_warmup_steps": 2,
    "lr_scheduler": "constant_with_warmup",
    "max_train_steps": 60,
    "resolution": 32,
    "checkpointing_steps": 10,
    "validation_steps": 20,
    "validation_prompts": ["a photo of sks mouse", "a happy sks mouse, by day"],
    "seed": 3,
}
_FULL_SIZE = _BUTCHER | {
    "base_model": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "prior_loss_weight": 1.0,
    "num_class_images": 200,
    "train_batch_size": 1,
    "learning_rate": 5e-6,
    "lr_warmup_steps": 0,
    "lr_scheduler": "constant",
    "max_train_steps": 800,
    "gradient_checkpointing": True,
    "mixed_precision": "fp16",
    "resolution": 512,
    "checkpointing_steps": 100,
    "validation_steps": 100,
    "validation_prompts": [
        "a photo of sks mouse", "a photo of sks mouse, happy expression",
        "a photo of sks mouse, sad expression", "a drawing of sks mouse",
    ],
    "seed": 42,
}  # fmt: skip
_CONFIGS = {
    _REFERENCE: _BUTCHER,
    "reference:butcher-sd15": _FULL_SIZE,
    "reference:butcher-random": _FULL_SIZE
    | {"base_model": "random:sd15", "num_class_images": 4, "validation_prompts": []},
}


class Subject(NamedTuple):
    """What a trainer is started with."""

    config: Path
    project: Path
    """Where it runs."""


def resolve_subject(config: str, project: str, folder: Path) -> Subject:
    """Return the config called ``config``; the reference project is written into ``folder``.

    Raises:
        SubjectError: There is no such config or project.
    """
    if config in _CONFIGS:
        values, place = _CONFIGS[config], folder / "butcher"
        write_characters(place / "images", _PICTURES, max(64, values["resolution"]))
        path = place / "butcher_config.yaml"
        path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
        return Subject(path.resolve(), Path(project).resolve() if project else place.resolve())
    path = Path(config).expanduser()
    if not path.is_file():
        raise SubjectError(
            f"config {path} does not exist; give the trainer's YAML, or {', '.join(_CONFIGS)}"
        )
    place = Path(project).expanduser() if project else path.parent
    if not place.is_dir():
        raise SubjectError(f"project {place} does not exist; give the folder the trainer runs in")
    return Subject(path.resolve(), place.resolve())


def trainer_of(config: TrainerConfig, subject: Subject) -> Trainer:
    """Return the trainer that a runbook's parameters describe."""
    return Trainer(
        train=tuple(config.train_command), resume=tuple(config.resume_command),
        config=subject.config, steps=config.steps, files=tuple(config.checkpoint_files),
        log=config.log_file,
    )  # fmt: skip


class Trained(NamedTuple):
    """A training that is over."""

    model: Path
    """Its output folder: the final model, checkpoints, validations."""
    instance: list[Path]
    """The pictures that it learnt from."""


def change_config(subject: Subject, changes: Mapping[str, str], folder: Path) -> Path:
    """Write the config with some of its keys changed into ``folder``, and return its path.

    Raises:
        SubjectError: It cannot be read.
    """
    try:
        values = yaml.safe_load(subject.config.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SubjectError(f"config {subject.config} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise SubjectError(f"config {subject.config} is no table of keys and values")
    values |= {key: parse_scalar(value) for key, value in changes.items()}
    path = folder / f"{subject.config.stem}_changed.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return path


def resolve_trained(trained: str, instance_dir: str) -> Trained:
    """Return a finished training; that of ``reference:butcher`` is made once, in the cache.

    Raises:
        SubjectError: There is none, or no pictures that it learnt from.
    """
    if trained == _REFERENCE:
        place = _trained_reference()
        return Trained(place / "model", find_pictures(place / "butcher" / "images"))
    model = Path(trained).expanduser()
    if not model.is_dir():
        raise SubjectError(f"trained {model} does not exist; give the output folder of a training")
    if not instance_dir:
        raise SubjectError("instance_dir is empty; give the folder of the training's pictures")
    return Trained(model.resolve(), find_pictures(Path(instance_dir).expanduser()))


def _trained_reference() -> Path:
    """Return the folder of the reference's training, which is run if it is not there."""
    from proofbook_subjects.dreambooth.reference import recipe

    sources = {path.name: hash_file(path) for path in Path(__file__).parent.glob("*.py")}
    base = resolve_base(str(_BUTCHER["base_model"]))
    return cached_folder(Path(base).parent, "butcher", recipe() | sources, _train_reference)


def _train_reference(place: Path) -> None:
    config = TrainerConfig(steps=_BUTCHER_STEPS)
    subject = resolve_subject(_REFERENCE, "", place)
    one_thread = {"OMP_NUM_THREADS": "1"}  # networks this small lose time in more
    with Training(
        trainer_of(config, subject), place / "model", place / "log", env=one_thread,
        cwd=subject.project,
    ) as training:  # fmt: skip
        ended = training.end(config.timeout)
    if ended.code != 0:
        raise SubjectError(f"the reference's trainer {ended.state}: {ended.printed[-300:]}")
