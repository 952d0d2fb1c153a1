"""Checkpoints of the published sizes with random weights, to measure what only size shows.

Real architecture, real format, half precision as published. Written with little memory: the
tensors are cut from one block of random numbers on the disk, each at another place.
"""

from __future__ import annotations

import math
import random
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from proofbook.caching import cache_root, cached_folder
from proofbook.errors import SubjectError
from proofbook_subjects.musicgen.audiocraft.forms import in_form
from proofbook_subjects.musicgen.audiocraft.reference import (
    CODEC_FILE,
    LANGUAGE_FILE,
    CheckpointSize,
    configuration,
    random_codec,
    write_checkpoint,
)
from proofbook_subjects.musicgen.audiocraft.shapes import language_shapes
from proofbook_subjects.musicgen.reference import save_text_encoder

if TYPE_CHECKING:
    import numpy as np
    import torch

__all__ = ["FULL_SIZES", "random_checkpoints"]

_PUBLISHED = {"filters": 64, "dimension": 128, "text_width": 768}
FULL_SIZES = {
    "small": CheckpointSize(width=1024, layers=24, heads=16, **_PUBLISHED),
    "medium": CheckpointSize(width=1536, layers=48, heads=24, **_PUBLISHED),
    "large": CheckpointSize(width=2048, layers=48, heads=32, **_PUBLISHED),
}

_BLOCK = 64 * 2**20
"""Random numbers on the disk; half precision, so twice as many bytes."""
_SPREAD = 0.02
_WRITTEN_TWICE = 2.2
"""Disk for the checkpoint and for what it is converted to, with some to spare."""


def random_checkpoints(name: str, cache: Path | None = None) -> Path:
    """Return the folder of random checkpoints of a published size, written first where missing.

    Raises:
        SubjectError: There is not disk enough for it and its conversion.
    """
    size = FULL_SIZES[name]
    root = (cache or cache_root()) / "musicgen"
    root.mkdir(parents=True, exist_ok=True)
    return cached_folder(
        root,
        f"random-{name}",
        asdict(size),
        lambda folder: _write(size, name, folder),
        thorough=False,
    )


def _write(size: CheckpointSize, name: str, folder: Path) -> None:
    import torch

    _check_disk(size, name, folder)
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(size.seed)
        codec = in_form(random_codec(size), "pair", size.seed)
        write_checkpoint(folder / CODEC_FILE, codec, configuration(size))
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            state = _language(size, _random_block(Path(scratch) / "block", size.seed))
            write_checkpoint(folder / LANGUAGE_FILE, state, configuration(size))
    save_text_encoder(folder / "t5", size.seed, size.text_width, layers=12, heads=12)


def _check_disk(size: CheckpointSize, name: str, folder: Path) -> None:
    shapes = language_shapes(width=size.width, layers=size.layers, text_width=size.text_width)
    numbers = sum(map(math.prod, shapes.values()))
    needed, free = int(2 * numbers * _WRITTEN_TWICE), shutil.disk_usage(folder).free
    if free < needed:
        raise SubjectError(
            f"random:{name} and its conversion need {needed / 1e9:.1f} GB below {folder.parent} "
            f"and {free / 1e9:.1f} GB are free; free some, set PROOFBOOK_CACHE to a larger disk, "
            "or take a smaller size"
        )


def _random_block(path: Path, seed: int) -> Path:
    import numpy as np

    chance = np.random.default_rng(seed)
    block = np.memmap(path, dtype=np.float16, mode="w+", shape=(_BLOCK,))
    step = _BLOCK // 16
    for start in range(0, _BLOCK, step):
        block[start : start + step] = chance.standard_normal(step, dtype=np.float32) * _SPREAD
    block.flush()
    return path


def _language(size: CheckpointSize, block: Path) -> dict[str, torch.Tensor]:
    """Return the language model's tensors, mapped from the block; norms are ones and zeros."""
    import numpy as np
    import torch

    chance = random.Random(size.seed)
    shapes = language_shapes(width=size.width, layers=size.layers, text_width=size.text_width)
    state = {}
    for name, shape in shapes.items():
        if "norm" in name:
            fill = torch.ones if name.endswith("weight") else torch.zeros
            state[name] = fill(shape, dtype=torch.float16)
            continue
        count = math.prod(shape)
        place = 2 * chance.randrange(_BLOCK - count)
        mapped: np.ndarray[tuple[int], np.dtype[np.float16]] = np.memmap(
            block, dtype=np.float16, mode="c", offset=place, shape=(count,)
        )
        state[name] = torch.from_numpy(mapped).view(shape)
    return state
