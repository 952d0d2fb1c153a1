"""The config, the commands and the finished training that a person named.

Each may be a reference subject; else it is a file, a word or a folder of the person's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from proofbook.errors import SubjectError
from proofbook.subjects import is_reference, resolve_reference
from proofbook.yamlfile import parse_scalar
from proofbook_systems.dreambooth.config import TrainerConfig
from proofbook_systems.dreambooth.image_similarity import PICTURE_SUFFIXES
from proofbook_systems.training.subject import Trainer

__all__ = [
    "Subject",
    "Trained",
    "change_config",
    "find_command",
    "find_subject",
    "find_trained",
    "trainer_of",
]


class Subject(NamedTuple):
    """What a trainer is started with."""

    config: Path
    project: Path
    """Where it runs."""


def find_subject(config: str, project: str, folder: Path) -> Subject:
    """Return the config called ``config``; a reference project is written into ``folder``.

    Raises:
        SubjectError: There is no such config or project.
    """
    reference = resolve_reference(config, "dreambooth.config", root=folder)
    path = reference.path if reference else Path(config).expanduser()
    if not path.is_file():
        raise SubjectError(
            f"config {path} does not exist; give the trainer's YAML file, or reference:butcher"
        )
    place = Path(project).expanduser() if project else path.parent
    if not place.is_dir():
        raise SubjectError(f"project {place} does not exist; give the folder the trainer runs in")
    return Subject(path.resolve(), place.resolve())


def find_command(words: Sequence[str]) -> tuple[str, ...]:
    """Return a command's words, each reference among them as the path of its program.

    Raises:
        SubjectError: There is no such reference.
    """
    references = [resolve_reference(word, "dreambooth.command") for word in words]
    return tuple(
        str(reference.path) if reference else word
        for word, reference in zip(words, references, strict=True)
    )


def trainer_of(config: TrainerConfig, subject: Subject) -> Trainer:
    """Return the trainer that a runbook's parameters describe."""
    return Trainer(
        train=find_command(config.train_command), resume=find_command(config.resume_command),
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
        raise SubjectError(f"config {subject.config} is not a table of keys and values")
    values |= {key: parse_scalar(value) for key, value in changes.items()}
    path = folder / f"{subject.config.stem}_changed.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return path


def find_trained(trained: str, instance_dir: str) -> Trained:
    """Return a finished training; a reference's is made once, in the cache.

    Raises:
        SubjectError: There is none, or no pictures that it learnt from.
    """
    reference = resolve_reference(trained, "dreambooth.trained")
    model = reference.path if reference else Path(trained).expanduser()
    if not model.is_dir():
        raise SubjectError(f"trained {model} does not exist; give the output folder of a training")
    return Trained(model.resolve(), _find_pictures(instance_dir, trained))


def _find_pictures(instance_dir: str, trained: str) -> list[Path]:
    if not instance_dir and not is_reference(trained):
        raise SubjectError("instance_dir is empty; give the folder of the training's pictures")
    reference = resolve_reference(instance_dir or trained, "dreambooth.instance_dir")
    folder = reference.path if reference else Path(instance_dir).expanduser()
    if not folder.is_dir():
        raise SubjectError(f"instance_dir {folder} does not exist; give a folder of pictures")
    pictures = sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES)
    if not pictures:
        raise SubjectError(f"instance_dir {folder} has no picture; give a folder that has some")
    for path in pictures:
        _refuse_unreadable(path)
    return pictures


def _refuse_unreadable(path: Path) -> None:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            picture.load()
    except (OSError, ValueError, SyntaxError) as error:
        raise SubjectError(f"{path} cannot be read as a picture ({error}); remove it") from error
