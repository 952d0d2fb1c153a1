"""Which image a film shows during each line: the selected one, or another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from proofbook_systems.pipeline.artefacts import Selections
from proofbook_systems.pipeline.film.reading import Pictures
from proofbook_systems.pipeline.film.renders import (
    ZOOMS,
    Layout,
    Renders,
    find_layouts,
    load_image,
)

__all__ = ["Gallery", "Span", "open_gallery", "pictures_in", "wrong_images"]

Array = npt.NDArray[np.float32]
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_MOST_SIBLINGS = 48
_SAME = 1.5
"""Levels of mean difference below which two images are the same."""
_DIFFERENT = 10.0
"""Levels by which two images must differ at a pixel for it to tell them apart."""
_OTHER = 0.6
"""Share of the way from one image to another from which on the other is shown."""
_ENOUGH = 500
"""Pixels that tell two images apart."""
_PARTS = (0.35, 0.5, 0.65)


@dataclass(frozen=True, kw_only=True)
class Span:
    """When one line's picture is to be seen, seconds of the film."""

    number: int
    start: float
    end: float
    planned: tuple[float, float]
    """Start and end by the time-line, where the sound may have left it."""


class Gallery:
    """The images of a film, selected ones and their neighbours on disk."""

    def __init__(self, paths: dict[int, Path], film: Pictures, spans: Sequence[Span]) -> None:
        self.paths, self.film = paths, film
        self.spans = {span.number: span for span in spans}
        self.page = film.thumbs.shape[2], film.thumbs.shape[1]
        self.distinct = list(dict.fromkeys(paths[n] for n in paths if n in self.spans))
        self.images = {path: load_image(path) for path in self.distinct}
        first = {path: next(n for n in paths if paths[n] == path) for path in self.distinct}
        seen = [self.pictures(first[path], (0.5,))[0] for path in self.distinct]
        known = [self.images[path] for path in self.distinct]
        layouts, scores = find_layouts(known, np.stack(seen)) if seen else ([], [])
        self.layouts = dict(zip(self.distinct, layouts, strict=True))
        self.scores = dict(zip(self.distinct, scores, strict=True))
        self.cache: dict[Path, Renders | None] = {}

    def pictures(self, number: int, parts: Sequence[float] = _PARTS) -> list[Array]:
        """Return pictures from within a line."""
        span = self.spans[number]
        times = [span.start + part * (span.end - span.start) for part in parts]
        return [picture_at(self.film, time) for time in times]

    def renders(self, path: Path) -> Renders | None:
        """Return an image as the film would show it; None where it cannot be read."""
        if path not in self.cache:
            image = self.images[path] if path in self.images else load_image(path)
            layout = self.layouts.get(path) or self.usual
            self.cache[path] = None if image is None else Renders(image, self.page, layout)
        return self.cache[path]

    @cached_property
    def usual(self) -> Layout:
        """The layout that most images have."""
        known = [layout for layout in self.layouts.values() if layout]
        return max(set(known), key=known.count) if known else Layout("fill")

    def are_same(self, first: Path, second: Path) -> bool:
        """Say whether two images cannot be told apart."""
        if first == second:
            return True
        a, b = self.renders(first), self.renders(second)
        if a is None or b is None:
            return False
        one, two = a.renders[0], b.renders[0]
        shared = one.mask & two.mask
        if not shared.any():
            return False
        return float(np.abs(one.pixels - two.pixels)[shared].mean()) < _SAME and bool(
            np.abs(one.pixels - two.pixels)[shared].max() < 4 * _DIFFERENT
        )

    @cached_property
    def siblings(self) -> list[Path]:
        """Other images in the folders of the selected ones."""
        folders = dict.fromkeys(path.parent for path in self.distinct)
        found = [
            place
            for folder in folders if folder.is_dir()
            for place in sorted(folder.iterdir())
            if place.suffix.lower() in _SUFFIXES and place not in self.images
        ]  # fmt: skip
        return found[:_MOST_SIBLINGS]


def open_gallery(selections: Selections, film: Pictures, spans: Sequence[Span]) -> Gallery:
    """Return the images that a film is to show, each with the way in which it is laid on."""
    paths = {each.number: each.image for each in selections.selections}
    return Gallery(paths, film, spans)


