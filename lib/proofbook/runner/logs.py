"""A job's ``output.log``: what its kernel and the kernel's children printed, without secrets."""

from __future__ import annotations

import codecs
import os
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from proofbook.runs.redaction import Redactor
from proofbook.runs.secrets.interleaving import orders

__all__ = ["JobLog"]

_LARGEST = 64 * 1024 * 1024
_LONGEST_LINE = 1024 * 1024
_MOST_HELD = 256 * 1024
_PIECE = 64 * 1024
_STEP_SECONDS = 0.1
_QUIET_STEPS = 20
_MOST_STEPS = 200


class JobLog:
    """Collects stream messages and raw output into one file, up to 64 MiB.

    ``writer`` is a file that a kernel takes as stdout and stderr: what native code prints before
    or after the kernel captures its streams arrives through it.
    """

    def __init__(self, path: Path, redact: Redactor) -> None:
        self._file = path.open("ab", buffering=0)
        self.redact = redact
        self._lock = threading.Lock()
        self._written = path.stat().st_size
        self._full = False
        self._lost = 0
        self._reason = ""
        self._arrived: list[tuple[str, str]] = []
        self._rest: dict[str, str] = {}
        read_end, write_end = os.pipe()
        self._reader = os.fdopen(read_end, "rb")
        self.writer = os.fdopen(write_end, "wb", buffering=0)
        self._pieces = 0
        self._thread = threading.Thread(target=self._drain, daemon=True, name="job-log")
        self._thread.start()

    def write(self, text: str, source: str = "") -> None:
        """Append a text; the rest of a line waits for its end, so that no secret is cut in two.

        A text that ends as a secret begins waits for the next one, whatever its source is, and
        whatever comes in between from another.
        """
        with self._lock:
            if self._full:
                return
            self._arrived.append((source, text))
            if sum(len(each) for _, each in self._arrived) > _MOST_HELD:
                self._settle_flood()
            elif not any(map(self.redact.may_go_on, self._together())):
                self._settle(self._take())

    def _together(self) -> Iterator[str]:
        for indices in orders([source for source, _ in self._arrived]):
            yield "".join(self._arrived[index][1] for index in indices)

    def _take(self, source: str | None = None) -> list[tuple[str, str]]:
        """Return what has arrived, by default from all sources; it waits no longer."""
        taken = [each for each in self._arrived if source in (None, each[0])]
        self._arrived = [each for each in self._arrived if source not in (None, each[0])]
        return taken

    def _settle_flood(self) -> None:
        """Append what the source that has sent most has sent; what others begin goes on waiting."""
        sizes: Counter[str] = Counter()
        for source, text in self._arrived:
            sizes[source] += len(text)
        self._settle(self._take(max(sizes, key=lambda source: sizes[source])))

    def _settle(self, taken: Sequence[tuple[str, str]]) -> None:
        """Append the whole lines of what has arrived."""
        sources = [source for source, _ in taken]
        texts = self.redact.interleaved(sources, [text for _, text in taken])
        for source, text in zip(sources, texts, strict=True):
            whole = self._rest.pop(source) + text if source in self._rest else text
            end = max(whole.rfind("\n"), whole.rfind("\r")) + 1
            if len(whole) - end > _LONGEST_LINE:
                end = len(whole)
            if end < len(whole):
                self._rest[source] = whole[end:]
            is_clean = len(texts) == 1 and whole is text
            self._append(whole[:end] if is_clean else self.redact(whole[:end]))

    def _append(self, text: str) -> None:
        data = text.encode(errors="replace")
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
        decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        while data := self._reader.read1(_PIECE):
            self.write(decode(data), "raw")
            self._pieces += 1
        self.write(decode(b"", final=True), "raw")

    def _wait_for_the_rest(self) -> None:
        """Wait until all is read, or nothing has come for a while.

        A process that outlives the job would hold the pipe open: that is not waited for. The time
        is counted in steps in which something could have been read, whatever the clock says.
        """
        quiet, pieces = 0, self._pieces
        for _ in range(_MOST_STEPS):
            self._thread.join(_STEP_SECONDS)
            is_quiet = pieces == self._pieces and not self._lock.locked()
            quiet = quiet + 1 if is_quiet else 0
            pieces = self._pieces
            if not self._thread.is_alive() or quiet >= _QUIET_STEPS:
                return

    def __enter__(self) -> JobLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.writer.close()
        self._wait_for_the_rest()
        if not self._thread.is_alive():
            self._reader.close()
        with self._lock:
            self._settle(self._take())
            for rest in self._rest.values():
                self._append(self.redact(rest))
            self._file.close()
