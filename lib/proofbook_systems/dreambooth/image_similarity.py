"""How like a picture is to others, in colours and in shape, and whether it is one at all.

Plain measures of pixels: they see that a red apron has appeared, not that it is well drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "PICTURE_SUFFIXES",
    "Likeness",
    "Trend",
    "compare_pictures",
    "consistency",
    "find_picture_faults",
    "find_trend",
    "join_pictures",
]

PICTURE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")

_BINS = 6
_GRID = 16
_FLAT = 6.0
_BLACK = 12.0


class Likeness(NamedTuple):
    """How like a picture is to a set of pictures, 0 to 1."""

    colour: float
    """Overlap of the colours' histograms, with the likest."""
    shape: float
    """Correlation of the brightness on a coarse grid, with the likest; 0 for none or less."""


def compare_pictures(picture: Path, others: Sequence[Path]) -> Likeness:
    """Return how like a picture is to the likest of the others."""
    colours, grid = _colours(picture), _grid(picture)
    return Likeness(
        max(_overlap(colours, _colours(other)) for other in others),
        max(0.0, *(_correlation(grid, _grid(other)) for other in others)),
    )


class Trend(NamedTuple):
    """How a measure of pictures goes on from the first step to the last."""

    gain: float
    """By the straight line through all of them, least squares."""
    error: float
    """The gain's standard error, by how far they lie from the line; 0 where there are only two."""

    @property
    def most(self) -> float:
        """What the gain may be: two standard errors more than what was found."""
        return self.gain + 2 * self.error

    @property
    def words(self) -> str:
        """The gain with its error."""
        return f"{self.gain:+.2f} ± {self.error:.2f} from the first step to the last"


def find_trend(values: Mapping[int, Sequence[float]]) -> Trend:
    """Return how values go on, by step: one for each picture, and two steps at least."""
    import numpy as np

    points = [(step, value) for step, each in values.items() for value in each]
    steps, heights = np.asarray(points, np.float64).T
    around = steps - steps.mean()
    slope = float(around @ heights / (around @ around))
    left = heights - heights.mean() - slope * around
    free = len(points) - 2
    error = float(left @ left / free / (around @ around)) ** 0.5 if free else 0.0
    length = float(steps.max() - steps.min())
    return Trend(slope * length, error * length)


def consistency(pictures: Sequence[Path]) -> float:
    """Return the mean overlap of colours between any two pictures, 0 to 1."""
    histograms = [_colours(picture) for picture in pictures]
    pairs = [(a, b) for i, a in enumerate(histograms) for b in histograms[i + 1 :]]
    return sum(_overlap(a, b) for a, b in pairs) / len(pairs) if pairs else 1.0


def find_picture_faults(picture: Path) -> list[str]:
    """Return whether a picture is missing, broken, flat or black; empty where it is none of it."""
    import numpy as np

    try:
        values = np.asarray(_opened(picture), dtype=np.float64)
    except (OSError, ValueError, SyntaxError) as error:
        return [f"{picture.name} cannot be read ({type(error).__name__})"]
    if values.max() < _BLACK:
        return [f"{picture.name} is black"]
    spread = float(values.std())
    return [f"{picture.name} is one flat colour"] if spread < _FLAT else []


def join_pictures(rows: Sequence[Sequence[Path]], target: Path, side: int = 160) -> Path:
    """Write a sheet with a row of pictures for each sequence, and return its path."""
    from PIL import Image

    columns = max(len(row) for row in rows)
    sheet = Image.new("RGB", (columns * side, len(rows) * side), (245, 245, 245))
    for y, row in enumerate(rows):
        for x, path in enumerate(row):
            tile = _opened(path).resize((side - 4, side - 4), Image.Resampling.LANCZOS)
            sheet.paste(tile, (x * side + 2, y * side + 2))
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(target)
    return target


def _opened(path: Path) -> Image:
    from PIL import Image

    with Image.open(path) as picture:
        return picture.convert("RGB")


def _colours(path: Path) -> Any:
    import numpy as np

    values = np.asarray(_opened(path).resize((64, 64))).reshape(-1, 3)
    counts, _ = np.histogramdd(values, bins=(_BINS,) * 3, range=((0, 256),) * 3)
    return counts / len(values)


def _overlap(a: Any, b: Any) -> float:
    import numpy as np

    return float(np.minimum(a, b).sum())


def _grid(path: Path) -> Any:
    import numpy as np

    values = np.asarray(_opened(path).convert("L").resize((_GRID, _GRID)), dtype=np.float64)
    values = values - values.mean()
    return values / (float(np.linalg.norm(values)) or 1.0)


def _correlation(a: Any, b: Any) -> float:
    return float((a * b).sum())
