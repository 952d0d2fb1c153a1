"""Execute a job on a machine that has nothing of its run but bytes, and send back what it leaves.

What a job writes down names places of this machine; what is sent back names those of the run's.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from proofbook.files import atomic_write
from proofbook.records import Node, Outcome, Output
from proofbook.runner.events import Sink
from proofbook.runner.executors.landing import Landing
from proofbook.runner.executors.pieces import Piece, pieces_of
from proofbook.runner.executors.protocol import JobSpec
from proofbook.runner.job import Worker, execute_job
from proofbook.runner.outcomes import OutcomeWriter
from proofbook.runner.reserve import Reserve
from proofbook.runs.folder import RunFolder, read_records

__all__ = ["Visit"]


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One attempt on this machine, in a folder of its own."""

    spec: JobSpec
    folder: Path
    """A new folder: what the run folder is elsewhere."""
    run_path: str
    """The run folder on the run's machine."""
    runbook: Path
    """The runbook on this machine, with all that is beside it."""
    inputs: Mapping[str, Path]
    """Where on this machine the outputs of other jobs are, by their path on the run's."""
    environment: Mapping[str, str] = field(repr=False)
    """What kernels inherit from this machine."""
    node: Node
    cancelled: threading.Event = field(default_factory=threading.Event)
    kernel_manager_class: Any = None

    @property
    def run(self) -> RunFolder:
        """The folder of the attempt, in the form of a run's."""
        return RunFolder(self.folder)

    def execute(self, sink: Sink) -> Outcome:
        """Execute the attempt; return what became of it, with the places of the run's machine."""
        self.run.media.mkdir(parents=True, exist_ok=True)
        here = {there: str(path) for there, path in self.inputs.items()}
        spec = replace(self.spec, resolved=_moved(dict(self.spec.resolved), here))
        with Reserve(self.folder) as reserve:
            worker = Worker(
                writer=OutcomeWriter(run=self.run, reserve=reserve),
                sink=sink,
                environment=self.environment,
                cancelled=self.cancelled,
                kernel_manager_class=self.kernel_manager_class,
                runbook=self.runbook,
            )
            outcome = execute_job(spec, worker).outcome
        return outcome.model_copy(update={"resolved": dict(self.spec.resolved), "node": self.node})

    def results(
        self, landing: Landing | None = None, *, largest: int | None = None
    ) -> Iterator[list[Piece]]:
        """Yield what the attempt has left, as it belongs into a run folder.

        Args:
            landing: Takes large files, where this machine sees the run's folder.
            largest: Bytes of one piece.

        Raises:
            OSError: A file cannot be read.
        """
        left: list[tuple[Path, str]] = []

        def leave_out(path: Path, at: str) -> bool:
            taken = landing is not None and landing.takes(path, self.folder)
            if taken:
                left.append((path, at))
            return taken

        for path, at in self._trees():
            yield from pieces_of(path, at, leave_out=leave_out, largest=largest)
        # Not before: until all else is read, a link may lead to one of them.
        for path, at in left:
            if not (landing and landing.take(path, at)):
                yield from pieces_of(path, at, largest=largest)

    def _trees(self) -> Iterator[tuple[Path, str]]:
        """Yield the files and folders that an attempt has left, and where they belong."""
        job = self.run.job(self.spec.job.id)
        outside = _outputs_outside((self.folder, *self.inputs.values()), job.records)
        self._rename_places(job.records, outside)
        for place, path in outside.items():
            yield path, place
        for folder in (job.path, self.run.media):
            if folder.is_dir():
                yield folder, folder.relative_to(self.folder).as_posix()

    def _rename_places(self, records: Path, outside: Mapping[str, Path]) -> None:
        """Let records name the places that their files have on the run's machine."""
        places = {str(path): f"{self.run_path}/{place}" for place, path in outside.items()}
        places |= {str(path): there for there, path in self.inputs.items()}
        places[str(self.folder)] = self.run_path
        if not records.is_file():
            return
        text = records.read_bytes().decode(errors="surrogateescape")
        quoted = {_quoted(here): _quoted(there) for here, there in places.items()}
        atomic_write(records, _renamed(text, quoted).encode(errors="surrogateescape"))


def _quoted(path: str) -> str:
    """Return a path as it stands in JSON."""
    return json.dumps(path, ensure_ascii=False)[1:-1]


def _outputs_outside(known: Sequence[Path], records: Path) -> dict[str, Path]:
    """Return the paths among a job's outputs that are in no known folder, by their new places."""
    found: dict[str, Path] = {}
    for record in read_records(records)[0]:
        if isinstance(record, Output) and record.content is not None:
            path = Path(str(record.value))
            if path.exists() and not any(map(path.is_relative_to, known)):
                found[f"jobs/{records.parent.name}/outputs/{record.name}/{path.name}"] = path
    return found


def _moved(value: Any, places: Mapping[str, str]) -> Any:
    """Return a parameter's value with each place in it replaced by another."""
    if isinstance(value, str):
        return _renamed(value, places)
    if isinstance(value, list):
        return [_moved(item, places) for item in value]
    if isinstance(value, dict):
        return {key: _moved(item, places) for key, item in value.items()}
    return value


def _renamed(text: str, places: Mapping[str, str]) -> str:
    """Return a text with each place in it replaced by another; a name that goes on is another."""
    if not places:
        return text
    # The longest first: one place may be in another. All at once: a new name is not read again.
    names = "|".join(re.escape(place) for place in sorted(places, key=len, reverse=True))
    return re.sub(rf"(?:{names})(?![\w-]|\.\w)", lambda match: places[match[0]], text)
