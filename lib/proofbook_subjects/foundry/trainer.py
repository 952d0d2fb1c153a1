"""Train: from a configuration to a model, with everything between that can be taken up again."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from proofbook.errors import SubjectError
from proofbook.files import atomic_write
from proofbook_subjects.foundry.checkpoints.folders import (
    find_checkpoint,
    read_manifest,
    sweep,
)
from proofbook_subjects.foundry.checkpoints.saving import Saver
from proofbook_subjects.foundry.checkpoints.schedules import schedule_for
from proofbook_subjects.foundry.config import ExperimentConfig
from proofbook_subjects.foundry.config_files import config_hash, differences, recorded_config
from proofbook_subjects.foundry.data.batches import ResumableSampler, batch_stream
from proofbook_subjects.foundry.data.statistics import steps_per_epoch
from proofbook_subjects.foundry.disk import explain_disk
from proofbook_subjects.foundry.final_model import model_texts, save_final_model
from proofbook_subjects.foundry.logs import WandbLog, experiment_log
from proofbook_subjects.foundry.models import attention_for, count_parameters, create_model
from proofbook_subjects.foundry.preparation import Preparation, Prepared
from proofbook_subjects.foundry.randomness import set_seed
from proofbook_subjects.foundry.surroundings import (
    choose_device,
    describe_environment,
    git_commit_hash,
)
from proofbook_subjects.foundry.training.evaluation import evaluate
from proofbook_subjects.foundry.training.memory import (
    MemoryWatch,
    explain_memory,
    prepare_device,
    read_memory,
)
from proofbook_subjects.foundry.training.progress import Progress, StepRecord
from proofbook_subjects.foundry.training.state import TrainingState, build_state
from proofbook_subjects.foundry.training.step import Stepper
from proofbook_subjects.foundry.training.stopping import Stopping

__all__ = ["Trainer", "train"]


def train(
    config: ExperimentConfig, project: Path, *, resume: bool = False,
    stopping: Stopping | None = None,
) -> int:  # fmt: skip
    """Train, and return the exit code: 0 once the model is there, 128 + n after signal n.

    Args:
        config: The experiment.
        project: Where its relative paths start.
        resume: Go on from the newest complete checkpoint, if there is one.
        stopping: What asks to stop; signals by default.

    Raises:
        SubjectError: Something that was given cannot be used, or there is no room for it.
    """
    output = project / config.training.output_dir
    with (
        Stopping() if stopping is None else stopping as asked,
        explain_memory(),
        explain_disk(output),
    ):
        trainer = Trainer(config, project, asked)
        logs = trainer.preparation.paths.logs
        with experiment_log(config.experiment_name, logs, config.logging.level) as log:
            try:
                return trainer.run(log, resume=resume or config.training.resume_from_checkpoint)
            except SubjectError as error:
                with contextlib.suppress(OSError):  # a full disk takes no line of the log either
                    log.error("stopped: %s", error)
                raise


class _Plan(NamedTuple):
    """How long a training is, and when it saves."""

    total: int
    per_epoch: int
    saves: frozenset[int]


class Trainer:
    """One experiment's training, from beginning to end."""

    def __init__(self, config: ExperimentConfig, project: Path, stopping: Stopping) -> None:
        self.config, self.project, self.stopping = config, project, stopping
        self.preparation = Preparation(config, project, _print)
        self.device = choose_device(config.training.device)
        # Asked for once: starting git at every checkpoint would be the longest part of its stall.
        self._commit = git_commit_hash(project)

    def run(self, log: logging.Logger, *, resume: bool) -> int:
        """Prepare, train, save; return the exit code."""
        paths = self.preparation.paths
        paths.output.mkdir(parents=True, exist_ok=True)
        sweep(paths.output)
        prepare_device(self.device)
        self._note_environment()
        prepared = self.preparation.prepare()
        plan, state = self.build(prepared)
        log.info("start: %d steps, %d a epoch, on %s", plan.total, plan.per_epoch, self.device)
        if resume:
            self._resume(state)
        if self.stopping or self._make_steps(state, prepared, plan, log):
            log.info("stopped at step %d", state.step)
            return self.stopping.exit_code
        self._finish(state, prepared, log)
        return 0

    def build(self, prepared: Prepared) -> tuple[_Plan, TrainingState]:
        """Return the plan, and the state before the first step."""
        config, chunks = self.config, prepared.training
        training, data = config.training, config.data
        per_epoch = steps_per_epoch(
            len(chunks), data.batch_size, training.gradient_accumulation_steps
        )
        total = training.total_steps(per_epoch)
        attention = attention_for(config.model, self.device.type)
        if attention.reason:
            _print(f"Attention: {attention.implementation}, since {attention.reason}")
        set_seed(config.random_seed)
        model = create_model(
            config.model, config.tokenizer.vocab_size, data.max_sequence_length,
            attention.implementation,
        )  # fmt: skip
        _print(f"Model: {config.model.architecture}, {count_parameters(model).total} parameters")
        sampler = ResumableSampler(
            len(chunks), data.batch_size, config.random_seed, shuffle=data.shuffle
        )
        texts = model_texts(model, self.preparation.paths.tokenizer)
        state = build_state(config, model, sampler, self.device, total, chunks.info.content, texts)
        return _Plan(total, per_epoch, schedule_for(training, total, per_epoch)), state

    def _make_steps(
        self, state: TrainingState, prepared: Prepared, plan: _Plan, log: logging.Logger
    ) -> bool:
        """Make every step that is left, and what is due after some; return whether it stopped."""
        training, paths = self.config.training, self.preparation.paths
        others = [WandbLog(self.config, paths.logs)] if self.config.logging.use_wandb else []
        with contextlib.closing(Progress(paths.logs, state.step, plan.total, *others)) as progress:
            saver = Saver(
                paths.output, progress.say, keep=training.keep_checkpoints,
                background=training.background_saving,
            )  # fmt: skip
            stepper = self._stepper(state, prepared, saver, progress, log)
            self._loop(state, plan, stepper, saver, progress, log)
            saver.finish()
            # Asked once: a signal that comes later finds all steps made, and the model is saved.
            stopped = bool(self.stopping)
            if stopped:
                self._save_stop(state, saver)
                progress.say(f"Stopped at step {state.step}; go on with --resume")
            return stopped

    def _loop(
        self, state: TrainingState, plan: _Plan, stepper: Stepper, saver: Saver,
        progress: Progress, log: logging.Logger,
    ) -> None:  # fmt: skip
        watch = MemoryWatch(
            self.config.training.memory_growth_limit, lambda: read_memory(self.device)
        )
        first = state.step + 1
        while state.step < plan.total and not self.stopping:
            epoch = state.epoch
            result = stepper.make_step()
            if result is None:
                break
            progress.step(
                StepRecord(state.step, epoch, result.loss, result.lr, result.grad_norm,
                           result.tokens, progress.lap())
            )  # fmt: skip
            for fault in watch.after_step():
                progress.say(f"Memory: {fault}")
                log.warning("%s", fault)
            if state.step == first and first not in plan.saves:
                saver.reserve(state.snapshot())
            if state.step in plan.saves:
                saver.save(state.snapshot(self._metadata(state)))
                log.info("checkpoint at step %d, loss %.6g", state.step, result.loss)

    def _stepper(
        self, state: TrainingState, prepared: Prepared, saver: Saver, progress: Progress,
        log: logging.Logger,
    ) -> Stepper:  # fmt: skip
        data = self.preparation.dataset(prepared.training, prepared.tokenizer)
        within = self.config.training.stop_within_step
        say = _both(progress.say, log.warning)
        return Stepper(
            state, batch_stream(data, state.sampler, self.config.data.num_workers),
            before_change=saver.release, stop=lambda: within and bool(self.stopping), say=say,
        )  # fmt: skip

    def _save_stop(self, state: TrainingState, saver: Saver) -> None:
        passes = state.accumulation.passes if state.accumulation else 0
        if state.step + passes and saver.last != (state.step, passes):
            saver.save(state.snapshot(self._metadata(state)))
            saver.finish()

    def _resume(self, state: TrainingState) -> None:
        """Put back the newest complete checkpoint; without any, start at step 0."""
        checkpoint, passed_over = find_checkpoint(self.preparation.paths.output)
        for why in passed_over:
            _print(f"Passed over: {why}")
        if checkpoint is None:
            _print("No checkpoint to resume from; starting at step 0")
            return
        manifest = read_manifest(checkpoint)
        if changes := differences(self.config, manifest.config):
            raise SubjectError(
                f"{checkpoint} is of another run: {'; '.join(changes)}; give that config, or "
                "another training.output_dir"
            )
        state.restore(checkpoint, manifest)
        _print(f"Resuming from checkpoint: {checkpoint}")
        _print(f"Resuming from step {manifest.step}")

    def _finish(self, state: TrainingState, prepared: Prepared, log: logging.Logger) -> None:
        place = save_final_model(state, self.preparation.paths.output)
        if prepared.test is not None:
            data = self.preparation.dataset(prepared.test, prepared.tokenizer)
            masked = self.config.model.is_masked
            result = evaluate(state.model, data, self.config.data.batch_size, masked=masked)
            _print(f"Test loss: {result.loss:.6g} over {result.tokens} tokens")
            log.info("test loss %.6g over %d tokens", result.loss, result.tokens)
        log.info("finished at step %d", state.step)
        _print(f"Saved model: {place}")

    def _metadata(self, state: TrainingState) -> bytes:
        config, recorded = self.config, recorded_config(self.config)
        values = {
            "experiment_name": config.experiment_name,
            "global_step": state.step,
            "epoch": state.epoch,
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "git_commit_hash": self._commit,
            "config_hash": config_hash(config),
            "training_config": recorded["training"],
            "model_config": recorded["model"],
        }
        return json.dumps(values, indent=1).encode()

    def _note_environment(self) -> None:
        described = describe_environment(self.project, self.device)
        atomic_write(
            self.preparation.paths.output / "environment.json", json.dumps(described, indent=1)
        )


def _both(*tellers: Callable[[str], object]) -> Callable[[str], object]:
    def tell(words: str) -> None:
        for teller in tellers:
            teller(words)

    return tell


def _print(words: str) -> None:
    print(words, flush=True)  # noqa: T201 - this is a program
