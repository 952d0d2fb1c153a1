"""Kill one process of a run at a random moment, resume the run, and look for what went wrong.

The run has short jobs, and long ones that start a program of their own. What its files say is
judged from outside, right after the kill and after the resume.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from proofbook_bench.commands import run_command
from proofbook_bench.killing import Killed, end_undisturbed, kill_at_random
from proofbook_bench.projects import Bench
from proofbook_bench.run_files import RunFiles, read_run_files
from proofbook_bench.sources import checked

__all__ = ["KilledRun", "RunKills", "compare"]

_SLOTS = 2
_DRAWS = 6
_PAST = 1.1
"""A few moments come after the end, and tell how long a run takes by now: machines get busier."""
_PROFILE = "kills"
_OUTPUTS = "outputs"
_MARK = """\
import os
with open(os.environ["BENCH_MARKS"], "a") as marks:
    marks.write(os.environ["PROOFBOOK_JOB"] + "\\n")
"""
_PROGRAM = """\
from proofbook.processes import run
ended = run(["sleep", str(seconds)], timeout=60)
checks.expect("program-ended", ended.code, 0)
"""
_MAY_BE_HIT = {
    "pb-forkserver": _SLOTS,
    "pb-guard": 0,
    "pb-kernel": 1,
    "pb-subreaper": 1,
    "pb-warden": 1,
    "sleep": 1,
}
"""How many jobs may be lost with a process of this name; each other process may be the runner."""


Seen = tuple[RunFiles | None, Counter[str]]
"""A run's files, if there are any, and how often each job was executed."""


class KilledRun(NamedTuple):
    """One run that was killed once, and resumed."""

    number: int
    victim: str
    moment: float
    """Seconds after the clock was started."""
    passed: int
    """Jobs that had passed by then."""
    left: tuple[str, ...]
    """Processes and temporary folders that outlived the run, or the one that resumed it."""
    untruths: tuple[str, ...]
    """What files said and did not prove."""
    lost: tuple[str, ...]
    """Jobs that had passed and have not any more, and those that could not be resumed."""
    repeated: tuple[str, ...]
    """Jobs that had passed and were executed again."""
    hit: tuple[str, ...]
    """Jobs beyond those of the victim that did not pass, though their runner went on."""

    @property
    def words(self) -> str:
        """What happened, in a line."""
        parts = [
            f"{name} {'; '.join(found)}"
            for name in ("left", "untruths", "lost", "repeated", "hit")
            if (found := getattr(self, name))
        ]
        what = " | ".join(parts) or "nothing wrong"
        when = f"at {self.moment:.2f} s, {self.passed} passed"
        return f"{self.number:4d}  {self.victim} {when}: {what}"


class _Place(NamedTuple):
    """Where one run is, and what executes it."""

    folder: Path
    marks: Path
    """A line for each time that a job was executed."""
    env: dict[str, str]
    command: list[str]


