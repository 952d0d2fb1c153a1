"""``python -m proofbook_subjects.dreambooth.train --config FILE [--resume]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from proofbook.errors import ProofbookError
from proofbook_subjects.dreambooth.settings import load_settings

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Train as the command line says, and return the exit code; a mistake is one line."""
    options = _parser().parse_args(argv)
    changes = {
        "max_train_steps": options.max_train_steps,
        "output_dir": options.output_dir,
    }
    try:
        overrides = {name: value for name, value in changes.items() if value is not None}
        settings = load_settings(options.config, overrides)
        from proofbook_subjects.dreambooth.loop import train

        return train(settings, resume=options.resume, resume_from=options.resume_from)
    except ProofbookError as error:
        print(f"train: {error}", file=sys.stderr)  # noqa: T201 - this is a program
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="train", description="Train a DreamBooth model.")
    parser.add_argument("--config", type=Path, required=True, help="YAML file")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    parser.add_argument("--resume-from", type=Path, help="go on from this checkpoint")
    parser.add_argument("--max-train-steps", type=int, help="instead of the config's")
    parser.add_argument("--output-dir", help="instead of the config's")
    return parser


if __name__ == "__main__":
    sys.exit(main())
