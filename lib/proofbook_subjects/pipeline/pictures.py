"""Draw what a line shows: its image, filling the frame, and its words below."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from proofbook_subjects.pipeline.errors import MediaError

__all__ = ["black", "draw_shot", "open_image"]

_MARGIN, _BOTTOM, _LINE = 0.07, 0.88, 0.031
"""Shares of the frame: free at the sides, where the words end, height of a row of letters."""
_MOST_PIXELS = 50_000_000


def black(width: int, height: int) -> Any:
    """Return a black picture."""
    from PIL import Image

    return Image.new("RGB", (width, height))


def open_image(path: Path, width: int, height: int, where: str) -> Any:
    """Return an image that fills the frame, in RGB; what is too much at two sides is cut off.

    Raises:
        MediaError: It cannot be read.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                raise MediaError(f"{where}: image {path.name} has more than 50 million pixels")
            upright = ImageOps.exif_transpose(picture).convert("RGB")
            if upright.size == (width, height):
                return upright
            return ImageOps.fit(upright, (width, height), Image.Resampling.BICUBIC)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise MediaError(f"{where}: image {path} cannot be read: {error}") from error


def draw_shot(picture: Any, speaker: str, text: str) -> Any:
    """Return the picture with the words drawn over its lower part."""
    from PIL import Image, ImageDraw

    width, height = picture.size
    font = _font(max(10, round(height * _LINE)))
    rows = [f"{speaker}:", *_wrap(text, font, width * (1 - 2 * _MARGIN))]
    step = round(height * _LINE * 1.35)
    pad, side, bottom = step // 3, round(width * _MARGIN), round(height * _BOTTOM)
    # Only the box is blended: over the whole frame that takes as long as encoding a second.
    box = (side - pad, bottom - step * len(rows) - pad, width - side + pad, bottom + pad)
    below = picture.crop(box)
    shade = Image.new("L", below.size, 0)
    ImageDraw.Draw(shade).rounded_rectangle((0, 0, below.width - 1, below.height - 1), pad, 150)
    below.paste((0, 0, 0), mask=shade)
    pen = ImageDraw.Draw(below)
    for place, row in enumerate(rows):
        at = (below.width / 2, pad + place * step + step / 2)
        pen.text(at, row, font=font, fill=(255, 255, 255), anchor="mm")
    drawn = picture.copy()
    drawn.paste(below, box[:2])
    return drawn


@cache
def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _wrap(text: str, font: Any, width: float) -> list[str]:
    rows: list[str] = [""]
    for word in text.split():
        longer = f"{rows[-1]} {word}".strip()
        if rows[-1] and font.getlength(longer) > width:
            rows.append(word)
        else:
            rows[-1] = longer
    return rows
