"""Whether pictures show their images as fine as they are, where that can be compared.

It can where a picture stands still and shows an image as it is: moved, zoomed or freely placed ones
do not lie pixel on pixel.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from pathlib import Path

from PIL import Image, ImageOps

from proofbook_systems.pipeline.film.reading import Pictures
from proofbook_systems.pipeline.film.renders import Layout, laid_size
from proofbook_systems.pipeline.film.sharpness import MOST_ENLARGED, kept_structure
from proofbook_systems.pipeline.film.showing import Gallery, picture_at
from proofbook_systems.pipeline.film.standing import still_runs

__all__ = ["structures"]

_INSIDE = 0.05
"""Seconds that a picture must stand beyond the moment that is looked at."""
_EXACT = ("fill", "fit", "stretch")


def structures(gallery: Gallery, wrong: Collection[int]) -> Iterator[tuple[int, str, float]]:
    """Yield the line, the image, and how much of its fine structure is seen, for a few pictures.

    Args:
        gallery: The images and the film.
        wrong: Lines that show another image.
    """
    runs = still_runs(gallery.film)
    for time, picture in gallery.film.whole:
        number = next((n for n, s in gallery.spans.items() if s.start <= time + _INSIDE < s.end), 0)
        path = gallery.paths.get(number)
        if path is None or number in wrong:
            continue
        if not any(start <= time and time + _INSIDE < end for start, end in runs):
            continue
        layout = _layout(gallery, path, gallery.film, time)
        image = _grey(path) if layout else None
        if layout is None or image is None:
            continue
        page = picture.shape[1], picture.shape[0]
        if laid_size(image, page, layout, 1.0)[0] > MOST_ENLARGED * image.width:
            continue
        value = kept_structure(picture, image, layout)
        if not math.isnan(value):
            yield number, path.name, value


def _layout(gallery: Gallery, path: Path, film: Pictures, time: float) -> Layout | None:
    """Return how an image lies on a picture; None where it is not known to the pixel."""
    layout, renders = gallery.layouts.get(path) or gallery.usual, gallery.renders(path)
    if layout.kind not in _EXACT or renders is None or film.aspect != 1.0:
        return None
    shown = renders.compare(picture_at(film, time + _INSIDE)[None])[0]
    return layout if shown.zoom == 0 else None


def _grey(path: Path) -> Image.Image | None:
    try:
        with Image.open(path) as file:
            return ImageOps.exif_transpose(file).convert("RGB").convert("L")
    except (OSError, SyntaxError, ValueError):
        return None  # told where images are compared
