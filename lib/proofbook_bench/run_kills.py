"""Kill one process of a run at a random moment, resume the run, and look for what went wrong.

The run has short jobs, and long ones that start a program of their own. What its files say is
judged from outside, right after the kill and after the resume.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from proofbook_bench.killing import Killed, end_undisturbed, kill_at_random
from proofbook_bench.projects import Bench
from proofbook_bench.run_files import RunFiles, read_run_files
from proofbook_bench.sources import checked

__all__ = ["KilledRun", "RunKills", "compare"]

_SLOTS = 2
_PROFILE = "kills"
_RUNNER = "proofbook"
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
        bench.add_notebook("short", checked("short", _MARK), parameters="number: int = 0")
        parameters = "number: int = 0\nseconds: float = 0.5"
        bench.add_notebook("long", checked("long", _MARK, _PROGRAM), parameters=parameters)
        jobs = [_jobs("long", long, {"seconds": seconds}), _jobs("short", short, {})]
        bench.add_profile(_PROFILE, jobs)

    def kill(self, number: int, *, latest: float, patience: float, seed: int) -> KilledRun:
        """Run, kill, look, resume, look again.

        Args:
            number: Of this kill; every fourth may come before there is a kernel.
            latest: Seconds until the latest moment of the kill.
            patience: Seconds that processes and folders may take to vanish.
            seed: Chooses, with the number, moment and victim.
        """
        folder = self._bench.work_folder()
        outputs, marks = folder / "outputs", folder / "marks"
        marks.touch()
        runtime = self._bench.runtime / f"k{number}"
        runtime.mkdir(mode=0o700)
        env = {
            **self._bench.environment,
            "BENCH_MARKS": str(marks),
            "FORCE_COLOR": "",
            "XDG_RUNTIME_DIR": str(runtime),
        }
        run = ["proofbook", "run", "--outputs", str(outputs), "-j", str(_SLOTS)]
        after = "pb-kernel" if number % 4 else ""
        killed = kill_at_random(
            [*run, "--profile", _PROFILE], env=env, cwd=folder, latest=latest, patience=patience,
            seed=seed + number, after=after, by_kind=True,
        )  # fmt: skip
        before = self._look(outputs, marks)
        runs = _runs(outputs)
        again = ["--resume", runs[0].name] if runs else ["--profile", _PROFILE]
        code, resumed = end_undisturbed([*run, *again], env=env, cwd=folder, patience=patience)
        return compare(number, killed, before, code, resumed, self._look(outputs, marks))

    @staticmethod
    def _look(outputs: Path, marks: Path) -> Seen:
        runs = _runs(outputs)
        files = read_run_files(runs[0]) if runs else None
        return files, Counter(marks.read_text().split())


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


def _runs(outputs: Path) -> list[Path]:
    return [path.parent for path in outputs.glob("*/run.json")]
