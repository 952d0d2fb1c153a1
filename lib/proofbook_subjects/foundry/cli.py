"""``python -m proofbook_subjects.foundry COMMAND --config FILE``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from proofbook.errors import ProofbookError
from proofbook_subjects.foundry.config import ExperimentConfig
from proofbook_subjects.foundry.config_files import config_hash, load_config
from proofbook_subjects.foundry.disk import explain_disk

__all__ = ["main"]

Command = Callable[[ExperimentConfig, argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says, and return the exit code; a mistake is one line."""
    options = _parser().parse_args(argv)
    changes = {
        "training.output_dir": getattr(options, "output_dir", None),
        "training.train_steps": getattr(options, "train_steps", None),
    }
    try:
        given = {key: value for key, value in changes.items() if value is not None}
        config = load_config(options.config, given)
        command: Command = options.command
        with explain_disk():
            return command(config, options)
    except ProofbookError as error:
        print(f"foundry: {error}", file=sys.stderr)  # noqa: T201 - this is a program
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="foundry", description="Train a language model.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (command, words) in _COMMANDS.items():
        sub = commands.add_parser(name, help=words, description=words)
        sub.set_defaults(command=command)
        sub.add_argument("--config", type=Path, required=True, help="YAML file")
        sub.add_argument(
            "--project", type=Path, default=Path(),
            help="folder where the config's relative paths start; by default the current one",
        )  # fmt: skip
        if name == "run":
            sub.add_argument("--resume", action="store_true", help="from the newest checkpoint")
            sub.add_argument("--train-steps", type=int, help="instead of the config's")
            sub.add_argument("--output-dir", help="instead of the config's")
        if name == "generate-checkpoints":
            sub.add_argument("--output", type=Path, help="write the config with its schedule here")
    return parser


def _preprocess(config: ExperimentConfig, options: argparse.Namespace) -> int:
    from proofbook_subjects.foundry.preparation import Preparation

    Preparation(config, options.project, _say).preprocess()
    return 0


def _train_tokenizer(config: ExperimentConfig, options: argparse.Namespace) -> int:
    from proofbook_subjects.foundry.preparation import Preparation

    Preparation(config, options.project, _say).train_tokenizer()
    return 0


def _tokenize(config: ExperimentConfig, options: argparse.Namespace) -> int:
    from proofbook_subjects.foundry.preparation import Preparation

    _say(f"Tokens are in {Preparation(config, options.project, _say).tokenize()}")
    return 0


def _preprocess_data(config: ExperimentConfig, options: argparse.Namespace) -> int:
    from proofbook_subjects.foundry.data.statistics import calculate_statistics
    from proofbook_subjects.foundry.preparation import Preparation

    preparation = Preparation(config, options.project, _say)
    chunks = preparation.chunks(preparation.tokenize())
    known = calculate_statistics(
        chunks, config.data.batch_size, config.training.gradient_accumulation_steps
    )
    for name, value in known._asdict().items():
        _say(f"{name}: {value}")
    _say(f"waste: {known.waste:.2%}")
    return 0


def _generate_checkpoints(config: ExperimentConfig, options: argparse.Namespace) -> int:
    from proofbook_subjects.foundry.schedule_files import plan_schedule, write_schedule

    schedule = plan_schedule(config, options.project, _say)
    _say(f"checkpoint_schedule: {list(schedule)}")
    if options.output is not None:
        write_schedule(options.config, options.output, schedule)
    return 0


def _run(config: ExperimentConfig, options: argparse.Namespace) -> int:
    from proofbook_subjects.foundry.trainer import train

    return train(config, options.project, resume=options.resume)


def _validate(config: ExperimentConfig, options: argparse.Namespace) -> int:
    _say(f"{options.config}: valid, {config.experiment_name}, {config_hash(config)[:12]}")
    return 0


def _info(config: ExperimentConfig, options: argparse.Namespace) -> int:
    from proofbook_subjects.foundry.information import describe

    for line in describe(config, options.project):
        _say(line)
    return 0


_COMMANDS: dict[str, tuple[Command, str]] = {
    "preprocess": (_preprocess, "make clean texts of the source"),
    "train-tokenizer": (_train_tokenizer, "train a tokenizer on the clean texts"),
    "tokenize-dataset": (_tokenize, "make tokens of the clean texts"),
    "preprocess-data": (_preprocess_data, "cut the tokens into chunks, and count them"),
    "generate-checkpoints": (_generate_checkpoints, "plan at which steps to save"),
    "run": (_run, "train; whatever is missing is made first"),
    "validate-config": (_validate, "say whether a config can be used"),
    "info": (_info, "say what a config makes: sizes, data, checkpoints"),
}


def _say(words: str) -> None:
    print(words, flush=True)  # noqa: T201 - this is a program
