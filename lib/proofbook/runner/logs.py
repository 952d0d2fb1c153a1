"""A job's ``output.log``: what its kernel and the kernel's children printed, without secrets."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType

from proofbook.runs.redaction import Redactor

__all__ = ["JobLog"]

_LARGEST = 64 * 1024 * 1024
_LONGEST_LINE = 1024 * 1024


class JobLog:
    """Collects stream messages and raw output into one file, up to 64 MiB.

    ``writer`` is a file that a kernel takes as stdout and stderr: what native code prints before
    or after the kernel captures its streams arrives through it.
    """

    def __init__(self, path: Path, redact: Redactor) -> None:
        self._file = path.open("ab", buffering=0)
        self._redact = redact
        self._lock = threading.Lock()
        self._written = path.stat().st_size
        self._full = False
        self._lost = 0
        self._reason = ""
        self._rest: dict[str, str] = {}
        read_end, write_end = os.pipe()
        self._reader = os.fdopen(read_end, "rb")
        self.writer = os.fdopen(write_end, "wb", buffering=0)
        self._thread = threading.Thread(target=self._drain, daemon=True, name="job-log")
        self._thread.start()

    def write(self, text: str, source: str = "") -> None:
        """Append a text; the rest of a line waits for its end, so that no secret is cut in two."""
        with self._lock:
            whole = self._rest.pop(source, "") + text
            lines, newline, rest = whole.rpartition("\n")
            if len(rest) > _LONGEST_LINE:
                lines, newline, rest = whole, "", ""
            if rest:
                self._rest[source] = rest
            self._append(lines + newline)

    def _append(self, text: str) -> None:
        data = self._redact(text).encode(errors="replace")
        if not data or self._full or self._file.closed:
            return
        if self._written + len(data) > _LARGEST:
            data = b"\n[output.log is full: 64 MiB; later output is not in it]\n"
            self._full = True
        note = f"\n[{self._lost} bytes could not be written: {self._reason}]\n".encode()
        # Neither a kernel that prints nor the one who watches it may end for want of a log.
        try:
            written = self._file.write(note + data if self._lost else data) or 0
        except OSError as error:
            self._lost, self._reason = self._lost + len(data), str(error.strerror)
            return
        self._lost = 0
        self._written += written

    def _drain(self) -> None:
        for line in self._reader:
            self.write(line.decode(errors="replace"), "raw")

    def __enter__(self) -> JobLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.writer.close()
        # A process that outlives the job would hold the pipe open: do not wait for it for long.
        self._thread.join(timeout=2)
        if not self._thread.is_alive():
            self._reader.close()
        with self._lock:
            for rest in self._rest.values():
                self._append(rest)
            self._file.close()
