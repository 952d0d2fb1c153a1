"""What has been done so far, line by line in a file: what a run that was stopped goes on from."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

__all__ = ["Entry", "Journal"]

Event = Literal["ended", "killed", "failed"]


class Entry(NamedTuple):
    """One start of a stage, and how it ended."""

    film: str
    stage: str
    event: Event
    seconds: float
    words: str


@dataclass
class Journal:
    """The entries so far; each is on disk before the next stage starts."""

    path: Path
    entries: list[Entry] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def read(cls, path: Path) -> Journal:
        """Return the journal that a file holds; a last line that was cut off counts for nothing."""
        entries = []
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            try:
                entries.append(Entry(*json.loads(line)))
            except (json.JSONDecodeError, TypeError):
                break
        return cls(path, entries)

    def add(self, entry: Entry) -> None:
        """Write an entry down."""
        with self._lock:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
            self.entries.append(entry)

    def done(self, film: str) -> set[str]:
        """Return the stages of a film that have ended well."""
        return {e.stage for e in self.entries if e.film == film and e.event == "ended"}

    def killed(self) -> set[str]:
        """Return the films of which a stage was killed."""
        return {entry.film for entry in self.entries if entry.event == "killed"}

    def order(self, last: str) -> list[str]:
        """Return the films in the order in which their last stage ended."""
        return [e.film for e in self.entries if e.stage == last and e.event == "ended"]
