"""Models of the hub: downloaded into the hub's own cache, which is where other programs look.

``HF_HOME``, ``HF_ENDPOINT`` and tokens are huggingface_hub's own business, and so is taking up a
download that broke off. Checksums are those that the hub tells. Where it does not answer, what its
cache has is taken.
"""

from __future__ import annotations

import fnmatch
import logging
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.preload.origins import FolderOrigin
from proofbook_systems.musicgen.preload.transfer import Progress
from proofbook_systems.musicgen.snapshots import (
    find_changed,
    find_lacking,
    find_snapshot,
    named_digests,
)

__all__ = ["cached_hub_origin", "hub_origin", "hub_snapshot", "snapshot_origin"]

_LOG = logging.getLogger("proofbook.musicgen")
_WANTED = ["*.json", "*.safetensors", "*.model", "*state_dict.bin"]
_TIMEOUT = 10.0
_BYTES_BAR = "huggingface_hub.snapshot_download"


def hub_origin(source: str, progress: Progress, other: str = "") -> FolderOrigin:
    """Download a repository into the hub's cache and return it from there.

    Where the hub does not give it, that is what a cache of the hub has of it; ``other`` is a folder
    that may be one, too.

    Raises:
        SubjectError: The hub does not give it, or the disk is too small.
    """
    from huggingface_hub import HfApi, snapshot_download

    try:
        # Asked once and briefly: the download itself retries for minutes where there is no network.
        info = HfApi().model_info(source, timeout=_TIMEOUT, files_metadata=True)
        bar: Any = _bar(source, progress)
        _check_space(source, bar)
        folder = snapshot_download(source, allow_patterns=_WANTED, tqdm_class=bar)
    except SubjectError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        if there := cached_hub_origin(source, other):
            _LOG.warning("%s is taken from a cache; the hub: %s", source, reason[0][:160])
            return there
        raise SubjectError(
            f"model {source} cannot be brought from the hub ({reason[0][:160]}); check the id and "
            "the network, give a mirror or a folder, or work offline with what is there"
        ) from error
    told = {f.rfilename: f.lfs.sha256 for f in info.siblings or [] if f.lfs}
    digests = {name: digest for name, digest in told.items() if _is_wanted(name)}
    return FolderOrigin(folder=Path(folder), digests=digests, linked=True)


def cached_hub_origin(source: str, other: str = "") -> FolderOrigin | None:
    """Return what the hub's cache has of a repository, without the network; None if nothing.

    ``other`` is a folder that may be such a cache too, and is looked into first.

    Raises:
        SubjectError: It is there in part; what is missing is named.
    """
    found = hub_snapshot(source, Path(other)) if other else None
    return found or hub_snapshot(source, None)


def hub_snapshot(source: str, cache: Path | None) -> FolderOrigin | None:
    """Return what one cache of the hub has of a repository; None if nothing.

    ``cache`` is its folder; None is the usual one.

    Raises:
        SubjectError: It is there in part, or was changed; what is missing or changed is named.
    """
    folder = find_snapshot(source, cache)
    return None if folder is None else snapshot_origin(folder)


def snapshot_origin(folder: Path) -> FolderOrigin:
    """Return a revision in a cache of the hub, with the checksums in the names of its blobs.

    Raises:
        SubjectError: A file is missing, or is not the one that its blob is called after.
    """
    if lacking := find_lacking(folder):
        raise SubjectError(_what_is_missing(folder, lacking))
    if changed := find_changed(folder):
        names = ", ".join(path.relative_to(folder).as_posix() for path in changed)
        raise SubjectError(
            f"{names} in {folder} has changed since it came from the hub: it does not have the "
            f"hash that its blob is called after; delete {changed[0].resolve()} and download it "
            "again"
        )
    return FolderOrigin(folder=folder, digests=named_digests(folder), linked=True)


def _what_is_missing(folder: Path, lacking: Iterable[str]) -> str:
    source = folder.parent.parent.name.removeprefix("models--").replace("--", "/")
    halves = sorted((folder.parent.parent / "blobs").glob("*.incomplete"))
    broken = f", and {len(halves)} half downloads are there: {_listed(halves)}" if halves else ""
    return (
        f"{source} is in the hub's cache without {', '.join(lacking)}{broken}; go online once, or "
        "give a folder or a mirror that has them"
    )


def _listed(paths: Iterable[Path]) -> str:
    return ", ".join(f"{path} ({path.stat().st_size:,} bytes)" for path in paths)


def _is_wanted(name: str) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in _WANTED)


def _check_space(source: str, bar: Any) -> None:
    from huggingface_hub import constants, snapshot_download

    plan: Any = snapshot_download(source, allow_patterns=_WANTED, dry_run=True, tqdm_class=bar)
    needed = sum(file.file_size or 0 for file in plan if file.will_download)
    cache = Path(constants.HF_HUB_CACHE)
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    if needed > free:
        raise SubjectError(
            f"{source} has {needed / 1e9:.2f} GB to bring and {free / 1e9:.2f} GB are free below "
            f"{cache}; free some, or set HF_HOME to a larger disk"
        )


def _bar(source: str, progress: Progress) -> type:
    """Return a progress bar that draws nothing and tells ``progress`` of the bytes instead."""
    from huggingface_hub import utils

    base: Any = utils.tqdm  # type: ignore[attr-defined]

    class Bar(base):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._of_bytes = kwargs.pop("name", "") == _BYTES_BAR
            self._have = 0
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> None:
            self._have += int(n or 0)
            if self._of_bytes:
                progress(source, self._have, int(self.total or 0) or None)

    return Bar
