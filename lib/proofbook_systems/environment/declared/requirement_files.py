"""Requirements files as pip reads them: ``-r``, ``-c``, ``-e``, hashes, markers, URLs.

Static: nothing is fetched or installed. Knows nothing about what is installed.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlparse

from packaging.utils import canonicalize_name

from proofbook.errors import SubjectError
from proofbook_systems.environment.declared.setup_files import distribution_name
from proofbook_systems.environment.declared.wanted import Declaration, Wanted, from_pep508
from proofbook_systems.environment.folders import relative_name

__all__ = ["read_commented", "read_lines", "read_listed", "read_requirements"]

_OPTION = re.compile(r"(-r|--requirement|-c|--constraint|-e|--editable)(?:\s+|=|(?<=-[rce]))(.+)")
_COMMENTED = re.compile(r"#\s*([A-Za-z][\w.-]*\s*(?:==|>=|~=|<=)\s*\d[\w.]*)(?:\s.*)?")
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass
class _Reading:
    """What has been read so far."""

    root: Path
    wanted: list[Wanted] = field(default_factory=list)
    constraints: list[Wanted] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    seen: set[tuple[Path, bool]] = field(default_factory=set)


def read_requirements(path: Path, root: Path) -> Declaration:
    """Read a requirements file with those that it includes; what cannot be read is a problem."""
    reading = _Reading(root)
    _read_file(path, reading, constrains=False)
    return _declaration(path, reading)


def read_commented(path: Path, root: Path) -> tuple[Wanted, ...]:
    """Return what a requirements file has in remarks, as options that a user may uncomment."""
    name = relative_name(path, root)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    options = (match[1] for line in lines if (match := _COMMENTED.fullmatch(line.strip())))
    return tuple(from_pep508(option, name) for option in options)


def read_listed(lines: Iterable[str], path: Path, root: Path) -> Declaration:
    """Read lines of a requirements file that another kind of file, at ``path``, holds."""
    reading = _Reading(root)
    for line in lines:
        _try_line(line, path, relative_name(path, root), reading, constrains=False)
    return _declaration(path, reading)


def _declaration(path: Path, reading: _Reading) -> Declaration:
    return Declaration(
        file=relative_name(path, reading.root),
        wanted=tuple(reading.wanted),
        constraints=tuple(reading.constraints),
        problems=tuple(reading.problems),
    )


def read_lines(text: str) -> list[tuple[int, str]]:
    """Return the lines that say something, with their numbers; continued ones are joined."""
    found: list[tuple[int, str]] = []
    began, joined = 0, ""
    for number, line in enumerate([*text.splitlines(), ""], 1):
        began = began if joined else number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            joined += line[:-1] + " "
            continue
        bare = re.sub(r"(^|\s+)#.*$", "", joined + line).strip()
        found += [(began, bare)] if bare else []
        joined = ""
    return found


def _read_file(path: Path, reading: _Reading, *, constrains: bool) -> None:
    if (path, constrains) in reading.seen:
        return
    reading.seen.add((path, constrains))
    name = relative_name(path, reading.root)
    try:
        text = _decode(path.read_bytes())
    except (OSError, UnicodeDecodeError) as error:
        reading.problems.append(f"{name} cannot be read: {error}")
        return
    for number, line in read_lines(text):
        _try_line(line, path, f"{name}:{number}", reading, constrains=constrains)


def _try_line(line: str, path: Path, where: str, reading: _Reading, *, constrains: bool) -> None:
    try:
        _read_line(line, path, where, reading, constrains)
    except SubjectError as error:
        reading.problems.append(str(error))
    except ValueError as error:  # an address that is none
        reading.problems.append(f"{where}: {line!r} cannot be read: {error}")


def _decode(data: bytes) -> str:
    encoding = next((name for bom, name in _BOMS.items() if data.startswith(bom)), "utf-8")
    return data.decode(encoding)


def _read_line(line: str, path: Path, where: str, reading: _Reading, constrains: bool) -> None:
    option = _OPTION.match(line)
    if option and option[1] in ("-e", "--editable"):
        reading.wanted.append(_from_place(option[2].strip(), path, where, reading.root))
    elif option:
        _include(option[2].strip(), option[1], path, where, reading, constrains)
    elif not line.startswith("-"):
        target = reading.constraints if constrains else reading.wanted
        target.append(_from_line(line, path, where, reading.root))


def _include(
    name: str, option: str, path: Path, where: str, reading: _Reading, constrains: bool
) -> None:
    if "://" in name:
        return  # an address: what it holds is not in the project
    file = (path.parent / name).resolve()
    if not file.is_file():
        raise SubjectError(f"{where}: {name} is not there")
    _read_file(file, reading, constrains=constrains or option in ("-c", "--constraint"))


def _from_line(line: str, path: Path, where: str, root: Path) -> Wanted:
    bare = re.split(r"\s+--[a-z-]+(?:[=\s]|$)", line)[0].strip().rstrip(";")  # --hash
    is_place = re.match(r"[\w+]+://|\.{0,2}/|\.$|file:", bare) or bare.endswith((".whl", ".tar.gz"))
    if is_place and " @ " not in bare:
        return _from_place(bare, path, where, root)
    return from_pep508(bare, where)


def _from_place(place: str, path: Path, where: str, root: Path) -> Wanted:
    """Return what a path or an address brings; its name is read from the file or the address."""
    bare, _, fragment = place.partition("#")
    bare = bare.partition(" ;")[0].strip()
    egg = re.search(r"egg=([\w.-]+)", fragment)
    extras = re.search(r"\[([\w,\s-]+)\]$", bare)
    bare = re.sub(r"\[[\w,\s-]+\]$", "", bare)
    folder = (path.parent / bare.removeprefix("file://")).resolve()
    if "://" not in bare.removeprefix("file://") and not folder.exists():
        raise SubjectError(f"{where}: {bare} is not there")
    name = egg[1] if egg else _name_of(bare, folder)
    return Wanted(
        name=canonicalize_name(name), words=place, where=where,
        source=folder.as_uri() if folder.is_dir() else bare,
        extras=frozenset(re.findall(r"[\w-]+", extras[1])) if extras else frozenset(),
    )  # fmt: skip


def _name_of(place: str, folder: Path) -> str:
    """Return the package's name, as far as it can be told; empty where it cannot."""
    if folder.is_dir():
        return distribution_name(folder)
    file = unquote(Path(urlparse(place).path).name)
    if file.endswith(".whl"):
        return file.split("-")[0]
    archive = re.fullmatch(r"([\w.-]+?)-\d[\w.]*\.(?:tar\.\w+|zip|tgz)", file)
    return archive[1] if archive else re.sub(r"(\.git)?(@.*)?$", "", file)