def picture_at(film: Pictures, time: float) -> Array:
    """Return the picture that is shown at a time."""
    place = int(np.searchsorted(film.times, time + 1e-6, side="right")) - 1
    return np.asarray(film.thumbs[min(max(0, place), len(film.times) - 1)], dtype=np.float32)


def pictures_in(film: Pictures, start: float, end: float) -> tuple[int, int]:
    """Return the numbers of the pictures that are shown between two times, the end not included."""
    first = max(0, int(np.searchsorted(film.times, start + 1e-6, side="right")) - 1)
    return first, max(first + 1, int(np.searchsorted(film.times, end - 1e-6, side="left")))


def wrong_images(gallery: Gallery, least: float) -> Iterator[tuple[int, str]]:
    """Yield each line whose picture is not the selected one, and what is seen instead."""
    for number in gallery.spans:
        if number not in gallery.paths:
            yield number, f"line {number}: no image was selected for it"
            continue
        wanted = gallery.paths[number]
        renders = gallery.renders(wanted)
        if renders is None:
            yield number, f"line {number}: its image {wanted.name} cannot be read"
            continue
        pictures = np.stack(gallery.pictures(number))
        value = float(np.median([each.likeness for each in renders.compare(pictures)]))
        other = _other(gallery, wanted, pictures, value, least)
        if other is not None:
            yield number, f"line {number}: shows {_who(gallery, other, number)}, not {wanted.name}"
        elif value < least:
            yield (
                number,
                (
                    f"line {number}: shows neither {wanted.name} (likeness {value:.2f}, at least "
                    f"{least}) nor another known image"
                ),
            )


def _who(gallery: Gallery, path: Path, number: int) -> str:
    lines = sorted(
        (n for n in gallery.paths if gallery.paths[n] == path), key=lambda n: abs(n - number)
    )
    return f"{path.name} of line {lines[0]}" if lines else path.name


def _other(
    gallery: Gallery, wanted: Path, pictures: Array, value: float, least: float
) -> Path | None:
    """Return another image that is seen instead of the wanted one; None where there is none."""
    best: tuple[float, Path] | None = None
    for path in [*gallery.distinct, *gallery.siblings]:
        renders = None if path == wanted else gallery.renders(path)
        if renders is None or gallery.are_same(path, wanted):
            continue
        theirs = float(np.median([each.likeness for each in renders.compare(pictures)]))
        is_likelier = theirs > max(least, value - 0.1) and (best is None or theirs > best[0])
        if is_likelier and np.median(shares(gallery, wanted, path, pictures)) > _OTHER:
            best = theirs, path
    return best[1] if best else None


def shares(gallery: Gallery, first: Path, second: Path, pictures: Array) -> npt.NDArray[np.float64]:
    """Return for each picture how far it has gone from one image to another, 0 to 1.

    It is looked at where the two differ, at the zoom that explains the picture best.
    """
    a, b = gallery.renders(first), gallery.renders(second)
    assert a is not None and b is not None
    values, errors = [], []
    page = pictures.reshape(len(pictures), -1, 3)
    for zoom in range(len(ZOOMS)):
        one, two = a.renders[zoom], b.renders[zoom]
        shared = one.mask & two.mask
        tells = shared & (np.abs(one.pixels - two.pixels).max(axis=2) > _DIFFERENT)
        if np.count_nonzero(tells) < 4:
            tells = shared
        places = np.flatnonzero(tells)
        tells = places[:: -(-len(places) // _ENOUGH)]
        start, way = one.flat[tells].ravel(), (two.flat[tells] - one.flat[tells]).ravel()
        seen = page[:, tells].reshape(len(pictures), -1) - start
        length = float(way @ way) + 1e-6
        share = seen @ way / length
        kept = np.clip(share, 0, 1)
        rest = (seen**2).sum(axis=1) - 2 * kept * (seen @ way) + kept**2 * length
        values.append(share)
        errors.append(rest / max(1, len(way)))
    best = np.argmin(np.stack(errors), axis=0)
    return np.asarray(np.stack(values)[best, np.arange(len(pictures))], dtype=np.float64)
