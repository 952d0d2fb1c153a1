"""Timestamp tokens of RFC 3161: ask for one, read one, and say what is wrong with one.

``rfc3161-client`` decides whether a token is sound: its signature, the chain of certificates up to
an authority that the reader trusts, as of the time in the token, and that the certificate is one
for timestamps. Only the word for its refusal is found here. Nothing is asked of the network, so a
certificate that was revoked is not noticed. Knows nothing about logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from proofbook.errors import UsageError
from proofbook.extras import refuse_missing_extra
from proofbook.signoff.entries import Problem

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse

__all__ = [
    "AUTHORITIES_FILE",
    "Request",
    "Token",
    "chain_problem",
    "make_request",
    "read_authorities",
    "read_token",
]

AUTHORITIES_FILE = "timestamp_authorities.pem"
"""Where a project says whose timestamps count: beside ``runbooks/``."""
_SHA256 = "2.16.840.1.101.3.4.2.1"
_UNKNOWN = Problem("unknown authority", "no given authority has issued its certificate")
_NOT_VALID = Problem("expired certificate", "its certificate was not valid at the time it names")
_NOT_FOR_TIME = Problem("no timestamp certificate", "its certificate is not one for timestamps")
_BROKEN = Problem("broken token", "its signature does not fit what it says")
_REFUSALS = (
    ("unsuitable certificate purpose", _NOT_FOR_TIME),
    ("EKU extension", _NOT_FOR_TIME),
    ("Certificates neither found", Problem("no timestamp certificate", "it has no certificate")),
    ("has expired", _NOT_VALID),
    ("not yet valid", _NOT_VALID),
    ("certificate signature failure", _UNKNOWN),
    ("issuer certificate", _UNKNOWN),
    ("self-signed certificate", _UNKNOWN),
    ("signature failure", _BROKEN),
    ("digest failure", _BROKEN),
)
"""What OpenSSL and the library say, and what it means."""


class Request(NamedTuple):
    """What is sent to an authority."""

    body: bytes
    nonce: int


class Token(NamedTuple):
    """What a token says, whether or not it is sound."""

    sha256: str
    """The hash that was stamped; empty where another algorithm made it."""
    nonce: int | None
    time: datetime
    """When the authority has seen the hash."""
    signer: str
    """Whose certificate it names."""


def read_authorities(file: Path) -> tuple[Certificate, ...]:
    """Return the certificates of the authorities whose timestamps count: PEM, or one as DER.

    Raises:
        UsageError: It cannot be read, or none of them is a root.
    """
    from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificates

    try:
        data = file.read_bytes()
        is_pem = b"-----BEGIN" in data
        found = load_pem_x509_certificates(data) if is_pem else [load_der_x509_certificate(data)]
    except OSError as error:
        raise UsageError(f"--tsa-ca {file}: {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(f"--tsa-ca {file}: not certificates in PEM or DER: {error}") from error
    if not any(_is_root(each) for each in found):
        raise UsageError(f"--tsa-ca {file}: none of its certificates is a root; add the root's")
    return tuple(dict.fromkeys(found))


def make_request(data: bytes) -> Request:
    """Return the request for a token over some bytes, with a nonce of its own.

    Raises:
        UsageError: The extra for timestamps is not installed.
    """
    _refuse_without_library()
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    builder = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256)
    request = builder.build()
    assert request.nonce is not None  # the builder makes one
    return Request(request.as_bytes(), request.nonce)


def read_token(response: bytes) -> Token | Problem:
    """Return what the token of a response says, or why there is none in it.

    Raises:
        UsageError: The extra for timestamps is not installed.
    """
    _refuse_without_library()
    from rfc3161_client import decode_timestamp_response

    try:
        parsed = decode_timestamp_response(response)
        if parsed.status != 0:
            why = "; ".join(parsed.status_string) or f"its status is {parsed.status}"
            return Problem("refused", f"the authority did not stamp it: {why}")
        return _token_of(parsed)
    except ValueError as error:
        return Problem("unreadable token", f"it cannot be read: {error}")


def _token_of(parsed: TimeStampResponse) -> Token:
    info = parsed.tst_info
    imprint = info.message_imprint
    is_sha256 = imprint.hash_algorithm.dotted_string == _SHA256
    sha256 = imprint.message.hex() if is_sha256 else ""
    return Token(sha256, info.nonce, info.gen_time, _signer(parsed))


def chain_problem(response: bytes, authorities: Sequence[Certificate]) -> Problem | None:
    """Return why a token that was read is not that of an authority; None where it is.

    Args:
        response: As the authority sent it.
        authorities: Whose timestamps count, with the certificates between them and the token's.
    """
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

    verifier = VerifierBuilder(
        roots=[each for each in authorities if _is_root(each)],
        intermediates=[each for each in authorities if not _is_root(each)],
    ).build()
    parsed = decode_timestamp_response(response)
    try:
        verifier.verify(parsed, parsed.tst_info.message_imprint.message)
    except VerificationError as error:
        text = str(error)
        named = (problem for reason, problem in _REFUSALS if reason in text)
        return next(named, Problem("broken token", f"it cannot be verified: {text}"))
    return None


def _signer(parsed: TimeStampResponse) -> str:
    """Return the subject of the certificate that signed; of one that is not there, nothing."""
    from cryptography.x509 import load_der_x509_certificate

    named = {(info.issuer, info.serial_number) for info in parsed.signed_data.signer_infos}
    for each in map(load_der_x509_certificate, parsed.signed_data.certificates):
        if (each.issuer, each.serial_number) in named:
            return each.subject.rfc4514_string()
    return ""


def _is_root(certificate: Certificate) -> bool:
    return certificate.issuer == certificate.subject


def _refuse_without_library() -> None:
    refuse_missing_extra("a timestamp", "timestamp")
