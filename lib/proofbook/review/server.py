"""The review server: a run's questions and its report, for the browser.

It serves only the host that it was started for, and only who has its token: any other program of
this machine could else answer with a person's key. Of the run nothing is served as a page: its
report is written anew from the records, and whatever else is in its folder runs no script.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from proofbook.errors import ProofbookError
from proofbook.records import RunInfo
from proofbook.report import write_report
from proofbook.report.writing import render_report
from proofbook.review.queue import build_queue, question_states
from proofbook.signoff.acceptance import SubmittedAnswer, make_reviewer
from proofbook.signoff.answering import ReviewSession
from proofbook.signoff.entries import Reviewer
from proofbook.terminal import say

__all__ = ["Access", "build_app"]

_PAGE = Path(__file__).parent / "page"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
_SHOWN = {
    ".wav": "audio/wav", ".mp3": "audio/mpeg", ".flac": "audio/flac", ".ogg": "audio/ogg",
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp",
    ".gif": "image/gif", ".mp4": "video/mp4", ".webm": "video/webm", ".mov": "video/quicktime",
    ".txt": "text/plain; charset=utf-8", ".log": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
}  # fmt: skip
"""What a browser shows by itself and that runs no script; any other file is downloaded."""
_LONGEST_BODY = 128 * 1024
_BODY_SECONDS = 10.0
Next = Callable[[Request], Awaitable[Response]]


class _Posted(SubmittedAnswer):
    """What the review page sends."""

    reviewer: str = ""
    role: str = ""


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may send requests to the server, and what is known of them."""

    hosts: frozenset[str]
    """Names and addresses, without port, under which it may be addressed."""
    token: str
    """Required from everybody."""
    port: int = 0
    """Tells its cookie from those of other servers of the same host."""
    reviewer: str = ""
    """Name that is proposed."""
    role: str = ""
    signs_for: str = ""
    """The person whose key signs; empty where nothing is signed."""

    @property
    def cookie(self) -> str:
        """Name of the cookie that holds the token."""
        return f"proofbook-token-{self.port}"


def build_app(session: ReviewSession, access: Access) -> FastAPI:
    """Return the server of one run."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    _guard(app, access)
    _serve_page(app, session, access)
    _serve_files(app, session)
    _serve_answers(app, session, access)
    return app


def _guard(app: FastAPI, access: Access) -> None:
    @app.exception_handler(Exception)
    async def fail(request: Request, error: Exception) -> Response:
        what = f"{type(error).__name__}: {error}"
        say(f"review: {request.method} {request.url.path} failed: {what}", err=True)
        return _refuse(500, "the server failed at this; its terminal says how")

    @app.middleware("http")
    async def guard(request: Request, proceed: Next) -> Response:
        response = _refusal(request, access) or await proceed(request)
        response.headers.setdefault("Content-Security-Policy", _POLICY)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response


def _refusal(request: Request, access: Access) -> Response | None:
    """Return the answer to a request that is not served; None to one that is."""
    host = request.headers.get("host", "").rsplit(":", 1)[0].strip("[]")
    if host not in access.hosts:
        return _refuse(403, f"this server does not serve the host {host!r}")
    if not request.url.path.isprintable():
        return _refuse(400, "this address holds characters that no file of a run has")
    if token := request.query_params.get("token", ""):
        return _let_in(request, token, access)
    if not _is_same(request.cookies.get(access.cookie, ""), access.token):
        return _refuse(401, "open the address with the token that the server printed")
    if request.method != "GET" and request.headers.get("x-proofbook") != "1":
        return _refuse(403, "only the review page may send answers")
    return None


def _let_in(request: Request, token: str, access: Access) -> Response:
    if not _is_same(token, access.token):
        return _refuse(401, "this is not the token that the server printed")
    redirect = RedirectResponse(request.url.path, 303)
    redirect.set_cookie(access.cookie, token, httponly=True, samesite="strict")
    return redirect


def _is_same(given: str, token: str) -> bool:
    return bool(token) and secrets.compare_digest(given.encode(), token.encode())


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
            "role": access.role, "signs_for": access.signs_for,
        }  # fmt: skip


def _serve_files(app: FastAPI, session: ReviewSession) -> None:
    run = session.run

    @app.get("/media/{name}")
    def media(name: str) -> Response:
        return _file(run.path, "media", name)

    @app.get("/approved/{run_id}/{name}")
    def approved(run_id: str, name: str) -> Response:
        takes = session.baselines.values()
        folder = next((take.run.path for take in takes if take.run_id == run_id), None)
        return _file(folder, "media", name) if folder else _refuse(404, "there is no such take")

    @app.get("/report/index.html")
    def report() -> Response:
        # The page brings its own policy, which lets no script run but its own.
        page = render_report(run, media=session.media, trust=session.trust)
        return HTMLResponse(page, headers={"Content-Security-Policy": "frame-ancestors 'none'"})

    @app.get("/jobs/{path:path}")
    def job(path: str) -> Response:
        return _file(run.path, "jobs", path)


def _serve_answers(app: FastAPI, session: ReviewSession, access: Access) -> None:
    @app.get("/api/queue")
    def queue() -> list[dict[str, Any]]:
        return build_queue(session)

    @app.get("/api/states")
    def states(since: int = 0) -> dict[str, Any]:
        return question_states(session, max(0, since))

    @app.post("/api/answers")
    async def submit(request: Request) -> JSONResponse:
        body = await _read_body(request)
        if body is None:
            return _refuse(413, f"an answer has at most {_LONGEST_BODY:,} bytes")
        try:
            posted = _Posted.model_validate_json(body)
        except ValidationError as error:
            return _refuse(400, f"not an answer: {error.errors(include_url=False)[0]['msg']}")
        try:
            reviewer = make_reviewer(posted.reviewer, posted.role, "declared on the review page")
        except ProofbookError as error:
            return _refuse(422, str(error))
        if access.signs_for not in ("", reviewer.name):
            return _refuse(422, f"this server signs for {access.signs_for} only")
        return await run_in_threadpool(_write, session, posted, reviewer)

    @app.post("/api/report")
    async def rebuild() -> JSONResponse:
        path = await run_in_threadpool(write_report, session.run, trust=session.trust)
        return JSONResponse({"index": str(path)})


async def _read_body(request: Request) -> bytes | None:
    """Return the body; None of one that is too long, or takes too long."""
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _LONGEST_BODY:
                    return None
    except TimeoutError:
        return None
    return bytes(body)


def _write(session: ReviewSession, posted: _Posted, reviewer: Reviewer) -> JSONResponse:
    answer = SubmittedAnswer(
        **{name: getattr(posted, name) for name in SubmittedAnswer.model_fields}
    )
    try:
        written = session.answer(answer, reviewer)
    except ProofbookError as error:
        return _refuse(409, str(error))
    return JSONResponse({"id": written.id, "number": written.number, "verdict": written.verdict})


def _file(run: Path, area: str, name: str) -> Response:
    """Return a file of one area of a run: shown where that is harmless, else to be saved."""
    folder = run.resolve() / area
    try:
        target = (folder / name).resolve()
        found = target.is_relative_to(folder) and target.is_file()
    except (OSError, ValueError):  # no name of a file
        found = False
    if not found:
        return _refuse(404, "there is no such file")
    kind = _SHOWN.get(target.suffix.lower())
    return FileResponse(
        target, headers={"Content-Security-Policy": _FILE_POLICY},
        media_type=kind or "application/octet-stream", filename=None if kind else target.name,
    )  # fmt: skip


def _refuse(status: int, why: str) -> JSONResponse:
    return JSONResponse({"error": why}, status)
