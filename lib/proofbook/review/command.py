"""``proofbook review``, ``verify``, ``signoff``, ``waive`` and ``baseline``: what each does."""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import subprocess
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from proofbook.errors import UsageError
from proofbook.records import now
from proofbook.report import write_report
from proofbook.runs.folder import RunFolder
from proofbook.signoff.acceptance import SubmittedAnswer
from proofbook.signoff.answering import ReviewSession
from proofbook.signoff.baseline import find_baselines
from proofbook.signoff.entries import Reviewer
from proofbook.signoff.importing import import_answers
from proofbook.signoff.signing import export_all, load_key
from proofbook.signoff.verification import verify_run

__all__ = [
    "ReviewOptions",
    "export_signoffs",
    "import_signoffs",
    "known_name",
    "list_baselines",
    "open_session",
    "parse_until",
    "print_verification",
    "review",
    "waive",
]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_MARKS = {"approved": "✓", "waived": "~", "pending": "?", "expired": "?", "stale": "?"}


@dataclass(frozen=True, kw_only=True)
class ReviewOptions:
    """What was asked for on the command line."""

    reviewer: str = ""
    role: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    key: Path | None = None
    lasting: timedelta | None = None
    browser: bool = True


def open_session(run: RunFolder, key: Path | None = None) -> ReviewSession:
    """Return a session of a run, which signs with a key where one is given.

    Raises:
        ProofbookError: The folder is not a run, or the key cannot be used.
    """
    return ReviewSession(run, run.read_info(), load_key(key) if key else None)


def review(
    run: RunFolder,
    options: ReviewOptions,
    *,
    show: Callable[[str], object] = webbrowser.open,
    started: Callable[[str], object] = lambda url: None,
) -> int:
    """Serve the review page until interrupted; then write the report again.

    Raises:
        ProofbookError: The port is taken, the key cannot be used, or there is no such run.
    """
    import uvicorn

    from proofbook.review.server import Access, build_app

    session = open_session(run, options.key)
    session.lasting = options.lasting
    session.seal()
    beyond = options.host not in _LOOPBACK
    if beyond and options.key:
        raise UsageError("--key signs for one person and --host serves many; give only one of them")
    reviewer = options.reviewer or known_name()
    access = Access(
        hosts=_hosts(options.host), token=secrets.token_urlsafe(24) if beyond else "",
        reviewer=reviewer, role=options.role, signs_for=reviewer if options.key else "",
    )  # fmt: skip
    listener = _listen(options.host, options.port)
    port = listener.getsockname()[1]
    name = socket.gethostname() if options.host in ("0.0.0.0", "::") else options.host
    url = f"http://{name}:{port}/" + (f"?token={access.token}" if beyond else "")
    config = uvicorn.Config(build_app(session, access), log_level="error", lifespan="off")
    typer.echo(f"review: {url}\nCtrl-C ends it.")
    started(url)
    if options.browser:
        show(url)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        listener.close()
        for line in session.log.repaired:
            typer.echo(f"sign-off log: {line}")
    typer.echo(f"report: {write_report(run)}")
    return 0


def print_verification(run: RunFolder, *, allow_waivers: bool, as_json: bool) -> int:
    """Print one verdict and the reasons; return the exit code: 0 only where it may be released."""
    verification = verify_run(run)
    if as_json:
        values = {
            "verdict": verification.verdict, "reasons": verification.reasons,
            "notes": verification.notes,
            "answers": [answer.model_dump(mode="json") for answer in verification.answers],
        }  # fmt: skip
        typer.echo(json.dumps(values, indent=1))
    else:
        typer.echo(
            f"{_MARKS.get(verification.verdict, '✗')} {verification.verdict}: {run.path.name}"
        )
        for reason in verification.reasons:
            typer.echo(f"  {reason}")
        for note in verification.notes:
            typer.echo(f"  note: {note}")
    return 0 if verification.verdict == "waived" and allow_waivers else verification.exit_code


def export_signoffs(run: RunFolder, target: Path | None) -> None:
    """Write every answer as an in-toto Statement in a DSSE envelope, one a line."""
    text = export_all(open_session(run).log.read().answers)
    if target is None:
        typer.echo(text, nl=False)
    else:
        target.write_text(text, encoding="utf-8")


def import_signoffs(run: RunFolder, file: Path, key: Path | None) -> int:
    """Take the answers of a filled-in report; return the exit code.

    Raises:
        UsageError: The file belongs to another run, or does not fit the run's hashes.
    """
    written = import_answers(open_session(run, key), file)
    typer.echo(f"{len(written)} answers taken from {file.name}; report: {write_report(run)}")
    return 0


def waive(run: RunFolder, options: ReviewOptions, waiver: SubmittedAnswer) -> int:
    """Write a waiver down; return the exit code.

    Raises:
        UsageError: It has no reason or no expiry date, or there is nothing to waive.
    """
    reviewer = Reviewer(
        name=options.reviewer or known_name() or "unknown", role=options.role,
        identified_by="declared on the command line",
    )  # fmt: skip
    answer = open_session(run, options.key).answer(waiver, reviewer)
    assert answer.expires is not None  # a waiver has one
    typer.echo(f"waived until {answer.expires:%Y-%m-%d}: {waiver.job}, {waiver.question}")
    typer.echo(f"report: {write_report(run)}")
    return 0


def list_baselines(outputs: Path, wanted: str | None) -> int:
    """Print the approved takes, or all that is known of one; return the exit code.

    Raises:
        UsageError: There is no such take.
    """
    baselines = find_baselines(outputs)
    if wanted is None:
        for (_, job, name), each in sorted(baselines.items()):
            who = f"{each.answer.reviewer.name}, {each.answer.time:%Y-%m-%d}"
            typer.echo(f"{job}  {name}  {each.evidence.file.sha256[:12]}  {each.run_id}  {who}")
        if not baselines:
            typer.echo("nothing has been approved yet")
        return 0
    for (runbook, job, name), each in sorted(baselines.items()):
        if wanted in (f"{job}/{name}", name, each.evidence.file.sha256[:12]):
            values = {
                "runbook": runbook, "job": job, "evidence": name, "run": each.run_id,
                "file": str(each.path), "sha256": each.evidence.file.sha256,
                "answer": each.answer.model_dump(mode="json"),
            }  # fmt: skip
            typer.echo(json.dumps(values, indent=1))
            return 0
    raise UsageError(f"no approved take is called {wanted!r}; see them: proofbook baseline list")


def parse_until(text: str) -> datetime:
    """Read ``90d`` or ``2026-12-31`` as a moment.

    Raises:
        UsageError: It is neither.
    """
    if days := re.fullmatch(r"(\d+)d", text):
        return now() + timedelta(days=int(days[1]))
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise UsageError(f"--until {text}: give days as 90d, or a date as 2026-12-31") from error


def known_name() -> str:
    """Return the name that git knows, or that of the account."""
    words = ["git", "config", "user.name"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=5)
    except OSError:
        return os.environ.get("USER", "")
    return done.stdout.strip() or os.environ.get("USER", "")


def _hosts(host: str) -> frozenset[str]:
    if host in _LOOPBACK:
        return frozenset(_LOOPBACK)
    hosts = {host, socket.gethostname(), socket.getfqdn(), *_LOOPBACK}
    if host in ("0.0.0.0", "::"):
        hosts |= {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}  # type: ignore[misc]
    return frozenset(str(each) for each in hosts)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        what = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot listen on {host}:{port}: {what}; give another --port") from error
    return listener
