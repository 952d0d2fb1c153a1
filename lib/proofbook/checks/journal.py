"""Where a notebook's records go: the job's folder in a run, else a folder of its own.

Each record is appended and synced before ``write`` returns, then glued into the notebook, in the
format that scrapbook reads, when there is one. Knows nothing about what the records mean.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, JsonValue

from proofbook.checks.cells import current_kernel
from proofbook.errors import UsageError
from proofbook.files import append_line, atomic_write
from proofbook.project import Project, nearest_project
from proofbook.records import MediaFile
from proofbook.runs.glued import SCRAP
from proofbook.runs.media_metadata import find_secret_in_media
from proofbook.runs.media_store import store_media
from proofbook.runs.record_redaction import redact_record
from proofbook.runs.redaction import Redactor

__all__ = [
    "JOB_FOLDER",
    "KERNEL",
    "MEDIA_FOLDER",
    "SECRETS",
    "Journal",
    "kernel_mark",
    "open_journal",
]

JOB_FOLDER = "PROOFBOOK_JOB_FOLDER"
"""Environment variable: the running job's folder."""
MEDIA_FOLDER = "PROOFBOOK_MEDIA_FOLDER"
"""Environment variable: the running run's media folder."""
KERNEL = "PROOFBOOK_KERNEL"
"""Environment variable: the :func:`kernel_mark` of the running job's kernel."""
SECRETS = "proofbook.secrets"
"""Target of the comm that tells the runner which secrets the notebook has put in its environment:
a message between two processes, which is written nowhere."""

_TEXTS = frozenset({".txt", ".log", ".json", ".jsonl", ".md", ".csv", ".html", ".svg", ".yaml"})

Glue = Callable[[str, JsonValue], None]
Announce = Callable[[Mapping[str, str]], None]


