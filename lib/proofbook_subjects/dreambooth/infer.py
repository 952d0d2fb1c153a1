"""``python -m proofbook_subjects.dreambooth.infer --model DIR --prompt TEXT``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from proofbook.errors import ProofbookError, SubjectError
from proofbook_subjects.dreambooth.pictures import GUIDANCE, draw

__all__ = ["generate", "load_pipeline", "main"]


def load_pipeline(model: Path) -> Any:
    """Load a trained model as its user would.

    Raises:
        SubjectError: There is none.
    """
    import torch
    from diffusers import StableDiffusionPipeline

    if not (model / "model_index.json").is_file():
        raise SubjectError(f"{model} has no model_index.json; give a folder with a finished model")
    try:
        pipeline = StableDiffusionPipeline.from_pretrained(model, safety_checker=None)
    except (OSError, ValueError) as error:
        what = " ".join(str(error).split())[:300]
        raise SubjectError(f"{model} cannot be loaded: {what}") from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to("cuda" if torch.cuda.is_available() else "cpu")


def generate(
    model: Path,
    prompt: str,
    folder: Path,
    *,
    negative: str = "",
    seed: int = 0,
    number: int = 1,
    steps: int = 25,
    guidance: float = GUIDANCE,
) -> list[Path]:
    """Draw ``number`` pictures of a prompt with seeds from ``seed`` on; return their files.

    Raises:
        SubjectError: There is no such model.
    """
    pipeline = load_pipeline(model)
    folder.mkdir(parents=True, exist_ok=True)
    size = pipeline.unet.config.sample_size * pipeline.vae_scale_factor
    seeds = range(seed, seed + number)
    pictures = draw(
        pipeline, prompt, seeds, size=size, negative=negative, steps=steps, guidance=guidance
    )
    paths = [folder / f"seed-{each}.png" for each in seeds]
    for path, picture in zip(paths, pictures, strict=True):
        picture.save(path)
    return paths


def main(argv: Sequence[str] | None = None) -> int:
    """Draw as the command line says, and return the exit code; a mistake is one line."""
    options = _parser().parse_args(argv)
    try:
        paths = generate(
            options.model, options.prompt, options.output, negative=options.negative_prompt,
            seed=options.seed, number=options.num, steps=options.steps, guidance=options.guidance,
        )  # fmt: skip
    except ProofbookError as error:
        print(f"infer: {error}", file=sys.stderr)  # noqa: T201 - this is a program
        return 1
    for path in paths:
        print(path)  # noqa: T201 - this is a program
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="infer", description="Draw with a trained model.")
    parser.add_argument("--model", type=Path, required=True, help="folder of the model")
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--negative-prompt", default="")
    parser.add_argument("--seed", type=int, default=0, help="of the first picture")
    parser.add_argument("--num", type=int, default=1, help="how many pictures")
    parser.add_argument("--steps", type=int, default=25, help="of the sampler")
    parser.add_argument(
        "--guidance", type=float, default=GUIDANCE, help="how much the prompt counts; default 3"
    )
    parser.add_argument("--output", type=Path, default=Path(), help="folder for the pictures")
    return parser


if __name__ == "__main__":
    sys.exit(main())
