"""Log files of experiments, and Weights & Biases where it is asked for.

Sets nothing up when it is imported, and leaves the root logger alone.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook_subjects.foundry.config import ExperimentConfig
from proofbook_subjects.foundry.training.progress import StepRecord

__all__ = ["WandbLog", "experiment_log", "list_log_files"]

_FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_TIME = "%Y-%m-%dT%H:%M:%S"


@contextlib.contextmanager
def experiment_log(name: str, folder: Path, level: str = "INFO") -> Iterator[logging.Logger]:
    """Hand out a logger that writes into ``folder/<name>.log``, and close it in the end.

    Each experiment has its own; none of them writes into another's file or prints.
    """
    folder.mkdir(parents=True, exist_ok=True)
    logger = logging.getLogger(f"foundry.{name}.{folder.resolve()}")
    handler = _LogFile(folder / f"{name}.log", encoding="utf-8")
    handler.setFormatter(logging.Formatter(_FORM, _TIME))
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
    try:
        yield logger
    finally:
        logger.removeHandler(handler)
        with contextlib.suppress(OSError):  # told already, by the line that did not fit
            handler.close()


class _LogFile(logging.FileHandler):
    """A file whose lines are written, or an error: by default logging prints one and goes on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging calls it so
        raise


def list_log_files(folder: Path) -> list[Path]:
    """Return the log files in a folder, by name."""
    return sorted(folder.glob("*.log"))


class WandbLog:
    """Steps on Weights & Biases; offline unless the config says otherwise."""

    def __init__(self, config: ExperimentConfig, folder: Path) -> None:
        """Start a run.

        Raises:
            SubjectError: The package is not installed.
        """
        try:
            import wandb
        except ImportError as error:
            raise SubjectError(
                "logging.use_wandb needs the package wandb: pip install wandb, or set it to false"
            ) from error
        folder.mkdir(parents=True, exist_ok=True)
        self._run: Any = wandb.init(
            project=config.logging.wandb_project, name=config.experiment_name,
            mode=config.logging.wandb_mode, dir=str(folder), config=config.model_dump(mode="json"),
            settings=wandb.Settings(console="off", silent=True),
        )  # fmt: skip

    def log(self, record: StepRecord) -> None:
        """Note a step."""
        values = {k: v for k, v in record._asdict().items() if k != "step" and v is not None}
        self._run.log(values, step=record.step)

    def close(self) -> None:
        """End the run."""
        self._run.finish()
