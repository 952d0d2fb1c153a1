"""Start real runs in processes of their own, and read what they left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from waiting import HANG

from proofbook.project import Project

BEGIN = "from proofbook.checks import Checks\nchecks = Checks('demo/one')"


@dataclass
class Ended:
    """A run that is over."""

    code: int
    output: str
    folder: Path

    def outcome(self, job: str = "demo-one") -> dict[str, Any]:
        return _json(self.folder / "jobs" / job / "outcome.json")

    def notebook(self, job: str = "demo-one") -> dict[str, Any]:
        return _json(self.folder / "jobs" / job / "notebook.ipynb")

    def cell_states(self, job: str = "demo-one") -> list[str]:
        return [c["metadata"]["papermill"]["status"] for c in self.notebook(job)["cells"]]

    def report(self) -> dict[str, Any]:
        return _json(self.folder / "report" / "report.json")

    def reported(self, job: str = "demo-one") -> dict[str, Any]:
        found: dict[str, Any] = next(j for j in self.report()["jobs"] if j["id"] == job)
        return found

    def junit(self, job: str = "demo-one") -> ET.Element:
        """The case that stands for the job itself."""
        root = ET.parse(self.folder / "report" / "junit.xml").getroot()
        suite = next(s for s in root if s.get("name") == job)
        return next(c for c in suite.iter("testcase") if c.get("name") == "runbook")

    def page(self) -> str:
        return (self.folder / "report" / "index.html").read_text()


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@dataclass
class Runner:
    """Starts ``proofbook run`` in a project."""

    project: Project
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "proofbook", "run", *arguments],
            cwd=self.project.root,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> Ended:
        return self.end(self.start(*arguments))

    def end(self, process: subprocess.Popen[str], outputs: Path | None = None) -> Ended:
        output, _ = process.communicate(timeout=HANG)
        runs = sorted((outputs or self.project.outputs).glob("*/run.json"))
        folder = runs[-1].parent if runs else self.project.outputs
        return Ended(process.returncode, output, folder)


def survivors(run_id: str, seconds: float = HANG) -> list[psutil.Process]:
    """Return the processes of a run that are still alive after ``seconds``."""
    deadline = time.monotonic() + seconds
    while (left := _alive(run_id)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _alive(run_id: str) -> list[psutil.Process]:
    alive = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("PROOFBOOK_RUN") == run_id:
                alive.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return alive
