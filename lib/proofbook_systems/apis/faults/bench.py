"""What all cases share: the client under test, the server that misbehaves, and the terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proofbook_systems.apis.client_process import ClientProcess
from proofbook_systems.apis.clients import ClientCommand
from proofbook_systems.apis.faults.cases import Case
from proofbook_systems.apis.faults.judging import Issue, Promises, declines, judge
from proofbook_systems.apis.faults.running import CaseRun, Terms, run_case
from proofbook_systems.apis.faulty_server import FaultyServer, start_faulty_server
from proofbook_systems.apis.protocols import no_keys
from proofbook_systems.apis.servers import find_server

__all__ = ["KEY", "Bench", "Judged", "open_bench"]

KEY = "test-key"
"""What a server that stands in for a real one takes."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A case that was run, and what is wrong."""

    run: CaseRun
    issues: Sequence[Issue]
    passing: Sequence[Issue] = ()
    """What was wrong at first, and not in a second try with a fresh process."""

    @property
    def name(self) -> str:
        """The case's name."""
        return self.run.case.name

    @property
    def is_clean(self) -> bool:
        """Whether the client may go on to another case."""
        ended = all(outcome.ended in ("done", "error") for outcome in self.run.outcomes)
        after = self.run.next_outcome
        return ended and (after is None or after.ended == "done" or declines(self.run))

    @property
    def words(self) -> list[str]:
        """What is wrong, in words."""
        return [issue.message for issue in self.issues]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The client under test beside the server that misbehaves."""

    command: ClientCommand
    server: FaultyServer
    terms: Terms
    promises: Promises
    folder: Path
    """Where the client's logs go."""
    environment: Mapping[str, str] = field(default_factory=dict)
    owned: ExitStack = field(default_factory=ExitStack, repr=False)
    """Ends the server."""

    @property
    def revision(self) -> str:
        """What the client is."""
        return self.command.revision

    def start(self, name: str) -> ClientProcess:
        """Start another process of the client.

        Raises:
            SubjectError: It cannot be started.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / f"client-{name}.log"
        log.touch()
        return ClientProcess(self.command, log=log, environment=self.environment).start()

    def run(self, case: Case, client: ClientProcess) -> Judged:
        """Run a case on a port of its own, and judge it."""
        with self.server.open_lane() as lane:
            run = run_case(case, client, lane, self.terms)
        return Judged(run=run, issues=() if run.undone else tuple(judge(run, self.promises)))

    def close(self) -> None:
        """End the server."""
        self.owned.close()


def open_bench(
    command: ClientCommand, folder: Path, *, server: str, protocol: str, timeout: float,
    patience: float, longest_sleep: float, options: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None, retries: int = -1, honours: Sequence[str] = (),
    crowd: int = 0,
) -> Bench:  # fmt: skip
    """Start the server that misbehaves, and return all that cases need.

    Args:
        command: The client.
        folder: Where logs go.
        server: What names its ``server.json``.
        protocol: What client and server speak.
        timeout: Seconds, the client's own time-out.
        patience: Seconds after which a request that has not ended counts as hanging.
        longest_sleep: The same, where the server asks for a day.
        options: Handed to the client with each request.
        environment: Further variables for the client.
        retries: What the client promises; -1 is its option ``max_retries``, or nothing.
        honours: Forms of waiting that it promises to keep.
        crowd: How many requests come at once.

    Raises:
        SubjectError: The server cannot be started.
    """
    owned = ExitStack()
    folder.mkdir(parents=True, exist_ok=True)
    running = owned.enter_context(
        start_faulty_server(
            find_server(server, "apis.faulty_server"), protocol=protocol, log=folder / "server.log"
        )
    )
    terms = Terms(
        protocol=protocol, model=running.model, key=KEY, timeout=timeout, patience=patience,
        longest_sleep=longest_sleep, options=dict(options or {}), crowd=crowd,
    )  # fmt: skip
    promised = retries if retries >= 0 else (options or {}).get("max_retries")
    promises = Promises(
        retries=promised if isinstance(promised, int) else None, honours=frozenset(honours)
    )
    return Bench(
        command=command, server=running, terms=terms, promises=promises, folder=folder,
        environment={**no_keys(), **(environment or {})}, owned=owned,
    )  # fmt: skip
