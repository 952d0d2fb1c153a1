"""Reference subjects: what ``reference:<name>`` in a parameter stands for.

Any installed package brings some by entry points of the group ``proofbook.subjects``. An entry
point is called after the parameter that takes them, ``<system>.<parameter>``, and loads a mapping
from names to functions; such a function makes the subject below a folder and returns its path. A
package with several mappings for one parameter adds a name of its own to each:
``<system>.<parameter>.<name>``.
``random:<name>`` is short for ``reference:random-<name>``.

Knows no subject, and imports a package only when a reference of its kind is asked for.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import NamedTuple

from proofbook.caching import cache_root
from proofbook.errors import SubjectError

__all__ = ["GROUP", "Makers", "Reference", "is_reference", "resolve_reference"]

GROUP = "proofbook.subjects"

Makers = Mapping[str, Callable[[Path], Path]]
"""Name to a function that makes the subject below a folder and returns where it is."""

_PREFIXES = {"reference:": "", "random:": "random-"}


class Reference(NamedTuple):
    """A reference subject that is on this disk."""

    name: str
    """As in ``reference:<name>``."""
    path: Path


class _Offer(NamedTuple):
    """The subjects of one entry point, or why there are none."""

    package: str
    makers: Makers
    fault: str = ""


def resolve_reference(text: str, *kinds: str, root: Path | None = None) -> Reference | None:
    """Return the reference subject that ``text`` names; None where it is not a reference.

    Args:
        text: What a person wrote for a parameter.
        kinds: Names of entry points: ``musicgen.model``.
        root: Folder below which the subject is made, or found from an earlier time; by default
            the cache.

    Raises:
        SubjectError: No package brings it, two do, or one promises it and does not bring it.
    """
    name = _reference_name(text)
    if name is None:
        return None
    offers = list(_offers(kinds))
    brought = [offer for offer in offers if name in offer.makers]
    if not brought:
        raise SubjectError(_unknown(text, kinds, offers))
    if len(brought) > 1:
        packages = " and ".join(offer.package for offer in brought)
        raise SubjectError(f"{text} is brought by {packages}; uninstall one of them")
    path = brought[0].makers[name](root or cache_root())
    if not isinstance(path, Path) or not path.exists():
        raise SubjectError(
            f"{brought[0].package} promises {text} and does not bring it: its function returned "
            f"{path!r}, which is not an existing path"
        )
    return Reference(name, path)


def is_reference(text: str) -> bool:
    """Say whether ``text`` names a reference subject, whether or not there is one."""
    return _reference_name(text) is not None


def _reference_name(text: str) -> str | None:
    for prefix, start in _PREFIXES.items():
        if text.startswith(prefix):
            return start + text.removeprefix(prefix)
    return None


def _offers(kinds: tuple[str, ...]) -> Iterator[_Offer]:
    entries = importlib.metadata.entry_points(group=GROUP)
    for kind in kinds:
        for entry in entries:
            if entry.name == kind or entry.name.startswith(f"{kind}."):
                yield _load(entry)


def _load(entry: EntryPoint) -> _Offer:
    package = f"package {entry.dist.name}" if entry.dist else "a package without a name"
    promise = f"{package} promises {entry.value} and does not bring it"
    try:
        makers = entry.load()
    except Exception as error:  # noqa: BLE001 - foreign code raises anything; the fault is reported
        return _Offer(package, {}, f"{promise}: {_first_line(error)}")
    if not isinstance(makers, Mapping):
        return _Offer(package, {}, f"{promise}: it is not a mapping of names to functions")
    for name, make in makers.items():
        if not callable(make):
            return _Offer(
                package, {}, f"{promise}: its reference:{name} is {make!r}, not a function"
            )
    return _Offer(package, makers)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _unknown(text: str, kinds: tuple[str, ...], offers: list[_Offer]) -> str:
    names = ", ".join(f"reference:{name}" for offer in offers for name in offer.makers)
    faults = [offer.fault for offer in offers if offer.fault]
    choice = f"take one of {names}" if names else "no installed package brings one"
    return "; ".join([f"there is no {text} for {' or '.join(kinds)}", choice, *faults])
