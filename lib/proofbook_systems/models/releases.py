"""Another release of transformers beside the installed one: fetched on demand, and kept apart.

A folder of its own holds the release and what it depends on, but for PyTorch; a process that tries
types is given it on ``PYTHONPATH``, so that nothing of this environment is changed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from proofbook.caching import cached_folder
from proofbook.errors import SubjectError
from proofbook.processes import run
from proofbook_systems.models.catalogue import ModelType

__all__ = ["INSTALLED", "fetch_release", "is_release", "list_types_of", "with_packages"]

INSTALLED = "installed"
"""What stands for the release that is here."""

_SECONDS = 1800.0
_LIST_SECONDS = 300.0
_RELEASE = re.compile(r"\d+\.\d+(\.\d+)?((a|b|rc|\.dev)\d+)?")


def is_release(text: str) -> bool:
    """Say whether a text is a number of a release, as ``5.20.0``."""
    return _RELEASE.fullmatch(text) is not None


def fetch_release(version: str, root: Path) -> Path:
    """Return a folder with a release and its dependencies, fetching them with pip if need be.

    Args:
        version: As ``5.20.0``.
        root: Where releases are kept.

    Raises:
        SubjectError: pip cannot fetch it; the message has its own words.
    """
    recipe = {"transformers": version, "python": list(sys.version_info[:2])}
    log = root / f"transformers-{version}.log"
    return cached_folder(
        root,
        f"transformers-{version}",
        recipe,
        lambda folder: _install(version, folder, log),
        thorough=False,
    )


def _install(version: str, place: Path, log: Path) -> None:
    if importlib.util.find_spec("pip") is None:
        raise SubjectError(
            f"transformers {version} cannot be fetched: this environment has no pip; give a file "
            "of results instead"
        )
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check",
               "--no-input", "--progress-bar", "off", "--no-compile", "--target", str(place),
               f"transformers=={version}"]  # fmt: skip
    ended = run(command, timeout=_SECONDS, log=log, name="pip")
    if ended.code != 0:
        last = (ended.output.strip().splitlines() or ["it printed nothing"])[-1]
        raise SubjectError(f"transformers {version} cannot be fetched: {last}; see {log}")


def list_types_of(packages: Path | None) -> Mapping[str, ModelType]:
    """Return the model types that a release knows; those of the installed one where it is None.

    Raises:
        SubjectError: The release cannot be imported here.
    """
    if packages is None:
        from proofbook_systems.models.catalogue import list_types

        return list_types()
    ended = run([sys.executable, "-c", _LISTING], timeout=_LIST_SECONDS, name="transformers",
                env=with_packages(os.environ, packages))  # fmt: skip
    line = next((part for part in ended.output.splitlines() if part.startswith("[{")), "")
    if ended.code != 0 or not line:
        last = (ended.output.strip().splitlines() or ["it printed nothing"])[-1]
        raise SubjectError(f"{packages} cannot be imported: {last}")
    return _read_types(json.loads(line))


_LISTING = (
    "import json; from dataclasses import asdict;"
    "from proofbook_systems.models.catalogue import list_types;"
    "print(json.dumps([asdict(each) for each in list_types().values()]))"
)


def _read_types(rows: Sequence[Mapping[str, object]]) -> dict[str, ModelType]:
    found = {}
    for row in rows:
        heads = row["heads"]
        assert isinstance(heads, dict)
        name = str(row["name"])
        classes = {head: tuple(names) for head, names in heads.items()}
        found[name] = ModelType(name=name, config=str(row["config"]), heads=classes)
    return found


def with_packages(environment: Mapping[str, str], packages: Path | None) -> dict[str, str]:
    """Return an environment in which a release is found before the installed one."""
    if packages is None:
        return dict(environment)
    before = environment.get("PYTHONPATH", "")
    return {**environment, "PYTHONPATH": os.pathsep.join(filter(None, [str(packages), before]))}
