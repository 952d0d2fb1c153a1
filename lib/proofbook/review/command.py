"""``proofbook review``, ``verify``, ``signoff``, ``waive`` and ``baseline``: what each does."""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofbook.errors import UsageError
from proofbook.records import now
from proofbook.report import write_report
from proofbook.review.anchoring import find_anchor
from proofbook.runs.folder import RunFolder
from proofbook.signoff.acceptance import SubmittedAnswer, make_reviewer
from proofbook.signoff.answering import ReviewSession
from proofbook.signoff.baseline import find_baselines
from proofbook.signoff.entries import Reviewer
from proofbook.signoff.importing import import_answers
from proofbook.signoff.log import SignoffLog
from proofbook.signoff.signing import export_all, load_key
from proofbook.signoff.trust import Trust, find_trust
from proofbook.signoff.verification import verify_run
from proofbook.terminal import say
from proofbook.values import count_noun

if TYPE_CHECKING:
    import uvicorn

__all__ = [
    "TOKEN",
    "ReviewOptions",
    "accept_changes",
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
_MARKS = {"approved": "✓", "passed": "✓", "waived": "~"} | dict.fromkeys(
    ("pending", "expired", "stale", "untrusted"), "?"
)
TOKEN = "PROOFBOOK_REVIEW_TOKEN"
"""Environment variable: the token of the review server, so that pages outlive a restart."""
_MOST_CONNECTIONS = 100
_IDLE_SECONDS = 15
_MOST_HEADERS = 16_384


@dataclass(frozen=True, kw_only=True)
class ReviewOptions:
    """What was asked for on the command line."""

    reviewer: str = ""
    role: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    key: Path | None = None
    signers: Path | None = None
    lasting: timedelta | None = None
    browser: bool = True

    def trust(self, run: RunFolder) -> Trust:
        """Return whose answers count in a run, which is never as it says itself."""
        return find_trust(signers=self.signers, received=[run.path])

    def person(self, identified_by: str) -> Reviewer:
        """Return who answers on the command line."""
        return make_reviewer(self.reviewer or known_name() or "unknown", self.role, identified_by)


def open_session(
    run: RunFolder, key: Path | None = None, trust: Trust | None = None
) -> ReviewSession:
    """Return a session of a run, which signs with a key where one is given.

    ``trust`` says whose answers count; by default the project around the current folder does.

    Raises:
        ProofbookError: The folder is not a run, or the key or the signers cannot be used.
    """
    loaded = load_key(key) if key else None
    trust = trust or find_trust(received=[run.path])
    return ReviewSession(run, run.read_info(), loaded, trust=trust)


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

    session = open_session(run, options.key, options.trust(run))
    session.lasting = options.lasting
    session.seal()
    beyond = options.host not in _LOOPBACK
    if beyond and options.key:
        raise UsageError("--key signs for one person and --host serves many; give only one of them")
    reviewer = options.reviewer or known_name()
    listener = _listen(options.host, options.port)
    port = listener.getsockname()[1]
    access = Access(
        hosts=_hosts(options.host), port=port,
        token=os.environ.get(TOKEN) or secrets.token_urlsafe(24),
        reviewer=reviewer, role=options.role, signs_for=reviewer if options.key else "",
    )  # fmt: skip
    name = socket.gethostname() if options.host in ("0.0.0.0", "::") else options.host
    url = f"http://{f'[{name}]' if ':' in name else name}:{port}/?token={access.token}"
    config = _limited(build_app(session, access))
    say(f"review: {url}\nCtrl-C ends it.")
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
            say(f"sign-off log: {line}")
    say(f"report: {write_report(run, trust=session.trust)}")
    return 0


def _limited(app: Any) -> uvicorn.Config:
    """Return how an app is served: to so many at once, for so long, and with a word on errors."""
    import uvicorn

    from proofbook.review.connections import limit_connections

    config = uvicorn.Config(
        app, log_level="critical", lifespan="off", server_header=False,
        limit_concurrency=2 * _MOST_CONNECTIONS, timeout_keep_alive=_IDLE_SECONDS,
        h11_max_incomplete_event_size=_MOST_HEADERS,
    )  # fmt: skip
    return limit_connections(config, _MOST_CONNECTIONS, _IDLE_SECONDS)


def print_verification(
    run: RunFolder,
    *,
    trust: Trust,
    anchor: str = "",
    tsa_ca: Path | None = None,
    allow_waivers: bool = False,
    as_json: bool = False,
) -> int:
    """Print one verdict and the reasons; return the exit code: 0 only where it may be released.

    Args:
        run: Its folder.
        trust: Whose answers count.
        anchor: What somebody kept of its log elsewhere, a file or ``git:REVISION``, or ``tsa``.
        tsa_ca: Certificates of the authorities whose timestamps count.
        allow_waivers: Whether a run may be released of which all that is open is waived.
        as_json: Print all of it as JSON.
    """
    held = find_anchor(anchor, run, tsa_ca)
    verification = verify_run(run, trust=trust, anchored=held.problems)
    notes = [*verification.notes, *held.notes(SignoffLog(run.path, run.path.name).read())]
    if as_json:
        values = {
            "verdict": verification.verdict,
            "reasons": [asdict(reason) for reason in verification.reasons],
            "notes": notes,
            "answers": [answer.model_dump(mode="json") for answer in verification.answers],
        }  # fmt: skip
        say(json.dumps(values, indent=1))
    else:
        say(f"{_MARKS.get(verification.verdict, '✗')} {verification.verdict}: {run.path.name}")
        for reason in verification.reasons:
            say(f"  {reason.word}: {reason.text}")
        for note in notes:
            say(f"  note: {note}")
    return 0 if verification.verdict == "waived" and allow_waivers else verification.exit_code


def export_signoffs(run: RunFolder, target: Path | None) -> None:
    """Write every answer as an in-toto Statement in a DSSE envelope, one a line."""
    text = export_all(open_session(run).log.read().entries)
    if target is None:
        sys.stdout.write(text)  # each line is plain ASCII
    else:
        target.write_text(text, encoding="utf-8")


def import_signoffs(run: RunFolder, file: Path, key: Path | None) -> int:
    """Take the answers of a filled-in report that fit the run; return the exit code.

    Raises:
        UsageError: The file belongs to another run.
    """
    session = open_session(run, key)
    found = import_answers(session, file)
    for line in found.refused:
        say(f"not taken: {line}", err=True)
    report = write_report(run, trust=session.trust)
    say(f"{count_noun(len(found.written), 'answer')} taken from {file.name}; report: {report}")
    return 1 if found.refused else 0


def accept_changes(
    run: RunFolder, options: ReviewOptions, paths: Sequence[str], reason: str
) -> int:
    """Write down that a person answers for changed files; return the exit code.

    Raises:
        UsageError: Nothing is signed, the key is not trusted, or a file has not changed.
    """
    session = open_session(run, options.key, options.trust(run))
    person = options.person("declared on the command line")
    accepted = session.accept_changes(paths, person, reason)
    say(f"{person.name} accepted {', '.join(sorted(accepted.files))} as they are now")
    return 0


def waive(run: RunFolder, options: ReviewOptions, waiver: SubmittedAnswer) -> int:
    """Write a waiver down; return the exit code.

    Raises:
        UsageError: It has no reason or no expiry date, or there is nothing to waive.
    """
    reviewer = options.person("declared on the command line")
    session = open_session(run, options.key, options.trust(run))
    answer = session.answer(waiver, reviewer)
    assert answer.expires is not None  # a waiver has one
    say(f"waived until {answer.expires:%Y-%m-%d}: {waiver.job}, {waiver.question}")
    say(f"report: {write_report(run, trust=session.trust)}")
    return 0


def list_baselines(outputs: Path, wanted: str | None) -> int:
    """Print the approved takes, or all that is known of one; return the exit code.

    Raises:
        UsageError: There is no such take.
    """
    baselines = find_baselines(outputs, trust=find_trust())
    if wanted is None:
        for (_, job, name), each in sorted(baselines.items()):
            who = f"{each.answer.reviewer.name}, {each.answer.time:%Y-%m-%d}"
            say(f"{job}  {name}  {each.evidence.file.sha256[:12]}  {each.run_id}  {who}")
        if not baselines:
            say("nothing has been approved yet")
        return 0
    for (runbook, job, name), each in sorted(baselines.items()):
        if wanted in (f"{job}/{name}", name, each.evidence.file.sha256[:12]):
            values = {
                "runbook": runbook, "job": job, "evidence": name, "run": each.run_id,
                "file": str(each.path), "sha256": each.evidence.file.sha256,
                "answer": each.answer.model_dump(mode="json"),
            }  # fmt: skip
            say(json.dumps(values, indent=1))
            return 0
    raise UsageError(f"no approved take is called {wanted!r}; see them: proofbook baseline list")


def parse_until(text: str) -> datetime:
    """Read ``90d`` or ``2026-12-31`` as a moment that is to come.

    Raises:
        UsageError: It is neither, or has passed.
    """
    try:
        days = re.fullmatch(r"(\d+)d", text)
        if days:
            moment = now() + timedelta(days=int(days[1]))
        else:
            moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--until {text}: give days as 90d, or a date as 2026-12-31") from error
    if moment <= now():
        raise UsageError(f"--until {text}: that has passed; give a day that is to come")
    return moment


def known_name() -> str:
    """Return the name that git knows, or that of the account."""
    words = ["git", "config", "user.name"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
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
