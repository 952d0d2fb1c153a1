"""Find the interpreter that a project runs with, among the places where tools keep them.

Looks at folders, files and variables alone; nothing of the project is run. Knows virtual
environments, conda, uv, poetry, PDM, pipenv, hatch and pyenv.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import yaml

from proofbook_systems.environment.declared.setup_files import read_tables
from proofbook_systems.environment.folders import relative_name
from proofbook_systems.environment.interpreters.interpreter import Interpreter, ask_interpreter

__all__ = ["find_interpreter"]

_USUAL = (".venv", "venv", "env", ".env", "virtualenv", ".conda", "conda", ".pixi/envs/default")


class _Candidate(NamedTuple):
    path: Path
    found: str


def find_interpreter(
    root: Path, given: str = "", environ: Mapping[str, str] | None = None
) -> Interpreter:
    """Return the interpreter of the project in ``root``, with what is installed in it.

    Args:
        root: The project.
        given: What a person gave: an interpreter, or the folder of an environment; relative ones
            start from ``root``. Empty: it is looked for; ``this`` is the one that runs this.
        environ: The environment variables that say where tools keep environments.
    """
    environ = os.environ if environ is None else environ
    if given == "this":
        return ask_interpreter(Path(sys.executable), "the one that runs this")
    if given:
        return _ask_given(root / Path(given).expanduser(), given)
    for search in _SEARCHES:
        for candidate in search(root, environ):
            return ask_interpreter(candidate.path, candidate.found)
    return Interpreter(path="", found="", problem=_none_found(root))


def _ask_given(path: Path, given: str) -> Interpreter:
    python = _python_in(path) if path.is_dir() else path
    if python is None or not python.is_file():
        command = shutil.which(given) if "/" not in given else None
        if command:
            return ask_interpreter(Path(command), "given")
        problem = f"there is no interpreter at {given}; give python itself, or its environment"
        return Interpreter(path="", found="given", problem=problem)
    return ask_interpreter(python, "given")


_POETRY_UNNAMED = "non-package-mode"
"""What poetry calls a project that has no name, which one that is no package need not have."""


def _none_found(root: Path) -> str:
    return (
        f"no environment of {root} was found (looked for .venv and other virtual environments in "
        "it, and for those of conda, poetry, PDM, pipenv, hatch and pyenv); make one, or give "
        "interpreter=/path/to/python"
    )


def _python_in(folder: Path) -> Path | None:
    """Return the interpreter of an environment; its link, so that it finds its own packages."""
    places = ("bin/python", "bin/python3", "Scripts/python.exe", "python.exe")
    return next((folder / p for p in places if os.path.lexists(folder / p)), None)


def _environment(folder: Path, found: str) -> Iterator[_Candidate]:
    python = _python_in(folder)
    if python is not None:
        yield _Candidate(python, found)


def _in_project(root: Path, environ: Mapping[str, str]) -> Iterator[_Candidate]:
    named = environ.get("UV_PROJECT_ENVIRONMENT", "")
    files = [*sorted(root.glob("*/pyvenv.cfg")), *sorted(root.glob("*/*/pyvenv.cfg"))]
    others = (relative_name(file.parent, root) for file in files)
    for name in dict.fromkeys([*([named] if named else []), *_USUAL, *others]):
        yield from _environment(root / name, f"{name} of the project")


def _above(root: Path, environ: Mapping[str, str]) -> Iterator[_Candidate]:
    """Find the environment of the workspace that a project is a member of."""
    for folder in root.parents:
        if (folder / "uv.lock").is_file():
            yield from _environment(folder / ".venv", f".venv of the workspace {folder}")


def _pdm(root: Path, environ: Mapping[str, str]) -> Iterator[_Candidate]:
    file = root / ".pdm-python"
    if file.is_file():
        yield _Candidate(Path(_text(file)), ".pdm-python")


def _conda(root: Path, environ: Mapping[str, str]) -> Iterator[_Candidate]:
    """Find the conda environment that the project's environment file names."""
    names = [_conda_name(file) for file in sorted(root.glob("*.y*ml"))]
    for name in (each for each in names if each):
        for folder in _conda_environments(environ):
            if folder.name == name:
                yield from _environment(folder, f"conda environment {name}")


def _conda_name(file: Path) -> str:
    if not re.search(r"(?m)^dependencies:", _text(file)):
        return ""
    try:
        loaded = yaml.safe_load(_text(file))
    except yaml.YAMLError:
        return ""  # reading what it declares tells of it
    return str(loaded.get("name") or "") if isinstance(loaded, dict) else ""


