"""Virtual environments with packages that were never built."""

from __future__ import annotations

import platform
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from accounts import distribution, install


@pytest.fixture
def make_environment() -> Callable[..., Path]:
    """Return a function that writes a virtual environment with packages in it."""

    def make(folder: Path, *installed: str) -> Path:
        site = folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
        site.mkdir(parents=True)
        (folder / "bin").mkdir()
        base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
        (folder / "bin" / "python").symlink_to(base)
        settings = f"home = {base.parent}\nversion = {platform.python_version()}\n"
        (folder / "pyvenv.cfg").write_text(f"{settings}include-system-site-packages = false\n")
        for each in installed:
            install(site, distribution(each))
        return folder

    return make
