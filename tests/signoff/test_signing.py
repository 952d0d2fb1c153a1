"""Signatures are verified by any tool, and a broken one is named."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from reviewed_run import session_of

from proofbook.errors import UsageError
from proofbook.runs.folder import RunFolder
from proofbook.signoff.signing import envelope, fingerprint, load_key, signature_problem


def test_an_envelope_is_verified_without_us(signed: RunFolder, key: Ed25519PrivateKey) -> None:
    answer = session_of(signed).log.read().answers[0]
    found = envelope(answer)
    payload, kind = base64.b64decode(found["payload"]), found["payloadType"].encode()
    encoded = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    key.public_key().verify(base64.b64decode(found["signatures"][0]["sig"]), encoded)
    statement = json.loads(payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"][0]["digest"]["sha256"] == answer.binding.subjects[0].sha256
    assert answer.signature is not None
    assert found["signatures"][0]["keyid"] == fingerprint(answer.signature)


def test_keys_that_cannot_be_used_are_one_line(tmp_path: Path, key_file: Path) -> None:
    assert load_key(key_file).private_bytes_raw() == bytes(range(32))
    (tmp_path / "x").write_text("no key")
    for path, problem in (
        (tmp_path / "none", "No such file"),
        (tmp_path / "x", "not a private SSH key that can be opened"),
    ):
        with pytest.raises(UsageError, match=problem):
            load_key(path)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    other = ec.generate_private_key(ec.SECP256R1())
    for how, problem in (
        (NoEncryption(), "not an Ed25519 key; make one: ssh-keygen"),
        (BestAvailableEncryption(b"secret"), "PROOFBOOK_KEY_PASSPHRASE opens a locked one"),
    ):
        (tmp_path / "k").write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, how))
        with pytest.raises(UsageError, match=problem):
            load_key(tmp_path / "k")


def test_a_broken_signature_is_said(signed: RunFolder) -> None:
    answer = session_of(signed).log.read().answers[0]
    assert answer.signature is not None
    for update, problem in (
        ({"value": "!"}, "its signature cannot be read"),
        ({"key": "ssh-ed25519 AAAA"}, "its signature cannot be read"),
    ):
        broken = answer.signature.model_copy(update=update)
        assert signature_problem(answer.model_copy(update={"signature": broken})) == problem
