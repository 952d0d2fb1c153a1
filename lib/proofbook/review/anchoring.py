"""``proofbook signoff timestamp``, and what ``proofbook verify --anchor`` holds a log against."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import Protocol

from proofbook.errors import RunFolderError, UsageError
from proofbook.project import nearest_project
from proofbook.runs.folder import RunFolder
from proofbook.signoff.anchors import KeptEntries, read_anchor
from proofbook.signoff.certificates import AUTHORITIES_FILE, Authorities, read_authorities
from proofbook.signoff.entries import Problem
from proofbook.signoff.log import LogState, SignoffLog
from proofbook.signoff.timestamps import (
    STAMPS_FILE,
    StampedLog,
    holds_stamps,
    read_stamps,
    stamp_log,
)
from proofbook.terminal import say

__all__ = ["Anchor", "ask_authority", "find_anchor", "timestamp"]

_SECONDS = 30
_LARGEST = 1 << 20
_KIND = "application/timestamp-reply"


class Anchor(Protocol):
    """What a log is held against."""

    def problems(self, log: LogState) -> list[Problem]:
        """Return what it shows to be wrong."""
        ...

    def notes(self, log: LogState) -> list[str]:
        """Return what it proves beside, one line each."""
        ...


def find_anchor(anchor: str, run: RunFolder, tsa_ca: Path | None = None) -> Anchor:
    """Return what a log is to be held against; nothing, where ``anchor`` is empty.

    Args:
        anchor: ``tsa``, ``git:REVISION``, or a file.
        run: The run.
        tsa_ca: Certificates of the authorities whose timestamps count; by default the project's.

    Raises:
        UsageError: There is no such anchor, or it cannot be used.
    """
    if not anchor:
        return KeptEntries(unread=_unread(run.path / STAMPS_FILE))
    file = run.path / STAMPS_FILE if anchor == "tsa" else Path(anchor)
    if anchor != "tsa" and (anchor.startswith("git:") or not holds_stamps(file)):
        kept = read_anchor(anchor, run.path / "signoffs.jsonl", Path.cwd())
        return KeptEntries(entries=tuple(kept))
    authorities = _find_authorities(tsa_ca, run)
    if authorities is None:
        raise UsageError(
            f"--anchor {anchor}: give --tsa-ca FILE, the certificates of the authorities whose "
            f"timestamps count, or put them beside runbooks/ as {AUTHORITIES_FILE}"
        )
    stamps = read_stamps(file) if file.is_file() else []
    return StampedLog(run=_run_id(run), stamps=stamps, authorities=authorities)


def _unread(stamps: Path) -> str:
    """Say that timestamps are kept which nobody has asked about."""
    if not stamps.is_file():
        return ""
    return f"{stamps.name} was not looked at: hold the log against it with --anchor tsa"


def timestamp(run: RunFolder, tsa: str, tsa_ca: Path | None = None) -> int:
    """Have an authority stamp a run's log, and keep its token beside it; return the exit code.

    Raises:
        UsageError: There is no log, the authority cannot be asked, or its token does not fit.
    """
    authorities = _find_authorities(tsa_ca, run)
    log = SignoffLog(run.path, run.read_info().run_id)
    stamp = stamp_log(log, lambda request: ask_authority(tsa, request), authorities)
    say(f"stamped up to entry {stamp.number}: {run.path / STAMPS_FILE}; keep a copy elsewhere")
    if authorities is None:
        say("whose token it is was not verified: give --tsa-ca FILE", err=True)
    return 0


def ask_authority(url: str, request: bytes) -> bytes:
    """Send a request to an authority, as RFC 3161 says over HTTP; return its response.

    Raises:
        UsageError: It cannot be reached, or answers with something else.
    """
    if not url.lower().startswith(("http://", "https://")):
        raise UsageError(f"--tsa {url}: give an address that begins with http:// or https://")
    headers = {"Content-Type": "application/timestamp-query", "Accept": _KIND}
    try:
        asked = urllib.request.Request(url, request, headers)
        with urllib.request.urlopen(asked, timeout=_SECONDS) as response:
            kind, data = response.headers.get_content_type(), response.read(_LARGEST + 1)
    except urllib.error.HTTPError as error:
        raise UsageError(f"--tsa {url}: it answered {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = getattr(error, "reason", None) or error
        raise UsageError(f"--tsa {url}: it cannot be asked: {why}") from error
    if kind != _KIND or len(data) > _LARGEST:
        raise UsageError(f"--tsa {url}: it answered {kind}, which is no timestamp ({_KIND})")
    return bytes(data)


def _find_authorities(file: Path | None, run: RunFolder) -> Authorities | None:
    """Return whose timestamps count: as a file says, or the project; None where neither does.

    A project is never in the run, whose authorities would be those that a forger chose.
    """
    project = nearest_project(Path.cwd(), outside=[run.path])
    if file is None and project is not None and (project.root / AUTHORITIES_FILE).exists():
        file = project.root / AUTHORITIES_FILE
    return read_authorities(file) if file else None


def _run_id(run: RunFolder) -> str:
    try:
        return run.read_info().run_id
    except RunFolderError:  # told as such; its folder has its name
        return run.path.name
