"""From what a person writes to an origin, a place in the cache, and a line of the manifest."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from proofbook.errors import SubjectError
from proofbook.systems.musicgen.audiocraft.reference import reference_checkpoints
from proofbook.systems.musicgen.cache import cache_root
from proofbook.systems.musicgen.preload.manifest import ManifestEntry
from proofbook.systems.musicgen.preload.origins import FolderOrigin, MirrorOrigin, Origin
from proofbook.systems.musicgen.reference import reference_folder

__all__ = ["Wanted", "cache_folder", "is_offline", "resolve_origin", "wanted_models"]

_REFERENCE = "reference:"
_ADDRESS = re.compile(r"https?://")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
_WANTED = ["*.json", "*.safetensors", "*.model", "*state_dict.bin"]
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_PURPOSE, _LICENSE = "text to music", "CC-BY-NC 4.0"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A model that is to be in the cache."""

    key: str
    source: str
    """As a person wrote it, or the manifest's hub id."""
    entry: ManifestEntry


def cache_folder(chosen: str, environ: Mapping[str, str] | None = None) -> Path:
    """Return the cache: the one chosen, else ``AUDIOCRAFT_CACHE_DIR``, else Proofbook's own."""
    environ = os.environ if environ is None else environ
    named = chosen or environ.get("AUDIOCRAFT_CACHE_DIR", "")
    return Path(named).expanduser() if named else cache_root(environ) / "models"


def is_offline(wanted: bool, environ: Mapping[str, str] | None = None) -> bool:
    """Say whether the network is not to be tried; ``HF_HUB_OFFLINE`` is honoured."""
    environ = os.environ if environ is None else environ
    return wanted or environ.get("HF_HUB_OFFLINE", "0").lower() in ("1", "true", "yes", "on")


def wanted_models(models: Mapping[str, str], manifest: Mapping[str, ManifestEntry]) -> list[Wanted]:
    """Return the models asked for, by key; one without a source is the manifest's.

    Raises:
        SubjectError: A key has neither a source nor a line in the manifest.
    """
    found = []
    for key, source in models.items():
        entry = manifest.get(key)
        if not source and entry is None:
            known = ", ".join(manifest) or "none"
            raise SubjectError(f"model {key} has no source and is not in the manifest ({known})")
        if entry is None:
            place = re.sub(r"[^\w.-]+", "-", key).strip("-.") or "model"
            entry = ManifestEntry(
                hf_id=source, local_path=place, purpose=_PURPOSE, license=_LICENSE
            )
        found.append(Wanted(key=key, source=source or entry.hf_id, entry=entry))
    return found


def resolve_origin(source: str, mirror: str, *, offline: bool) -> Origin | None:
    """Return where a model comes from; None where that would need the network and is not to.

    ``source`` is ``reference:<size>`` or ``reference:<size>/<form>``, a folder, a web address, or a
    hub id, which is looked for under ``mirror`` where there is one.

    Raises:
        SubjectError: There is no such folder or model, or the hub does not give it.
    """
    if source.startswith(_REFERENCE):
        name = source.removeprefix(_REFERENCE)
        folder = reference_checkpoints(name) if "/" in name else reference_folder(name)
        return FolderOrigin(folder=folder)
    path = Path(source).expanduser()
    if path.is_dir():
        return FolderOrigin(folder=path.resolve())
    if not _ADDRESS.match(source) and not _HUB_ID.fullmatch(source):
        raise SubjectError(
            f"model source {source} is no folder here; give a folder, a hub id, or an address"
        )
    if offline:
        return _hub_cache(source)
    if _ADDRESS.match(source) or mirror:
        base = source if _ADDRESS.match(source) else f"{mirror.rstrip('/')}/{source}"
        client = httpx.Client(timeout=_TIMEOUT, follow_redirects=True)
        return MirrorOrigin(base=base, client=client)
    return _hub(source)


def _hub_cache(source: str) -> Origin | None:
    """Return what the hub's cache has of a repository, without the network."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return FolderOrigin(folder=Path(snapshot_download(source, local_files_only=True)))
    except (LocalEntryNotFoundError, HFValidationError):
        return None


def _hub(source: str) -> Origin:
    """Download a repository into the hub's cache, which resumes and locks by itself."""
    from huggingface_hub import HfApi, snapshot_download

    try:
        HfApi().model_info(source, timeout=10)
        folder = snapshot_download(source, allow_patterns=_WANTED)
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise SubjectError(
            f"model {source} cannot be brought from the hub ({reason[0][:160]}); check the id and "
            "the network, give a mirror or a folder, or work offline with what is there"
        ) from error
    return FolderOrigin(folder=Path(folder))
