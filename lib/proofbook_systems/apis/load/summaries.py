"""The numbers of a round: throughput, goodput, percentiles; as metrics, table and plots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from proofbook.media import draw_lines
from proofbook_systems.apis.load.percentiles import percentiles
from proofbook_systems.apis.load.rounds import Round
from proofbook_systems.apis.load.service_levels import ServiceLevel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Number", "draw_distribution", "draw_levels", "numbers_of", "table"]

_TIMES = ("ttft", "itl", "tpot", "latency")
_MILLI = 1000.0


@dataclass(frozen=True, kw_only=True)
class Number:
    """One metric of one round."""

    name: str
    value: float
    unit: str
    better: Literal["higher", "lower"]


def numbers_of(loaded: Round, promised: ServiceLevel) -> Iterator[Number]:
    """Yield the metrics of a round; times are those of answered requests, in milliseconds."""
    answered = loaded.answered
    tokens = sum(sample.tokens for sample in answered)
    yield Number(
        name="request_throughput", value=len(answered) / loaded.seconds,
        unit="request/s", better="higher",
    )  # fmt: skip
    yield Number(name="goodput", value=promised.goodput(loaded), unit="request/s", better="higher")
    if tokens:
        yield Number(
            name="output_throughput", value=tokens / loaded.seconds, unit="token/s", better="higher"
        )
    yield Number(name="error_share", value=loaded.error_share, unit="share", better="lower")
    for name in _TIMES:
        for level, seconds in percentiles(times_of(loaded, name)).items():
            yield Number(name=f"{name}_p{level}", value=seconds * _MILLI, unit="ms", better="lower")


def times_of(loaded: Round, name: str) -> list[float]:
    """Return all times of a kind in seconds: ``ttft``, ``itl``, ``tpot`` or ``latency``."""
    answered = loaded.answered
    if name == "itl":
        return [gap for sample in answered for gap in sample.gaps]
    amounts = [getattr(sample, name) for sample in answered]
    return [amount for amount in amounts if amount is not None]


def table(rounds: Sequence[Round], promised: ServiceLevel) -> str:
    """Return all rounds as a Markdown table, one line a round."""
    found = {loaded.name: {n.name: n for n in numbers_of(loaded, promised)} for loaded in rounds}
    names = list(dict.fromkeys(name for numbers in found.values() for name in numbers))
    units = {name: n.unit for numbers in found.values() for name, n in numbers.items()}
    head = ["load", "requests", *[f"{name} ({units[name]})" for name in names]]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    for loaded in rounds:
        numbers = found[loaded.name]
        cells = [f"{numbers[n].value:.4g}" if n in numbers else "—" for n in names]
        lines.append(f"| {' | '.join([loaded.name, str(loaded.sent), *cells])} |")
    reasons = [f"- {loaded.name}: {fault}" for loaded in rounds for fault in loaded.faults]
    return "\n".join([f"Promised: {promised}.", "", *lines, *(["", *reasons] if reasons else [])])


def draw_levels(rounds: Sequence[Round], promised: ServiceLevel, *, x: str) -> Figure:
    """Return throughput and goodput, and times below them, over the levels of load."""
    served = {
        "answered": [(r.level, len(r.answered) / r.seconds) for r in rounds],
        "within the bounds": [(r.level, promised.goodput(r)) for r in rounds],
    }
    times: dict[str, list[tuple[float, float | None]]] = {}
    for name in ("ttft", "latency"):
        for loaded in rounds:
            for level, seconds in percentiles(times_of(loaded, name)).items():
                points = times.setdefault(f"{name} p{level}", [])
                points.append((loaded.level, seconds * _MILLI))
    return draw_lines({"requests/s": served, "ms": times}, x=x)


def draw_distribution(rounds: Sequence[Round], name: str) -> Figure:
    """Return the share of requests that took at most so long, a line for each round."""
    lines = {}
    for loaded in rounds:
        ordered = sorted(times_of(loaded, name))
        lines[loaded.name] = [
            (seconds * _MILLI, rank / len(ordered)) for rank, seconds in enumerate(ordered, 1)
        ]
    return draw_lines({"share of all": lines}, x=f"{name}, ms")
