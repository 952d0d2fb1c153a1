"""A whole load: one film alone, then all, stopped in the middle, resumed, and looked at.

load = begin_load(config, folder)
load.run_alone(); load.run_until_stop(); load.resume()
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from proofbook.errors import SubjectError
from proofbook_systems.apis.faulty_server import Call
from proofbook_systems.pipeline.databases.config import DATABASES
from proofbook_systems.pipeline.databases.contents import Content, Place
from proofbook_systems.pipeline.databases.snapshots import take_snapshot
from proofbook_systems.pipeline.findings import Finding, finding
from proofbook_systems.pipeline.load import judging
from proofbook_systems.pipeline.load.batch import BatchRun, run_batch
from proofbook_systems.pipeline.load.calls import judge_calls, watched
from proofbook_systems.pipeline.load.config import LoadConfig
from proofbook_systems.pipeline.load.growth import Growth, find_growth
from proofbook_systems.pipeline.load.inventory import Inventory, take_inventory
from proofbook_systems.pipeline.load.journal import Journal
from proofbook_systems.pipeline.load.sampling import Sampler
from proofbook_systems.pipeline.load.workers import Workers, draw_kills
from proofbook_systems.pipeline.stages import StageRun, run_stage
from proofbook_systems.pipeline.workspace import Workspace, new_episode, open_workspace

__all__ = ["Load", "begin_load"]

_MOST = 1_000_000
"""A larger growth is that of a time, and counts nothing."""


@dataclass
class Load:
    """Films that are made under load, and what was seen meanwhile."""

    config: LoadConfig
    workspace: Workspace
    films: list[str]
    sampler: Sampler = field(default_factory=Sampler)
    alone: dict[str, float] = field(default_factory=dict)
    """Seconds of each stage of the first film."""
    at_first: Content = field(default_factory=lambda: Content(files={}))
    after_one: Content = field(default_factory=lambda: Content(files={}))
    seconds: float = 0.0
    """Of all films but the first."""
    planned: int = 0
    finished: list[str] = field(default_factory=list)
    """Films that were whole at the stop."""
    first: Inventory | None = None
    stopped: Inventory | None = None
    batch: BatchRun | None = None
    """Where the pipeline's own command made the films."""

    calls: list[Call] = field(default_factory=list)
    """What the pipeline asked of its API, where that was watched."""

    @property
    def journal_path(self) -> Path:
        """Where what has been done is written down."""
        return self.workspace.logs / "films.jsonl"

    @property
    def stages(self) -> list[str]:
        """The stages of a film that have a command."""
        return [stage for stage in self.config.stages if self.workspace.has(stage)]

    def read(self) -> Content:
        """Return what the databases hold."""
        known = [self.workspace.path(n, "") for n in DATABASES if self.workspace.knows(n)]
        return Content(files={p.name: take_snapshot(p) for p in dict.fromkeys(known)})

    def inventory(self, films: Sequence[str]) -> Inventory:
        """Return what there is of films."""
        return take_inventory(self.workspace, films, self.read())

    def run_alone(self) -> list[str]:
        """Make the first film, undisturbed: the control. Return why it failed.

        Raises:
            SubjectError: A stage cannot be started.
        """
        self.at_first = self.read()
        if self.config.batch:
            return []
        journal = Journal.read(self.journal_path)
        with Sampler() as sampler, watched(self.config, self.workspace) as (workspace, _):
            Workers(workspace, self.stages, journal, sampler).make(self.films[:1], 1)
        self.alone = {e.stage: e.seconds for e in journal.entries if e.event == "ended"}
        self.after_one = self.read()
        self.first = self.inventory(self.films[:1])
        return [f"{e.stage} {e.words}" for e in journal.entries if e.event != "ended"]

    def run_all(self) -> None:
        """Make all films, with workers killed at random; stop in the middle, and resume.

        What was done is read from the disk again after the stop.
        """
        if self.config.batch:
            self.run_batch()
            return
        began = time.monotonic()
        films = self.films[1:]
        kills = draw_kills(films, self.alone, self.config.kills, self.config.seed)
        self.planned = len(kills)
        until = round(self.config.halt * len(films)) or None
        with self.sampler as sampler, watched(self.config, self.workspace) as (workspace, lane):
            if until:
                journal = Journal.read(self.journal_path)
                workers = Workers(workspace, self.stages, journal, sampler, kills)
                workers.make(films, self.config.workers, until)
                self.finished = self.whole(Journal.read(self.journal_path))
                self.stopped = self.inventory(self.finished)
            journal = Journal.read(self.journal_path)
            left = [film for film in films if film not in self.whole(journal)]
            workers = Workers(workspace, self.stages, journal, sampler, kills)
            workers.make(left, self.config.workers)
            self.calls = lane.calls() if lane else []
        self.seconds = time.monotonic() - began

    def run_batch(self) -> None:
        """Run the pipeline's own batch command, killed and started again until it ends well.

        Raises:
            SubjectError: It cannot be started, or paths has no video.
        """
        began = time.monotonic()
        self.at_first = self.read()
        with self.sampler as sampler, watched(self.config, self.workspace) as (workspace, lane):
            self.batch = run_batch(
                workspace, self.config.batch, self.found, self._look, sampler,
                videos=self.config.videos, workers=self.config.workers, kills=self.config.kills,
                seed=self.config.seed,
            )  # fmt: skip
            self.calls = lane.calls() if lane else []
        self.films = self.found()
        self.planned = self.config.kills
        self.finished, self.stopped = list(self.batch.finished), self.batch.stopped
        self.seconds = time.monotonic() - began

    def found(self) -> list[str]:
        """Return the films of which there is a video, by the names that its path has."""
        before, _, after = self.workspace.paths.get("video", "").partition("{episode}")
        if not after:
            raise SubjectError("paths.video must hold {episode}: each film has a video of its own")
        names = sorted(
            path.relative_to(self.workspace.folder).as_posix()
            for path in self.workspace.folder.glob(f"{before}*{after}")
        )
        return [name[len(before) : len(name) - len(after)] for name in names]

    def _look(self) -> tuple[tuple[str, ...], Inventory]:
        videos = {film: self.workspace.path("video", film) for film in self.found()}
        whole = tuple(f for f, path in videos.items() if not judging.video_fault(path))
        return whole, self.inventory(whole)

    def whole(self, journal: Journal) -> list[str]:
        """Return the films of which all stages ended well."""
        return [film for film in self.films if journal.done(film) >= set(self.stages)]

    def judge(self) -> list[Finding]:
        """Return what was found of films, databases and memory."""
        journal, content = Journal.read(self.journal_path), self.read()
        last = take_inventory(self.workspace, self.films, content)
        videos = (
            {film: self.workspace.path("video", film) for film in self.films}
            if self.workspace.knows("video") else {}
        )  # fmt: skip
        killed = journal.killed()
        undisturbed = [film for film in self.films if film not in killed]
        counted = _counters(self.at_first, self.after_one, content)
        findings = [
            judging.judge_batch(self.batch, self.films, self.config.videos)
            if self.batch else judging.judge_stages(journal),
            judging.judge_lost(last, self.films, undisturbed, videos),
            judging.judge_doubled(
                last, self.films, undisturbed, _grown(self.at_first, content), counted
            ),
            judging.judge_leftovers(last, self.first or last, self.films, undisturbed),
            judging.judge_databases(self.at_first, content),
            judging.judge_memory(self.sampler.peak, self.config.memory_bound_gb),
            judging.judge_growth(*self.growth(journal), self.config.growth_share),
        ]  # fmt: skip
        findings += judge_calls(self.calls, self.config.calls_a_minute, bool(self.config.server))
        if self.stopped:
            findings.append(judging.judge_kept(self.stopped, last, self.finished))
        return findings

    def growth(self, journal: Journal) -> tuple[Growth, float]:
        """Return how a film's peak grows from film to film, and the median peak, in bytes."""
        sizes = [size for _, size in self.peaks(journal)]
        if self.batch:
            sizes = self.batch.by_film()
        return find_growth(sizes), median(sizes) if sizes else 0.0

    def peaks(self, journal: Journal) -> list[tuple[str, float]]:
        """Return each film's most memory, in the order in which they were finished."""
        if not self.stages:
            return []
        return [
            (film, float(max(sizes)))
            for film in journal.order(self.stages[-1])
            if (sizes := [s for n, s in self.sampler.peaks.items() if n.split()[0] == film])
        ]

    def was_killed(self) -> Finding:
        """Say whether kills met running stages."""
        met: list[object] = [
            e for e in Journal.read(self.journal_path).entries if e.event == "killed"
        ]
        met += [None] * (self.batch.kills if self.batch else 0)
        wanted = self.planned or (1 if self.config.halt else 0)
        return finding(
            "workers-killed",
            [],
            why="without a kill in the middle nothing is shown",
            untried="" if met or not wanted else "no kill met a running stage",
        )


