"""From what a person writes to an origin, a place in the cache, and a line of the manifest."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx

from proofbook.caching import cache_root
from proofbook.errors import SubjectError
from proofbook.subjects import is_reference, resolve_reference
from proofbook_systems.musicgen.preload.hub import (
    cached_hub_origin,
    hub_origin,
    hub_snapshot,
    snapshot_origin,
)
from proofbook_systems.musicgen.preload.manifest import ManifestEntry
from proofbook_systems.musicgen.preload.mirrors import MirrorOrigin, without_password
from proofbook_systems.musicgen.preload.origins import FolderOrigin, Origin
from proofbook_systems.musicgen.preload.store import log_progress
from proofbook_systems.musicgen.snapshots import is_repository, is_snapshot, snapshot_of

__all__ = [
    "FRESH", "Wanted", "cache_folder", "find_origin", "hub_cache", "is_offline", "new_entry",
    "place_under", "wanted_models",
]  # fmt: skip

FRESH = "fresh"
_ADDRESS = re.compile(r"https?://")
_FILE_ADDRESS = "file://"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_PUBLISHED = {key: f"facebook/musicgen-{key}" for key in ("small", "medium", "large")}
_KNOWN = (
    (r"(facebook/musicgen.*)", "text to music", "CC-BY-NC-4.0"),
    (r"(facebook/encodec.*)", "audio codec", ""),
    (r"(google(-t5)?/)?(flan-)?t5-.*", "text encoder", "Apache-2.0"),
)
"""Id, purpose and licence of published models; a licence that is not known is left empty."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A model that is to be in the cache."""

    key: str
    source: str
    """As a person wrote it, or the manifest's hub id."""
    entry: ManifestEntry


def place_under(project: str, path: str) -> Path:
    """Return a path as given, or below ``project`` where it is relative; empty is here."""
    return Path(project).expanduser() / Path(path).expanduser()


def cache_folder(chosen: str, project: str = "", environ: Mapping[str, str] | None = None) -> Path:
    """Return the cache: the one chosen, else ``AUDIOCRAFT_CACHE_DIR``, else Proofbook's own.

    ``fresh`` is a new one, which goes when this process ends. So is that of a cache of the hub:
    it is read, and its owner is the hub's own library.
    """
    environ = os.environ if environ is None else environ
    if chosen == FRESH or hub_cache(chosen, project, environ):
        fresh = Path(tempfile.mkdtemp(prefix="proofbook-models-"))
        atexit.register(shutil.rmtree, fresh, ignore_errors=True)
        return fresh
    if chosen:
        return place_under(project, chosen)
    named = environ.get("AUDIOCRAFT_CACHE_DIR", "")
    return Path(named).expanduser() if named else cache_root(environ) / "models"


def hub_cache(
    chosen: str, project: str = "", environ: Mapping[str, str] | None = None
) -> Path | None:
    """Return the hub's cache that was given for a cache; None where it is none.

    Given may be the cache, the ``HF_HOME`` that it is in, or the folder of a repository in it.
    """
    if chosen == FRESH:
        return None
    named = (os.environ if environ is None else environ).get("AUDIOCRAFT_CACHE_DIR", "")
    if not chosen and not named:
        return None
    place = place_under(project, chosen) if chosen else Path(named).expanduser()
    if is_repository(place):
        return place.parent
    found = (f for f in (place, place / "hub") if any(f.glob("models--*/snapshots")))
    return next(found, None)


def is_offline(wanted: bool, environ: Mapping[str, str] | None = None) -> bool:
    """Say whether the network is not to be tried.

    ``HF_HUB_OFFLINE`` is honoured, and where it is not set ``TRANSFORMERS_OFFLINE``.
    """
    environ = os.environ if environ is None else environ
    switch = environ.get("HF_HUB_OFFLINE") or environ.get("TRANSFORMERS_OFFLINE", "")
    return wanted or switch.lower() in ("1", "true", "yes", "on")


