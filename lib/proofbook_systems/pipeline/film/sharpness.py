"""How much of an image's fine structure a film still shows: what coarse encoding leaves of edges.

Pure: pixels in, a number out. Compared is what is finer than a few pixels, where the image has
much of it; weak texture, which every encoder smooths, is not asked for.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import gaussian_filter

from proofbook_systems.pipeline.film.renders import Layout, laid_size

__all__ = ["MOST_ENLARGED", "kept_structure"]

Array = npt.NDArray[np.float32]
MOST_ENLARGED = 3.0
"""Times that an image may be enlarged to fill the page: beyond it nothing fine is left of it."""
_FINE = 2.0
"""Pixels; structure below it is compared."""
_STRONG = 6.0
"""Levels of standard deviation from which on a tile has structure."""
_TILES, _FEWEST = 16, 4
_SHIFTS = range(-2, 3)
_EDGE = 3
_ALL_THERE = 0.9
_FILTERS = (Image.Resampling.BICUBIC, Image.Resampling.BOX, Image.Resampling.NEAREST)
"""What an image may have been scaled with."""


def kept_structure(picture: npt.NDArray[np.uint8], image: Image.Image, layout: Layout) -> float:
    """Return how much of an image's fine structure is in a picture, as a correlation.

    Args:
        picture: In grey, shape (height, width).
        image: In grey, not shrunk.
        layout: How it lies on the picture, exactly.

    Returns:
        The median of the tiles that have the most structure; NaN where too few have any.
    """
    seen, best = _fine(picture.astype(np.float32)), float("nan")
    for each in _FILTERS:
        page, inside = _page(picture, image, layout, each)
        value = _compare(seen, _fine(page), inside)
        best = float(np.fmax(best, value))
        if np.isnan(value) or value > _ALL_THERE:
            break
    return best


def _fine(page: Array) -> Array:
    return np.asarray(page - gaussian_filter(page, _FINE), dtype=np.float32)


def _page(
    picture: npt.NDArray[np.uint8],
    image: Image.Image,
    layout: Layout,
    scaling: Image.Resampling,
) -> tuple[Array, tuple[slice, slice]]:
    """Return the image on the page as a filter lays it, and where on the page it is."""
    height, width = picture.shape
    across, down = (round(x) for x in laid_size(image, (width, height), layout, 1.0))
    left, top = round(layout.x * width - across / 2), round(layout.y * height - down / 2)
    rows = slice(max(0, top), min(height, top + down))
    columns = slice(max(0, left), min(width, left + across))
    scaled = np.asarray(image.resize((across, down), scaling), dtype=np.float32)
    page = np.full((height, width), scaled.mean(), np.float32)
    page[rows, columns] = scaled[
        rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
    ]
    return page, (rows, columns)


def _compare(seen: Array, wanted: Array, inside: tuple[slice, slice]) -> float:
    side = min(96, max(16, min(seen.shape) // 8))
    rows, columns = inside
    corners = [
        (y, x)
        for y in range(rows.start + _EDGE, rows.stop - side - _EDGE, side)
        for x in range(columns.start + _EDGE, columns.stop - side - _EDGE, side)
    ]
    spreads = [float(wanted[y : y + side, x : x + side].std()) for y, x in corners]
    order = [n for n in np.argsort(spreads)[::-1] if spreads[n] > _STRONG][:_TILES]
    if len(order) < _FEWEST:
        return float("nan")
    return float(np.median([_best(seen, wanted, corners[n], side) for n in order]))


def _best(seen: Array, wanted: Array, corner: tuple[int, int], side: int) -> float:
    y, x = corner
    own = wanted[y : y + side, x : x + side]
    best = -1.0
    for down in _SHIFTS:
        for right in _SHIFTS:
            part = seen[y + down : y + down + side, x + right : x + right + side]
            scale = float(np.sqrt((part**2).sum() * (own**2).sum())) + 1e-6
            best = max(best, float((part * own).sum()) / scale)
    return best
