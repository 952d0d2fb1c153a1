"""Try many model types: in shards, each in a process that imports once and forks for each type."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from proofbook.errors import SubjectError
from proofbook.processes import supervise
from proofbook_systems.models.catalogue import ModelType
from proofbook_systems.models.findings import Finding, Verdict
from proofbook_systems.models.host import ONE_THREAD, PATIENCE
from proofbook_systems.models.releases import with_packages
from proofbook_systems.models.trial import Options

__all__ = ["Matrix", "try_types"]

_LOOK_SECONDS = 0.2
_IMPORT_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """How types are tried."""

    options: Options
    workers: int = 2
    seconds: float = 60.0
    """Of computing that one type may take, its devices apart."""
    gigabytes: float = 3.0
    folder: Path
    """Where requests, results and logs go."""
    packages: Path | None = None
    """Folder of another release of transformers; None is the installed one."""


def try_types(types: Sequence[ModelType], matrix: Matrix) -> Iterator[Verdict]:
    """Yield a verdict on every type, as they end.

    A process that ends before its last type is started again with what is left; the type that it
    was at has failed. One that ends before its first type is started once more, without warming up.

    Raises:
        SubjectError: The process that forks cannot be started.
    """
    matrix.folder.mkdir(parents=True, exist_ok=True)
    left = {each.name: each for each in types}
    round_, warm = 0, True
    while left:
        before = len(left)
        for verdict in _one_round(list(left.values()), matrix, round_, warm=warm):
            left.pop(verdict.type, None)
            yield verdict
        round_ += 1
        if len(left) == before and warm:
            warm = False  # warming up may be what ended it
            continue
        if len(left) == before:
            log = (matrix.folder / f"host-{round_ - 1}.log").read_text(
                encoding="utf-8", errors="replace"
            )
            last = (log.strip().splitlines() or ["it printed nothing"])[-1]
            raise SubjectError(f"no model type could be tried: {last}")
        if left:
            lost = next(iter(left))
            type_ = left.pop(lost)
            reason = "the process that tries the types ended"
            yield Verdict(
                type=lost,
                category=type_.category,
                findings=[Finding(check="init", status="failed", reason=reason)],
            )


def _one_round(
    types: list[ModelType], matrix: Matrix, round_: int, *, warm: bool
) -> Iterator[Verdict]:
    request, results = (matrix.folder / f"{n}-{round_}.json" for n in ("request", "verdicts"))
    request.write_text(
        json.dumps(
            {
                "types": [each.name for each in types],
                "options": asdict(matrix.options),
                "workers": matrix.workers,
                "warm": warm,
                "seconds": matrix.seconds,
                "device_seconds": matrix.options.most_device_seconds,
                "gigabytes": matrix.gigabytes,
            }
        )
    )
    results.write_text("")
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "proofbook_systems.models.host",
        request,
        results,
    ]
    waves = -(-len(types) // matrix.workers)
    deadline = (
        time.monotonic()
        + _IMPORT_SECONDS
        + waves * (PATIENCE * matrix.seconds + matrix.options.most_device_seconds + 1)
    )
    with (
        supervise(
            command,
            log=matrix.folder / f"host-{round_}.log",
            name="models.host",
            env=with_packages(_environment(matrix.options), matrix.packages),
        ) as program,
        results.open(encoding="utf-8") as file,
    ):
        part = ""
        while time.monotonic() < deadline:
            ended = program.wait(_LOOK_SECONDS)
            *lines, part = (part + file.read()).split("\n")
            for line in lines:
                yield Verdict.from_dict(json.loads(line))
            if ended:
                return


def _environment(options: Options) -> dict[str, str]:
    # Random weights need nothing from the hub; a type that asks for something would wait for it.
    offline = {} if options.weights else {"HF_HUB_OFFLINE": "1"}
    return {**os.environ, **ONE_THREAD, **offline}
