"""A cache of built folders: made once, checked at every use, rebuilt where broken.

A folder is built beside its place under a lock and renamed into it, with a manifest of the sha256
of every file. Knows nothing about what is in the folders.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from proofbook.files import hash_file

__all__ = ["cache_root", "cached_folder", "is_whole"]

_MANIFEST = "manifest.sha256.json"


def cache_root(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder of all caches: ``PROOFBOOK_CACHE``, else ``~/.cache/proofbook``."""
    environ = os.environ if environ is None else environ
    chosen = environ.get("PROOFBOOK_CACHE")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "proofbook"


def cached_folder(
    root: Path,
    name: str,
    recipe: Mapping[str, object],
    build: Callable[[Path], None],
    *,
    thorough: bool = True,
) -> Path:
    """Return ``root/<name>-<hash of recipe>``, calling ``build`` on an empty folder if needed.

    Processes that ask at the same time wait for the one that builds. A folder with a missing or
    changed file is built again; unless ``thorough``, sizes and times of the files are compared and
    not their contents, which for gigabytes takes as long as building.
    """
    from filelock import FileLock

    digest = hashlib.sha256(json.dumps(dict(recipe), sort_keys=True).encode()).hexdigest()
    place = root / f"{name}-{digest[:12]}"
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f".{place.name}.lock"):
        if not is_whole(place, thorough=thorough):
            _sweep(root, place.name)
            _build_beside(place, build)
    return place


def is_whole(folder: Path, *, thorough: bool = True) -> bool:
    """Say whether every file that the manifest names is there, unchanged."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
        present = _identities(folder)
        if not manifest or set(manifest) != set(present):
            return False
        if not thorough:
            return all(entry["identity"] == present[path] for path, entry in manifest.items())
        return all(entry["sha256"] == hash_file(folder / path) for path, entry in manifest.items())
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def _build_beside(place: Path, build: Callable[[Path], None]) -> None:
    """Build in a folder beside ``place`` and rename it; what fails leaves nothing behind."""
    beside = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
    try:
        build(beside)
        _write_manifest(beside)
        beside.chmod(0o755)
        beside.rename(place)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def _sweep(root: Path, name: str) -> None:
    """Remove a broken folder, and what builders that were killed left beside it."""
    for path in (root / name, *(p for p in root.glob(f".{name}.*") if p.is_dir())):
        if path.exists():
            shutil.rmtree(path)


def _write_manifest(folder: Path) -> None:
    manifest = {
        path: {"identity": identity, "sha256": hash_file(folder / path)}
        for path, identity in _identities(folder).items()
    }
    with (folder / _MANIFEST).open("w") as file:
        json.dump(manifest, file, indent=1)
        file.flush()
        os.fsync(file.fileno())


def _identities(folder: Path) -> dict[str, list[int]]:
    """Return size and time of change, in nanoseconds, of every file."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != _MANIFEST)
    stats = {path.relative_to(folder).as_posix(): path.stat() for path in files}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}
