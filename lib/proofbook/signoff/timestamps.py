"""Timestamps of a log: an authority's word that a line, and so all lines before it, were there.

``signoffs.timestamps``, beside the log, holds one token a line. Whoever can write the folder can
take tokens away again; a copy that is kept elsewhere shows that as well.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from proofbook.errors import UsageError
from proofbook.files import append_line, read_given
from proofbook.records import now
from proofbook.signoff.certificates import Authorities
from proofbook.signoff.chain import entries_in
from proofbook.signoff.entries import Merge, Problem, Seal
from proofbook.signoff.log import LogState, SignoffLog
from proofbook.signoff.tokens import (
    Token,
    chain_problem,
    make_request,
    read_token,
)
from proofbook.signoff.trust import CLOCKS

__all__ = [
    "STAMPS_FILE",
    "Stamp",
    "StampedLog",
    "holds_stamps",
    "read_stamps",
    "stamp_log",
]

STAMPS_FILE = "signoffs.timestamps"
_TIME = "%Y-%m-%d %H:%M"


def _as_base64(text: str) -> str:
    base64.b64decode(text, validate=True)
    return text


class Stamp(BaseModel):
    """One line of the file: what was stamped, and the authority's response."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str | None = None
    number: int | None = Field(default=None, ge=0, strict=True)
    """Of the line that was stamped; None of a bare token, which says no more than the hash."""
    sha256: str | None = None
    """Of that line."""
    nonce: str | None = None
    """Of the request, in hexadecimal digits."""
    token: Annotated[str, AfterValidator(_as_base64)]
    """The authority's whole response, in base64."""

    @property
    def response(self) -> bytes:
        """The authority's whole response, in DER."""
        return base64.b64decode(self.token)


def stamp_log(
    log: SignoffLog,
    ask: Callable[[bytes], bytes],
    authorities: Authorities | None = None,
) -> Stamp:
    """Have a log's last line stamped, and keep the token beside the log.

    Args:
        log: The log.
        ask: Sends a request to an authority, and returns its response.
        authorities: Whose timestamps count; None keeps the token without asking whose it is.

    Raises:
        UsageError: There is nothing to stamp, or the response is no token that fits.
    """
    state = log.read()
    if state.problems:
        raise UsageError(f"a log that was tampered with is not stamped: {state.problems[0].text}")
    if not state.hashes:
        raise UsageError(f"{log.folder.name} was never sealed: there is no log to stamp")
    number, sha256 = len(state.hashes) - 1, state.hashes[-1]
    request = make_request(log.path.read_bytes().split(b"\n")[number])
    stamp = Stamp(
        run=log.run, number=number, sha256=sha256, nonce=f"{request.nonce:x}",
        token=_encoded(ask(request.body)),
    )  # fmt: skip
    problem = _read(stamp, authorities, now())
    if isinstance(problem, Problem):
        raise UsageError(f"the authority's token cannot be used: {problem.word}: {problem.text}")
    append_line(log.folder / STAMPS_FILE, stamp.model_dump_json())
    return stamp


def holds_stamps(file: Path) -> bool:
    """Say whether a file holds timestamps, sound or not, and no entries of a log."""
    try:
        return any(read_stamps(file))
    except OSError:
        return False


def read_stamps(file: Path) -> list[Stamp | None]:
    """Return the timestamps that a file holds, None for each that is none; a bare token is one.

    Raises:
        OSError: It cannot be read.
    """
    data = read_given(file)
    if data.startswith((b"\x30", b"-----BEGIN")):  # DER or PEM, and no JSON begins so
        return [Stamp(token=_encoded(data))]
    return [_stamp_of(line) for line in data.splitlines() if line.strip()]


def _encoded(response: bytes) -> str:
    return base64.b64encode(response).decode()


def _stamp_of(line: bytes) -> Stamp | None:
    try:
        return Stamp.model_validate_json(line)
    except ValidationError:
        return None


