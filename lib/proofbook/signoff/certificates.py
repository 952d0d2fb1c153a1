"""Certificates of timestamping authorities: whose count, which a token names, which are revoked.

Whether a chain of them is sound, ``rfc3161-client`` decides. Nothing is asked of the network: a
certificate is revoked where a list beside those that count says so. Knows nothing about logs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from proofbook.errors import UsageError
from proofbook.files import read_given
from proofbook.signoff.entries import Problem

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateRevocationList, RevokedCertificate

__all__ = [
    "AUTHORITIES_FILE",
    "Authorities",
    "is_root",
    "naming_problem",
    "read_authorities",
    "revocation_problem",
]

AUTHORITIES_FILE = "timestamp_authorities.pem"
"""Where a project says whose timestamps count: beside ``runbooks/``."""
_LIST = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)
_UNHARMED = ("unspecified", "affiliationChanged", "superseded", "cessationOfOperation")
"""Reasons for which the timestamps before a revocation stay good (RFC 3161, 4)."""
_NAMES = bytes.fromhex("2a864886f70d010910020c"), bytes.fromhex("2a864886f70d010910022f")
"""The attributes by which a token names its certificate: SigningCertificate, and its version 2."""
_HASHES = {
    bytes.fromhex("2b0e03021a"): "sha1",
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}
_OCTETS, _OID, _SEQUENCE, _SET, _FIRST = 0x04, 0x06, 0x30, 0x31, 0xA0


class Authorities(NamedTuple):
    """Whose timestamps count."""

    certificates: tuple[Certificate, ...]
    """Of the roots, and those between a root's and a token's."""
    revoked: tuple[CertificateRevocationList, ...] = ()
    """Lists that these authorities have signed."""


def read_authorities(file: Path) -> Authorities:
    """Return whose timestamps count: certificates and revocation lists as PEM, one certificate as
    DER, or a PKCS #7 bundle of them as either.

    Raises:
        UsageError: It cannot be read, none is a root, or nobody in it has signed a list.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.x509 import load_pem_x509_crl

    try:
        data = read_given(file)
        found = _load_certificates(data)
        lists = [load_pem_x509_crl(block) for block in _LIST.findall(data)]
    except OSError as error:
        raise UsageError(f"--tsa-ca {file}: {error.strerror or error}") from error
    except (ValueError, IndexError, UnsupportedAlgorithm) as error:
        raise UsageError(f"--tsa-ca {file}: not certificates in PEM or DER: {error}") from error
    if not any(is_root(each) for each in found):
        raise UsageError(f"--tsa-ca {file}: none of its certificates is a root; add the root's")
    for each in lists:
        if not any(_has_signed(certificate, each) for certificate in found):
            issuer = each.issuer.rfc4514_string()
            raise UsageError(
                f"--tsa-ca {file}: none of its certificates signed the list of {issuer}"
            )
    return Authorities(tuple(dict.fromkeys(found)), tuple(lists))


def _load_certificates(data: bytes) -> list[Certificate]:
    """Return the certificates of a file.

    Raises:
        ValueError: It holds none, or none that can be read.
    """
    from cryptography.hazmat.primitives.serialization import pkcs7
    from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificates

    if b"-----BEGIN PKCS7-----" in data:
        return pkcs7.load_pem_pkcs7_certificates(data)
    if b"-----BEGIN" in data:
        return load_pem_x509_certificates(data)
    if next(_values(next(_values(data), (0, b""))[1]), (0, b""))[0] == _OID:  # of its content
        return pkcs7.load_der_pkcs7_certificates(data)
    return [load_der_x509_certificate(data)]


def is_root(certificate: Certificate) -> bool:
    """Say whether a certificate is its own issuer's."""
    return certificate.issuer == certificate.subject


def _has_signed(certificate: Certificate, revoked: CertificateRevocationList) -> bool:
    key = certificate.public_key()
    return certificate.subject == revoked.issuer and revoked.is_signature_valid(key)  # type: ignore[arg-type]


def naming_problem(token: bytes, certificate: Certificate) -> Problem | None:
    """Return that a token does not name the certificate it comes with; None where it does.

    What a signature covers is the hash of the certificate, and neither the certificate beside it
    nor its number: with another one of the same key, a token would be valid at another time.

    Args:
        token: A ContentInfo, as DER.
        certificate: Beside it, whose key has signed it.
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    der = certificate.public_bytes(Encoding.DER)
    try:
        named = list(_named(token))
    except (ValueError, IndexError):
        named = []
    if not named:
        return Problem("unbound certificate", "it does not name the certificate that signed it")
    if not all(name and hashlib.new(name, der).digest() == sum_ for name, sum_ in named):
        return Problem("unbound certificate", "it names another certificate than the one beside it")
    return None


def _named(token: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield hash function and hash of the certificate that each signed attribute names."""
    content = _within(token, _SEQUENCE, _FIRST, _SEQUENCE)
    signer = [body for tag, body in _values(content) if tag == _SET][-1]
    for body in (body for tag, body in _values(_within(signer, _SEQUENCE)) if tag == _FIRST):
        for _, attribute in _values(body):
            (_, kind), (_, value) = _values(attribute)
            if kind in _NAMES:
                # Certificates, of which the first has signed.
                parts = list(_values(_within(value, _SEQUENCE, _SEQUENCE, _SEQUENCE)))
                yield _function(kind, parts), dict(parts).get(_OCTETS, b"")


def _function(kind: bytes, parts: list[tuple[int, bytes]]) -> str:
    if kind == _NAMES[0]:
        return "sha1"
    tag, body = parts[0]
    return "sha256" if tag == _OCTETS else _HASHES.get(_within(body, _OID), "")


def _within(data: bytes, *tags: int) -> bytes:
    """Return what is in the first value of a tag, in the first of the next tag in it, and so on."""
    for wanted in tags:
        data = next((body for tag, body in _values(data) if tag == wanted), b"")
    return data


def _values(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and body of each value in DER."""
    while data:
        start, size = 2, data[1]
        if size > 127:
            start += size - 128
            size = int.from_bytes(data[2:start])
        if len(data) < start + size:
            raise ValueError("cut off")
        yield data[0], data[start : start + size]
        data = data[start + size :]


def revocation_problem(
    chain: Iterable[Certificate], authorities: Authorities, moment: datetime
) -> Problem | None:
    """Return that a certificate of a token was revoked; None where no list says so.

    Args:
        chain: The certificates beside the token.
        authorities: Whose lists count.
        moment: When the token was made.
    """
    for certificate in dict.fromkeys((*chain, *authorities.certificates)):
        for each in authorities.revoked:
            if each.issuer != certificate.issuer:
                continue
            entry = each.get_revoked_certificate_by_serial_number(certificate.serial_number)
            if entry is not None and not _was_good(entry, moment):
                who, when = certificate.subject.rfc4514_string(), entry.revocation_date_utc
                text = f"the certificate of {who} was revoked on {when:%Y-%m-%d %H:%M}"
                return Problem("revoked certificate", text)
    return None


def _was_good(entry: RevokedCertificate, moment: datetime) -> bool:
    """Say whether what was signed before a revocation stays good, and this was."""
    from cryptography.x509 import CRLReason, ExtensionNotFound

    try:
        reason = entry.extensions.get_extension_for_class(CRLReason).value.reason.value
    except ExtensionNotFound:
        return False
    return reason in _UNHARMED and moment < entry.revocation_date_utc