class RunKills:
    """Kills runs of a project that it writes.

    Args:
        bench: The project; runbooks and a profile are written into it.
        short: How many jobs that end at once.
        long: How many jobs that run a program.
        seconds: How long that program runs.
    """

    def __init__(self, bench: Bench, *, short: int, long: int, seconds: float) -> None:
        self._bench = bench
        self._over: dict[str, float] = {}
        """How long the last run took that was over before its kill, by what started the clock."""
        bench.add_notebook("short", checked("short", _MARK), parameters="number: int = 0")
        parameters = "number: int = 0\nseconds: float = 0.5"
        bench.add_notebook("long", checked("long", _MARK, _PROGRAM), parameters=parameters)
        jobs = [_jobs("long", long, {"seconds": seconds}), _jobs("short", short, {})]
        bench.add_profile(_PROFILE, jobs)

    def time_alone(self, number: int) -> float:
        """Return how many seconds an undisturbed run takes.

        Raises:
            SubjectError: It was not green.
        """
        place = self._place(f"alone-{number}")
        return run_command([*place.command, "--profile", _PROFILE], env=place.env, cwd=place.folder)

    def kill(self, number: int, *, latest: float, patience: float, seed: int) -> KilledRun:
        """Run, kill, look, resume, look again; a run that is over before its kill is drawn again.

        Args:
            number: Of this kill; every fourth may come before there is a kernel.
            latest: Seconds until the latest moment of the kill, as long as no run was over before.
            patience: Seconds that processes and folders may take to vanish.
            seed: Chooses, with the number, moment and victim.
        """
        place, killed = self._draw(number, latest, patience, seed)
        folder, _, env, run = place
        before = _look(place)
        runs = _runs(folder)
        again = ["--resume", runs[0].name] if runs else ["--profile", _PROFILE]
        code, resumed = end_undisturbed([*run, *again], env=env, cwd=folder, patience=patience)
        return compare(number, killed, before, code, resumed, _look(place))

    def _draw(
        self, number: int, latest: float, patience: float, seed: int
    ) -> tuple[_Place, Killed]:
        """Draw moments until one comes before the end of its run, or the run has left something."""
        after = "pb-kernel" if number % 4 else ""
        for draw in range(_DRAWS):
            place = self._place(f"kill-{number}.{draw}")
            known = self._over.get(after)
            killed = kill_at_random(
                [*place.command, "--profile", _PROFILE], env=place.env, cwd=place.folder,
                latest=latest if known is None else _PAST * known, patience=patience,
                seed=seed + number + draw * 10_000, after=after, by_kind=True,
            )  # fmt: skip
            if killed.victim != "nothing" or killed.left:
                break
            self._over[after] = killed.moment
        return place, killed

    def _place(self, name: str) -> _Place:
        folder = self._bench.work_folder()
        marks, runtime = folder / "marks", self._bench.runtime / name
        marks.touch()
        runtime.mkdir(mode=0o700)
        env = {
            **self._bench.environment,
            "BENCH_MARKS": str(marks),
            "FORCE_COLOR": "",
            "XDG_RUNTIME_DIR": str(runtime),
        }
        outputs = str(folder / _OUTPUTS)
        command = ["proofbook", "run", "--outputs", outputs, "-j", str(_SLOTS)]
        return _Place(folder, marks, env, command)


def compare(
    number: int, killed: Killed, before: Seen, code: int | None, resumed: Killed, after: Seen
) -> KilledRun:
    """Return what went wrong with a run.

    Args:
        number: Of the kill.
        killed: What the kill left.
        before: The run after it.
        code: The exit code of the resume, None where it hung.
        resumed: What the resume left.
        after: The run after that.
    """
    files, executed = before
    whole, again = after
    passed = {each.job: each for each in files.jobs if each.has_passed} if files else {}
    final = {each.job: each for each in whole.jobs} if whole else {}
    lost = [name for name in passed if name not in final or not final[name].has_passed]
    if code != 0 or whole is None or len(final) != whole.planned or whole.untruths:
        lost.append(f"the resume ended with code {code}")
    changed = [n for n, job in passed.items() if n in final and final[n].records != job.records]
    untruths = [*(files.untruths if files else ()), *(whole.untruths if whole else ())]
    return KilledRun(
        number=number,
        victim=killed.victim,
        moment=killed.moment,
        passed=len(passed),
        left=(*killed.processes, *killed.folders, *resumed.processes, *resumed.folders),
        untruths=tuple(untruths),
        lost=tuple(lost),
        repeated=tuple({*changed, *(name for name in passed if again[name] != executed[name])}),
        hit=_hit(killed.victim, files),
    )


def _hit(victim: str, files: RunFiles | None) -> tuple[str, ...]:
    """Return the jobs that did not pass, where they are more than the victim may have had."""
    if victim not in _MAY_BE_HIT or files is None:
        return ()
    missed = [f"{each.job} is {each.says}" for each in files.jobs if not each.has_passed]
    missed += ["a job was not begun"] * (files.planned - len(files.jobs))
    return tuple(missed) if len(missed) > _MAY_BE_HIT[victim] else ()


def _jobs(name: str, number: int, parameters: dict[str, float]) -> dict[str, object]:
    matrix = {"number": list(range(number))}
    return {"runbook": f"bench/{name}", "id": name, "matrix": matrix, "parameters": parameters}


def _look(place: _Place) -> Seen:
    runs = _runs(place.folder)
    files = read_run_files(runs[0]) if runs else None
    return files, Counter(place.marks.read_text().split())


def _runs(folder: Path) -> list[Path]:
    return [path.parent for path in (folder / _OUTPUTS).glob("*/run.json")]
