"""A pipeline's own batch command, killed at random and started again until it ends well."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from proofbook.processes import Supervised, supervise
from proofbook_systems.pipeline.load.inventory import Inventory
from proofbook_systems.pipeline.load.sampling import Sampler
from proofbook_systems.pipeline.workspace import Workspace

__all__ = ["BatchRun", "run_batch"]

_DEATH = 10.0
_POLL = 0.05


@dataclass(frozen=True, kw_only=True)
class BatchRun:
    """All starts of a batch command."""

    words: tuple[str, ...]
    """How each start ended."""
    ended_well: bool
    kills: int
    """How many starts were killed."""
    finished: tuple[str, ...]
    """The films that were there at the first kill."""
    stopped: Inventory | None
    """What there was of them."""
    memory: tuple[tuple[int, int], ...]
    """Films that were there, and bytes of the tree, of each sample."""

    def by_film(self) -> list[float]:
        """Return the median bytes while so many films were there."""
        sizes: dict[int, list[int]] = {}
        for there, size in self.memory:
            if size:
                sizes.setdefault(there, []).append(size)
        return [float(median(sizes[there])) for there in sorted(sizes)]


def run_batch(
    workspace: Workspace, command: Sequence[str], films: Callable[[], Sequence[str]],
    look: Callable[[], tuple[tuple[str, ...], Inventory]], sampler: Sampler, *, videos: int,
    workers: int, kills: int, seed: int,
) -> BatchRun:  # fmt: skip
    """Run a batch of films, killed with all its workers after numbers of films drawn at random.

    Args:
        workspace: Where.
        command: Program and arguments, with ``{videos}`` and ``{workers}``.
        films: Returns the films that are there.
        look: Returns those that are whole, and what there is of them.
        sampler: Watches the memory.
        videos: How many films.
        workers: How many at once.
        kills: How often it is killed.
        seed: Of the numbers.

    Raises:
        SubjectError: It cannot be started.
    """
    chosen = random.Random(seed)
    after = sorted(chosen.sample(range(1, videos), min(kills, videos - 1)))
    filled = workspace.fill(command, "batch", "", videos=str(videos), workers=str(workers))
    words: list[str] = []
    finished: tuple[str, ...] = ()
    stopped: Inventory | None = None
    memory: list[tuple[int, int]] = []
    ended_well = killed = False
    for number in range(len(after) + 1):
        until = after[number] if number < len(after) else None
        killed, ended_well, told = _start(
            workspace, filled, number + 1, films, until, chosen.random(), sampler, memory
        )  # fmt: skip
        words.append(told)
        if not killed:
            break
        if stopped is None:
            finished, stopped = look()
    return BatchRun(
        words=tuple(words), ended_well=ended_well, kills=len(words) - (not killed),
        finished=finished, stopped=stopped, memory=tuple(memory),
    )  # fmt: skip


def _start(
    workspace: Workspace, filled: Sequence[str], number: int, films: Callable[[], Sequence[str]],
    until: int | None, share: float, sampler: Sampler, memory: list[tuple[int, int]],
) -> tuple[bool, bool, str]:  # fmt: skip
    """Start the batch once; return whether it was killed, whether it ended well, and how."""
    log = workspace.logs / f"batch-{number}.log"
    with supervise(
        filled, log=log, name="batch", cwd=workspace.folder, env=workspace.variables()
    ) as program, sampler.watching(program.pid, f"batch {number}"):  # fmt: skip
        limit = time.monotonic() + workspace.timeout
        killed = _follow(program, films, until, share, limit, sampler, memory)
        return killed, program.exit_code == 0, program.state


def _follow(
    program: Supervised,
    films: Callable[[], Sequence[str]],
    until: int | None,
    share: float,
    limit: float,
    sampler: Sampler,
    memory: list[tuple[int, int]],
) -> bool:
    """Wait for a program's end, or kill it once so many films are there; say whether it was.

    It is killed a share of a film's time later: in the middle of the next ones.
    """
    began, at_first = time.monotonic(), len(films())
    while program.running:
        there = len(films())
        if sampler.samples:
            memory.append((there, sampler.samples[-1].memory))
        if (until is not None and there >= until) or time.monotonic() > limit:
            pace = (time.monotonic() - began) / max(1, there - at_first)
            program.wait(share * pace)
            program.send_signal(signal.SIGKILL, group=True)
            program.wait(_DEATH)
            return program.exit_code == -signal.SIGKILL
        program.wait(_POLL)
    return False
