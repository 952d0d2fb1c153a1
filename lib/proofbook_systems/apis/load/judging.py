"""What no level of load may do: lose a request, or hand one user's answer to another."""

from __future__ import annotations

from proofbook_systems.apis.load.rounds import Round
from proofbook_systems.apis.load.service_levels import ServiceLevel

__all__ = ["find_crossed", "find_lost", "kept_share", "missed", "slug"]


def slug(loaded: Round) -> str:
    """Return what checks on a round are called: ``8-clients``, ``2.5-a-second``."""
    return f"{loaded.level:g}-clients" if loaded.closed else f"{loaded.level:g}-a-second"


def find_lost(loaded: Round) -> str:
    """Return how many requests ended neither with an answer nor with an error; empty if none."""
    lost = loaded.sent - len(loaded.samples)
    silent = [s for s in loaded.answered if not s.text.strip()]
    parts = [f"{lost} of {loaded.sent} requests have no end"] if lost else []
    parts += [f"{len(silent)} answers are empty and say so nowhere"] if silent else []
    return "; ".join(parts)


def find_crossed(loaded: Round) -> list[str]:
    """Return each answer without its own request's number, or with another's."""
    markers = [sample.marker for sample in loaded.samples]
    crossed = []
    for sample in loaded.answered:
        others = [m for m in markers if m != sample.marker and m in sample.text]
        if sample.has_own_answer and not others:
            continue
        whose = f"that of {others[0]}" if others else repr(sample.text[:60])
        crossed.append(f"{sample.marker} was answered with {whose}")
    return crossed


def kept_share(loaded: Round, promised: ServiceLevel) -> float:
    """Return the share of all requests that were answered within the promised bounds."""
    return sum(promised.is_kept(sample) for sample in loaded.samples) / loaded.sent


def missed(loaded: Round, promised: ServiceLevel) -> str:
    """Return which promises were missed, how often and by how much at worst; else the promises."""
    amounts: dict[str, tuple[float, list[float | None]]] = {
        "TTFT": (promised.ttft, [s.ttft for s in loaded.answered]),
        "TPOT": (promised.tpot, [s.tpot for s in loaded.answered]),
        "end to end": (promised.latency, [float(s.latency) for s in loaded.answered]),
    }
    parts = []
    for name, (bound, seconds) in amounts.items():
        late = [amount for amount in seconds if bound and amount is not None and amount > bound]
        if late:
            parts.append(f"{name} by {len(late)} of {loaded.sent}, at most {max(late):.3g} s")
    told = f"; missed: {', '.join(parts)}" if parts else ""
    return f"promised: {promised}{told}"
