"""Generate an image of a character in a mood by Stable Diffusion, and put it into the library."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

from proofbook_subjects.pipeline.commands import positive, run_command, tell
from proofbook_subjects.pipeline.databases import open_database
from proofbook_subjects.pipeline.diffusion import draw
from proofbook_subjects.pipeline.documents import Script, one_of
from proofbook_subjects.pipeline.errors import InputError, SettingsError
from proofbook_subjects.pipeline.library import GENERATED, register_images
from proofbook_subjects.pipeline.schemas import IMAGES
from proofbook_subjects.pipeline.settings import CHARACTERS, EMOTIONS, Project
from proofbook_subjects.pipeline.storing import partial_file

__all__ = ["SOURCES", "fill_library", "generate_image", "is_generating", "main"]

SOURCES = ("library", "generate")
"""Of images: the library alone, or a generated one where it has none."""
_SIZE = (1080, 1920)
_LONGEST = 300
_MOODS = "SELECT DISTINCT character, emotion FROM image_library"


def main(root: Path, argv: Sequence[str] | None = None) -> int:
    """Run ``generate_character_image.py`` and return its exit code."""
    return run_command(root, _work, _declare, about=__doc__, argv=argv)


def is_generating(project: Project) -> bool:
    """Say whether IMAGE_SOURCE asks for generated images where the library has none.

    Raises:
        SettingsError: It asks for something else.
    """
    source = project.text("IMAGE_SOURCE", SOURCES[0]).lower()
    if source not in SOURCES:
        raise SettingsError(f"IMAGE_SOURCE={source!r} is none of {', '.join(SOURCES)}")
    return source == "generate"


def fill_library(project: Project, script: Script) -> int:
    """Generate an image for each mood of a script that the library has none of.

    Return how many; the library is not held meanwhile, as each takes seconds.

    Raises:
        PipelineError: One cannot be generated.
    """
    with open_database(project, IMAGES) as connection:
        there = {(row["character"], row["emotion"]) for row in connection.execute(_MOODS)}
    wanted = dict.fromkeys((line.character.lower(), line.emotion) for line in script.lines)
    missing = [mood for mood in wanted if mood not in there]
    for character, emotion in missing:
        path = generate_image(project, character, emotion)
        tell(f"generated {project.relative(path)}")
    if missing:
        register_images(project)
    return len(missing)


def generate_image(
    project: Project,
    character: str,
    emotion: str,
    *,
    seed: int = 1,
    prompt: str = "",
    model: Path | None = None,
) -> Path:
    """Write an image of a character in a mood, and return its path; a seed gives the same bytes.

    Raises:
        PipelineError: The model is not there, or the image cannot be written.
    """
    told = prompt or f"a photo of {character}, {emotion} expression"
    name = f"{character}_{emotion}_{GENERATED}-{seed}.jpg"
    path = project.root / "data" / "images" / GENERATED / name
    # Moods differ in their noise too: so small a model heeds its prompt little.
    noise = hashlib.sha256(f"{character}|{emotion}|{seed}".encode()).digest()
    picture = draw(told, int.from_bytes(noise[:4], "big"), size=_SIZE, model=model)
    with partial_file(path) as beside:
        picture.save(beside, format="JPEG", quality=88)
    return path


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--character", required=True, help="its name in lower case")
    parser.add_argument("--emotion", required=True)
    parser.add_argument("--prompt", default="", help="by default made of the two")
    parser.add_argument("--model", default="", help="folder of a trained model; a tiny one without")
    parser.add_argument("--seed", type=positive, default=1)


def _work(project: Project, options: argparse.Namespace) -> None:
    names = [name.lower() for name in CHARACTERS]
    character = one_of(options.character, names, "character", "--character")
    emotion = one_of(options.emotion, EMOTIONS, "emotion", "--emotion")
    if len(options.prompt) > _LONGEST:
        raise InputError(f"--prompt has {len(options.prompt)} characters; at most {_LONGEST}")
    model = project.sandbox.resolve(options.model, "--model") if options.model else None
    if model and not model.is_dir():
        raise InputError(f"--model: there is no folder {options.model}")
    path = generate_image(
        project, character, emotion, seed=options.seed, prompt=options.prompt, model=model
    )
    register_images(project)
    tell(f"image in {project.relative(path)}")
