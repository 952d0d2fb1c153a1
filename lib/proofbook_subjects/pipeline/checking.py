"""What a project needs before anything runs: each check gives what is wrong, or nothing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from proofbook_subjects.pipeline.endpoints import find_endpoint
from proofbook_subjects.pipeline.errors import PipelineError
from proofbook_subjects.pipeline.paths import FOLDERS
from proofbook_subjects.pipeline.schemas import SCHEMAS
from proofbook_subjects.pipeline.settings import Project

__all__ = ["CHECKS", "Check"]

Check = Callable[[Project], Iterator[str]]
_PACKAGES = {"av": "av", "PIL": "pillow", "numpy": "numpy", "httpx": "httpx"}
_ENCODERS = ("libx264", "aac")
_NEEDED = {
    "a script": ("OPENAI", "ANTHROPIC"), "a voice": ("ELEVENLABS",), "posting": ("INSTAGRAM",)
}  # fmt: skip
_FREE_GB = 1.0


def check_keys(project: Project) -> Iterator[str]:
    """Keys of all endpoints that are set up; of all kinds, where mocks are off."""
    found = set()
    for names in _NEEDED.values():
        for name in names:
            try:
                if find_endpoint(project, name):
                    found.add(name)
            except PipelineError as error:
                yield str(error)
                found.add(name)
    if not project.flag("USE_MOCK_APIS"):
        for purpose, names in _NEEDED.items():
            if not found.intersection(names):
                keys = " or ".join(
                    f"{name}_ACCESS_TOKEN" if name == "INSTAGRAM" else f"{name}_API_KEY"
                    for name in names
                )
                yield f"no key for {purpose}: set {keys}, or USE_MOCK_APIS=true"
    if find_missing_user(project):
        yield "INSTAGRAM_USER_ID is not set, and posting needs it"


def find_missing_user(project: Project) -> bool:
    """Say whether posting is set up without a user."""
    has_address = bool(project.text("INSTAGRAM_BASE_URL"))
    return has_address and not project.text("INSTAGRAM_USER_ID")


def check_programs(project: Project) -> Iterator[str]:
    """Encoders, and something that speaks."""
    if importlib.util.find_spec("av"):
        import av

        for name in _ENCODERS:
            try:
                av.Codec(name, "w")
            except (av.FFmpegError, ValueError):
                yield f"PyAV has no encoder {name}"
    from proofbook_subjects.pipeline.voices.choosing import choose_engine

    try:
        choose_engine(project)
    except PipelineError as error:
        yield str(error)


def check_writer(project: Project) -> Iterator[str]:
    """Who writes the scripts, where that is set up."""
    from proofbook_subjects.pipeline.writers import choose_writer

    if project.text("SCRIPT_WRITER"):
        try:
            choose_writer(project)
        except PipelineError as error:
            yield str(error)


def check_images(project: Project) -> Iterator[str]:
    """What draws images, where they are to be generated."""
    from proofbook_subjects.pipeline.characters import is_generating
    from proofbook_subjects.pipeline.diffusion import lacking

    try:
        reason = lacking() if is_generating(project) else ""
    except PipelineError as error:
        reason = str(error)
    if reason:
        yield reason


def check_packages(_project: Project) -> Iterator[str]:
    """Python packages."""
    for module, package in _PACKAGES.items():
        if importlib.util.find_spec(module) is None:
            yield f"package {package} is not installed: pip install {package}"


def check_folders(project: Project) -> Iterator[str]:
    """The folders of a project, and that they may be written."""
    for name in FOLDERS:
        folder = project.root / name
        if not folder.is_dir():
            yield f"folder {name} is missing: mkdir -p {name}"
        elif name.startswith("data") and not os.access(folder, os.W_OK):
            yield f"folder {name} may not be written"


def check_databases(project: Project) -> Iterator[str]:
    """That each database is whole, where it is there; where it is not, that it can be made."""
    folder = project.databases
    if not folder.is_dir() and not os.access(_parent(folder), os.W_OK):
        yield f"folder {folder} of the databases cannot be made"
    for schema in SCHEMAS:
        path = folder / schema.file
        if path.is_file() and (fault := _fault_of(path)):
            yield f"database {path}: {fault}; put a backup there, or remove it"


def check_space(project: Project) -> Iterator[str]:
    """Free disk space: MIN_FREE_GB, else 1 GB."""
    wanted = project.number("MIN_FREE_GB", _FREE_GB)
    free = shutil.disk_usage(project.root).free / 1e9
    if free < wanted:
        yield f"{free:.1f} GB are free on the disk; {wanted:g} GB are needed"


def check_feed(project: Project) -> Iterator[str]:
    """That a feed is set up, and that its file is there."""
    feed = project.text("TREND_FEED")
    if not feed:
        yield "TREND_FEED is not set: give a feed's file or address"
    elif "://" not in feed and not (project.root / feed).is_file():
        yield f"TREND_FEED: there is no file {feed}"


def _parent(folder: Path) -> Path:
    return next(each for each in folder.absolute().parents if each.is_dir())


def _fault_of(path: Path) -> str:
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        ) as connection:
            found = str(connection.execute("PRAGMA quick_check").fetchone()[0])
    except sqlite3.Error as error:
        return str(error)
    return "" if found == "ok" else found


CHECKS: Mapping[str, Check] = {
    "keys": check_keys,
    "packages": check_packages,
    "programs": check_programs,
    "writer": check_writer,
    "images": check_images,
    "folders": check_folders,
    "databases": check_databases,
    "disk space": check_space,
    "feed": check_feed,
}
"""By what is checked."""
