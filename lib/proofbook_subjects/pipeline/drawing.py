"""Draw the image library: two characters, six emotions, two poses, 1080 x 1920."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["draw_library"]

_SIZE = (1080, 1920)
_POSES = 2
_GROUNDS = {
    "angry": (176, 58, 46), "excited": (214, 137, 16), "happy": (244, 208, 63),
    "neutral": (127, 140, 141), "sad": (46, 94, 140), "surprised": (125, 60, 152),
}  # fmt: skip
_BODIES = {"butcher": ((205, 160, 130), (240, 240, 240)), "nutsy": ((150, 90, 45), (225, 190, 150))}
_MOUTHS = {
    "angry": (200, 340, 10), "excited": (0, 180, 60), "happy": (10, 170, 22),
    "neutral": (0, 0, 12), "sad": (190, 350, 16), "surprised": (0, 360, 24),
}  # fmt: skip
"""Where its arc begins and ends, and how thick it is."""


def draw_library(folder: Path) -> None:
    """Draw all images into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for character in _BODIES:
        for emotion in _GROUNDS:
            for pose in range(1, _POSES + 1):
                picture = _draw(character, emotion, pose)
                picture.save(folder / f"{character}_{emotion}_{pose}.jpg", quality=88)


def _draw(character: str, emotion: str, pose: int) -> Any:
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", _SIZE, _GROUNDS[emotion])
    pen = ImageDraw.Draw(picture)
    shade = tuple(round(0.75 * part) for part in _GROUNDS[emotion])
    step = 120 if pose == 1 else 200
    for place in range(0, _SIZE[1], 2 * step):
        box = (0, place, 1080, place + step) if character == "butcher" else None
        pen.rectangle(box or (place, 0, place + step, 1920), fill=shade)
    left = 200 if pose == 1 else 330
    _body(pen, character, left)
    _face(pen, emotion, left)
    return picture


def _body(pen: Any, character: str, left: int) -> None:
    skin, clothes = _BODIES[character]
    pen.rounded_rectangle((left - 40, 900, left + 600, 1500), 160, fill=clothes)
    if character == "nutsy":
        pen.ellipse((left + 20, 180, left + 180, 460), fill=skin)
        pen.ellipse((left + 380, 180, left + 540, 460), fill=skin)
        pen.ellipse((left + 500, 800, left + 760, 1420), fill=skin)
    else:
        pen.rectangle((left + 60, 220, left + 500, 380), fill=clothes)
        pen.rectangle((left + 160, 1000, left + 400, 1500), fill=(150, 30, 30))
    pen.ellipse((left, 320, left + 560, 960), fill=skin)


def _face(pen: Any, emotion: str, left: int) -> None:
    size = 70 if emotion in ("surprised", "excited") else 45
    for eye in (left + 170, left + 390):
        pen.ellipse((eye - size, 560 - size, eye + size, 560 + size), fill="white")
        pen.ellipse((eye - 22, 538, eye + 22, 582), fill="black")
        lift = {"angry": 40, "sad": -40}.get(emotion, 0) * (1 if eye < left + 280 else -1)
        pen.line((eye - 60, 460 - lift, eye + 60, 460 + lift), fill="black", width=16)
    start, end, width = _MOUTHS[emotion]
    if start == end:
        pen.line((left + 190, 800, left + 370, 800), fill="black", width=width)
    else:
        pen.arc((left + 170, 730, left + 390, 870), start, end, fill="black", width=width)
