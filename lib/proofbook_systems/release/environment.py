"""Before a release: keys, databases, folders, disk, and the GPU's driver."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing

from proofbook import hardware
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.workspace import Workspace
from proofbook_systems.release.config import BeforeReleaseConfig

__all__ = ["judge_environment"]

_DATABASES = ("trends_db", "metrics_db", "library_db")
_PLACEHOLDER = re.compile(
    r"your|changeme|change-me|xxx|<.*>|\.\.\.|example|todo|placeholder|dummy", re.IGNORECASE
)


def judge_environment(
    config: BeforeReleaseConfig, workspace: Workspace, episode: str
) -> list[Finding]:
    """Judge what the project finds on this machine, once its stages have run."""
    return [
        _keys(config, workspace), _databases(workspace, episode), _folders(config, workspace),
        _disk(config, workspace), _gpu(config),
    ]  # fmt: skip


def _keys(config: BeforeReleaseConfig, workspace: Workspace) -> Finding:
    known = {**_env_file(workspace), **os.environ, **config.environment}
    faults = []
    for key in config.keys:
        value = known.get(key, "").strip()
        if not value:
            faults.append(f"{key} is not set")
        elif _PLACEHOLDER.search(value):
            faults.append(f"{key} has no real value, but that of an example")
    untried = "" if config.keys else "keys names none"
    return finding("keys-set", faults, why="a service asks for them", untried=untried)


def _env_file(workspace: Workspace) -> dict[str, str]:
    """Return what the project's own .env sets."""
    values: dict[str, str] = {}
    for name in (".env", "config/.env"):
        path = workspace.original / name
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
            key, separator, value = line.strip().removeprefix("export ").partition("=")
            if separator and not key.startswith("#"):
                values[key.strip()] = value.strip().strip("'\"")
    return values


def _databases(workspace: Workspace, episode: str) -> Finding:
    faults = []
    known = [name for name in _DATABASES if workspace.knows(name)]
    for name in known:
        path = workspace.path(name, episode)
        if not path.is_file():
            faults.append(f"there is no {name} at {path.relative_to(workspace.folder)}")
            continue
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                said = database.execute("PRAGMA quick_check(1)").fetchone()[0]
                tables = database.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
        except sqlite3.Error as error:
            faults.append(f"{path.name}: {error}")
            continue
        faults += [f"{path.name} is damaged: {said}"] if said != "ok" else []
        faults += [] if tables else [f"{path.name} has no tables"]
    return finding(
        "databases-ready", faults, why="the stages write into them",
        untried="" if known else f"paths has none of {', '.join(_DATABASES)}",
    )  # fmt: skip


def _folders(config: BeforeReleaseConfig, workspace: Workspace) -> Finding:
    faults = []
    for name in config.folders:
        path = workspace.folder / name
        if not path.is_dir():
            faults.append(f"there is no folder {name}")
        elif not os.access(path, os.W_OK):
            faults.append(f"{name} cannot be written to")
    untried = "" if config.folders else "folders names none"
    return finding("folders-there", faults, why="the stages write into them", untried=untried)


def _disk(config: BeforeReleaseConfig, workspace: Workspace) -> Finding:
    free = hardware.disk_free_gb(workspace.original)
    few = f"{free:.1f} GiB are free where the project lies; {config.disk_gb:g} are wanted"
    faults = [few] if free < config.disk_gb else []
    return finding("disk-free", faults, why="a full disk ends a batch half-way")


def _gpu(config: BeforeReleaseConfig) -> Finding:
    why = "an old driver runs no kernel of a newer CUDA"
    if not config.gpu_driver:
        reason = "gpu_driver is empty: the pipeline uses no GPU"
        return finding("gpu-driver", [], why=why, untried=reason)
    search = hardware.find_gpus()
    if not search.gpus:
        return finding("gpu-driver", [f"no GPU was found: {search.problem}"], why=why)
    old = [f"{gpu.name} has driver {gpu.driver}; at least {config.gpu_driver} is wanted"
           for gpu in search.gpus if _number(gpu.driver) < _number(config.gpu_driver)]  # fmt: skip
    return finding("gpu-driver", old, why=why)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
