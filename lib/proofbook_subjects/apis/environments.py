"""Virtual environments made on demand: one for each set of requirements, kept until those change.

An environment is made where it stays, since its programs name its folder; a marker that is written
last says that it is whole. Knows nothing about what is installed.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.processes import run

__all__ = ["install_with_pip", "make_environment"]

_FOLDER = "apis-environments"
_MARKER = ".whole.json"
_SECONDS = 1800.0
_PROGRAM = Path("Scripts/python.exe") if os.name == "nt" else Path("bin/python")

Install = Callable[[Path, Sequence[str], Path], None]
"""Takes the environment's Python, what to install, and a file for what the installer prints."""


def make_environment(
    name: str,
    requirements: Sequence[str],
    root: Path,
    *,
    shares_packages: bool = False,
    install: Install | None = None,
) -> Path:
    """Return the Python of an environment that has ``requirements``, making it if need be.

    Jobs that ask at the same time wait for the one that makes it. One that was killed half-way, or
    that has since lost a package or its interpreter, is made again.

    Args:
        name: What it is for; part of its folder's name.
        requirements: As pip takes them; pin them, as they are part of what it is kept by.
        root: The cache.
        shares_packages: Whether it also sees the packages of this interpreter, below its own: for
            what needs the PyTorch that is already here.
        install: What installs; pip by default.

    Raises:
        SubjectError: It cannot be made; the message says where the installer's log is.
    """
    from filelock import FileLock

    folder = root / _FOLDER
    place = folder / f"{name}-{_key(requirements, shares_packages)}"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{place.name}.lock"):
        if not _is_whole(place):
            _make(place, requirements, shares_packages, install or install_with_pip)
    return place / _PROGRAM


def install_with_pip(python: Path, requirements: Sequence[str], log: Path) -> None:
    """Install ``requirements`` into the environment of ``python``.

    Raises:
        SubjectError: pip failed; its own words, in one line.
    """
    words = ["install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    pip = [str(python), "-m", "pip"]
    if importlib.util.find_spec("pip") is not None:
        pip = [sys.executable, "-m", "pip", "--python", str(python)]
    ended = run([*pip, *words, *requirements], timeout=_SECONDS, log=log, name="pip", env=_clean())
    if ended.code != 0:
        wanted = " ".join(requirements)
        raise SubjectError(f"pip install {wanted} {ended.words}: {_fault(ended.output)}; see {log}")


def _key(requirements: Sequence[str], shares_packages: bool) -> str:
    recipe = [sorted(requirements), list(sys.version_info[:3]), _base(), shares_packages]
    if shares_packages:
        recipe.append(_packages())
    return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:12]


def _base() -> str:
    return str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())


def _packages() -> list[str]:
    """Return the folders that this interpreter's packages are in."""
    return [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]


def _make(place: Path, requirements: Sequence[str], shares: bool, install: Install) -> None:
    _empty(place)
    log = place.parent / f"{place.name}.log"
    log.unlink(missing_ok=True)
    try:
        _create(place, log)
        if shares:
            _site(place).joinpath("shared.pth").write_text("\n".join(_packages()) + "\n")
        if requirements:
            install(place / _PROGRAM, requirements, log)
        _mark(place, requirements)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _empty(place: Path) -> None:
    """Remove what an earlier attempt left."""
    try:
        if place.exists():
            shutil.rmtree(place)
    except OSError as error:
        raise SubjectError(f"the broken environment {place} cannot be removed: {error}") from error


def _create(place: Path, log: Path) -> None:
    # ensurepip takes longer than the rest; pip can install into an environment of others.
    pip = [] if importlib.util.find_spec("pip") is None else ["--without-pip"]
    command = [sys.executable, "-m", "venv", *pip, str(place)]
    ended = run(command, timeout=_SECONDS, log=log, name="venv", env=_clean())
    if ended.code != 0:
        raise SubjectError(
            f"the environment {place} cannot be made: venv {ended.words}: "
            f"{_fault(ended.output)}; see {log}"
        )


def _clean() -> dict[str, str]:
    """Return this process's variables without those that lead Python or pip elsewhere."""
    dropped = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER"}
    return {name: value for name, value in os.environ.items() if name not in dropped}


def _fault(output: str) -> str:
    """Return what went wrong, in one line: the errors that are told, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    told = " / ".join(dict.fromkeys(errors)) or (lines[-1] if lines else "it printed nothing")
    return re.sub(r"\s+", " ", told)[:500]


def _site(place: Path) -> Path:
    if os.name == "nt":
        return place / "Lib" / "site-packages"
    return place / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"


def _installed(place: Path) -> list[str]:
    return sorted(path.name for path in _site(place).glob("*.dist-info"))


def _mark(place: Path, requirements: Sequence[str]) -> None:
    """Write down, last and at once, that the environment is whole."""
    beside = place / f"{_MARKER}.new"
    told = {"requirements": list(requirements), "installed": _installed(place)}
    with beside.open("w", encoding="utf-8") as file:
        json.dump(told, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(place / _MARKER)


def _is_whole(place: Path) -> bool:
    marker: object = None
    with contextlib.suppress(OSError, ValueError):
        marker = json.loads((place / _MARKER).read_text(encoding="utf-8"))
    if not isinstance(marker, dict):
        return False
    return marker.get("installed") == _installed(place) and (place / _PROGRAM).exists()