def begin_load(config: LoadConfig, folder: Path) -> tuple[Load, list[StageRun]]:
    """Copy the project and prepare it; return how that went.

    Raises:
        SubjectError: There is no such project, no stage has a command, or one cannot be started.
    """
    workspace = open_workspace(config, folder)
    workspace.logs.mkdir(parents=True, exist_ok=True)
    stem, digits = new_episode(), len(str(config.videos))
    films = [f"{stem}-{number:0{digits}d}" for number in range(1, config.videos + 1)]
    load = Load(config, workspace, films)
    if not load.stages and not config.batch:
        raise SubjectError(f"commands has none of the stages {', '.join(config.stages)}")
    runs: list[StageRun] = []
    for stage in config.prepare:
        if workspace.has(stage) and all(run.ended_well for run in runs):
            runs.append(run_stage(workspace, stage, films[0]))
    return load, runs


def _grown(before: Content, after: Content) -> dict[Place, int]:
    """Return by how much counters have grown: small integers in tables with as many rows."""
    old, new = before.sums(), after.sums()
    sizes, now = before.sizes(), after.sizes()
    return {
        place: new[place] - old[place]
        for place in new
        if place in old and new[place] - old[place] > 0
        and (table := (place[0], place[1].split(".", 1)[0])) in sizes
        and sizes[table] == now[table] and new[place] - old[place] < _MOST
    }  # fmt: skip


def _counters(before: Content, one: Content, after: Content) -> dict[Place, int]:
    """Return by how much one film makes each counter grow; a flag, of 0 and 1, counts nothing."""
    tables = after.tables
    return {
        (file, column): growth
        for (file, column), growth in _grown(before, one).items()
        if (table := tables.get((file, column.split(".", 1)[0]))) is not None
        and any(v not in (0, 1, None) for v in table.values(column.split(".", 1)[1]))
    }
