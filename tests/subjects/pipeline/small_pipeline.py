"""Run the small pipeline's commands in this process, with a small picture."""

from __future__ import annotations

import importlib
import json
import shutil
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from proofbook_subjects.pipeline.doubles.serving import Double, make_server
from proofbook_subjects.pipeline.project import COMMANDS

__all__ = ["SCRIPT", "SELECTIONS", "STAGES", "TIMELINE", "VIDEO", "Ran", "SmallPipeline", "serving"]

SCRIPT, SELECTIONS = "data/test/e.json", "data/image_selections.json"
TIMELINE, VIDEO = "data/audio/e/timeline.json", "data/final_videos/e.mp4"
STAGES = {
    "init_databases": (),
    "fetch_trends": (),
    "generate_script": ("--from-trends", "--output", SCRIPT, "--lines", "4"),
    "generate_audio": (SCRIPT, "--workers", "2"),
    "select_images": (SCRIPT,),
    "assemble_video": ("--timeline", TIMELINE, "--images", SELECTIONS, "--output", VIDEO),
}


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class SmallPipeline:
    """A project, with its commands."""

    root: Path
    patch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def run(self, name: str, *arguments: str, **environment: str) -> Ran:
        """Run a command in this process, and return how it ended."""
        module = importlib.import_module(f"proofbook_subjects.pipeline.{COMMANDS[f'{name}.py']}")
        with self.patch.context() as patch:
            for key, value in environment.items():
                patch.setenv(key, value)
            handler = signal.getsignal(signal.SIGTERM)
            self.capture.readouterr()
            try:
                code = module.main(self.root, list(arguments))
            except SystemExit as ending:
                code = int(ending.code or 0)
            finally:
                signal.signal(signal.SIGTERM, handler)
        told = self.capture.readouterr()
        return Ran(code=code, out=told.out, err=told.err)

    def run_to(self, last: str, **environment: str) -> Ran:
        """Run the stages up to one; each but the last must end well."""
        for name, arguments in STAGES.items():
            ran = self.run(name, *arguments, **environment)
            if name == last:
                return ran
            assert ran.code == 0, ran.err
        raise AssertionError(f"there is no stage {last}")

    def again(self, name: str, **environment: str) -> Ran:
        """Run one stage."""
        return self.run(name, *STAGES[name], **environment)

    def json(self, path: str) -> Any:
        """Return what a file of the project holds."""
        return json.loads((self.root / path).read_text())

    def write(self, path: str, document: Any) -> None:
        """Write a file of the project."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(json.dumps(document))

    def rows(self, database: str, query: str) -> list[tuple[Any, ...]]:
        """Return what a query of a database gives."""
        with closing(sqlite3.connect(self.root / "data" / database)) as connection:
            return connection.execute(query).fetchall()

    def copy(self, target: Path) -> SmallPipeline:
        """Return a copy of the project as it is."""
        shutil.copytree(self.root, target)
        return SmallPipeline(root=target, patch=self.patch, capture=self.capture)


@contextmanager
def serving(double: Double) -> Iterator[str]:
    """Serve a double in a thread, and give its address."""
    with make_server(double, 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
