"""Whether what a project's sources import is declared, and can be imported at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from packaging.utils import canonicalize_name

from proofbook_systems.environment.declared.wanted import Declaration
from proofbook_systems.environment.folders import relative_name
from proofbook_systems.environment.interpreters.interpreter import Interpreter
from proofbook_systems.environment.packages.closure import reachable
from proofbook_systems.environment.packages.findings import Finding
from proofbook_systems.environment.sources.imports import Import, read_imports
from proofbook_systems.environment.sources.module_graph import feature_files
from proofbook_systems.environment.sources.source_files import Sources

__all__ = ["judge_imports"]

_GIVEN = {"__main__", "_distutils_hack", "distutils", "pip", "pkg_resources", "setuptools", "wheel"}
# What builds of a package for a GPU bring, and others do not.
_COMPANIONS = {"triton": "torch"}
# What a module's package is called where it is not installed, and called otherwise.
_PACKAGES = {
    "Crypto": "pycryptodome", "OpenSSL": "pyopenssl", "PIL": "pillow", "attr": "attrs",
    "bs4": "beautifulsoup4", "cv2": "opencv-python", "dateutil": "python-dateutil",
    "docx": "python-docx", "dotenv": "python-dotenv", "faiss": "faiss-cpu", "fitz": "pymupdf",
    "git": "gitpython", "google": "protobuf", "jose": "python-jose", "jwt": "pyjwt",
    "magic": "python-magic", "multipart": "python-multipart", "pl_bolts": "lightning-bolts",
    "psycopg2": "psycopg2-binary", "pytorch_lightning": "pytorch-lightning",
    "rest_framework": "djangorestframework", "ruamel": "ruamel-yaml", "serial": "pyserial",
    "skimage": "scikit-image", "sklearn": "scikit-learn", "slugify": "python-slugify",
    "usb": "pyusb", "websocket": "websocket-client", "whisper": "openai-whisper",
    "yaml": "pyyaml", "zmq": "pyzmq",
}  # fmt: skip


@dataclass(frozen=True)
class _Known:
    """What is declared, and what that brings with it."""

    declarations: Sequence[Declaration]
    interpreter: Interpreter

    @cached_property
    def names(self) -> frozenset[str]:
        """All that is declared, in every group."""
        wanted = (each for declaration in self.declarations for each in declaration.wanted)
        return frozenset(each.name for each in wanted if each.name != "python")

    @cached_property
    def brought(self) -> frozenset[str]:
        """What is declared, with what that needs."""
        wanted = [w for declaration in self.declarations for w in declaration.wanted]
        names = {each.name: frozenset[str]() for each in wanted}
        for each in wanted:
            names[each.name] |= each.extras
        return frozenset(reachable(names, self.interpreter)) | self.names


def judge_imports(
    sources: Sources, declarations: Sequence[Declaration], interpreter: Interpreter
) -> Finding:
    """Judge each module that using the project imports, and that is neither standard nor its own.

    What a function, a condition or a feature imports is not judged. What a declared package brings
    with it may be imported. Where nothing is declared, a module has to be installed. A module that
    is declared and not installed is the declaration's finding.
    """
    known = _Known(declarations, interpreter)
    imports = {file: _read(file) for file in sources.files}
    features = feature_files(imports, sources)
    unjudged = _why_unjudged(sources, declarations)
    issues: dict[str, str] = {}
    for file in (each for each in imports if each not in features):
        for found in imports[file]:
            if found.module in issues or not _is_judged(found, sources, interpreter):
                continue
            if words := _fault(found.module, known, interpreter):
                where = f"{relative_name(file, sources.root)}:{found.line}"
                issues[found.module] = f"{where} imports {found.module}, {words}"
    return Finding(
        name="imports",
        issues=tuple(sorted(issues.values())) if not unjudged else (),
        why="on another machine it is not there",
        unjudged=unjudged,
    )


def _why_unjudged(sources: Sources, declarations: Sequence[Declaration]) -> str:
    if not sources.files:
        return "there is no Python source of the project's own"
    broken = [each.name for each in declarations if each.problems]
    return f"{broken[0]} cannot be read whole, so what is declared is not known" if broken else ""


def _read(file: Path) -> tuple[Import, ...]:
    try:
        return read_imports(file)
    except SyntaxError:
        return ()  # a template, or of another Python: whoever runs it is told


def _is_judged(found: Import, sources: Sources, interpreter: Interpreter) -> bool:
    if found.need != "always" or found.level:
        return False
    return not _is_given(found.module, sources, interpreter)


def _is_given(module: str, sources: Sources, interpreter: Interpreter) -> bool:
    if module in interpreter.standard:
        return True
    if module in _GIVEN and "setuptools" in interpreter.distributions:
        return True
    return sources.has_module(module)


def _fault(module: str, known: _Known, interpreter: Interpreter) -> str:
    """Return what is wrong with importing a module, or an empty text."""
    owners = interpreter.distributions_of(module)
    if not owners and module not in interpreter.modules:
        declared = _is_declared(module, known.names)
        return "" if declared else "which is not installed, and nothing declares it"
    if not known.names or not owners or known.brought & set(owners):
        return ""
    return f"which nothing declares: {' or '.join(owners)} is here by chance"


def _is_declared(module: str, names: frozenset[str]) -> bool:
    if _COMPANIONS.get(module) in names:
        return True
    usual = str(canonicalize_name(module))
    alike = {usual, str(canonicalize_name(_PACKAGES.get(module, module))), f"python-{usual}",
             f"{usual}-python", f"py{usual}"}  # fmt: skip
    # Several packages bring one module in variants: opencv-python-headless, onnxruntime-gpu.
    return bool(alike & names) or any(
        name.startswith(f"{known}-") for known in alike for name in names
    )
