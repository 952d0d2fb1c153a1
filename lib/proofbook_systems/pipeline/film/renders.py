"""The selected images as a film would show them: laid onto its page in the way that fits best.

Images are cropped to fill, fitted between bars, stretched, zoomed, or laid on as a card. The way is
found out from the film.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import fft

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "Layout",
    "Render",
    "Renders",
    "Shown",
    "find_layouts",
    "laid_size",
    "load_image",
    "render",
]

Array = npt.NDArray[np.float32]
ZOOMS = (1.0, 1.03, 1.06, 1.1, 1.15, 1.2, 1.3)
_SHRUNK, _ENLARGED = 320, 1.2
_FLAT = 4.0
"""Levels of standard deviation below which a picture is one colour."""
_FAR = 96.0
_FEWEST = 150
"""Values of a page that an image must cover to be recognised."""
_SCALES = np.geomspace(0.25, 1.5, 28)
_CLEAR = 0.75
"""Correlation from which on a usual layout is taken without a search."""


class Layout(NamedTuple):
    """How an image lies on the page."""

    kind: str
    """``fill``, ``fit``, ``stretch`` or ``placed``."""
    scale: float = 1.0
    """Times what just fills or fits."""
    x: float = 0.5
    """Centre, in widths of the page."""
    y: float = 0.5


@dataclass(frozen=True)
class Render:
    """One image laid onto the page."""

    pixels: Array
    """Shape (height, width, 3), levels 0 to 255."""
    mask: npt.NDArray[np.bool_]
    """Where the image is, shape (height, width)."""

    @property
    def flat(self) -> Array:
        """Its pixels in one row, shape (height * width, 3)."""
        return self.pixels.reshape(-1, 3)


class Shown(NamedTuple):
    """How well a picture shows an image, and at which zoom."""

    likeness: float
    zoom: int


def load_image(path: Path) -> Image | None:
    """Return an image in RGB, shrunk; None where it cannot be read."""
    from PIL import Image as pillow  # noqa: N813 - the module is named as the class it holds
    from PIL import ImageOps

    try:
        with pillow.open(path) as file:
            file.draft("RGB", (2 * _SHRUNK, 2 * _SHRUNK))
            turned = ImageOps.exif_transpose(file)
            picture = _flatten(turned)
    except (OSError, SyntaxError, ValueError):
        return None
    picture.thumbnail((_SHRUNK, _SHRUNK), reducing_gap=3.0)
    return picture


def _flatten(picture: Image) -> Image:
    """Return a picture in RGB; what is transparent shows black, as in players of frames."""
    from PIL import Image as pillow  # noqa: N813 - the module is named as the class it holds

    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        page = pillow.new("RGBA", rgba.size, (0, 0, 0, 255))
        return pillow.alpha_composite(page, rgba).convert("RGB")
    return picture.convert("RGB")


def render(image: Image, page: tuple[int, int], layout: Layout, zoom: float = 1.0) -> Render:
    """Lay an image onto a page of (width, height) thumbnail pixels."""
    from PIL import Image as pillow  # noqa: N813 - the module is named as the class it holds

    width, height = page
    across, down = laid_size(image, page, layout, zoom)
    left, top = layout.x * width - across / 2, layout.y * height - down / 2
    per_x, per_y = image.width / across, image.height / down
    if max(per_x, per_y) < _ENLARGED:
        matrix = (per_x, 0, -left * per_x, 0, per_y, -top * per_y)
        smooth = pillow.Resampling.BICUBIC
        pixels = image.transform(page, pillow.Transform.AFFINE, matrix, resample=smooth)
    else:
        pixels = _reduced(image, page, (across, down), (left, top))
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    inside = ((y > top + 0.5) & (y < top + down - 0.5))[:, None] & (
        (x > left + 0.5) & (x < left + across - 0.5)
    )
    return Render(np.asarray(pixels, dtype=np.float32), inside)


def _reduced(
    image: Image, page: tuple[int, int], size: tuple[float, float], corner: tuple[float, float]
) -> Image:
    """Shrink by the mean of areas, as the film's own thumbnails are; keeps parts of a pixel."""
    from PIL import Image as pillow  # noqa: N813 - the module is named as the class it holds

    per_x, per_y = image.width / size[0], image.height / size[1]
    x0, y0 = max(0.0, -corner[0]), max(0.0, -corner[1])
    x1, y1 = min(size[0], page[0] - corner[0]), min(size[1], page[1] - corner[1])
    whole = max(1, round(x1 - x0)), max(1, round(y1 - y0))
    part = image.resize(
        whole, pillow.Resampling.BOX, box=(x0 * per_x, y0 * per_y, x1 * per_x, y1 * per_y)
    )
    out = pillow.new("RGB", page)
    out.paste(part, (round(corner[0] + x0), round(corner[1] + y0)))
    return out


