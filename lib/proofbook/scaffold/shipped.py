"""The runbooks and profiles that come with this package, by system.

A wheel carries them as data; an editable install has them in its checkout.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from proofbook.errors import UsageError
from proofbook.extras import known_extras, packages_of_extra
from proofbook.profiles import DEFAULT_PROFILE, Profile, list_profiles, load_profile
from proofbook.project import Project

__all__ = ["Shipped", "find_shipped"]

_OUTPUT_OF = re.compile(r"\bjobs\.([a-z0-9._-]+?)\.outputs\b")


@dataclass(frozen=True, kw_only=True)
class Shipped:
    """Shipped runbooks and profiles of some systems."""

    project: Project
    systems: tuple[str, ...]

    @property
    def root(self) -> Path:
        """The folder that holds ``runbooks/`` and ``parameters/``."""
        return self.project.root

    def files(self) -> list[Path]:
        """Return the systems' profiles and folders, and of other systems what these profiles name.

        Of another system's folder come the runbooks that are named, and what is no runbook.
        """
        profiles = {
            path: [entry.runbook for entry in load_profile(self.project, path.stem)[0].jobs]
            for path in list_profiles(self.project)
            if path.stem != DEFAULT_PROFILE
        }
        ours = {path: named for path, named in profiles.items() if _owner(named) in self.systems}
        named = {name for names in ours.values() for name in names}
        systems = sorted({*self.systems, *map(_system, named)})
        beside = [path for s in systems for path in sorted((self.project.runbooks / s).rglob("*"))]
        return [path for path in beside if self._comes(path, named)] + list(ours)

    def _comes(self, path: Path, named: Collection[str]) -> bool:
        """Say whether a file of a system's folder is copied, where profiles name some runbooks."""
        if not path.is_file() or not _is_ours(path):
            return False
        inside = path.relative_to(self.project.runbooks)
        if inside.parts[0] in self.systems or path.suffix != ".ipynb":
            return True
        return inside.with_suffix("").as_posix() in named

    def tiny(self) -> bytes:
        """Return the systems' jobs of the profile ``tiny``, as text that continues a list of jobs.

        Behind it stands ``warm:``, with the modules that their extras bring.
        """
        profile, file = load_profile(self.project, DEFAULT_PROFILE)
        lines = file.path.read_text(encoding="utf-8").splitlines()
        jobs = [
            _block(lines, file.line(("jobs", index)))
            for index in _entries_of(profile, self.systems)
        ]
        warm = self._warm(profile) if jobs else []
        return "".join(f"\n{part}\n" for part in [*jobs, *warm]).encode()

    def _warm(self, profile: Profile) -> list[str]:
        """Return the text of ``warm:`` with what Proofbook or an extra of the systems brings."""
        extras = {extra: packages_of_extra(extra) for extra in known_extras()}
        modules = []
        for module in profile.warm:
            package = module.partition(":")[0].partition(".")[0]
            bringing = {extra for extra, packages in extras.items() if package in packages}
            if not bringing or bringing & set(self.systems):
                modules.append(f"  - {module}")
        about = "# What warm kernels have imported before the first cell runs.\nwarm:"
        return ["\n".join([about, *modules])] if modules else []


def find_shipped(systems: Sequence[str]) -> Shipped:
    """Return what is shipped of some systems, and of those whose jobs they need.

    Raises:
        UsageError: There is no such system.
    """
    inside, checkout = Path(__file__).parent / "shipped", Path(__file__).parents[3]
    project = Project(inside if inside.is_dir() else checkout)
    known = sorted(path.name for path in project.runbooks.glob("*/") if any(path.glob("*.ipynb")))
    if unknown := [name for name in systems if name not in known]:
        raise UsageError(
            f"--with {', '.join(unknown)}: no such system; there are: {', '.join(known)}"
        )
    profile, _ = load_profile(project, DEFAULT_PROFILE)
    wanted = set(systems)
    while needed := _needed(profile, wanted) - wanted:
        wanted |= needed
    return Shipped(project=project, systems=tuple(sorted(wanted)))


def _is_ours(path: Path) -> bool:
    """Say whether a file is part of what is shipped, and not what tools leave in a checkout."""
    return not {".ipynb_checkpoints", "__pycache__"} & set(path.parts)


def _owner(runbooks: Sequence[str]) -> str:
    """Return the system that most of a profile's runbooks are of; of equals, the last."""
    return Counter(map(_system, reversed(runbooks))).most_common(1)[0][0]


def _system(runbook: str) -> str:
    return runbook.partition("/")[0]


def _entries_of(profile: Profile, systems: Iterable[str]) -> list[int]:
    return [
        number
        for number, entry in enumerate(profile.jobs)
        if _system(entry.runbook) in set(systems)
    ]


def _needed(profile: Profile, systems: Iterable[str]) -> set[str]:
    """Return the systems of the jobs that those of ``systems`` need."""
    own = [profile.jobs[number] for number in _entries_of(profile, systems)]
    names = {need for entry in own for need in entry.needs}
    names |= {name for entry in own for name in _OUTPUT_OF.findall(entry.model_dump_json())}
    return {
        _system(entry.runbook) for entry in profile.jobs
        if any(name in (entry.name, entry.runbook) or name.startswith(f"{entry.name}-")
               for name in names)
    }  # fmt: skip


def _block(lines: list[str], start: int) -> str:
    """Return the lines of the list item that begins on line ``start``, from 1."""
    first = lines[start - 1]
    depth = len(first) - len(first.lstrip())
    block = [first]
    for line in lines[start:]:
        if line.strip() and len(line) - len(line.lstrip()) <= depth:
            break
        block.append(line)
    return "\n".join(block).rstrip()
