"""Pictures: size, brightness, contrast, and whether there is anything on them.

Knows nothing about prompts or models. Luminance is Rec. 601 luma from 0 (black) to 1 (white).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofbook.errors import SubjectError
from proofbook.media.media import Media, existing_file, number, suffix_of
from proofbook.records import Fact, Label

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL.Image import Image

__all__ = ["BLACK", "BLANK_CONTRAST", "ImageMeasure", "image", "measure_image"]

BLANK_CONTRAST = 0.01
"""A picture whose luminance deviates less than this is blank."""
BLACK = 0.02
"""A pixel darker than this is black."""
_KEPT = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True, kw_only=True)
class ImageMeasure:
    """What was measured of a picture; values that are not finite are counted, then taken as 0."""

    width: int
    height: int
    mode: str
    """As Pillow names it: ``RGB``, ``RGBA``, ``L``."""
    mean: float
    """Of the luminance, 0 to 1."""
    contrast: float
    """Standard deviation of the luminance, 0 to 0.5."""
    blank: bool
    """Contrast is below ``BLANK_CONTRAST``: one flat colour."""
    black_share: float
    """Share of pixels darker than ``BLACK``, 0 to 1."""
    non_finite: int
    """Values of the given array that were NaN or infinite."""


def measure_image(picture: Image | npt.NDArray[Any] | str | Path) -> ImageMeasure:
    """Measure a Pillow image, a file, or an array of shape (height, width[, channels]).

    Arrays are bytes from 0 to 255, or floating point from 0 to 1.

    Raises:
        SubjectError: The file cannot be read, or the array is no picture.
    """
    opened, non_finite = _open(picture)
    return _measure(opened, non_finite)


def image(
    picture: Image | npt.NDArray[Any] | str | Path,
    *,
    name: str = "",
    caption: str = "",
    **labels: Label,
) -> Media:
    """Return a picture as evidence: a file as it is, anything else as PNG.

    Raises:
        SubjectError: The file cannot be read, or the array is no picture.
    """
    opened, non_finite = _open(picture)
    path = Path(picture).absolute() if isinstance(picture, str | Path) else None
    kept = path is not None and suffix_of(path, "") in _KEPT
    return Media(
        kind="image",
        source=path if path is not None and kept else _encode(opened),
        suffix=suffix_of(path, ".png") if path is not None and kept else ".png",
        name=name or (path.stem if path is not None else "image"),
        caption=caption,
        labels=labels,
        facts=_state_facts(_measure(opened, non_finite)),
    )


def _open(picture: Image | npt.NDArray[Any] | str | Path) -> tuple[Image, int]:
    from PIL import Image as pillow  # noqa: N813 - the module is named as the class it holds

    if isinstance(picture, pillow.Image):
        return picture, 0
    if not isinstance(picture, str | Path):
        return _from_array(picture)
    path = existing_file(picture, "image")
    try:
        with pillow.open(path) as file:
            file.load()
            return file.copy(), 0
    except (OSError, SyntaxError, ValueError) as error:
        raise SubjectError(f"{path}: not a picture that can be read: {error}") from error


def _from_array(array: npt.NDArray[Any]) -> tuple[Image, int]:
    import numpy as np
    from PIL import Image as pillow  # noqa: N813 - the module is named as the class it holds

    values = np.asarray(array)
    non_finite = 0
    if np.issubdtype(values.dtype, np.floating):
        non_finite = int(np.count_nonzero(~np.isfinite(values)))
        finite = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        values = np.round(np.clip(finite, 0, 1) * 255).astype(np.uint8)
    grey = values.ndim == 2
    if values.dtype != np.uint8 or not (grey or (values.ndim == 3 and values.shape[2] in (3, 4))):
        raise SubjectError(
            f"array of shape {values.shape} and type {values.dtype} is no picture: "
            "give (height, width[, 3 or 4]) as uint8, or floating point from 0 to 1"
        )
    if values.size == 0:
        raise SubjectError(f"array of shape {values.shape} holds no pixels")
    return pillow.fromarray(values), non_finite


def _measure(opened: Image, non_finite: int) -> ImageMeasure:
    import numpy as np

    luminance = np.asarray(opened.convert("L"), dtype=np.float64) / 255
    contrast = float(luminance.std())
    return ImageMeasure(
        width=opened.width,
        height=opened.height,
        mode=opened.mode,
        mean=float(luminance.mean()),
        contrast=contrast,
        blank=contrast < BLANK_CONTRAST,
        black_share=float(np.mean(luminance < BLACK)),
        non_finite=non_finite,
    )


def _encode(opened: Image) -> bytes:
    buffer = io.BytesIO()
    storable = (
        opened if opened.mode in ("RGB", "RGBA", "L", "LA", "P", "1") else opened.convert("RGB")
    )
    storable.save(buffer, format="PNG")
    return buffer.getvalue()


def _state_facts(measure: ImageMeasure) -> tuple[Fact, ...]:
    facts = [
        Fact(name="size", value=f"{measure.width} × {measure.height}", unit="px"),  # noqa: RUF001 - sign
        Fact(name="mode", value=measure.mode),
        number("brightness", 100 * measure.mean, "%", digits=1),
        number("contrast", 100 * measure.contrast, "%", digits=1),
        number("black", 100 * measure.black_share, "%", digits=1),
        Fact(name="blank", value="yes" if measure.blank else "no"),
    ]
    if measure.non_finite:
        facts.append(number("NaN or infinite", measure.non_finite, "values", digits=0))
    return tuple(facts)
