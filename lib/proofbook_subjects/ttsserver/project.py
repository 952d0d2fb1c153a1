"""The reference server as a project on disk, laid out like the real one, ready to be built.

Named by the hash of all that goes into the frozen file, so that a change makes a new one.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import sys
import tempfile
from pathlib import Path

__all__ = ["prepare_project", "sources_hash"]

_PACKAGES = (
    "espeakng-loader", "fastapi", "pydantic", "pyinstaller", "python-multipart", "starlette",
    "uvicorn",
)  # fmt: skip
_BUILD_SCRIPT = '''"""Freeze the server into backend/dist."""

import sys
from pathlib import Path

from proofbook_subjects.ttsserver.freezing import main

sys.exit(main(["--dist", str(Path(__file__).parent / "dist")]))
'''
_SPEECH_API = '''"""OpenAI's speech endpoint on the same synthesis."""

import sys

from proofbook_subjects.ttsserver.direct import main

sys.exit(main())
'''
_SAID = (
    "This is the voice that every cloning engine listens to. It speaks slowly, and clearly, "
    "for about six seconds."
)


def prepare_project(cache: Path) -> Path:
    """Return the project's folder below ``cache``, making it if it is not there; builds nothing."""
    from filelock import FileLock

    root = cache / "ttsserver"
    place = root / sources_hash()
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f".{place.name}.lock"):
        if not place.is_dir():
            _make(root, place)
    return place


def sources_hash() -> str:
    """Return 16 hexadecimal digits that change with the sources, the packages and Python."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    for package in _PACKAGES:
        digest.update(f"{package} {_version(package)}".encode())
    return digest.hexdigest()[:16]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def _make(root: Path, place: Path) -> None:
    partial = Path(tempfile.mkdtemp(dir=root, prefix=f".{place.name}."))
    try:
        (partial / "backend" / "dist").mkdir(parents=True)
        (partial / "backend" / "build_binary.py").write_text(_BUILD_SCRIPT)
        (partial / "backend" / "speech_api.py").write_text(_SPEECH_API)
        _write_voice(partial / "backend" / "tests" / "fixtures")
        partial.chmod(0o755)
        os.replace(partial, place)  # noqa: PTH105 - a whole folder appears at once
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _write_voice(folder: Path) -> None:
    from proofbook_subjects.ttsserver.engines import VoiceSettings
    from proofbook_subjects.ttsserver.speech import synthesise

    folder.mkdir(parents=True)
    settings = VoiceSettings(variant="f1", pitch=50, speed=150, rate=24000, work_seconds=0)
    (folder / "reference_voice.wav").write_bytes(synthesise(_SAID, settings).wav)
    (folder / "reference_voice.txt").write_text(f"{_SAID}\n")
