"""Models of the hub: downloaded into the hub's own cache, which is where other programs look.

``HF_HOME``, ``HF_ENDPOINT`` and tokens are huggingface_hub's own business, and so is taking up a
download that broke off. Checksums are those that the hub tells.
"""

from __future__ import annotations

import fnmatch
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.preload.origins import FolderOrigin
from proofbook_systems.musicgen.preload.transfer import Progress

__all__ = ["cached_hub_origin", "hub_origin", "hub_snapshot"]

_WANTED = ["*.json", "*.safetensors", "*.model", "*state_dict.bin"]
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TIMEOUT = 10.0
_BYTES_BAR = "huggingface_hub.snapshot_download"


def hub_origin(source: str, progress: Progress) -> FolderOrigin:
    """Download a repository into the hub's cache and return it from there.

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
        SubjectError: It is there in part; what is missing is named.
    """
    folder = _snapshot(source, str(cache) if cache else None)
    if folder is None:
        return None
    return FolderOrigin(folder=folder, digests=_named_digests(folder), linked=True)


def _snapshot(source: str, cache: str | None) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                source, cache_dir=cache, allow_patterns=_WANTED, local_files_only=True
            )
        )
    except HFValidationError:
        return None
    except LocalEntryNotFoundError as error:
        partial = getattr(error, "snapshot_path", None)
        if partial is None:
            return None
        raise SubjectError(_what_is_missing(source, Path(partial), cache)) from error


def _what_is_missing(source: str, folder: Path, cache: str | None) -> str:
    from huggingface_hub import get_cached_repo_tree

    names = [file.path for file in get_cached_repo_tree(source, cache_dir=cache)]
    missing = [n for n in names if _is_wanted(n) and not (folder / n).exists()]
    halves = sorted((folder.parent.parent / "blobs").glob("*.incomplete"))
    broken = f", and {len(halves)} half downloads are there: {_listed(halves)}" if halves else ""
    return (
        f"{source} is in the hub's cache without {', '.join(missing)}{broken}; go online once, or "
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


def _named_digests(folder: Path) -> dict[str, str]:
    """Return the checksums by which the hub's cache calls large files; links point to them."""
    links = [path for path in folder.rglob("*") if path.is_symlink()]
    named = {path.relative_to(folder).as_posix(): path.resolve().name for path in links}
    return {path: name for path, name in named.items() if _DIGEST.fullmatch(name)}
