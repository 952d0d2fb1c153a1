"""Whose key counts: an allowed-signers file in OpenSSH's format (ssh-keygen(1), ALLOWED SIGNERS).

    ann@example.org,"Ann Lee" namespaces="proofbook,proofbook:art director" ssh-ed25519 AAAA…

Principals are the names that a key may answer under: patterns with ``*`` and ``?``, and ``!`` in
front of what is excluded. ``valid-after`` and ``valid-before`` bound when it may. A role is a
namespace, ``proofbook:`` and its name: the format has no other place for it, and git and ssh-keygen
read the same file. A key with no namespaces is for everything but roles. Lines with keys of other
kinds are of no use to us.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from proofbook.errors import UsageError
from proofbook.files import read_given_text

__all__ = ["SIGNERS_FILE", "Signer", "parse_signers", "read_signers"]

SIGNERS_FILE = "allowed_signers"
"""Where a project says whose keys count: beside ``runbooks/``."""
_NAMESPACE = "proofbook"
_ED25519 = "ssh-ed25519"
_KEY_TYPE = re.compile(r"(ssh|ecdsa|sk)-[a-z0-9@.-]+")
_WORD = re.compile(r'\s*((?:"[^"]*"|[^\s"])+)')
_OPTION = re.compile(r'([a-z-]+)(?:="?([^"]*)"?)?$', re.IGNORECASE)
_TIME = re.compile(r"(\d{8})(\d{4}(?:\d\d)?)?(Z?)")


@dataclass(frozen=True, kw_only=True)
class Signer:
    """One line of the file."""

    principals: tuple[str, ...]
    key: str
    """As OpenSSH writes it, without comment."""
    namespaces: tuple[str, ...] | None = None
    """What the key is for; None is everything."""
    valid_after: datetime | None = None
    valid_before: datetime | None = None

    def is_called(self, name: str) -> bool:
        """Say whether the key may answer under a name."""
        return _matches(self.principals, name)

    def has_role(self, role: str) -> bool:
        """Say whether the key may answer in a role."""
        return self.namespaces is not None and _matches(self.namespaces, f"{_NAMESPACE}:{role}")

    @property
    def is_for_us(self) -> bool:
        """Whether the key may sign anything of ours."""
        if self.namespaces is None or _matches(self.namespaces, _NAMESPACE):
            return True
        return any(each.casefold().startswith(f"{_NAMESPACE}:") for each in self.namespaces)

    def is_valid_at(self, moment: datetime) -> bool:
        """Say whether the key may be used at a moment."""
        early = self.valid_after is not None and moment < self.valid_after
        late = self.valid_before is not None and moment >= self.valid_before
        return not (early or late)


def read_signers(path: Path) -> tuple[Signer, ...]:
    """Read an allowed-signers file.

    Raises:
        UsageError: There is none, or a line of it is not understood; a line that was passed over
            could be the one that takes a key away.
    """
    try:
        text = read_given_text(path)
    except (OSError, UnicodeDecodeError) as error:
        problem = getattr(error, "strerror", None) or error
        raise UsageError(f"signers file {path}: {problem}") from error
    return parse_signers(text, str(path))


def parse_signers(text: str, name: str = SIGNERS_FILE) -> tuple[Signer, ...]:
    """Parse an allowed-signers file; ``name`` is what a message calls it.

    Raises:
        UsageError: A line is not understood.
    """
    signers: list[Signer] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                signers += _parse_line(line)
            except (ValueError, OverflowError) as error:
                raise UsageError(f"{name}, line {number}: {error}") from error
    return tuple(signers)


def _parse_line(line: str) -> Iterator[Signer]:
    words = _WORD.findall(line)
    kinds = [index for index, word in enumerate(words) if index and _KEY_TYPE.fullmatch(word)]
    if not kinds or len(words) < kinds[0] + 2:
        raise ValueError("expected principals, options, and a public key")
    kind, blob = words[kinds[0] : kinds[0] + 2]
    options = dict(_options(words[1 : kinds[0]]))
    if "cert-authority" in options:
        raise ValueError("certificates are not supported; list the keys themselves")
    if kind != _ED25519:
        return
    _verify_blob(blob)
    spaces = options.get("namespaces")
    yield Signer(
        principals=tuple(_split(words[0])), key=f"{kind} {blob}",
        namespaces=None if spaces is None else tuple(_split(spaces)),
        valid_after=_moment(options.get("valid-after")),
        valid_before=_moment(options.get("valid-before")),
    )  # fmt: skip


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    # Options are joined by commas, which a value in quotes may hold as well.
    for option in re.findall(r'((?:"[^"]*"|[^,"])+)', ",".join(words)):
        found = _OPTION.match(option)
        name = found[1].lower() if found else option
        if found is None or name not in (
            "namespaces", "valid-after", "valid-before", "cert-authority"
        ):  # fmt: skip
            raise ValueError(f"unknown option {option}")
        yield name, found[2] or ""


def _verify_blob(blob: str) -> None:
    try:
        data = base64.b64decode(blob, validate=True)
    except binascii.Error as error:
        raise ValueError("the key is not base64") from error
    if len(data) != 51 or data[4:15] != _ED25519.encode():
        raise ValueError("the key is not the Ed25519 key that it is called")


def _split(words: str) -> list[str]:
    return [word.strip() for word in words.replace('"', "").split(",") if word.strip()]


def _moment(text: str | None) -> datetime | None:
    """Read OpenSSH's YYYYMMDD[HHMM[SS]][Z]; without Z it is the local time."""
    if text is None:
        return None
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is not a time: give YYYYMMDD or YYYYMMDDHHMM[SS], and Z for UTC"
        )
    digits = found[1] + (found[2] or "")
    moment = datetime.strptime(digits, "%Y%m%d%H%M%S"[: 6 + max(0, len(digits) - 8)])
    return moment.replace(tzinfo=UTC) if found[3] else moment.astimezone()


def _matches(patterns: Sequence[str], name: str) -> bool:
    """Say whether a name is in a pattern list, as ssh_config(5) has them; case does not count."""
    name, found = name.casefold(), False
    for pattern in patterns:
        if _is_like(name, pattern.removeprefix("!").casefold()):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _is_like(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))  # OpenSSH knows no sets
