"""What a job needs of a machine beside Python packages: programs, a browser, Python's library.

A requirement is the name of a program on the PATH, or one of the names below that are searched for
in their own way. Knows nothing about amounts, which are :mod:`proofbook.hardware`'s.
"""

from __future__ import annotations

import ctypes.util
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["find_browser", "find_python_library", "unmet"]

_ASK_PLAYWRIGHT = """
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
"""
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def unmet(required: Mapping[str, str]) -> list[str]:
    """Return one sentence for each requirement that this machine lacks, with what to install.

    Args:
        required: What to install, by the name of what is needed: ``{"objdump": "binutils"}``.
    """
    return [
        f"needs {name}, not found here: install {package}"
        for name, package in required.items()
        if _find(name) is None
    ]


def find_browser() -> str | None:
    """Return the path of a Chromium: the system's, or what ``playwright install chromium`` left."""
    for name in _BROWSERS:
        if path := shutil.which(name):
            return path
    # In a process of its own: Playwright's driver may lack a library, and refuses an event loop.
    command = [sys.executable, "-c", _ASK_PLAYWRIGHT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    own = done.stdout.strip()
    return own if done.returncode == 0 and Path(own).exists() else None


def find_python_library() -> str | None:
    """Return the shared library of this Python, which freezing a program copies.

    Debian has it in a package of its own; a Python that was built without it has none.
    """
    if not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        return None
    file = Path(sys.base_prefix, "lib", str(sysconfig.get_config_var("INSTSONAME")))
    if file.exists():
        return str(file)
    return ctypes.util.find_library(f"python{sysconfig.get_python_version()}")


def _find(name: str) -> str | None:
    search = _SEARCHES.get(name)
    return search() if search else shutil.which(name)


_SEARCHES: dict[str, Callable[[], str | None]] = {
    "browser": find_browser,
    "libpython": find_python_library,
}
