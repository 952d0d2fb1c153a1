"""What one line of a declaration asks for, whichever tool's language it is written in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from proofbook.errors import SubjectError

__all__ = ["Declaration", "Wanted", "from_conda", "from_pep508", "from_poetry"]

# Conda has these under other names than the index of Python packages.
_CONDA_NAMES = {
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "opencv": "opencv-python",
    "py-opencv": "opencv-python",
    "pytables": "tables",
    "python-graphviz": "graphviz",
    "pytorch": "torch",
    "pytorch-gpu": "torch",
    "tensorflow-gpu": "tensorflow",
}
_PART = re.compile(r"\s*(\^|~=|~|===|==|!=|>=|<=|=|>|<)?\s*v?([\w.*+!-]+)\s*")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One package that is asked for."""

    name: str
    """Normalised; ``python`` is the interpreter itself."""
    words: str
    """As it was written: ``torch>=2.1``."""
    where: str
    """File and line, or the key in it."""
    versions: tuple[SpecifierSet, ...] = ()
    """It must be in one of these; empty where any version will do."""
    marker: Marker | None = None
    extras: frozenset[str] = frozenset()
    source: str = ""
    """URL or path that it is installed from; empty for an index."""
    manager: Literal["pip", "conda"] = "pip"

    @property
    def package(self) -> str:
        """What the package is called in an interpreter's own account."""
        if self.manager == "pip":
            return self.name
        return str(canonicalize_name(_CONDA_NAMES.get(self.name, self.name)))

    def accepts(self, version: str) -> bool:
        """Say whether ``version`` is one that was asked for; pre-releases are."""
        if not self.versions:
            return True
        try:
            return any(each.contains(version, prereleases=True) for each in self.versions)
        except ValueError:  # a version that is none, of an old package
            return False

    def applies(self, markers: Mapping[str, str]) -> bool:
        """Say whether its marker holds in that environment."""
        return self.marker is None or self.marker.evaluate({**markers, "extra": ""})


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What one file, or one group of it, declares."""

    file: str
    """Relative to the project."""
    group: str = ""
    """Extra or group; empty for what is always needed."""
    wanted: tuple[Wanted, ...] = ()
    constraints: tuple[Wanted, ...] = ()
    """Hold for a package only where it is installed."""
    problems: tuple[str, ...] = ()
    """What cannot be read as it is written, or names a file that is not there."""
    computed: str = ""
    """Why it does not say what is needed, where a program computes that."""
    overridden: frozenset[str] = field(default_factory=frozenset)
    """Packages whose versions the project sets against what others ask for."""

    @property
    def is_conda(self) -> bool:
        """Whether conda reads it."""
        return any(each.manager == "conda" for each in self.wanted)

    @property
    def name(self) -> str:
        """The file, with its group."""
        return f"{self.file}[{self.group}]" if self.group else self.file


def from_pep508(text: str, where: str) -> Wanted:
    """Read a requirement as pip has it.

    Raises:
        SubjectError: It is none.
    """
    try:
        parsed = Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise SubjectError(f"{where}: {text!r} is not a package requirement ({reason})") from error
    return Wanted(
        name=canonicalize_name(parsed.name),
        words=text.partition(";")[0].strip(),
        where=where,
        versions=(parsed.specifier,) if parsed.specifier else (),
        marker=parsed.marker,
        extras=frozenset(parsed.extras),
        source=parsed.url or "",
    )


def from_poetry(name: str, version: str, where: str, **fields: object) -> Wanted:
    """Read a constraint of poetry's: ``^2.1``, ``~1.4``, ``1.*``, ``>=1,<2 || 4.0``.

    Raises:
        SubjectError: It is none.
    """
    words = f"{name} {version}" if version != "*" else name
    return Wanted(
        name=canonicalize_name(name), words=words, where=where,
        versions=_alternatives(version, "||", _poetry_part, words, where), **fields,  # type: ignore[arg-type]
    )  # fmt: skip


def from_conda(text: str, where: str) -> Wanted:
    """Read a match specification of conda's: ``numpy=1.19``, ``defaults::pytorch>=1.7``.

    Raises:
        SubjectError: It is none.
    """
    match = re.fullmatch(r"(?:\S+::)?([\w.-]+)\s*(.*?)(?:\[.*\])?", text.strip())
    if match is None:
        raise SubjectError(f"{where}: {text!r} is not a package as conda names one")
    name, version = match[1], match[2].strip()
    version = re.sub(r"^(==?[^=\s]+)[=\s]\S+$|^([\d.*]+)\s\S+$", r"\1\2", version)  # no build
    return Wanted(
        name=name.lower(), words=text.strip(), where=where, manager="conda",
        versions=_alternatives(version, "|", _conda_part, text, where),
    )  # fmt: skip


def _alternatives(
    version: str, separator: str, read: object, words: str, where: str
) -> tuple[SpecifierSet, ...]:
    if version in ("", "*"):
        return ()
    try:
        return tuple(_specifiers(each, read) for each in version.split(separator))
    except (InvalidSpecifier, ValueError) as error:
        raise SubjectError(f"{where}: {words!r} is not a version constraint") from error


def _specifiers(text: str, read: object) -> SpecifierSet:
    parts = [part for part in re.split(r",|(?<=[\w*])\s+(?=[<>=!~^])", text.strip()) if part]
    texts: Iterable[str] = [read(part) for part in parts]  # type: ignore[operator]
    return SpecifierSet(",".join(texts))


def _split(part: str) -> tuple[str, str]:
    match = _PART.fullmatch(part)
    if match is None:
        raise ValueError(part)
    return match[1] or "", match[2]


def _poetry_part(part: str) -> str:
    operator, version = _split(part)
    if operator in ("^", "~"):
        return f">={version},<{_next(version, caret=operator == '^')}"
    if operator in ("", "="):
        return "" if version == "*" else f"=={version}"
    return f"{operator}{version}"


def _conda_part(part: str) -> str:
    operator, version = _split(part)
    if version == "*":
        return ""
    if operator == "=":
        return f"=={version.removesuffix('.*').removesuffix('*')}.*"
    return f"{operator or '=='}{version}"


def _next(version: str, *, caret: bool) -> str:
    """Return the first version that ``^`` or ``~`` does not accept."""
    numbers = [int(n) for n in re.findall(r"\d+", re.split(r"[-+a-z]", version)[0])]
    if caret:
        place = next((i for i, n in enumerate(numbers) if n), len(numbers) - 1)
    else:
        place = min(1, len(numbers) - 1)
    return ".".join(map(str, [*numbers[:place], numbers[place] + 1]))