def _conda_environments(environ: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environ.get("HOME", "~")).expanduser()
    for line in _text(home / ".conda" / "environments.txt").splitlines():
        yield Path(line.strip())
    roots = [environ.get("CONDA_ROOT"), environ.get("MAMBA_ROOT_PREFIX")]
    if executable := environ.get("CONDA_EXE"):
        roots.append(str(Path(executable).parents[1]))
    usual = ("miniconda3", "anaconda3", "miniforge3", "mambaforge", "micromamba")
    for top in [*(Path(r) for r in roots if r), *(home / name for name in usual)]:
        yield from sorted(top.glob("envs/*"))


def _poetry(root: Path, environ: Mapping[str, str]) -> Iterator[_Candidate]:
    """Find the environment that poetry keeps in its cache, under a hash of the project's path."""
    name = _poetry_name(root)
    if not name:
        return
    home = Path(environ.get("HOME", "~")).expanduser()
    cache = Path(environ.get("POETRY_CACHE_DIR") or home / ".cache" / "pypoetry")
    top = Path(environ.get("POETRY_VIRTUALENVS_PATH") or cache / "virtualenvs")
    digest = hashlib.sha256(os.path.normcase(str(root)).encode()).digest()
    short = base64.urlsafe_b64encode(digest).decode()[:8]
    stem = re.sub(r'[ $`!*@"\\\r\n\t]', "_", name.lower())[:42]
    for folder in sorted(top.glob(f"{stem}-{short}-py*"), reverse=True):
        yield from _environment(folder, f"poetry's environment {folder.name}")


def _poetry_name(root: Path) -> str:
    table = read_tables(root)
    tool = table.get("tool", {})
    if "poetry" not in tool and not (root / "poetry.lock").is_file():
        return ""
    named = table.get("project", {}).get("name") or tool.get("poetry", {}).get("name")
    return str(named or _POETRY_UNNAMED)


def _pipenv(root: Path, environ: Mapping[str, str]) -> Iterator[_Candidate]:
    if not (root / "Pipfile").is_file():
        return
    home = Path(environ.get("HOME", "~")).expanduser()
    top = Path(environ.get("WORKON_HOME") or home / ".local" / "share" / "virtualenvs")
    for folder in sorted(top.glob(f"{root.name}-*")):
        if _text(folder / ".project") == str(root):
            yield from _environment(folder, f"pipenv's environment {folder.name}")


def _hatch(root: Path, environ: Mapping[str, str]) -> Iterator[_Candidate]:
    if "hatch" not in read_tables(root).get("tool", {}):
        return
    home = Path(environ.get("HOME", "~")).expanduser()
    data = Path(environ.get("HATCH_DATA_DIR") or home / ".local" / "share" / "hatch")
    digest = hashlib.sha256(str(root).encode()).digest()
    short = base64.urlsafe_b64encode(digest).decode()[:8]
    for folder in sorted(data.glob(f"env/virtual/*/{short}/*")):
        yield from _environment(folder, f"hatch's environment {folder.name}")


def _pyenv(root: Path, environ: Mapping[str, str]) -> Iterator[_Candidate]:
    """Find the environment that ``.python-version`` names; a bare version is no environment."""
    name = _text(root / ".python-version").split("\n")[0].strip()
    top = Path(environ.get("PYENV_ROOT") or Path(environ.get("HOME", "~")).expanduser() / ".pyenv")
    folder = top / "versions" / name
    if name and ((folder / "pyvenv.cfg").is_file() or (folder / "conda-meta").is_dir()):
        yield from _environment(folder, f"pyenv's environment {name}")


def _active(root: Path, environ: Mapping[str, str]) -> Iterator[_Candidate]:
    """Take the environment that the person has activated, but Proofbook's and conda's base."""
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        folder = environ.get(name, "")
        is_base = name == "CONDA_PREFIX" and environ.get("CONDA_DEFAULT_ENV", "base") == "base"
        if folder and not is_base and Path(folder).resolve() != Path(sys.prefix).resolve():
            yield from _environment(Path(folder), f"the active environment ({name})")


def _own(root: Path, environ: Mapping[str, str]) -> Iterator[_Candidate]:
    """Take this interpreter where the project itself is installed in it, from this folder."""
    own = Path(sys.executable)
    for each in ask_interpreter(own, "").installed:
        if f'"file://{root}"' in unquote(each.direct_url) or each.location == str(root):
            yield _Candidate(own, "this interpreter, in which the project is installed")
            return


_SEARCHES: tuple[Callable[[Path, Mapping[str, str]], Iterator[_Candidate]], ...] = (
    _in_project, _pdm, _above, _poetry, _pipenv, _conda, _pyenv, _hatch, _own, _active,
)  # fmt: skip


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace").strip() if file.is_file() else ""