def laid_size(
    image: Image, page: tuple[int, int], layout: Layout, zoom: float
) -> tuple[float, float]:
    """Return width and height of an image on a page of (width, height), in the page's pixels."""
    if layout.kind == "stretch":
        return page[0] * layout.scale * zoom, page[1] * layout.scale * zoom
    ratios = page[0] / image.width, page[1] / image.height
    base = max(ratios) if layout.kind == "fill" else min(ratios)
    scale = base * layout.scale * zoom
    return image.width * scale, image.height * scale


class Renders:
    """One image in one layout at several zooms, ready for comparison with many pictures."""

    def __init__(
        self, image: Image, page: tuple[int, int], layout: Layout, zooms: Sequence[float] = ZOOMS
    ) -> None:
        self.renders = [render(image, page, layout, zoom) for zoom in zooms]
        masks = np.stack([np.repeat(each.mask.ravel(), 3) for each in self.renders])
        pixels = np.stack([each.pixels.ravel() for each in self.renders]) * masks
        self.masks, self.pixels = masks.astype(np.float32), pixels.astype(np.float32)
        self.counts = masks.sum(axis=1)
        self.means = pixels.sum(axis=1) / np.maximum(1, self.counts)
        self.squares = (pixels.astype(np.float64) ** 2).sum(axis=1)
        self.spreads = np.sqrt(np.maximum(0, self.squares - self.counts * self.means**2))

    def compare(self, pictures: Array) -> list[Shown]:
        """Return how well each picture, shape (n, height, width, 3), shows the image.

        It is their correlation where the image lies; of an image of one colour, their closeness.
        """
        seen = pictures.reshape(len(pictures), -1).astype(np.float32)
        count = np.maximum(1, self.counts)
        sums = (seen @ self.masks.T).astype(np.float64)
        squares = ((seen**2) @ self.masks.T).astype(np.float64)
        products = (seen @ self.pixels.T).astype(np.float64)
        spread = np.sqrt(np.maximum(0, squares - sums**2 / count))
        values = (products - sums * self.means) / np.maximum(spread * self.spreads, 1e-3)
        far = np.sqrt(np.maximum(0, squares - 2 * products + self.squares) / count)
        is_flat = self.spreads / np.sqrt(count) < _FLAT
        values = np.where(is_flat, np.clip(1 - far / _FAR, 0, 1), values)
        values = np.where(self.counts < _FEWEST, -1.0, values)
        places = values.argmax(axis=1)
        return [Shown(float(values[n, z]), int(z)) for n, z in enumerate(places)]


