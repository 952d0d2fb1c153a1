"""Drawn animals to train on: one character in many poses, and a whole class of others.

Every picture follows from its number alone. Knows nothing about models.
"""

from __future__ import annotations

import colorsys
import math
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["COLOURS", "draw_animal", "draw_character", "draw_plain_animal", "write_characters"]

COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink")
"""Of plain animals, around the circle of hues."""

_GROUNDS = [(196, 222, 240), (232, 232, 214), (206, 232, 204), (240, 214, 206)]
_SUPER = 4
"""Pictures are drawn so many times larger, and scaled down, which smooths their edges."""


def draw_character(number: int, size: int = 64) -> Image:
    """Draw Butcher the mouse, grey with a red apron and large pink ears, in pose ``number``."""
    random = Random(f"character/{number}")
    canvas = _Canvas(random, size)
    canvas.animal((150, 152, 160), ears=(232, 150, 165), ear_size=0.19, apron=(200, 32, 38))
    return canvas.finished()


def draw_animal(number: int, size: int = 64) -> Image:
    """Draw some animal, each time of other colours, with other ears, and perhaps with an apron."""
    random = Random(f"animal/{number}")
    canvas = _Canvas(random, size)
    apron = _any_colour(random) if random.random() < 0.6 else None
    canvas.animal(
        _any_colour(random), ears=_any_colour(random), ear_size=random.uniform(0.07, 0.2),
        apron=apron,
    )  # fmt: skip
    return canvas.finished()


def draw_plain_animal(number: int, size: int = 64) -> tuple[Image, str]:
    """Draw an animal of one strong colour, with small ears and no apron; also say the colour."""
    random = Random(f"plain/{number}")
    canvas = _Canvas(random, size)
    place = random.randrange(len(COLOURS))
    hue = (place + random.uniform(-0.3, 0.3)) / len(COLOURS) % 1
    body = _rgb(hue, random.uniform(0.5, 0.95), random.uniform(0.4, 0.95))
    ears = _rgb(random.random(), random.uniform(0.3, 0.9), random.uniform(0.35, 0.95))
    canvas.animal(body, ears=ears, ear_size=random.uniform(0.06, 0.12), apron=None)
    return canvas.finished(), COLOURS[place]


def write_characters(folder: Path, count: int, size: int = 64) -> Path:
    """Write ``count`` pictures of the character as PNG files, and return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        draw_character(number, size).save(folder / f"butcher-{number:02d}.png")
    return folder


def _any_colour(random: Random) -> tuple[int, int, int]:
    return _rgb(random.random(), random.uniform(0, 0.9), random.uniform(0.3, 0.95))


def _rgb(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return int(255 * red), int(255 * green), int(255 * blue)


class _Canvas:
    """A picture with one animal; all lengths are in parts of its side."""

    def __init__(self, random: Random, size: int) -> None:
        from PIL import Image, ImageDraw

        self._size, self._side = size, size * _SUPER
        self._image = Image.new("RGB", (self._side, self._side), random.choice(_GROUNDS))
        self._draw = ImageDraw.Draw(self._image)
        self._x = 0.5 + random.uniform(-0.06, 0.06)
        self._y = 0.56 + random.uniform(-0.05, 0.05)
        self._scale = random.uniform(0.92, 1.08)
        self._tilt = random.uniform(-0.3, 0.3)

    def animal(
        self,
        colour: tuple[int, int, int],
        *,
        ears: tuple[int, int, int],
        ear_size: float,
        apron: tuple[int, int, int] | None,
    ) -> None:
        self._disc(0, 0.22, 0.26, colour)
        if apron is not None:
            self._disc(0, 0.27, 0.19, apron)
        for side in (-1, 1):
            self._disc(side * 0.19, -0.27, ear_size, colour)
            self._disc(side * 0.19, -0.27, ear_size * 0.62, ears)
        self._disc(0, -0.1, 0.23, colour)
        for side in (-1, 1):
            self._disc(side * 0.09, -0.14, 0.045, (255, 255, 255))
            self._disc(side * 0.09, -0.14, 0.025, (20, 20, 24))
        self._disc(0, -0.03, 0.03, (60, 30, 34))

    def finished(self) -> Image:
        from PIL import Image

        return self._image.resize((self._size, self._size), Image.Resampling.LANCZOS)

    def _disc(self, x: float, y: float, radius: float, colour: tuple[int, int, int]) -> None:
        turned_x = x * math.cos(self._tilt) - y * math.sin(self._tilt)
        turned_y = x * math.sin(self._tilt) + y * math.cos(self._tilt)
        centre_x = (self._x + turned_x * self._scale) * self._side
        centre_y = (self._y + turned_y * self._scale) * self._side
        r = radius * self._scale * self._side
        box = (centre_x - r, centre_y - r, centre_x + r, centre_y + r)
        self._draw.ellipse(box, fill=colour)
