"""Timestamp tokens of RFC 3161: ask for one, read one, and say what is wrong with one.

``rfc3161-client`` decides whether a token is sound: its signature, the chain of certificates up to
an authority that the reader trusts, as of the time in the token, and that the certificate is one
for timestamps. Only the word for its refusal is found here. Knows nothing about logs.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from proofbook.extras import refuse_missing_extra
from proofbook.signoff.certificates import (
    Authorities,
    is_root,
    naming_problem,
    revocation_problem,
)
from proofbook.signoff.entries import Problem

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse

__all__ = [
    "Request",
    "Token",
    "chain_problem",
    "make_request",
    "read_token",
]

_OID = bytes.fromhex("06092a864886f70d010702")
"""Of signed data, as a token begins."""
_SHA256 = "2.16.840.1.101.3.4.2.1"
_UNKNOWN = Problem("unknown authority", "no given authority has issued its certificate")
_NOT_VALID = Problem("expired certificate", "its certificate was not valid at the time it names")
_NOT_FOR_TIME = Problem("no timestamp certificate", "its certificate is not one for timestamps")
_NOT_SHOWN = Problem("no timestamp certificate", "it comes without its signer's certificate")
_BROKEN = Problem("broken token", "its signature does not fit what it says")
_REFUSALS = (
    ("unsuitable certificate purpose", _NOT_FOR_TIME),
    ("EKU extension", _NOT_FOR_TIME),
    ("Certificates neither found", _NOT_SHOWN),
    ("signer certificate not found", _NOT_SHOWN),
    ("has expired", _NOT_VALID),
    ("not yet valid", _NOT_VALID),
    ("certificate signature failure", _UNKNOWN),
    ("issuer certificate", _UNKNOWN),
    ("self-signed certificate", _UNKNOWN),
    ("signature failure", _BROKEN),
    ("digest failure", _BROKEN),
)
"""What OpenSSL and the library say, and what it means."""


_NOT_DER = (
    ("InvalidLength", "it is in BER, or not whole, and has to be in DER"),
    ("InvalidSetOrdering", "it is in BER, with a set that is not sorted, and has to be in DER"),
    ("ShortData", "it is cut off"),
    ("ExtraData", "something follows it"),
)
"""What the parser says, and what it means."""


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
        return Problem(
            "unreadable token", f"it cannot be read: {_encoding_problem(response, error)}"
        )


def _encoding_problem(response: bytes, error: ValueError) -> str:
    """Return in words what of a response is not as RFC 3161 has it encoded."""
    if response.startswith(b"-----BEGIN"):
        return "it is in PEM, and has to be in DER"
    if _OID in (response[2:13], response[4:15]):
        return "it is a token without the authority's response around it"
    named = (words for kind, words in _NOT_DER if kind in str(error))
    return next(named, str(error))


def _token_of(parsed: TimeStampResponse) -> Token:
    info = parsed.tst_info
    imprint = info.message_imprint
    is_sha256 = imprint.hash_algorithm.dotted_string == _SHA256
    sha256 = imprint.message.hex() if is_sha256 else ""
    return Token(sha256, info.nonce, info.gen_time, _signer(parsed))


def chain_problem(response: bytes, authorities: Authorities) -> Problem | None:
    """Return why a token that was read is not that of an authority; None where it is.

    Args:
        response: As the authority sent it.
        authorities: Whose timestamps count.
    """
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

    verifier = VerifierBuilder(
        roots=[each for each in authorities.certificates if is_root(each)],
        intermediates=[each for each in authorities.certificates if not is_root(each)],
    ).build()
    parsed = decode_timestamp_response(response)
    try:
        verifier.verify(parsed, parsed.tst_info.message_imprint.message)
    except VerificationError as error:
        text = str(error)
        named = (problem for reason, problem in _REFUSALS if reason in text)
        return next(named, Problem("broken token", f"it cannot be verified: {text}"))
    certificate, moment = _certificate(parsed), parsed.tst_info.gen_time
    assert certificate is not None  # else it would not have been verified
    if problem := naming_problem(parsed.time_stamp_token(), certificate):
        return problem
    return revocation_problem(_certificates(parsed), authorities, moment)


def _signer(parsed: TimeStampResponse) -> str:
    """Return the subject of the certificate that signed; of one that is not there, nothing."""
    certificate = _certificate(parsed)
    return certificate.subject.rfc4514_string() if certificate else ""


def _certificate(parsed: TimeStampResponse) -> Certificate | None:
    named = {(info.issuer, info.serial_number) for info in parsed.signed_data.signer_infos}
    found = _certificates(parsed)
    return next((each for each in found if (each.issuer, each.serial_number) in named), None)


def _certificates(parsed: TimeStampResponse) -> list[Certificate]:
    from cryptography.x509 import load_der_x509_certificate

    return [load_der_x509_certificate(each) for each in parsed.signed_data.certificates]


def _refuse_without_library() -> None:
    refuse_missing_extra("a timestamp", "timestamp")
