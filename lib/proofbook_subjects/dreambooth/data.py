"""The pictures, in an order and with crops that follow from the seed alone.

Items are numbered without end, over all epochs; an item's picture, crop and flip follow from its
number, whichever process prepares it. Knows nothing about models.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofbook.errors import SubjectError
from proofbook_subjects.dreambooth.randomness import generator_for, permutation
from proofbook_subjects.dreambooth.settings import Settings

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

__all__ = ["Pictures", "find_pictures", "load_batches"]

_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")
_FEWEST = 2


def find_pictures(folder: Path, *, fewest: int = _FEWEST) -> list[Path]:
    """Return the pictures in a folder, by name, once each is known to be readable.

    Raises:
        SubjectError: There are too few, or one cannot be read.
    """
    if not folder.is_dir():
        raise SubjectError(f"instance_data_dir {folder} does not exist; give a folder of pictures")
    pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    if len(pictures) < fewest:
        count = f"{len(pictures) or 'no'} picture{'s' * (len(pictures) != 1)}"
        raise SubjectError(f"{folder} has {count}; give at least {fewest}, and better 15 to 25")
    for path in pictures:
        _refuse_unreadable(path)
    return pictures


class Pictures:
    """A dataset by item number: picture, and one of the class where that is trained along."""

    def __init__(
        self, settings: Settings, instance: Sequence[Path], classes: Sequence[Path] = ()
    ) -> None:
        self._settings, self._instance, self._classes = settings, instance, classes

    def __getitem__(self, item: int) -> dict[str, torch.Tensor]:
        tensors = {"instance": self._load(self._instance, "instance", item)}
        if self._classes:
            tensors["class"] = self._load(self._classes, "class", item)
        return tensors

    def _load(self, paths: Sequence[Path], kind: str, item: int) -> torch.Tensor:
        import numpy as np
        import torch
        from PIL import Image

        epoch, place = divmod(item, len(paths))
        path = paths[permutation(len(paths), kind, self._settings.seed, epoch)[place]]
        with Image.open(path) as opened:
            picture = self._cut(opened.convert("RGB"), kind, item)
        values = np.asarray(picture, dtype=np.float32) / 127.5 - 1
        return torch.from_numpy(values).permute(2, 0, 1).contiguous()

    def _cut(self, picture: Image, kind: str, item: int) -> Image:
        """Scale the shorter side to the resolution, cut a square out, and perhaps mirror it."""
        from PIL import Image

        chance = generator_for("cut", kind, self._settings.seed, item)
        side = self._settings.resolution
        scale = side / min(picture.size)
        width, height = (max(side, round(length * scale)) for length in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        across, down = width - side, height - side
        if self._settings.center_crop:
            left, top = across // 2, down // 2
        else:
            left, top = int(chance.integers(across + 1)), int(chance.integers(down + 1))
        picture = picture.crop((left, top, left + side, top + side))
        if self._settings.random_flip and chance.random() < 0.5:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return picture


def load_batches(pictures: Pictures, settings: Settings, first: int) -> Iterator[Any]:
    """Yield batches from forward pass ``first`` on: tensors of shape (batch, 3, side, side)."""
    from torch.utils.data import DataLoader

    loader: Any = DataLoader(
        pictures,  # type: ignore[arg-type]  # has items, but no end
        batch_sampler=_Numbers(first, settings.train_batch_size),
        num_workers=settings.num_dataloader_workers,
        worker_init_fn=_ignore_signals,
    )
    yield from loader


class _Numbers:
    """The item numbers of each batch, from one on, without end."""

    def __init__(self, first: int, size: int) -> None:
        self._first, self._size = first, size

    def __iter__(self) -> Iterator[list[int]]:
        batch = self._first
        while True:
            yield list(range(batch * self._size, (batch + 1) * self._size))
            batch += 1


def _ignore_signals(_worker: int) -> None:
    """Leave it to the trainer to stop: it may still need a batch to finish its step."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)


def _refuse_unreadable(path: Path) -> None:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            picture.load()
    except (OSError, ValueError, SyntaxError) as error:
        raise SubjectError(f"{path} cannot be read as a picture ({error}); remove it") from error