@dataclass(frozen=True, kw_only=True)
class Journal:
    """An append-only list of records, and the folder of the media that they name."""

    folder: Path
    media: Path
    redact: Redactor = field(default_factory=Redactor.from_environment)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Where more secrets may appear while the notebook runs, as from a ``.env`` file."""
    announce: Announce | None = None
    """Told the values, and the names, of the secrets of this environment."""
    glue: Glue | None = None
    temporary: Path | None = None
    """The folder that is removed when the job ends; None outside of a run."""
    interactive: bool = False
    """Whether this is outside of a run: a cell that is run again replaces what it has written."""
    process: int = field(default_factory=os.getpid)
    """The process that has opened it."""

    def write(self, record: BaseModel, scrap: str) -> None:
        """Append ``record`` to ``records.jsonl``, then glue it under the name ``scrap``."""
        self.learn()
        values = redact_record(self.redact, record)
        line = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
        append_line(self.folder / "records.jsonl", line)
        if self.glue is not None and not self._is_forked:
            self.glue(self.redact(scrap), values)

    def remove(self, is_gone: Callable[[Mapping[str, Any]], bool]) -> None:
        """Take lines out of ``records.jsonl``; outside of a run alone."""
        assert self.interactive
        file = self.folder / "records.jsonl"
        lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
        atomic_write(file, b"".join(line for line in lines if not is_gone(json.loads(line))))

    def learn(self) -> None:
        """Take the secrets that the environment has by now."""
        new = self.redact.learn(self.environment.items())
        if new and self.announce is not None and not self._is_forked:
            self.announce(new)

    @property
    def _is_forked(self) -> bool:
        """Whether this is a fork of the kernel: nobody there would take a message, or answer it."""
        return os.getpid() != self.process

    def refuse_secrets(self, what: str, value: JsonValue) -> None:
        """Refuse a value that would be another one once its secrets are replaced.

        Raises:
            UsageError: It holds the value of a secret environment variable; which is not shown.
        """
        self.learn()
        text = json.dumps(value)
        if self.redact(text) != text:
            raise UsageError(
                f"{what} holds the value of a secret environment variable and would be written to "
                "disk; let the other job read the variable"
            )

    def refuse_secret_names(self, what: str, folder: Path) -> None:
        """Refuse a folder that has a file whose name will be another one when the job ends.

        Raises:
            UsageError: A name in it holds a secret; which is not shown.
        """
        self.learn()
        for _, folders, files in os.walk(folder):
            for name in (*folders, *files):
                if self.redact.identifier(name) != name:
                    raise UsageError(
                        f"{what}: the name of a file in it holds the value of "
                        f"{self.redact.name_in(name)} and would be written to disk; rename the file"
                    )

    def store(self, source: Path | bytes, suffix: str, what: str = "evidence") -> MediaFile:
        """Store a media file under its hash; a text is stored without secrets.

        Raises:
            UsageError: A secret is in another file than a text; ``what`` says in which.
        """
        self.learn()
        if suffix in _TEXTS:
            source = self._redacted(source)
        elif name := find_secret_in_media(self.redact, source):
            raise UsageError(
                f"{what}: the file or its metadata holds the value of {name}; remove it, then show "
                "the file"
            )
        return store_media(self.media, source, suffix)

    def _redacted(self, source: Path | bytes) -> Path | bytes:
        data = source if isinstance(source, bytes) else source.read_bytes()
        text = data.decode(errors="surrogateescape")
        clean = self.redact(text)
        return source if clean == text else clean.encode(errors="surrogateescape")


def kernel_mark(key: bytes) -> str:
    """Return what names the kernel whose messages are signed with ``key``, and tells nothing."""
    return hashlib.sha256(b"proofbook kernel " + key).hexdigest()[:16]


def open_journal(runbook: str, environment: Mapping[str, str]) -> Journal:
    """Open the running job's journal, or a new one under ``outputs/interactive/``.

    Only the job's own kernel gets the job's journal. A process that inherits its environment, such
    as a script or the kernel of a nested notebook, proves nothing for the job.

    Raises:
        UsageError: The folder cannot be written.
    """
    temporary = None
    interactive = not (JOB_FOLDER in environment and _may_write(environment))
    if not interactive:
        folder = Path(environment[JOB_FOLDER])
        temporary = Path(environment["TMPDIR"]) if "TMPDIR" in environment else None
        media = Path(environment.get(MEDIA_FOLDER, folder / "media"))
    else:
        stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S-%f")
        here = Path.cwd()
        outputs = (nearest_project(here) or Project(here)).outputs
        folder = outputs / "interactive" / f"{runbook.replace('/', '-')}-{stamp}"
        media = folder / "media"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write records in {folder}: {error.strerror}") from error
    kernel = current_kernel()
    journal = Journal(
        folder=folder,
        media=media,
        redact=Redactor({}),
        environment=environment,
        announce=_announce if kernel and temporary else None,
        glue=functools.partial(_glue, kernel.shell.display_pub) if kernel else None,
        temporary=temporary,
        interactive=interactive,
    )
    journal.learn()
    if journal.announce is not None:
        kernel.shell.events.register("post_run_cell", lambda result: journal.learn())
    return journal


def _may_write(environment: Mapping[str, str]) -> bool:
    if KERNEL not in environment:
        return True
    session = getattr(current_kernel(), "session", None)
    is_forked = getattr(session, "pid", os.getpid()) != os.getpid()
    return session is not None and not is_forked and kernel_mark(session.key) == environment[KERNEL]


def _glue(publisher: Any, name: str, value: JsonValue) -> None:
    """Glue a value into the running notebook, as ``scrapbook.glue`` of scrapbook 0.5 does.

    That package is not imported: it brings pandas and pyarrow, 250 MB, to read notebooks. The
    publisher is the kernel's own: a ``%%capture`` has another one take what is displayed.
    """
    scrap = {"name": name, "data": value, "encoder": "json", "version": 1}
    about = {"scrapbook": {"name": name, "data": True, "display": False}}
    publisher.publish({SCRAP: scrap}, metadata=about)


def _announce(values: Mapping[str, str]) -> None:
    from comm import create_comm

    create_comm(target_name=SECRETS, data={"values": dict(values)}).close()
