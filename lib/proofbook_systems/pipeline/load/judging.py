"""Are all films there, each once, whatever was killed meanwhile? Knows nothing of how they ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from proofbook_systems.pipeline.databases.contents import Content
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.load.batch import BatchRun
from proofbook_systems.pipeline.load.growth import Growth
from proofbook_systems.pipeline.load.inventory import Inventory, Kind
from proofbook_systems.pipeline.load.journal import Journal

__all__ = [
    "judge_batch", "judge_databases", "judge_doubled", "judge_growth", "judge_kept",
    "judge_leftovers", "judge_lost", "judge_memory", "judge_stages", "video_fault",
]  # fmt: skip

_MB = 1e6


def judge_lost(
    inventory: Inventory,
    films: Sequence[str],
    undisturbed: Sequence[str],
    videos: Mapping[str, Path],
) -> Finding:
    """Say whether each film has what an undisturbed one has, and a video that can be opened."""
    faults = []
    for film in films:
        if videos and (fault := video_fault(videos[film])):
            faults.append(f"film {film}: {fault}")
    expected = {**_usual(inventory.files, undisturbed), **_usual(inventory.rows, undisturbed)}
    for film in films:
        have = inventory.files[film] + inventory.rows[film]
        faults += [
            f"film {film}: {have[kind]} of {kind[1]} in {kind[0]}, and others have {min(counts)}"
            for kind, counts in expected.items() if have[kind] < min(counts)
        ]  # fmt: skip
    return finding("films-none-lost", faults, why="a film that was begun and is not there has "
                   "cost its calls and its time, and nobody looks for it")  # fmt: skip


def judge_doubled(
    inventory: Inventory, films: Sequence[str], undisturbed: Sequence[str],
    growth: Mapping[Kind, int], control: Mapping[Kind, int],
) -> Finding:  # fmt: skip
    """Say whether a film has anything twice, or was counted twice.

    Args:
        inventory: What there is.
        films: All films.
        undisturbed: Those that were not killed, the first at the front.
        growth: By how much each counter has grown with all films.
        control: By how much each counter has grown with the first film.
    """
    usual = {**_usual(inventory.files, undisturbed), **_usual(inventory.rows, undisturbed)}
    faults = []
    for film in films:
        have = inventory.files[film] + inventory.rows[film]
        faults += [
            f"film {film}: {have[kind]} of {kind[1]} in {kind[0]}, and others have {max(counts)}"
            for kind, counts in usual.items() if have[kind] > max(counts)
        ]  # fmt: skip
    is_same = len({frozenset(rows.items()) for rows in inventory.rows.values()}) == 1
    for place in control if is_same else []:
        want = control[place] * len(films)
        if growth.get(place, 0) != want:
            more = "twice" if growth.get(place, 0) > want else "not at all"
            faults.append(f"{place[0]}: {place[1]} has grown by {growth.get(place, 0)}, and "
                          f"{len(films)} films need {want}: some were counted {more}")  # fmt: skip
    return finding("films-none-doubled", faults, why="who is killed and begins again must find "
                   "what is there: twice is paid twice, posted twice")  # fmt: skip


def judge_leftovers(
    inventory: Inventory, before: Inventory, films: Sequence[str], undisturbed: Sequence[str]
) -> Finding:
    """Say whether killed stages have left files that an undisturbed film does not have."""
    usual = set(_usual(inventory.files, undisturbed))
    faults = [
        f"film {film}: {number} of {kind[1]} in {kind[0]}, which no undisturbed film has"
        for film in films for kind, number in inventory.files[film].items() if kind not in usual
    ]  # fmt: skip
    places = {(Path(name).parent, Path(name).suffix) for name in before.others}
    faults += [
        f"{name} was left" for name in sorted(inventory.others - before.others)
        if (Path(name).parent, Path(name).suffix) not in places
    ]  # fmt: skip
    return finding("nothing-left-behind", faults, why="half-written files fill the disk, and are "
                   "taken for whole ones")  # fmt: skip


def judge_kept(first: Inventory, last: Inventory, finished: Sequence[str]) -> Finding:
    """Say whether films that were finished before the stop are as they were."""
    changed = [film for film in finished if first.digests.get(film) != last.digests.get(film)]
    return finding(
        "finished-films-kept", [f"film {film} was made again after the stop" for film in changed],
        why="resuming goes on where it stopped: what was finished may be out already",
        untried="" if finished and last.digests else "no film was finished before the stop",
    )  # fmt: skip


def judge_stages(journal: Journal) -> Finding:
    """Say whether every stage that was not killed ended well."""
    failed = [entry for entry in journal.entries if entry.event == "failed"]
    return finding(
        "stages-end-well", [f"film {e.film}: {e.stage} {e.words}" for e in failed],
        why="at this number of workers a stage must not fail that works alone",
    )  # fmt: skip


def judge_batch(batch: BatchRun, films: Sequence[str], wanted: int) -> Finding:
    """Say whether the batch command ended well, with so many films."""
    faults = [] if batch.ended_well else [f"the batch {batch.words[-1]} in its last start"]
    if len(films) != wanted:
        what = "lost" if len(films) < wanted else "too many"
        faults.append(
            f"there are {len(films)} films, not {wanted}: {abs(wanted - len(films))} {what}"
        )
    return finding("batch-ends-well", faults, why="started again after a kill it must make what is "
                   "missing, and nothing else")  # fmt: skip


def judge_databases(before: Content, content: Content) -> Finding:
    """Say whether the databases are whole."""
    faults = [fault for fault in content.faults if fault not in before.faults]
    return finding("databases-whole", faults, why="a damaged file is noticed when it is needed")


def judge_memory(peak: int, bound_gb: float) -> Finding:
    """Say whether all workers together stayed below a bound."""
    over = peak > bound_gb * 1e9
    words = f"{peak / 1e9:.2f} GB at one time, of {bound_gb:g} GB"
    return finding("memory-below-bound", [words] if over else [], why="beyond it the machine swaps "
                   "or kills", untried="" if peak else "no memory was read")  # fmt: skip


def judge_growth(growth: Growth, usual: float, share: float) -> Finding:
    """Say whether memory grows from film to film.

    Args:
        growth: Of bytes, from film to film.
        usual: The median of a film.
        share: Part of it by which all films together may grow.
    """
    total = growth.low * growth.films
    grows = growth.low > 0 and total > share * usual
    words = (
        f"{growth.slope / _MB:.3g} MB a film ({growth.low / _MB:.3g} to {growth.high / _MB:.3g}), "
        f"{total / _MB:.3g} MB at least over {growth.films} films"
    )
    return finding("memory-does-not-grow", [words] if grows else [], why="what is never given back "
                   "ends a long run", untried="" if growth.known else
                   f"{growth.films} films are too few for a trend")  # fmt: skip


def video_fault(path: Path) -> str:
    """Return why a video cannot be used; empty where it can."""
    import av

    if not path.is_file():
        return f"{path.name} is not there"
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                return f"{path.name} has no picture"
            packets = sum(packet.size for packet in container.demux(container.streams.video[0]))
    except (OSError, av.FFmpegError) as error:
        return f"{path.name} cannot be opened: {error}"
    return "" if packets else f"{path.name} is empty"


def _usual(counts: Mapping[str, Counter[Kind]], films: Sequence[str]) -> dict[Kind, set[int]]:
    """Return how many of each kind films have; several numbers where they differ.

    What the first film has is usual, and what more than a tenth of the films have.
    """
    kinds = {kind for film in films for kind in counts[film]}
    usual = {}
    for kind in kinds:
        numbers = Counter(counts[film][kind] for film in films)
        often = {n for n, times in numbers.items() if times > max(1, len(films) / 10)}
        often |= {counts[films[0]][kind]}
        if often != {0}:
            usual[kind] = often
    return usual
