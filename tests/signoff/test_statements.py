"""What is signed is all that was said, and what does not fit it is no signature."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from forging import ANNS

from proofbook.errors import UsageError
from proofbook.signoff.entries import Signature, canonical, parse_entry
from proofbook.signoff.signing import (
    PASSPHRASE,
    envelope,
    export_all,
    fingerprint,
    load_key,
    public_line,
    sign,
    signature_problem,
    statement,
)

A, B, ZEROS = "a" * 64, "b" * 64, "0" * 64
TIME = "2026-03-04T09:00:00Z"
BINDING = {
    "run": "r", "job": "clip", "question": "good", "notebook_sha256": B,
    "parameters_sha256": ZEROS, "checks_sha256": ZEROS,
    "subjects": [{"name": "clip", "sha256": A, "size": 1, "media_type": "audio/wav"}],
}  # fmt: skip
ANSWER = {
    "kind": "answer", "number": 1, "previous": ZEROS, "time": TIME, "id": "a" * 32,
    "reviewer": {"name": "Ann"}, "meaning": "good", "verdict": "approved", "binding": BINDING,
}  # fmt: skip
ACCEPTANCE = {
    "kind": "acceptance", "number": 2, "previous": ZEROS, "time": TIME, "id": "b" * 32,
    "run": "r", "reviewer": {"name": "Ben"}, "comment": "x",
    "files": {"z": [2, A], "a": [1, B], "gone": None},
}  # fmt: skip
SEAL = {
    "kind": "seal", "number": 0, "previous": ZEROS, "time": TIME, "run": "r", "files": {},
}  # fmt: skip


def read(values: dict[str, Any]) -> Any:
    return parse_entry(json.dumps(values))


def signed(values: dict[str, Any]) -> Any:
    return parse_entry(canonical(sign(read(values), ANNS)))


def digest(name: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256}}


@pytest.mark.parametrize(
    ("values", "subjects"),
    [
        (ANSWER, [digest("clip", A), digest("notebook.ipynb", B)]),
        (
            {**ANSWER, "binding": {**BINDING, "notebook_sha256": ""}},
            [digest("clip", A)],
        ),
        (ACCEPTANCE, [digest("a", B), digest("z", A)]),
    ],
)
def test_a_statement_says_what_the_entry_says_and_no_more(
    values: dict[str, Any], subjects: list[dict[str, Any]]
) -> None:
    for entry in (read(values), read({**values, "signature": None}),
                  read({**values, "signature": {"key": "k", "value": "v"}})):  # fmt: skip
        assert statement(entry).decode() == canonical({
            "_type": "https://in-toto.io/Statement/v1", "subject": subjects,
            "predicateType": "https://proofbook.dev/sign-off/v1", "predicate": values,
        })  # fmt: skip


@pytest.mark.parametrize("values", [ANSWER, ACCEPTANCE])
def test_a_signature_fits_the_entry_as_it_is_read(values: dict[str, Any]) -> None:
    entry = signed(values)
    assert entry.signature is not None
    assert entry.signature.key == public_line(ANNS)
    assert signature_problem(entry) == ""
    assert signature_problem(read(values)) == ""
    other = entry.model_copy(update={"comment": "another"})
    assert signature_problem(other) == "its signature does not fit what it says"


def with_signature(**update: str) -> Any:
    entry = signed(ANSWER)
    return entry.model_copy(update={"signature": entry.signature.model_copy(update=update)})


def blob(*parts: bytes) -> str:
    data = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return base64.b64encode(data).decode()


def test_a_signature_that_cannot_be_read_is_none() -> None:
    unreadable = "its signature cannot be read"
    value = signed(ANSWER).signature.value
    for update in (
        {"value": f"*{value}"}, {"value": f"{value[:8]}\n{value[8:]}"}, {"value": "é"},
        {"key": ""}, {"key": "ssh-ed25519"}, {"key": "ssh-none AAAA"},
        {"key": f"ecdsa-sha2-nistp999 {blob(b'ecdsa-sha2-nistp999', b'nistp999', b'x')}"},
    ):  # fmt: skip
        assert signature_problem(with_signature(**update)) == unreadable, update
    assert signature_problem(with_signature(value="")) == "its signature does not fit what it says"
    rsa = f"ssh-rsa {blob(b'ssh-rsa', bytes([3]), bytes([1]) * 64)}"
    assert signature_problem(with_signature(key=rsa)) == "its key is not an Ed25519 key"


def test_a_fingerprint_is_the_one_that_ssh_keygen_shows() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    signature = Signature(key=public_line(key), value="")
    assert fingerprint(signature) == "SHA256:lbmsoA0yIEcEiVDRnMWuzm+nV+3ZEEpVIURqFoeSspg"
    commented = Signature(key=f"{public_line(key)} ann@example.org", value="")
    assert fingerprint(commented) == fingerprint(signature)


def test_an_export_has_an_envelope_for_each_persons_entry() -> None:
    entries = [read(SEAL), read(ANSWER), signed(ACCEPTANCE)]
    lines = export_all(entries).splitlines(keepends=True)
    assert [line[-1] for line in lines] == ["\n", "\n"]
    assert [json.loads(line) for line in lines] == [envelope(entry) for entry in entries[1:]]
    plain, whole = envelope(entries[1]), envelope(entries[2])
    assert plain == {
        "payload": base64.b64encode(statement(entries[1])).decode(),
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [],
    }
    own = entries[2].signature
    assert whole["signatures"] == [{"keyid": fingerprint(own), "sig": own.value}]


def test_a_locked_key_is_opened_with_its_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key"
    lock = PrivateFormat.OpenSSH.encryption_builder().kdf_rounds(1).build(b"secret")
    path.write_bytes(ANNS.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, lock))
    for secret in (None, "", "another"):
        monkeypatch.setenv(PASSPHRASE, secret) if secret is not None else None
        with pytest.raises(UsageError) as caught:
            load_key(path)
        said = f"--key {path}: not a private SSH key that can be opened ("
        assert str(caught.value).startswith(said)
        assert str(caught.value).endswith("); PROOFBOOK_KEY_PASSPHRASE opens a locked one")
    monkeypatch.setenv(PASSPHRASE, "secret")
    assert load_key(path).private_bytes_raw() == ANNS.private_bytes_raw()


def test_a_key_file_that_is_none_is_named(tmp_path: Path) -> None:
    for path, problem in ((tmp_path, "Is a directory"), (tmp_path / "x", "No such file or direct")):
        with pytest.raises(UsageError) as caught:
            load_key(path)
        assert str(caught.value).startswith(f"--key {path}: {problem}")


def test_only_an_ed25519_key_signs(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    path = tmp_path / "key"
    other = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    with pytest.raises(UsageError) as caught:
        load_key(path)
    assert str(caught.value) == (
        f"--key {path}: not an Ed25519 key; make one: ssh-keygen -t ed25519"
    )