@dataclass(frozen=True, kw_only=True)
class StampedLog:
    """A log to be held against its timestamps."""

    run: str
    stamps: Sequence[Stamp | None]
    authorities: Authorities

    def problems(self, log: LogState, moment: datetime | None = None) -> list[Problem]:
        """Return what the timestamps show to be wrong, and what is wrong with themselves."""
        if not self.stamps:
            text = "no timestamp of the log is kept; make one: proofbook signoff timestamp"
            return [Problem("not stamped", text)]
        found: dict[Problem, None] = {}
        for place, stamp in enumerate(self.stamps, 1):
            for problem in self._problems_of(stamp, log, moment or now()):
                text = f"timestamp {place}: {problem.text}"
                found[problem._replace(text=text)] = None
        return list(found)

    def notes(self, log: LogState) -> list[str]:
        """Return what timestamps prove of a log that fits them, one line each."""
        if self.problems(log):
            return []
        tokens = (read_token(stamp.response) for stamp in self.stamps if stamp is not None)
        return [_describe(token, log) for token in tokens if isinstance(token, Token)]

    def _problems_of(
        self, stamp: Stamp | None, log: LogState, moment: datetime
    ) -> Iterable[Problem]:
        if stamp is None:
            return [Problem("unreadable token", "its line cannot be read")]
        if stamp.run not in (None, self.run):
            return [Problem("other run", f"it belongs to run {stamp.run}")]
        token = _read(stamp, self.authorities, moment)
        if isinstance(token, Problem):
            return [token]
        if problem := _place_problem(stamp, token, log):
            return [problem]
        return _misdated(token, log.hashes.index(token.sha256), log)


def _read(stamp: Stamp, authorities: Authorities | None, moment: datetime) -> Token | Problem:
    """Return a token that fits its request, or what is wrong with it by itself."""
    token = read_token(stamp.response)
    if isinstance(token, Problem):
        return token
    if not token.sha256 or stamp.sha256 not in (None, token.sha256):
        return Problem("other imprint", "it stamps another hash than that of the line")
    if stamp.nonce is not None and (token.nonce is None or f"{token.nonce:x}" != stamp.nonce):
        return Problem("replayed", "it does not have the nonce that was asked for")
    if authorities is not None and (problem := chain_problem(stamp.response, authorities)):
        return problem
    if token.time > moment + CLOCKS:
        return Problem("of the future", f"it is dated {token.time:{_TIME}}")
    return token


def _place_problem(stamp: Stamp, token: Token, log: LogState) -> Problem | None:
    """Return that what was stamped is no longer where it was in the log."""
    who = f"{token.signer} stamped on {token.time:{_TIME}}"
    if stamp.number is None:
        if token.sha256 in log.hashes:
            return None
        return Problem("rolled back", f"the line that {who} is not in the log")
    if stamp.number >= len(log.hashes):
        return Problem("rolled back", f"entry {stamp.number}, which {who}, is gone")
    if log.hashes[stamp.number] != token.sha256:
        return Problem("replaced", f"entry {stamp.number} is not the one which {who}")
    return None


def _misdated(token: Token, number: int, log: LogState) -> Iterator[Problem]:
    """Yield whose answers say another time than the authority's clock allows.

    What was merged was there when the line was that merged it, and may have been long before.
    """
    for line in log.entries:
        for entry in entries_in([line]):
            if isinstance(entry, Seal | Merge):  # no person's word: a wrong clock is no tampering
                continue
            said = f"entry {entry.number} of {entry.reviewer.name} is dated {entry.time:{_TIME}}"
            if line.number <= number and entry.time > token.time + CLOCKS:
                yield Problem("of the future", f"{said}, and was there on {token.time:{_TIME}}")
            elif line.number > number and entry is line and entry.time < token.time - CLOCKS:
                yield Problem("back-dated", f"{said}, and was not there on {token.time:{_TIME}}")


def _describe(token: Token, log: LogState) -> str:
    number = log.hashes.index(token.sha256)
    later = len(log.hashes) - 1 - number
    rest = f"; {later} came later" if later else ", the last"
    return f"{token.signer} stamped the log up to entry {number}{rest}, at {token.time:{_TIME}} UTC"
