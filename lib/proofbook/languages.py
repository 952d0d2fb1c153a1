"""Which language a notebook is written in, by what its metadata say of its kernel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["other_language"]

_PYTHONS = ("python", "python3", "ipython")
_KERNELS = {
    "bash": "bash",
    "gnuplot": "gnuplot",
    "ir": "R",
    "xr": "R",
    "javascript": "javascript",
    "deno": "typescript",
    "julia": "julia",
    "octave": "octave",
    "ruby": "ruby",
    "rust": "rust",
    "scala": "scala",
    "sos": "sos",
    r"xcpp\d*": "C++",
}
"""Languages by the beginning of a kernel's name, for a notebook that names no language."""


def other_language(metadata: Mapping[str, Any]) -> str:
    """Return the language of a notebook by its metadata where it is another one than Python."""
    spec, information = (_mapping(metadata.get(k)) for k in ("kernelspec", "language_info"))
    name = str(spec.get("name", "")).lower()
    known = (language for kernel, language in _KERNELS.items() if re.match(rf"{kernel}\b", name))
    by_name = next(known, "")
    language = str(spec.get("language") or information.get("name") or by_name or "python")
    return "" if language.lower() in _PYTHONS else language


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
