"""Find what a cache of the hub has of a repository: on this disk, without the network.

Such a cache has ``models--<owner>--<name>`` with ``refs`` (names of revisions), ``snapshots`` (a
folder a revision) and ``blobs`` (contents, which a snapshot links to where links are possible). It
is read as it lies, and nothing is written. Opens no file of a model.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from proofbook.errors import SubjectError

__all__ = [
    "find_changed", "find_lacking", "find_snapshot", "is_read", "is_repository", "is_snapshot",
    "named_digests", "snapshot_of",
]  # fmt: skip

_MAIN = "main"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")
_COMMIT = re.compile(r"[\w-]+")
_CHECKPOINT = re.compile(r"(.*/)?(compression_)?state_dict\.bin")
_SETTINGS = re.compile(
    r"(t5/)?(config|generation_config|preprocessor_config|processor_config|tokenizer"
    r"|tokenizer_config)\.json|(t5/)?spiece\.model"
)
_WEIGHTS = re.compile(r"(t5/)?model(-\d+-of-\d+)?\.safetensors(\.index\.json)?")
_SINGLE = "model.safetensors"


def find_snapshot(repository: str, cache: Path | None = None) -> Path | None:
    """Return the folder of ``repository`` in a cache of the hub; None where it has none.

    ``cache`` is the cache's folder; None is the usual one.

    Raises:
        SubjectError: Which of several revisions is meant cannot be told, or it is not there.
    """
    if cache is None:
        from huggingface_hub import constants

        cache = Path(constants.HF_HUB_CACHE)
    return snapshot_of(cache / f"models--{repository.replace('/', '--')}")


def snapshot_of(folder: Path) -> Path | None:
    """Return the revision of a repository's folder that is meant where none is named.

    That is ``main``; without a ``main`` the one that any name leads to, or the only one there.

    Raises:
        SubjectError: ``main`` is not there, or there are several and none is ``main``.
    """
    snapshots = folder / "snapshots"
    there = sorted(path for path in snapshots.glob("*") if path.is_dir())
    named = _named_commits(folder)
    if _MAIN in named:
        wanted = snapshots / named[_MAIN]
        if there and wanted not in there:
            raise SubjectError(
                f"{folder / 'refs' / _MAIN} names revision {named[_MAIN][:12]}…, which is not in "
                f"{snapshots}; download it again, or give the folder of another revision"
            )
        return wanted if there else None
    known = [path for path in there if path.name in named.values()] or there
    if len(known) > 1:
        names = ", ".join(path.name[:12] for path in known)
        raise SubjectError(
            f"{folder} has {len(known)} revisions ({names}) and none of them is called main; give "
            f"the folder of one, below {snapshots}"
        )
    return known[0] if known else None


def is_repository(folder: Path) -> bool:
    """Say whether a folder is that of one repository in a cache of the hub."""
    return folder.name.startswith("models--") and (folder / "snapshots").is_dir()


def is_snapshot(folder: Path) -> bool:
    """Say whether a folder is a revision in a cache of the hub."""
    return folder.parent.name == "snapshots" and is_repository(folder.parent.parent)


def is_read(name: str) -> bool:
    """Say whether a file of a repository is read by what loads models from it."""
    return any(kind.fullmatch(name) for kind in (_CHECKPOINT, _SETTINGS, _WEIGHTS))


def find_lacking(snapshot: Path) -> list[str]:
    """Return the files that the repository has, its loaders read, and the snapshot lacks.

    Many repositories have a model in two layouts, and who needs one brings that alone: a layout of
    which nothing is there is not wanted. Empty where the cache has no list of the repository.
    """
    listed = [name for name in _listed(snapshot) if is_read(name)]
    layouts = [
        [name for name in listed if bool(_CHECKPOINT.fullmatch(name)) == audiocraft]
        for audiocraft in (True, False)
    ]
    begun = [names for names in layouts if any(_is_linked(snapshot / name) for name in names)]
    return sorted(
        name
        for names in begun or layouts
        for name in _needed(names)
        if not (snapshot / name).is_file()
    )


def find_changed(snapshot: Path) -> list[Path]:
    """Return the files that are not what their blobs are called after: git's hash of contents.

    Small files alone; those of large ones are in :func:`named_digests`. A server may call them
    otherwise, so that nothing is said unless the names of some others do fit.
    """
    fits: dict[Path, bool] = {}
    for path in _links(snapshot):
        if path.is_file() and _SHA1.fullmatch(_target(path).name):
            data = path.read_bytes()
            fits[path] = (
                hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() == _target(path).name
            )
    changed = [path for path, fit in fits.items() if not fit]
    return changed if any(fits.values()) else []


def named_digests(snapshot: Path) -> dict[str, str]:
    """Return the checksums by which the cache calls large files; links point to them.

    Of a link that leads nowhere, only where the file is read when a model is loaded.
    """
    named = {path.relative_to(snapshot).as_posix(): path for path in _links(snapshot)}
    return {
        name: _target(path).name
        for name, path in named.items()
        if _SHA256.fullmatch(_target(path).name) and (path.is_file() or is_read(name))
    }


def _named_commits(folder: Path) -> dict[str, str]:
    """Return revision by name."""
    refs = folder / "refs"
    commits = {
        path.relative_to(refs).as_posix(): path.read_text(errors="replace").strip()
        for path in sorted(refs.rglob("*"))
        if path.is_file()
    }
    return {name: commit for name, commit in commits.items() if _COMMIT.fullmatch(commit)}


def _listed(snapshot: Path) -> list[str]:
    """Return the names in the list that huggingface_hub keeps of a revision, where it does."""
    path = snapshot.parent.parent / "trees" / f"{snapshot.name}.json"
    try:
        return [str(name) for name in json.loads(path.read_bytes())["files"]]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def _needed(names: list[str]) -> Iterator[str]:
    """Yield those without which the model is not whole: of two forms of a thing, one."""
    for name in names:
        whole = _WEIGHTS.fullmatch(name) and not name.endswith(_SINGLE) and _SINGLE in names
        pieces = name.endswith("spiece.model") and "tokenizer.json" in names
        if not whole and not pieces:
            yield name


def _is_linked(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _links(snapshot: Path) -> Iterator[Path]:
    """Yield the links into the repository's own blobs."""
    blobs = snapshot.parent.parent / "blobs"
    for path in sorted(snapshot.rglob("*")):
        if path.is_symlink() and _target(path).parent == _target(blobs):
            yield path


def _target(path: Path) -> Path:
    """Return where a link leads, also where nothing is, or where it leads to itself."""
    return Path(os.path.realpath(path))
