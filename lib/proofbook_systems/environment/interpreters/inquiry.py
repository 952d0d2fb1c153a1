"""Print what the interpreter that runs this has installed, as JSON.

Run as a program of its own, by the interpreter of the project under test: Python 3.6 or later, with
nothing but its standard library. Reads metadata on its path, and imports no installed package.
"""

# No future annotations: Python 3.6 runs this.
import json
import os
import platform
import re
import site
import sys
import zipfile
from pathlib import Path

__all__ = ["describe"]


def describe() -> "dict[str, object]":
    """Return version, markers, distributions, modules and conda packages of this interpreter."""
    return {
        "executable": sys.executable,
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "version": platform.python_version(),
        "platform": platform.platform(),
        "markers": _markers(),
        "distributions": [found for folder in _folders() for found in _distributions(folder)],
        "modules": sorted(_modules()),
        "standard": sorted(_standard()),
        "conda": _conda(),
    }


def _markers() -> "dict[str, str]":
    implementation = sys.implementation
    info = implementation.version
    version = "{}.{}.{}".format(info.major, info.minor, info.micro)  # noqa: UP032 - as PEP 508 has it
    if info.releaselevel != "final":
        version += info.releaselevel[0] + str(info.serial)
    return {
        "implementation_name": implementation.name,
        "implementation_version": version,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    }


def _folders() -> "list[Path]":
    """Return the path; with the user's own packages, which isolation has left out of it."""
    folders = list(sys.path)
    if sys.prefix == sys.base_prefix and os.environ.get("PYTHONNOUSERSITE") is None:
        folders += [site.getusersitepackages()]
    return [Path(folder) for folder in dict.fromkeys(folders) if Path(folder).is_dir()]


def _distributions(folder: "Path") -> "list[dict[str, object]]":
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".dist-info":
            found += [_distribution(path, path / "METADATA")]
        elif path.suffix == ".egg-info":
            found += [_distribution(path, path / "PKG-INFO" if path.is_dir() else path)]
        elif path.suffix == ".egg" and path.is_dir():
            found += [_distribution(path / "EGG-INFO", path / "EGG-INFO" / "PKG-INFO")]
        elif path.suffix == ".egg-link":
            found += _linked(path)
    return [each for each in found if each["name"]]


def _linked(path: "Path") -> "list[dict[str, object]]":
    target = Path(_read(path).split("\n")[0].strip())
    infos = sorted(target.glob("*.egg-info"))
    return [dict(_distribution(i, i / "PKG-INFO"), location=str(target)) for i in infos[:1]]


def _distribution(info: "Path", file: "Path") -> "dict[str, object]":
    header = re.split(r"\r?\n\r?\n", _read(file), maxsplit=1)[0]
    fields = re.findall(r"(?m)^([A-Za-z-]+):[ \t]*(.*(?:\n[ \t]+.*)*)", header)
    first = {name.lower(): value.strip() for name, value in reversed(fields)}
    requires = [" ".join(v.split()) for name, v in fields if name.lower() == "requires-dist"]
    return {
        "name": first.get("name", ""),
        "version": first.get("version", ""),
        "requires": requires or _egg_requires(_read(info / "requires.txt")),
        "modules": sorted(_modules_of(info)),
        "location": str(info.parent),
        "direct_url": _read(info / "direct_url.json"),
        "installer": _read(info / "INSTALLER").strip().lower(),
    }


def _egg_requires(text: str) -> "list[str]":
    """Turn the sections of an egg's requires.txt, ``[extra:marker]``, into markers."""
    found, condition = [], ""
    for line in (each.strip() for each in text.splitlines()):
        if line.startswith("["):
            extra, _, marker = line[1:-1].partition(":")
            parts = ["(" + marker + ")"] if marker else []
            parts += ["extra == '" + extra + "'"] if extra else []
            condition = " and ".join(parts)
        elif line:
            found.append(line + (" ; " + condition if condition else ""))
    return found


def _modules_of(info: "Path") -> "set[str]":
    """Return the top-level modules that a distribution has installed, by its own lists."""
    listed = set(_read(info / "top_level.txt").split())
    lines = re.findall(r'(?m)^"?([^",\n]+)', _read(info / "RECORD"))
    lines += _read(info / "installed-files.txt").replace("../", "").splitlines()
    return listed | {name for name in map(_module_at, lines) if name}


def _module_at(path: str) -> str:
    """Return the top-level module that a path in a list of files belongs to."""
    first, _, rest = path.replace("\\", "/").partition("/")
    if rest:
        usual = rest.endswith((".py", ".so", ".pyd", ".pyi")) and first.isidentifier()
        return first if usual and first != "__pycache__" else ""
    name, dot, ending = first.partition(".")
    return name if dot and ending.endswith(("py", "so", "pyd")) and name.isidentifier() else ""


def _modules() -> "set[str]":
    """Return the modules that can be imported from the path, without importing any."""
    found = set()
    for path in (each for folder in _folders() for each in folder.iterdir()):
        if path.is_dir():
            found.add(path.name)
        elif path.suffix in (".py", ".so", ".pyd", ".pyc"):
            found.add(path.name.split(".")[0])
    found |= {name for path in map(Path, sys.path) if path.is_file() for name in _zipped(path)}
    return {name for name in found if name.isidentifier()} | _editable()


def _editable() -> "set[str]":
    """Return the modules that finders of editable installs map, which no folder holds."""
    texts = [_read(f) for folder in _folders() for f in folder.glob("__editable__*finder.py")]
    mappings = [re.search(r"(?m)^MAPPING[^=]*=\s*(\{.*?\})", text) for text in texts]
    names = [name for m in mappings if m for name in re.findall(r"'([^']+)':", m.group(1))]
    return {name.split(".")[0] for name in names}


def _zipped(path: "Path") -> "set[str]":
    if not zipfile.is_zipfile(str(path)):
        return set()
    with zipfile.ZipFile(str(path)) as archive:
        return {name.split("/")[0].split(".")[0] for name in archive.namelist()}


def _standard() -> "set[str]":
    known = getattr(sys, "stdlib_module_names", None)
    if known is not None:
        return set(known)
    folder = Path(os.__file__).parent
    paths = [*folder.iterdir(), *(folder / "lib-dynload").glob("*")]
    found = {p.name.split(".")[0] for p in paths if p.suffix in (".py", ".so", "")}
    return set(sys.builtin_module_names) | found - {"site-packages", "dist-packages"}


def _conda() -> "dict[str, str]":
    """Return the packages of a conda environment, those that are not Python's among them."""
    files = Path(sys.prefix, "conda-meta").glob("*.json")
    parts = [file.stem.rsplit("-", 2) for file in files]
    return {name: version for name, version, _ in (p for p in parts if len(p) == 3)}


def _read(path: "Path") -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


if __name__ == "__main__":
    sys.stdout.write(json.dumps(describe()) + "\n")
