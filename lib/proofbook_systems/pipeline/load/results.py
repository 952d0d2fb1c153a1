"""The numbers of a load, and a table of them."""

from __future__ import annotations

from typing import Literal, NamedTuple

from proofbook_systems.pipeline.load.journal import Journal
from proofbook_systems.pipeline.load.running import Load

__all__ = ["Number", "film_sizes", "numbers_of", "table"]


class Number(NamedTuple):
    """One measured number."""

    name: str
    value: float
    unit: str
    better: Literal["higher", "lower"]
    words: str


def film_sizes(load: Load) -> list[float]:
    """Return the most bytes of each film, or of the batch at each number of films."""
    if load.batch:
        return load.batch.by_film()
    return [size for _, size in load.peaks(Journal.read(load.journal_path))]


def numbers_of(load: Load) -> list[Number]:
    """Return what a load took."""
    growth, _ = load.growth(Journal.read(load.journal_path))
    films, seconds = max(len(load.films) - 1, 1), max(load.seconds, 1e-9)
    sampler = load.sampler
    return [
        Number("films_per_hour", 3600 * films / seconds, "1/h", "higher", "films an hour"),
        Number("peak_memory", sampler.peak / 1e6, "MB", "lower", "most memory, all together"),
        Number("memory_growth", growth.slope / 1e6, "MB", "lower", "growth of memory a film"),
        Number("processor_seconds", sampler.computed / films, "s", "lower", "CPU a film, at least"),
        Number("disk_written", sampler.written / films / 1e6, "MB", "lower",
               "written to disks a film, at least"),
        Number("disk_read", sampler.read / films / 1e6, "MB", "lower",
               "read from disks a film, at least"),
    ]  # fmt: skip


def table(load: Load) -> str:
    """Return the load as a table in Markdown."""
    journal = Journal.read(load.journal_path)
    killed = sum(entry.event == "killed" for entry in journal.entries)
    growth, _ = load.growth(journal)
    rows = [
        ("films", f"{len(load.films)}"),
        ("workers", f"{load.config.workers}"),
        ("killed", f"{killed if not load.batch else load.batch.kills}"),
        ("finished before the stop", f"{len(load.finished)}"),
        ("seconds", f"{load.seconds:.1f}"),
        *((n.words, f"{n.value:.3g} {n.unit}") for n in numbers_of(load)),
        ("slope of memory, 95 %", f"{growth.low / 1e6:.3g} to {growth.high / 1e6:.3g} MB a film"),
    ]  # fmt: skip
    lines = [f"| {name} | {value} |" for name, value in rows]
    return "\n".join(["| load | |", "| --- | --- |", *lines, ""])
