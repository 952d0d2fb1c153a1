"""The trainer and the finished training that a person named, each perhaps a reference subject."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.subjects import resolve_reference
from proofbook_systems.training.config import TrainerConfig
from proofbook_systems.training.trainer import Trainer

__all__ = ["find_command", "find_config", "find_trained", "find_trainer"]


def find_trainer(config: TrainerConfig, folder: Path) -> Trainer:
    """Return the trainer that a runbook's parameters describe.

    Args:
        config: The parameters.
        folder: Where a reference subject's project is written.

    Raises:
        SubjectError: There is no such config, project or reference.
    """
    path = find_config(config.config_file, folder)
    project = Path(config.project).expanduser() if config.project else path.parent
    if not project.is_dir():
        raise SubjectError(f"project {project} does not exist; give the folder the trainer runs in")
    return Trainer(
        train=find_command(config.train_command), resume=find_command(config.resume_command),
        config_file=path, project=project.resolve(), steps=config.steps,
        checkpoints=config.checkpoints, checkpoint_files=tuple(config.checkpoint_files),
        config_keys=config.config_keys, log_file=config.log_file, environment=config.environment,
        advice=getattr(config, "advice", {}),
    )  # fmt: skip


def find_config(name: str, folder: Path) -> Path:
    """Return a trainer's YAML file; a reference subject's project is written into ``folder``.

    Raises:
        SubjectError: There is none.
    """
    reference = resolve_reference(name, "training.config_file", root=folder)
    path = reference.path if reference else Path(name).expanduser()
    if not path.is_file():
        raise SubjectError(
            f"config_file {path} does not exist; give the trainer's YAML file, or reference:NAME"
        )
    return path.resolve()


def find_command(words: Sequence[str], kind: str = "training.command") -> tuple[str, ...]:
    """Return a command's words, each reference among them as the path of its program.

    Raises:
        SubjectError: There is no such reference.
    """
    references = [resolve_reference(word, kind) for word in words]
    return tuple(
        str(reference.path) if reference else word
        for word, reference in zip(words, references, strict=True)
    )


def find_trained(trained: str) -> Path:
    """Return the output folder of a finished training; a reference's is made once, in the cache.

    Raises:
        SubjectError: There is none.
    """
    reference = resolve_reference(trained, "training.trained")
    folder = reference.path if reference else Path(trained).expanduser()
    if not folder.is_dir():
        raise SubjectError(f"trained {folder} does not exist; give the output folder of a training")
    return folder.resolve()
