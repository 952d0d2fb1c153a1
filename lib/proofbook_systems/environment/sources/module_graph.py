"""Which files of a project run whenever it is used, and which only with a feature of it.

A file that others import only under conditions or in a try belongs to a feature, and so does what
it alone imports, all of a package that is one, and what has requirements of its own. An import in a
function is made for speed or against a circle as often as for a feature. Knows nothing about what
is installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from proofbook_systems.environment.sources.imports import Import
from proofbook_systems.environment.sources.source_files import Sources

__all__ = ["feature_files"]

_Imports = Mapping[Path, Iterable[Import]]


def feature_files(imports: _Imports, sources: Sources) -> frozenset[Path]:
    """Return the files that only a feature needs."""
    always: dict[Path, set[Path]] = {file: set() for file in imports}
    lazily: set[Path] = set()
    for file, found in imports.items():
        for each in found:
            targets = {t for t in _targets(file, each, sources) if t in imports and t != file}
            if each.need == "typing" and file.name != "__init__.py":
                continue  # of annotations; a package's own stands for what it loads lazily
            certain = each.need in ("always", "later") and file not in sources.optional
            (always[file] if certain else lazily).update(targets)
    referenced = lazily.union(*always.values()) if always else lazily
    tops = {f for f in imports if f.name == "__init__.py" and f.parent.parent in sources.bases}
    sure = _closure((set(imports) - referenced | tops) - sources.optional, always)
    features = _closure(lazily | sources.optional, always) - sure
    packages = {file.parent for file in features if file.name == "__init__.py"}
    return frozenset(features | {f for f in imports if packages.intersection(f.parents)})


def _closure(start: set[Path], edges: Mapping[Path, set[Path]]) -> set[Path]:
    found: set[Path] = set()
    waiting = list(start)
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += edges[file]
    return found


def _targets(file: Path, found: Import, sources: Sources) -> Iterator[Path]:
    """Yield the files of the project that an import runs."""
    parts = found.name.split(".") if found.name else []
    if found.level:
        bases: Iterable[Path] = [file.parents[found.level - 1]]
    else:
        bases = sources.bases if sources.has_module(found.module) else ()
    for base in bases:
        place = base
        for part in parts:
            place = place / part
            yield from _files(place)
        for name in found.names:
            yield from _files(place / name)
        if not parts:
            yield place / "__init__.py"


def _files(place: Path) -> tuple[Path, Path]:
    return place.with_name(f"{place.name}.py"), place / "__init__.py"
