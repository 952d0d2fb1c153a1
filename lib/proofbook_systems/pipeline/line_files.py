"""Which file of a folder belongs to which line, by the numbers in their names.

Knows nothing about what is in the files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["IMAGES", "NO_SOUND", "SOUNDS", "files_by_line", "sound_of_line"]

SOUNDS = (".wav", ".mp3", ".m4a", ".aac", ".ogg", ".opus", ".flac", ".aiff")
IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
NO_SOUND = Path()
"""What a line has that names no sound, and whose project declares none."""
_NUMBER = re.compile(r"\d+")
_PLACES = (-1, 0, -2, 1)
"""Which of the numbers in a name may count the lines, the likeliest first."""


def files_by_line(folder: Path, kinds: Sequence[str]) -> dict[int, Path]:
    """Return each line's file, by line from 1: the number in the name that counts the files up.

    Files that have no such number are left out, unless none has one: they are taken in order then.
    """
    files = sorted(p for p in folder.iterdir() if p.suffix.casefold() in kinds and p.is_file())
    numbers = {path: [int(each) for each in _NUMBER.findall(path.stem)] for path in files}
    counting = [path for path in files if numbers[path]]
    if not counting:
        return dict(enumerate(files, 1))
    if len(files) == 1:
        return {1: files[0]}
    place = max(_PLACES, key=lambda at: len({_at(numbers[p], at) for p in counting} - {None}))
    counted = {n: p for p in reversed(counting) if (n := _at(numbers[p], place)) is not None}
    shift = 1 if min(counted, default=1) == 0 else 0
    return {number + shift: counted[number] for number in sorted(counted)}


def sound_of_line(
    sounds: Path | None, numbers: Sequence[int], *, optional: bool
) -> Callable[[int], Path | None]:
    """Return what finds the sound of a line that names none.

    Args:
        sounds: The folder of the sounds, or one sound for all lines; None where none was declared.
        numbers: Of all lines.
        optional: Whether lines may be without any, as captions are.
    """
    if sounds is None or not sounds.exists():
        return lambda _number: NO_SOUND if optional and sounds is None else sounds
    if sounds.is_file():
        return lambda _number: sounds
    files = files_by_line(sounds, SOUNDS)
    if len(files) == 1 and len(numbers) > 1:
        alone = next(iter(files.values()))
        return lambda _number: alone
    return lambda number: files.get(number, sounds / f"no sound of line {number}")


def _at(numbers: Sequence[int], place: int) -> int | None:
    return numbers[place] if -len(numbers) <= place < len(numbers) else None
