"""Signatures over entries: Ed25519, by a person's own SSH key; and the envelope for other tools.

What is signed is the entry as an in-toto Statement in DSSE's pre-authentication encoding, so that
an exported envelope is verified by any tool that knows DSSE.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from proofbook.errors import UsageError
from proofbook.files import read_given
from proofbook.signoff.chain import entries_in
from proofbook.signoff.entries import (
    Acceptance,
    Answer,
    Entry,
    Signature,
    SignedEntry,
    canonical,
    parse_entry,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = [
    "PASSPHRASE",
    "envelope",
    "export_all",
    "fingerprint",
    "load_key",
    "public_line",
    "sign",
    "signature_problem",
    "statement",
]

PASSPHRASE = "PROOFBOOK_KEY_PASSPHRASE"
"""Environment variable: opens a key that is locked."""
_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://proofbook.dev/sign-off/v1"
_E = TypeVar("_E", Answer, Acceptance)


def load_key(path: Path) -> Ed25519PrivateKey:
    """Load a private key in OpenSSH's format.

    Raises:
        UsageError: It cannot be read, is locked, or is not an Ed25519 key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    secret = os.environ.get(PASSPHRASE)
    try:
        key = load_ssh_private_key(read_given(path), secret.encode() if secret else None)
    except OSError as error:
        raise UsageError(f"--key {path}: {error.strerror or error}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError(
            f"--key {path}: not a private SSH key that can be opened ({error}); {PASSPHRASE} "
            "opens a locked one"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"--key {path}: not an Ed25519 key; make one: ssh-keygen -t ed25519")
    return key


def statement(entry: SignedEntry) -> bytes:
    """Return an entry, as it is read, as an in-toto Statement about the files that it is about.

    An entry of an earlier edition says what it said then, and no more.
    """
    predicate = entry.model_dump(mode="json", exclude={"signature"}, exclude_unset=True)
    values = {
        "_type": _STATEMENT, "subject": list(_subjects(entry)), "predicateType": _PREDICATE,
        "predicate": predicate,
    }  # fmt: skip
    return canonical(values).encode()


def _subjects(entry: SignedEntry) -> Iterator[dict[str, Any]]:
    if isinstance(entry, Answer):
        named = [(subject.name, subject.sha256) for subject in entry.binding.subjects]
        named.append(("notebook.ipynb", entry.binding.notebook_sha256))
    else:
        named = [(path, file[1]) for path, file in sorted(entry.files.items()) if file]
    return ({"name": name, "digest": {"sha256": sha256}} for name, sha256 in named if sha256)


def public_line(key: Ed25519PrivateKey) -> str:
    """Return the public key of a private one as OpenSSH writes it, without comment."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def sign(entry: _E, key: Ed25519PrivateKey) -> _E:
    """Return the entry with its signature."""
    whole = parse_entry(canonical(entry))  # as it is read: with every field
    assert isinstance(whole, Answer | Acceptance)  # only a person's entry is signed
    value = base64.b64encode(key.sign(_encoded(statement(whole)))).decode()
    return entry.model_copy(update={"signature": Signature(key=public_line(key), value=value)})


def signature_problem(answer: SignedEntry) -> str:
    """Return what is wrong with an entry's signature; empty if nothing, or if it has none.

    The entry is one that was read.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    if answer.signature is None:
        return ""
    try:
        key = load_ssh_public_key(answer.signature.key.encode())
        value = base64.b64decode(answer.signature.value, validate=True)
        if not isinstance(key, Ed25519PublicKey):
            return "its key is not an Ed25519 key"
        key.verify(value, _encoded(statement(answer)))
    except InvalidSignature:
        return "its signature does not fit what it says"
    except (ValueError, UnsupportedAlgorithm):
        return "its signature cannot be read"
    return ""


def fingerprint(signature: Signature) -> str:
    """Return a key's fingerprint, as ``ssh-keygen -l`` shows it."""
    blob = base64.b64decode(signature.key.split()[1])
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


def envelope(answer: SignedEntry) -> dict[str, Any]:
    """Return an entry as a DSSE envelope; without a signature, its list of them is empty."""
    own = answer.signature
    signatures = [{"keyid": fingerprint(own), "sig": own.value}] if own else []
    payload = base64.b64encode(statement(answer)).decode()
    return {"payload": payload, "payloadType": _PAYLOAD_TYPE, "signatures": signatures}


def _encoded(payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding."""
    kind = _PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def export_all(entries: Iterable[Entry]) -> str:
    """Return the envelopes of what persons have signed or could have, one a line."""
    signed = (entry for entry in entries_in(entries) if isinstance(entry, Answer | Acceptance))
    return "".join(json.dumps(envelope(entry)) + "\n" for entry in signed)
