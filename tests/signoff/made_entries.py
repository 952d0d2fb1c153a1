"""Entries of a log that is nowhere: what is not given is as it often is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from forging import ANNS

from proofbook.signoff.entries import (
    Acceptance,
    Answer,
    Entry,
    Merge,
    Reviewer,
    canonical,
    parse_entry,
)
from proofbook.signoff.signing import sign

ZEROS = "0" * 64
NINE = datetime(2026, 3, 4, 9, tzinfo=UTC)


def entry_of(kind: type[Entry], number: int = 1, **more: Any) -> Any:
    values: dict[str, Any] = {"number": number, "previous": ZEROS, "time": NINE}
    binding = {"run": "r", "job": "clip", "question": "good", "notebook_sha256": "",
               "parameters_sha256": ZEROS, "checks_sha256": ZEROS}  # fmt: skip
    person = {"id": f"{number:032x}", "reviewer": Reviewer(name="Ann")}
    if kind is Answer:
        values |= {**person, "meaning": "", "verdict": "approved", "binding": binding}
    elif kind is Acceptance:
        values |= {**person, "run": "r", "files": {}, "comment": "x"}
    elif kind is Merge:
        values |= {"run": "r"}
    else:
        values |= {"run": "r", "files": {}}
    return kind.model_validate({**values, **more})


def signed(entry: Any, key: Ed25519PrivateKey = ANNS) -> Any:
    """Return the entry as it is read, with a signature."""
    return parse_entry(canonical(sign(entry, key)))
