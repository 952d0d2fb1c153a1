"""Interpreters and environments of projects: as their account, and as folders on the disk."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from proofbook_systems.environment.interpreters.interpreter import Distribution, Interpreter

MARKERS = {
    "implementation_name": "cpython", "implementation_version": "3.11.7", "os_name": "posix",
    "platform_machine": "x86_64", "platform_python_implementation": "CPython",
    "platform_release": "6.1", "platform_system": "Linux", "platform_version": "1",
    "python_full_version": "3.11.7", "python_version": "3.11", "sys_platform": "linux",
}  # fmt: skip


_GONE = {"asynchat", "asyncore", "distutils", "imp", "smtpd"}
"""What the standard library has no more from Python 3.12 on."""


def distribution(text: str, here: Path = Path("/elsewhere")) -> Distribution:
    """Read ``name 1.0 module1,module2 <- requirement & requirement`` to an installed package.

    ``@here`` after the modules says that it was installed from the project, which lies there.
    """
    head, _, needs = text.partition("<-")
    name, version, *modules = head.replace("@here", "").split()
    return Distribution(
        name=name, version=version, location=str(here) if "@here" in head else "/site",
        modules=tuple(modules[0].split(",")) if modules else (name.replace("-", "_"),),
        requires=tuple(need.strip() for need in needs.split("&") if need.strip()),
    )  # fmt: skip


def account(
    *installed: str, version: str = "3.11.7", here: Path = Path("/elsewhere"), **fields: object
) -> Interpreter:
    """Return what an interpreter answers in which these packages are installed."""
    packages = [distribution(each, here) for each in installed]
    minor = ".".join(version.split(".")[:2])
    markers = {**MARKERS, "python_version": minor, "python_full_version": version}
    has_them = tuple(map(int, version.split(".")[:2])) < (3, 12)
    return Interpreter(
        path="/env/bin/python", found="given", version=version, platform="Linux", markers=markers,
        installed=tuple(packages),
        modules=frozenset(module for each in packages for module in each.modules),
        standard=_standard(has_them), **fields,  # type: ignore[arg-type]
    )  # fmt: skip


def _standard(has_them: bool) -> frozenset[str]:
    names = frozenset(sys.stdlib_module_names)
    return names | _GONE if has_them else names - _GONE


def install(site: Path, package: Distribution) -> None:
    """Write a package as pip leaves it."""
    info = site / f"{package.name}-{package.version}.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {package.name}", f"Version: {package.version}",
             *(f"Requires-Dist: {need}" for need in package.requires)]  # fmt: skip
    (info / "METADATA").write_text("\n".join(lines) + "\n\nProse: it has none.\n")
    (info / "RECORD").write_text("".join(f"{m}/__init__.py,,\n" for m in package.modules))
    for module in package.modules:
        (site / module).mkdir(exist_ok=True)
        (site / module / "__init__.py").write_text("raise SystemExit('it was imported')\n")


def write_files(root: Path, files: Iterable[tuple[str, str]]) -> Path:
    """Write files below ``root``, and return it."""
    for name, text in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root
