"""Files of timestamps and of authorities are read as what they are, or told not to be."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from authority import NOON, Authority
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from proofbook import extras
from proofbook.errors import UsageError
from proofbook.signoff.certificates import read_authorities
from proofbook.signoff.timestamps import Stamp, holds_stamps, read_stamps
from proofbook.signoff.tokens import make_request, read_token

CLOCKS = Authority()


def stamps(path: Path, data: bytes) -> list[Stamp | None]:
    path.write_bytes(data)
    return read_stamps(path)


def test_a_bare_token_is_a_timestamp(tmp_path: Path) -> None:
    data = b"\x30\x03abc"
    (stamp,) = stamps(tmp_path / "kept", data)
    assert stamp is not None
    assert (stamp.response, stamp.run, stamp.number) == (data, None, None)
    assert holds_stamps(tmp_path / "kept")


@pytest.mark.parametrize("token", ["*", "YQ", "YQ=*=", " YQ==", "é"])
def test_what_is_no_base64_is_no_timestamp(tmp_path: Path, token: str) -> None:
    line = f'{{"token":"{token}"}}\n'.encode()
    assert stamps(tmp_path / "kept", line) == [None]
    good = b'{"token":"YQ=="}\n\n'
    assert [each and each.response for each in stamps(tmp_path / "b", line + good)] == [None, b"a"]


@pytest.mark.parametrize("values", ['"number":-1', '"number":"1"', '"number":1.0', '"more":1'])
def test_a_line_says_no_more_than_it_may(tmp_path: Path, values: str) -> None:
    line = f'{{"token":"YQ==",{values}}}'.encode()
    assert stamps(tmp_path / "kept", line) == [None]


def test_a_file_that_is_not_there_holds_none(tmp_path: Path) -> None:
    assert not holds_stamps(tmp_path / "none")
    (tmp_path / "empty").write_bytes(b"\n")
    assert not holds_stamps(tmp_path / "empty")


def test_authorities_are_read_as_pem_and_as_der(tmp_path: Path) -> None:
    other = Authority(name="Others", seed=3)
    for data in (CLOCKS.pem, CLOCKS.root.public_bytes(Encoding.DER)):
        (tmp_path / "ca").write_bytes(data)
        assert read_authorities(tmp_path / "ca") == ((CLOCKS.root,), ())
    revoked = CLOCKS.revoked(NOON) + other.revoked(NOON)
    (tmp_path / "ca").write_bytes(CLOCKS.pem + revoked + other.pem + CLOCKS.pem)
    found = read_authorities(tmp_path / "ca")
    assert found.certificates == (CLOCKS.root, other.root)
    assert [each.issuer for each in found.revoked] == [CLOCKS.root.subject, other.root.subject]
    with pytest.raises(UsageError) as caught:
        read_authorities(tmp_path / "none")
    assert str(caught.value) == f"--tsa-ca {tmp_path / 'none'}: No such file or directory"


def test_each_request_has_a_nonce_of_its_own() -> None:
    one, other = make_request(b"x"), make_request(b"x")
    assert one.nonce != other.nonce
    assert one.nonce.to_bytes((one.nonce.bit_length() + 7) // 8) in one.body


def test_a_token_by_another_hash_says_so() -> None:
    info: Any = read_token(CLOCKS.stamp(b"x" * 32, 5, NOON))
    assert (info.sha256, info.nonce, info.time) == ((b"x" * 32).hex(), 5, NOON)
    assert info.signer == "CN=Clocks"


def test_authorities_are_read_from_a_bundle(tmp_path: Path) -> None:
    file, far = tmp_path / "bundle.p7b", Authority(is_far=True)
    for encoding in (Encoding.DER, Encoding.PEM):
        file.write_bytes(pkcs7.serialize_certificates([far.between, far.root], encoding))
        assert set(read_authorities(file).certificates) == {far.between, far.root}
    for data in (b"0\x80", b"0", b"", b"0\x02\x06\x00", pkcs7.serialize_certificates(
        [far.between], Encoding.DER
    )[:-9]):  # fmt: skip
        file.write_bytes(data)
        with pytest.raises(UsageError, match="not certificates in PEM or DER"):
            read_authorities(file)


def test_a_token_in_pem_is_one_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "kept.tsr"
    file.write_bytes(b"-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n")
    assert read_stamps(file) == [Stamp(token=base64.b64encode(file.read_bytes()).decode())]


@pytest.mark.parametrize("use", [lambda: make_request(b"x"), lambda: read_token(b"x")])
def test_a_library_that_is_not_there_is_named(use: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "_is_installed", lambda package: package != "rfc3161-client")
    with pytest.raises(UsageError, match=r"^a timestamp needs proofbook\[timestamp\]"):
        use()
