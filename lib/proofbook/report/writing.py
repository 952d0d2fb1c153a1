"""Write every form of a run's report into the run folder, each whole or not at all."""

from __future__ import annotations

from pathlib import Path

from proofbook.collector import collector_paused
from proofbook.files import atomic_write
from proofbook.report.history import load_history, remember
from proofbook.report.junit import render_junit
from proofbook.report.loading import load_run
from proofbook.report.markdown import render_markdown
from proofbook.report.page import render_page
from proofbook.runs.folder import RunFolder
from proofbook.runs.media_index import MediaIndex
from proofbook.signoff.sealing import seal_report
from proofbook.signoff.trust import EVERYBODY, Trust

__all__ = ["render_report", "write_report"]


@collector_paused()
def render_report(
    folder: RunFolder, *, media: MediaIndex | None = None, trust: Trust = EVERYBODY
) -> str:
    """Return the report as a page, written nowhere; arguments as of :func:`write_report`.

    Raises:
        RunFolderError: The folder is not a run.
    """
    run = load_run(folder, media=media, trust=trust)
    return render_page(run, folder.media, load_history(folder.path.parent, run))


@collector_paused()
def write_report(
    folder: RunFolder,
    *,
    media: MediaIndex | None = None,
    trust: Trust = EVERYBODY,
    outputs: Path | None = None,
) -> Path:
    """Build the report from the run's files alone; return the path of ``index.html``.

    Args:
        folder: The run.
        media: Hashes of its media; one that outlives this call saves hashing them again.
        trust: Whose answers count.
        outputs: Where the runs are that it is compared with, and remembered among; by default,
            where it is.

    Raises:
        RunFolderError: The folder is not a run.
        OSError: The report cannot be written.
    """
    run = load_run(folder, media=media, trust=trust)
    outputs = outputs or folder.path.parent
    folder.report.mkdir(parents=True, exist_ok=True)
    atomic_write(folder.report / "report.json", run.model_dump_json(indent=1))
    history = load_history(outputs, run)
    atomic_write(folder.report / "junit.xml", render_junit(run, history))
    atomic_write(folder.report / "report.md", render_markdown(run, history))
    index = folder.report / "index.html"
    atomic_write(index, render_page(run, folder.media, history).encode("utf-8", "replace"))
    remember(outputs, run)
    seal_report(folder.report)
    return index
