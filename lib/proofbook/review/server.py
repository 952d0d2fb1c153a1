"""The review server: a run's report with sign-off switched on, for the browser.

It serves only the host that it was started for, so that no other page can send it requests. Beyond
loopback it requires a token.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse

from proofbook.errors import ProofbookError
from proofbook.records import RunInfo
from proofbook.report import write_report
from proofbook.review.queue import build_queue, question_states
from proofbook.runs.folder import RunFolder
from proofbook.signoff.acceptance import SubmittedAnswer, parse_answer
from proofbook.signoff.answering import ReviewSession
from proofbook.signoff.entries import Reviewer

__all__ = ["Access", "build_app"]

_PAGE = Path(__file__).parent / "page"
_COOKIE = "proofbook-token"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
Next = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may send requests to the server, and what is known of them."""

    hosts: frozenset[str]
    """Names and addresses, without port, under which it may be addressed."""
    token: str = ""
    """Required from everybody; empty on loopback."""
    reviewer: str = ""
    """Name that is proposed."""
    role: str = ""
    signs_for: str = ""
    """The person whose key signs; empty where nothing is signed."""

    @property
    def identified_by(self) -> str:
        """How a reviewer is known."""
        return "declared with the server's token" if self.token else "declared on this machine"


def build_app(session: ReviewSession, access: Access) -> FastAPI:
    """Return the server of one run."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    _guard(app, access)
    _serve_page(app, session, access)
    _serve_files(app, session.run)
    _serve_answers(app, session, access)
    return app


def _guard(app: FastAPI, access: Access) -> None:
    @app.middleware("http")
    async def guard(request: Request, proceed: Next) -> Response:
        host = request.headers.get("host", "").rsplit(":", 1)[0].strip("[]")
        if host not in access.hosts:
            return _refuse(403, f"this server does not serve the host {host!r}")
        if access.token:
            token = request.query_params.get("token", "")
            if token and secrets.compare_digest(token, access.token):
                redirect = RedirectResponse(request.url.path, 303)
                redirect.set_cookie(_COOKIE, token, httponly=True, samesite="strict")
                return redirect
            if not secrets.compare_digest(request.cookies.get(_COOKIE, ""), access.token):
                return _refuse(401, "open the address with the token that the server printed")
        if request.method != "GET" and request.headers.get("x-proofbook") != "1":
            return _refuse(403, "only the review page may send answers")
        response = await proceed(request)
        response.headers.setdefault("Content-Security-Policy", _POLICY)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response


def _serve_page(app: FastAPI, session: ReviewSession, access: Access) -> None:
    @app.get("/")
    def page() -> HTMLResponse:
        return HTMLResponse((_PAGE / "review.html").read_text(encoding="utf-8"))

    @app.get("/page/{name}")
    def part(name: str) -> Response:
        known = {path.name: path for path in _PAGE.iterdir()}
        return FileResponse(known[name]) if name in known else _refuse(404, f"no {name} here")

    @app.get("/api/run")
    def about() -> dict[str, Any]:
        info: RunInfo = session.info
        return {
            "run": info.run_id, "profile": info.profile, "reviewer": access.reviewer,
            "role": access.role, "signed": session.key is not None,
        }  # fmt: skip


def _serve_files(app: FastAPI, run: RunFolder) -> None:
    @app.get("/media/{name}")
    def media(name: str) -> Response:
        return _file(run.media / name, run.media)

    @app.get("/approved/{run_id}/{name}")
    def approved(run_id: str, name: str) -> Response:
        folder = RunFolder(run.path.parent / run_id).media
        if not folder.resolve().is_relative_to(run.path.parent.resolve()):
            return _refuse(404, "there is no such run")
        return _file(folder / name, folder)

    @app.get("/report/{path:path}")
    def report(path: str) -> Response:
        # The page of the report brings its own policy.
        return _file(run.report / path, run.report, policy="frame-ancestors 'none'")

    @app.get("/jobs/{path:path}")
    def job(path: str) -> Response:
        return _file(run.path / "jobs" / path, run.path / "jobs")


def _serve_answers(app: FastAPI, session: ReviewSession, access: Access) -> None:
    @app.get("/api/queue")
    def queue() -> list[dict[str, Any]]:
        return build_queue(session)

    @app.get("/api/states")
    def states(since: int = 0) -> dict[str, Any]:
        return question_states(session, max(0, since))

    @app.post("/api/answers")
    async def submit(request: Request) -> JSONResponse:
        try:
            values = await request.json()
            name, role = str(values.pop("reviewer", "")).strip(), str(values.pop("role", ""))
            if not name:
                return _refuse(422, "enter your name first")
            if access.signs_for not in ("", name):
                return _refuse(422, f"this server signs for {access.signs_for} only")
            reviewer = Reviewer(
                name=name[:200], role=role.strip()[:200], identified_by=access.identified_by
            )
            answer = parse_answer(values)
        except (ValueError, AttributeError, ProofbookError) as error:
            return _refuse(422, str(error))
        return await _in_thread(_write, session, answer, reviewer)

    @app.post("/api/report")
    async def rebuild() -> JSONResponse:
        return await _in_thread(lambda: JSONResponse({"index": str(write_report(session.run))}))


def _write(session: ReviewSession, answer: SubmittedAnswer, reviewer: Reviewer) -> JSONResponse:
    try:
        written = session.answer(answer, reviewer)
    except ProofbookError as error:
        return _refuse(409, str(error))
    return JSONResponse({"id": written.id, "number": written.number, "verdict": written.verdict})


async def _in_thread(work: Callable[..., JSONResponse], *arguments: Any) -> JSONResponse:
    from starlette.concurrency import run_in_threadpool

    return await run_in_threadpool(work, *arguments)


def _file(path: Path, folder: Path, policy: str = _FILE_POLICY) -> Response:
    """Return a file below ``folder``; whatever is in it runs no script."""
    target = path.resolve()
    if not target.is_relative_to(folder.resolve()) or not target.is_file():
        return _refuse(404, "there is no such file")
    return FileResponse(target, headers={"Content-Security-Policy": policy})


def _refuse(status: int, why: str) -> JSONResponse:
    return JSONResponse({"error": why}, status)
