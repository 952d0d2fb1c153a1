"""Try a training with a batch of some size for a few steps: does it fit?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook_systems.dreambooth.subjects import Subject, change_config
from proofbook_systems.gpu.limited import limit_command
from proofbook_systems.training.artefacts import scratch_folder
from proofbook_systems.training.running import Ended, Training
from proofbook_systems.training.subject import Trainer

__all__ = ["Trial", "Trials"]

_SYMPTOM = "out of memory"


class Trial(NamedTuple):
    """One size that was tried."""

    size: int
    fits: bool
    said: bool
    """Whether the trainer said that memory was out; one that was killed says nothing."""
    peak: float
    """MB of its processes."""
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Trials:
    """Tries sizes, and keeps what came of each."""

    trainer: Trainer
    subject: Subject
    key: str
    """What the config calls the batch's size."""
    folder: Path
    timeout: float
    limit: int = 0
    """MB that the trainer may have; 0 leaves it what there is."""
    env: Mapping[str, str] = field(default_factory=dict)
    made: list[Trial] = field(default_factory=list)

    def fits(self, size: int) -> bool:
        """Train with batches of ``size``; return whether memory was enough.

        Raises:
            SubjectError: It failed for another reason, or hangs.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        ended = self._train(size)
        said = any(advice.startswith(_SYMPTOM) for advice in ended.advice)
        if ended.code != 0 and not said and ended.code != -9:
            lines = ended.printed.strip().splitlines()
            raise SubjectError(
                f"with {self.key} {size} the trainer {ended.state}: {(lines or ['nothing'])[-1]}"
            )
        peak = max((sample.size for sample in ended.memory), default=0) / 1e6
        self.made.append(Trial(size, ended.code == 0, said, peak, ended.seconds))
        return ended.code == 0

    @property
    def silent(self) -> list[int]:
        """Sizes that ended the trainer without a word about memory."""
        return [trial.size for trial in self.made if not trial.fits and not trial.said]

    def _train(self, size: int) -> Ended:
        config = change_config(self.subject, {self.key: str(size)}, self.folder)
        trainer = replace(
            self.trainer, config=config, train=limit_command(self.limit, self.trainer.train)
        )
        with scratch_folder(self.folder) as output:
            log = self.folder / f"batch-{size}.log"
            with Training(trainer, output, log, env=self.env, cwd=self.subject.project) as training:
                return training.end(self.timeout)