def wanted_models(models: Mapping[str, str], manifest: Mapping[str, ManifestEntry]) -> list[Wanted]:
    """Return the models asked for, by key.

    One without a source is the manifest's, or else the published one of that size.

    Raises:
        SubjectError: A key has no source anywhere, or is another model in the manifest.
    """
    wanted: list[Wanted] = []
    for key, source in models.items():
        known = manifest.get(key)
        named = source or (known.hf_id if known else _PUBLISHED.get(key, ""))
        if not named:
            keys = ", ".join(manifest) or "none"
            raise SubjectError(f"model {key} has no source and is not in the manifest ({keys})")
        if known is not None and _is_identity(named) and named != known.hf_id:
            raise SubjectError(
                f"model {key} is {known.hf_id} in the manifest and {named} is asked for; use "
                "another key, another cache, or correct the manifest"
            )
        taken = {e.local_path for e in (*manifest.values(), *(w.entry for w in wanted))}
        wanted.append(Wanted(key=key, source=named, entry=known or new_entry(key, named, taken)))
    return wanted


def new_entry(key: str, source: str, taken: set[str]) -> ManifestEntry:
    """Return a line of the manifest for a model, at a place that is not ``taken``.

    The place is called after what the model is, so that another one does not end up there.
    """
    place = re.sub(r"[^\w.-]+", "-", source.replace("/", "--") if _is_identity(source) else key)
    place = place.strip("-.") or "model"
    while place in taken:
        place = f"{place}-{re.sub(r'[^A-Za-z0-9]+', '-', key).strip('-') or 'too'}"
    known = [k for k in _KNOWN if re.fullmatch(k[0], source)]
    _, purpose, license_ = known[0] if known else ("", "text to music", "")
    return ManifestEntry(
        hf_id=without_password(source), local_path=place, purpose=purpose, license=license_
    )


def find_origin(
    source: str, mirror: str, *, offline: bool, hub: Path | None = None
) -> Origin | None:
    """Return where a model comes from; None where that would need the network and is not to.

    ``source`` is ``reference:<name>``, a folder, a ``file`` or web address, or a hub id, which is
    looked for in ``hub``, a cache of the hub, and then under ``mirror``, a folder or address, if
    given.

    Raises:
        SubjectError: There is no such folder or model, or the hub does not give it.
    """
    if reference := resolve_reference(source, "musicgen.model", "musicgen.checkpoints"):
        return FolderOrigin(folder=reference.path)
    if folder := _folder(source):
        return _folder_origin(folder)
    if not _ADDRESS.match(source) and not _HUB_ID.fullmatch(source):
        raise SubjectError(
            f"model source {source} is not a folder here; give a folder, a hub id, or an address"
        )
    if hub and not _ADDRESS.match(source) and (origin := hub_snapshot(source, hub)):
        return origin
    if mirror and not _ADDRESS.match(source):
        source = f"{mirror.rstrip('/')}/{source}"
        if not _ADDRESS.match(mirror):
            return FolderOrigin(folder=_folder_of_mirror(source))
    if _ADDRESS.match(source):
        client = httpx.Client(timeout=_TIMEOUT, follow_redirects=True)
        return None if offline else MirrorOrigin(base=source, client=client)
    other = os.environ.get("AUDIOCRAFT_CACHE_DIR", "")
    return (
        cached_hub_origin(source, other) if offline else hub_origin(source, log_progress(), other)
    )


def _is_identity(source: str) -> bool:
    """Say whether a source names a model itself, and not a place that some model is at."""
    if is_reference(source):
        return True
    return bool(_HUB_ID.fullmatch(source)) and not Path(source).is_dir()


def _folder(source: str) -> Path | None:
    if source.startswith(_FILE_ADDRESS):
        source = url2pathname(urlsplit(source).path)
    path = Path(source).expanduser()
    return path.resolve() if path.is_dir() else None


def _folder_origin(folder: Path) -> FolderOrigin:
    """Return a folder as an origin; one in a cache of the hub has checksums in its names."""
    if is_repository(folder):
        folder = snapshot_of(folder) or folder
    return snapshot_origin(folder) if is_snapshot(folder) else FolderOrigin(folder=folder)


def _folder_of_mirror(source: str) -> Path:
    folder = _folder(source)
    if folder is None:
        raise SubjectError(f"mirror folder {source} does not exist; check the mirror and the id")
    return folder
