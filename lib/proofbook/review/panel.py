"""The questions of one job as a panel in JupyterLab: the same questions, the same log.

    from proofbook.review.panel import show_panel
    show_panel("../..", "musicgen-generate")

What is shown is read from the run's files; answers go into its log. The widget keeps neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from proofbook.errors import ProofbookError
from proofbook.records import Evidence, MediaFile
from proofbook.review.command import known_name, open_session
from proofbook.review.queue import build_queue
from proofbook.runs.folder import RunFolder
from proofbook.signoff.acceptance import make_reviewer, parse_answer
from proofbook.signoff.answering import ReviewSession
from proofbook.signoff.baseline import take_key

__all__ = ["ReviewPanel", "show_panel"]

_PAGE = Path(__file__).parent / "page"
_MODULES = ("elements.js", "listening.js", "takes.js", "blind.js", "panel.js")


def _join_modules(names: Iterable[str]) -> str:
    """Return the page's modules as one, which is all that a widget may have."""
    parts = []
    for name in names:
        text = (_PAGE / name).read_text(encoding="utf-8")
        text = re.sub(r"^import .*\n", "", text, flags=re.MULTILINE)
        parts.append(re.sub(r"^export (?!default)", "", text, flags=re.MULTILINE))
    return "\n".join(parts)


class ReviewPanel(anywidget.AnyWidget):
    """Shows the questions of one job, and hands answers to the log."""

    _esm = _join_modules(_MODULES)
    _css = (_PAGE / "panel.css").read_text(encoding="utf-8")
    items = traitlets.List().tag(sync=True)
    job = traitlets.Unicode().tag(sync=True)
    reviewer = traitlets.Unicode().tag(sync=True)
    role = traitlets.Unicode().tag(sync=True)

    def __init__(self, session: ReviewSession, job: str, **more: Any) -> None:
        self._session, self._asked = session, session.job(job)
        super().__init__(job=job, items=self._items(), **more)
        self.on_msg(self._receive)

    def _items(self) -> list[dict[str, Any]]:
        return [item for item in build_queue(self._session) if item["job"] == self._asked.id]

    def _receive(self, _widget: object, message: dict[str, Any], _buffers: object) -> None:
        kind = message.pop("kind", "")
        if kind == "begin":
            self._send_media()
        elif kind == "answer":
            self._answer(message)

    def _send_media(self) -> None:
        for file, path in self._files():
            if path.is_file():
                about = {"sha256": file.sha256, "type": file.media_type}
                self.send({"kind": "media", **about}, [path.read_bytes()])
        self.send({"kind": "ready"})

    def _files(self) -> Iterator[tuple[MediaFile, Path]]:
        """Return what the job shows, and the approved takes that it is compared with."""
        baselines = self._session.find_baselines()
        for evidence in self._asked.evidence.values():
            yield from _files_of(evidence, self._session.run.media)
            baseline = baselines.get(take_key(self._asked.runbook, self._asked.id, evidence))
            if baseline is not None:
                yield from _files_of(baseline.evidence, baseline.run.media)

    def _answer(self, message: dict[str, Any]) -> None:
        name, role = str(message.pop("reviewer", "")), str(message.pop("role", ""))
        request = message.pop("request", None)
        try:
            reviewer = make_reviewer(name, role, "declared in JupyterLab")
            self._session.answer(parse_answer(message), reviewer)
        except ProofbookError as error:
            self.send({"kind": "refused", "request": request, "error": str(error)})
            return
        self.reviewer, self.role = reviewer.name, reviewer.role
        self.items = self._items()
        self.send({"kind": "written", "request": request})


def _files_of(evidence: Evidence, media: Path) -> Iterator[tuple[MediaFile, Path]]:
    for file in (evidence.file, *evidence.views.values()):
        yield file, media / file.filename


def show_panel(
    run: str | Path, job: str, *, reviewer: str = "", role: str = "", key: str | Path | None = None
) -> ReviewPanel:
    """Return the panel of one job; a cell that ends with it shows it.

    Args:
        run: Folder of the run.
        job: One of its jobs.
        reviewer: Name that is proposed; by default as git knows it.
        role: Role that is proposed.
        key: An Ed25519 SSH key to sign with.

    Raises:
        ProofbookError: There is no such run or job, or the key cannot be used.
    """
    session = open_session(RunFolder(Path(run).resolve()), Path(key) if key else None)
    return ReviewPanel(session, job, reviewer=reviewer or known_name(), role=role)