def find_layouts(
    images: Sequence[Image | None], pictures: Array
) -> tuple[list[Layout | None], list[float]]:
    """Return for each image how it lies on its picture, and how well it is recognised there.

    The usual ways are tried at once; where most images fit none, they are searched for. An image
    that is not recognised gets the layout that most others have: its picture may show another.
    """
    page = pictures.shape[2], pictures.shape[1]
    kinds = [Layout("fill"), Layout("fit"), Layout("stretch")]
    scores = np.array([
        [_best(image, picture, page, kind) for kind in kinds]
        for image, picture in zip(images, pictures, strict=True)
    ])  # fmt: skip
    if not len(scores):
        return [], []
    usual = int(np.argmax(np.median(scores, axis=0)))
    chosen: list[Layout | None] = [
        kinds[int(np.argmax(row))] if row.max() > row[usual] + 0.05 else kinds[usual]
        for row in scores
    ]
    best = [float(row.max()) for row in scores]
    if float(np.median(best)) < _CLEAR:
        _search(images, pictures, chosen, best)
    return chosen, best


def _best(image: Image | None, picture: Array, page: tuple[int, int], layout: Layout) -> float:
    if image is None:
        return -1.0
    zooms = ZOOMS if layout.kind != "stretch" else ZOOMS[:4]
    return Renders(image, page, layout, zooms).compare(picture[None])[0].likeness


def _search(
    images: Sequence[Image | None], pictures: Array, chosen: list[Layout | None], best: list[float]
) -> None:
    """Search the page for each image at every scale; keep the place that most agree on."""
    found: list[tuple[float, Layout]] = []
    for image, picture in list(zip(images, pictures, strict=True))[:8]:
        if image is not None:
            found.append(_place(image, picture))
    good = [layout for value, layout in found if value > _CLEAR]
    if len(good) < max(1, len(found) // 3):
        return
    scale, x, y = (float(np.median([getattr(g, n) for g in good])) for n in ("scale", "x", "y"))
    usual = Layout("placed", scale, x, y)
    page = pictures.shape[2], pictures.shape[1]
    for number, (image, picture) in enumerate(zip(images, pictures, strict=True)):
        value = _best(image, picture, page, usual)
        chosen[number] = usual
        best[number] = max(value, best[number])


def _place(image: Image, picture: Array) -> tuple[float, Layout]:
    """Return where on a picture an image is, by correlation in grey, and how well."""
    page = picture.shape[1], picture.shape[0]
    grey = picture.mean(axis=2)
    found = (-1.0, Layout("placed"))
    for scale in _SCALES:
        ratio = min(page[0] / image.width, page[1] / image.height) * scale
        size = round(image.width * ratio), round(image.height * ratio)
        if min(size) < 10 or size[0] > page[0] or size[1] > page[1]:
            continue
        small = np.asarray(image.resize(size).convert("RGB"), dtype=np.float64).mean(axis=2)
        value, x, y = _slide(grey, small)
        if value > found[0]:
            centre = (x + size[0] / 2) / page[0], (y + size[1] / 2) / page[1]
            found = value, Layout("placed", float(scale), *centre)
    return found


def _slide(
    page: npt.NDArray[np.floating], small: npt.NDArray[np.floating]
) -> tuple[float, int, int]:
    """Return the highest correlation of a small picture anywhere on a page, and where."""
    height, width = small.shape
    shape = page.shape[0] - height + 1, page.shape[1] - width + 1
    size = [fft.next_fast_len(n, real=True) for n in page.shape]
    small = small - small.mean()
    spectrum = fft.rfft2(page, size) * np.conj(fft.rfft2(small, size))
    products = fft.irfft2(spectrum, size)[: shape[0], : shape[1]]
    count = height * width
    sums, squares = _window_sums(page, small.shape), _window_sums(page**2, small.shape)
    spread = np.sqrt(np.maximum(squares - sums**2 / count, 1e-6) * float((small**2).sum() + 1e-6))
    values = products / np.maximum(spread, 1.0)
    place = np.unravel_index(int(np.argmax(values)), values.shape)
    return float(values[place]), int(place[1]), int(place[0])


def _window_sums(
    page: npt.NDArray[np.floating], shape: tuple[int, int]
) -> npt.NDArray[np.floating]:
    total = np.pad(page, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    height, width = shape
    return np.asarray(
        total[height:, width:] - total[:-height, width:] - total[height:, :-width]
        + total[:-height, :-width]
    )  # fmt: skip
