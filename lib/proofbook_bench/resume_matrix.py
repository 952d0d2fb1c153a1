"""Cut and resume trainings in every combination, and compare the weights to the bit."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from proofbook_bench.resume_cases import Case

__all__ = ["SIDES", "Verdict", "run_matrix"]

Side = Callable[[Case, Path, list[tuple[int, int]]], str]


class Verdict(NamedTuple):
    """What became of one case."""

    case: Case
    identical: bool
    problem: str
    """Why it could not go on; empty where it did."""

    @property
    def words(self) -> str:
        """One line of a table."""
        ending = "identical" if self.identical else self.problem or "departs"
        return f"{self.case.words}: {ending}"


def run_matrix(name: str, cases: Sequence[Case], folder: Path) -> list[Verdict]:
    """Run a side of :data:`SIDES` through the cases; trainings left alone are made once a kind.

    A case whose training fails is not identical, and says why.
    """
    side, steps = SIDES[name]()
    alone: dict[tuple[str, int], str] = {}
    verdicts = []
    for case in cases:
        # How many workers prepare the data is part of what a training is, for the peers.
        key = (case.kind, case.workers)
        with _work_folder(folder / name) as place, _quiet():
            if key not in alone:
                alone[key] = side(case, place / "alone", [])
            verdicts.append(_try(side, case, place / "cut", case.stops(steps(case)), alone[key]))
    return verdicts


def _try(
    side: Side, case: Case, place: Path, stops: list[tuple[int, int]], expected: str
) -> Verdict:
    try:
        return Verdict(case, side(case, place, stops) == expected, "")
    except Exception as error:  # noqa: BLE001 - a peer may fail in any way: the table says how
        line = str(error).partition("\n")[0]
        return Verdict(case, False, f"{type(error).__name__}: {line}"[:200])


@contextlib.contextmanager
def _work_folder(folder: Path) -> Iterator[Path]:
    for name in ("alone", "cut"):
        (folder / name).mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    import torch

    threads, level = torch.get_num_threads(), logging.root.manager.disable
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        torch.set_num_threads(threads)
        logging.disable(level)


def _foundry() -> tuple[Side, Callable[[Case], int]]:
    from proofbook_bench.resume_foundry import resume_foundry, steps_per_epoch

    return resume_foundry, steps_per_epoch


def _torchdata() -> tuple[Side, Callable[[Case], int]]:
    from proofbook_bench.resume_peers import resume_torchdata, steps_per_epoch

    return resume_torchdata, steps_per_epoch


def _hf_trainer() -> tuple[Side, Callable[[Case], int]]:
    from proofbook_bench.resume_peers import resume_hf_trainer, steps_per_epoch

    return resume_hf_trainer, steps_per_epoch


SIDES: Mapping[str, Callable[[], tuple[Side, Callable[[Case], int]]]] = {
    "foundry": _foundry, "torchdata": _torchdata, "hf_trainer": _hf_trainer,
}  # fmt: skip
"""What can be cut and resumed."""
