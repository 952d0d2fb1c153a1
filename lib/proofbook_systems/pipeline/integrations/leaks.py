"""Find where a pipeline has written a key. Databases and stores of tokens may hold one."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from proofbook_systems.pipeline.stages import StageRun
from proofbook_systems.pipeline.workspace import Workspace

__all__ = ["find_leaks"]

_TOLD = (".log", ".txt", ".out", ".err", ".csv", ".html", ".md", ".jsonl")
_LARGEST = 8 << 20
_CLOCK = 2.0


def find_leaks(workspace: Workspace, run: StageRun, key: str) -> list[str]:
    """Return where the key is to be read: in what a stage printed, or in a log that it wrote."""
    if not key:
        return []
    forms = {key, quote(key, safe=""), base64.b64encode(key.encode()).decode()}
    leaks = []
    if any(form in run.output for form in forms):
        line = next(n for n in run.output.splitlines() if any(form in n for form in forms))
        leaks.append(f"{run.stage} prints the key: {_hidden(line.strip(), forms)!r}")
    for file in _written(workspace.folder, run.began):
        text = file.read_text(encoding="utf-8", errors="replace")
        if any(form in text for form in forms):
            leaks.append(f"{run.stage} writes the key to {file.relative_to(workspace.folder)}")
    return leaks


def _written(folder: Path, since: float) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        if file.suffix in _TOLD and file.is_file() and not file.is_symlink():
            status = file.stat()
            if status.st_mtime >= since - _CLOCK and status.st_size <= _LARGEST:
                yield file


def _hidden(line: str, forms: set[str]) -> str:
    for form in forms:
        line = line.replace(form, "<key>")
    return line if len(line) <= 160 else f"{line[:160]}…"
