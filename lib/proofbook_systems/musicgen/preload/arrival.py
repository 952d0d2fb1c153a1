"""Bring the models that are wanted, and what they need next to them, into the cache.

Joins origins, the store and companions. Verifies nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook_systems.musicgen.preload.checksums import read_notes
from proofbook_systems.musicgen.preload.companions import Companion, companions_of
from proofbook_systems.musicgen.preload.manifest import ManifestEntry
from proofbook_systems.musicgen.preload.origins import FolderOrigin
from proofbook_systems.musicgen.preload.resolution import Wanted, find_origin, new_entry
from proofbook_systems.musicgen.preload.store import Preloaded, preload, take_over

__all__ = ["Arrivals", "bring_models"]

_LOG = logging.getLogger("proofbook.musicgen")


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """What is in the cache after bringing."""

    models: list[Wanted]
    """All that were wanted, then what they need next to them."""
    results: dict[str, Preloaded] = field(default_factory=dict)
    """By key; a model that could not be brought is missing."""
    problems: dict[str, str] = field(default_factory=dict)
    """By key: why a model could not be brought."""

    @property
    def entries(self) -> dict[str, ManifestEntry]:
        """The manifest's lines of those of which something is here."""
        return {m.key: m.entry for m in self.models if m.key in self.results}


@dataclass(frozen=True, kw_only=True)
class _Places:
    """Where models are looked for."""

    mirror: str
    offline: bool
    hub: Path | None


def bring_models(
    wanted: Sequence[Wanted],
    known: Mapping[str, ManifestEntry],
    cache: Path,
    *,
    mirror: str,
    offline: bool,
    hub: Path | None = None,
) -> Arrivals:
    """Bring each model, then what its checkpoints need and do not have next to them.

    ``known`` is the manifest, ``hub`` a cache of the hub that is looked into first. Offline, what
    is in the cache already is noted as it is. A model that cannot be brought keeps no other from
    coming.
    """
    arrivals = Arrivals(models=list(wanted))
    places = _Places(mirror=mirror, offline=offline, hub=hub)
    for model in wanted:
        _bring(model, cache, arrivals, places)
    for model in wanted:
        folder = cache / model.entry.local_path
        for companion in _lacking(folder):
            other = _companion(companion, known, arrivals)
            if other not in arrivals.models:
                arrivals.models.append(other)
                _bring(other, cache, arrivals, places)
            if other.key in arrivals.results:
                _attach(cache / other.entry.local_path, folder / companion.place, model, arrivals)
    return arrivals


def _lacking(folder: Path) -> list[Companion]:
    """Return the companions that did not come with the checkpoints themselves."""
    own = read_notes(folder)
    return [c for c in companions_of(folder) if f"{c.place}/config.json" not in own]


def _bring(model: Wanted, cache: Path, arrivals: Arrivals, places: _Places) -> None:
    folder = cache / model.entry.local_path
    try:
        origin = find_origin(model.source, places.mirror, offline=places.offline, hub=places.hub)
        result = take_over(folder) if origin is None else preload(origin, folder)
    except SubjectError as error:
        arrivals.problems[model.key] = str(error)
    else:
        if result is not None:
            arrivals.results[model.key] = result
            return
        arrivals.problems[model.key] = (
            f"{model.entry.hf_id} is not in {folder}, nor in the hub's cache; offline it is not "
            "brought: go online once, or give a folder"
        )
    _LOG.error("%s: %s", model.key, arrivals.problems[model.key])


def _attach(there: Path, place: Path, model: Wanted, arrivals: Arrivals) -> None:
    """Link a companion's files next to the checkpoints of the model that needs it."""
    try:
        preload(FolderOrigin(folder=there, linked=True), place)
    except SubjectError as error:
        arrivals.problems[model.key] = str(error)
        _LOG.error("%s: %s", model.key, error)


def _companion(
    companion: Companion, known: Mapping[str, ManifestEntry], arrivals: Arrivals
) -> Wanted:
    """Return the model that a companion is: one that is wanted or known anyway, or a further."""
    for model in arrivals.models:
        if companion.name in (model.source, model.entry.hf_id):
            return model
    for key, entry in known.items():
        if entry.hf_id == companion.name:
            return Wanted(key=key, source=entry.hf_id, entry=entry)
    taken = {e.local_path for e in (*known.values(), *(m.entry for m in arrivals.models))}
    key = companion.name.split("/")[-1]
    if key in known or key in (model.key for model in arrivals.models):
        key = companion.name.replace("/", "--")
    entry = new_entry(key, companion.name, taken)
    return Wanted(key=key, source=companion.name, entry=entry)
