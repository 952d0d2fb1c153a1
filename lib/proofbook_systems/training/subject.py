"""The trainer and the finished training that a person named, each perhaps a reference subject."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.fingerprints import revision_of
from proofbook.processes.placeholders import has_placeholder
from proofbook.subjects import is_reference, resolve_reference
from proofbook_systems.training.config import TrainerConfig
from proofbook_systems.training.trainer import Trainer

__all__ = ["find_command", "find_config", "find_trained", "find_trainer", "revision_of_trainer"]


def find_trainer(config: TrainerConfig, folder: Path) -> Trainer:
    """Return the trainer that a runbook's parameters describe.

    Args:
        config: The parameters.
        folder: Where a reference subject's project is written.

    Raises:
        SubjectError: There is no such config, project or reference.
    """
    takes_config = has_placeholder(config.train_command, "config")
    if not is_reference(config.config_file):  # whose own command resumes with its config
        takes_config = takes_config or has_placeholder(config.resume_command, "config")
    path = find_config(config.config_file, folder) if takes_config else None
    project = Path(config.project).expanduser() if config.project else _project(path, config)
    if not project.is_dir():
        raise SubjectError(f"project {project} does not exist; give the folder the trainer runs in")
    return Trainer(
        train=find_command(config.train_command), resume=find_command(config.resume_command),
        config_file=path, project=project.resolve(), steps=config.steps,
        checkpoints=config.checkpoints, checkpoint_files=tuple(config.checkpoint_files),
        config_keys=config.config_keys, log_file=config.log_file, log_pattern=config.log_pattern,
        environment=config.environment,
        advice=getattr(config, "advice", {}),
    )  # fmt: skip


def _project(path: Path | None, config: TrainerConfig) -> Path:
    given = config.config_file
    if path is None and (not given or is_reference(given)):
        raise SubjectError("project is empty; give the folder that the trainer runs in")
    return (path or Path(given).expanduser()).parent


def revision_of_trainer(trainer: Trainer) -> str:
    """Return what tells a trainer's versions apart: its config, and the files in its command."""
    folders = [trainer.project / word for word in trainer.train if not Path(word).is_absolute()]
    paths = [Path(word) for word in trainer.train if Path(word).is_absolute()] + folders
    files = [path for path in paths if path.is_file()]
    files += [trainer.config_file] if trainer.config_file else []
    told = [revision_of(path) for path in files] or list(trainer.train)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


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
