"""The models and checkpoints that ``reference:<name>`` names in MusicGen's runbooks."""

from __future__ import annotations

from functools import partial
from typing import get_args

from proofbook.subjects import Makers
from proofbook_subjects.musicgen import reference
from proofbook_subjects.musicgen.audiocraft.forms import Form
from proofbook_subjects.musicgen.audiocraft.full_size import FULL_SIZES, random_checkpoints
from proofbook_subjects.musicgen.audiocraft.reference import SIZES, reference_checkpoints

__all__ = ["CHECKPOINTS", "MODELS"]

MODELS: Makers = {size: partial(reference.reference_folder, size) for size in reference.SIZES}
"""In transformers' format."""

CHECKPOINTS: Makers = {
    **{size: partial(reference_checkpoints, size, "pair") for size in SIZES},
    **{
        f"{size}/{form}": partial(reference_checkpoints, size, form)
        for size in SIZES
        for form in get_args(Form)
    },
    **{f"random-{size}": partial(random_checkpoints, size) for size in FULL_SIZES},
}
"""In audiocraft's format: tiny ones in each form, and the published sizes with random weights."""
