"""A timestamping authority of the tests' own: a CA, a certificate, an HTTP server, real tokens.

It answers RFC 3161 requests as a public one does. What a forger's authority would do otherwise is
given as an argument: another time, another nonce, another certificate.
"""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["NOON", "Authority", "info_of", "read_request", "serving", "split"]

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
_SHA256, _SIGNED, _TST_INFO = (
    "2.16.840.1.101.3.4.2.1", "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4",
)  # fmt: skip
_CONTENT_TYPE, _DIGEST, _CERTIFICATE = (
    "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4", "1.2.840.113549.1.9.16.2.47",
)  # fmt: skip
_FIRST_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
_HASHES = {
    "sha1": "1.3.14.3.2.26", "sha256": _SHA256, "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3", "md5": "1.2.840.113549.2.5",
}  # fmt: skip
_ECDSA, _POLICY = "1.2.840.10045.4.3.2", "1.3.6.1.4.1.57264.2"
_INTEGER, _OCTETS, _NULL, _OID, _TIME, _SEQUENCE, _SET = 2, 4, 5, 6, 24, 48, 49


def der(tag: int, *parts: bytes) -> bytes:
    """Return one value in DER."""
    body = b"".join(parts)
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    digits = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 128 + len(digits)]) + digits + body


def integer(value: int) -> bytes:
    return der(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


def oid(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    body = bytearray([40 * first + second])
    for part in rest:
        digits = [part & 127]
        while part := part >> 7:
            digits.append(128 | part & 127)
        body += bytes(reversed(digits))
    return der(_OID, bytes(body))


def _algorithm(dotted: str) -> bytes:
    return der(_SEQUENCE, oid(dotted))


def _attribute(kind: str, value: bytes) -> bytes:
    return der(_SEQUENCE, oid(kind), der(_SET, value))


@dataclass(frozen=True, kw_only=True)
class Authority:
    """Who stamps, and what its certificate says."""

    name: str = "Clocks"
    usages: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.TIME_STAMPING,)
    since: datetime = NOON - timedelta(days=900)
    until: datetime = NOON + timedelta(days=900)
    seed: int = 1
    naming: str = "2 sha256"
    """How its tokens name the certificate: version and hash function; empty for not at all."""
    shown: Authority | None = None
    """Whose certificate its tokens come with, in place of its own."""
    shows: bool = True
    """Whether its tokens come with a certificate."""
    is_far: bool = False
    """Whether there is one more certificate between the CA's and its own."""

    @cached_property
    def _keys(self) -> tuple[ec.EllipticCurvePrivateKey, ec.EllipticCurvePrivateKey]:
        root, own = (ec.derive_private_key(self.seed * 2 + n, ec.SECP256R1()) for n in (5, 6))
        return root, own

    @cached_property
    def _issuer(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """Whose key has signed its certificate."""
        return (self.between, self._between_key) if self.is_far else (self.root, self._keys[0])

    @cached_property
    def _between_key(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(self.seed * 2 + 1000, ec.SECP256R1())

    @cached_property
    def root(self) -> x509.Certificate:
        """The CA's own certificate."""
        return self._certifying(self._named(f"{self.name} root"), self._keys[0])

    @cached_property
    def between(self) -> x509.Certificate:
        """The certificate of an authority that the CA lets certify."""
        return self._certifying(self._named(f"{self.name} between"), self._between_key)

    def _certifying(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        """Return the CA's certificate for one that may sign others."""
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        built = self._certificate(subject, self._named(f"{self.name} root"), key)
        built = built.add_extension(constraints, True)
        built = built.add_extension(_usage(key_cert_sign=True), True)
        return built.sign(self._keys[0], hashes.SHA256())

    @cached_property
    def certificate(self) -> x509.Certificate:
        """The certificate that its tokens are signed with."""
        issuer, key = self._issuer
        built = self._certificate(
            self._named(self.name), issuer.subject, self._keys[1], self.since, self.until
        )
        built = built.add_extension(_usage(digital_signature=True), True)
        if self.usages:
            built = built.add_extension(x509.ExtendedKeyUsage(self.usages), critical=True)
        return built.sign(key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        """The CA's file."""
        return self.root.public_bytes(Encoding.PEM)

    @staticmethod
    def _named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    def _certificate(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey,
        since: datetime = NOON - timedelta(days=9000),
        until: datetime = NOON + timedelta(days=9000),
    ) -> x509.CertificateBuilder:  # fmt: skip
        number = int.from_bytes(hashlib.sha256(subject.public_bytes()).digest()[:8])
        return x509.CertificateBuilder(issuer, subject, key.public_key(), number, since, until)

    def stamp(self, sha256: bytes, nonce: int | None, moment: datetime | None = None) -> bytes:
        """Return the response that says when it has seen a hash."""
        moment = moment or datetime.now(UTC)
        return der(
            _SEQUENCE, der(_SEQUENCE, integer(0)), self._token(info_of(sha256, nonce, moment))
        )

    def _token(self, info: bytes) -> bytes:
        own = (self.shown or self).certificate.public_bytes(Encoding.DER)
        signer = der(_SEQUENCE, self._issuer[0].subject.public_bytes(),
                     integer(self.certificate.serial_number))  # fmt: skip
        signed = sorted([
            _attribute(_CONTENT_TYPE, oid(_TST_INFO)),
            _attribute(_DIGEST, der(_OCTETS, hashlib.sha256(info).digest())),
            *self._named_certificate(),
        ])  # fmt: skip
        signature = self._keys[1].sign(der(_SET, *signed), ec.ECDSA(hashes.SHA256()))
        about_signer = der(
            _SEQUENCE, integer(1), signer, _algorithm(_SHA256), der(0xA0, *signed),
            _algorithm(_ECDSA), der(_OCTETS, signature),
        )  # fmt: skip
        content = der(_SEQUENCE, oid(_TST_INFO), der(0xA0, der(_OCTETS, info)))
        data = der(
            _SEQUENCE, integer(3), der(_SET, _algorithm(_SHA256)), content,
            *([der(0xA0, own)] if self.shows else []), der(_SET, about_signer),
        )  # fmt: skip
        return der(_SEQUENCE, oid(_SIGNED), der(0xA0, data))

    def _named_certificate(self) -> Iterator[bytes]:
        """Yield the attribute that names the certificate; version 2 leaves out SHA-256's name."""
        if not self.naming:
            return
        version, function = self.naming.split()
        digest = hashlib.new(function, self.certificate.public_bytes(Encoding.DER)).digest()
        named = function != "sha256"
        parts = [_algorithm(_HASHES[function])] if version == "2" and named else []
        certificate = der(_SEQUENCE, *parts, der(_OCTETS, digest))
        kind = _CERTIFICATE if version == "2" else _FIRST_CERTIFICATE
        yield _attribute(kind, der(_SEQUENCE, der(_SEQUENCE, certificate)))

    def revoked(
        self, moment: datetime, reason: x509.ReasonFlags | None = None, number: int = 0
    ) -> bytes:
        """Return the CA's list of what it revoked, as PEM: its own certificate, or a number."""
        entry = x509.RevokedCertificateBuilder(number or self.certificate.serial_number, moment)
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        built = x509.CertificateRevocationListBuilder(
            self.root.subject,
            moment,
            moment + timedelta(days=9),
            revoked_certificates=[entry.build()],
        )
        return built.sign(self._keys[0], hashes.SHA256()).public_bytes(Encoding.PEM)


def _usage(**allowed: bool) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
             "key_agreement", "key_cert_sign", "crl_sign", "encipher_only",
             "decipher_only")  # fmt: skip
    return x509.KeyUsage(**dict.fromkeys(names, False) | allowed)


def info_of(sha256: bytes, nonce: int | None, moment: datetime) -> bytes:
    imprint = der(_SEQUENCE, der(_SEQUENCE, oid(_SHA256), der(_NULL)), der(_OCTETS, sha256))
    time = der(_TIME, f"{moment:%Y%m%d%H%M%S}Z".encode())
    number = integer(nonce) if nonce is not None else b""
    return der(_SEQUENCE, integer(1), oid(_POLICY), imprint, integer(77), time, number)


@dataclass
class Served:
    """An authority at its address."""

    url: str
    authority: Authority
    answer: Callable[[bytes, int | None], bytes]
    """From the hash and the nonce of a request to the whole response."""
    status: int = 200
    kind: str = "application/timestamp-reply"
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    """Content type and hash of each request."""


@contextmanager
def serving(authority: Authority) -> Iterator[Served]:
    """Serve an authority on a port of this machine."""
    served = Served("", authority, authority.stamp)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            sha256, nonce = read_request(body)
            served.asked.append((self.headers["content-type"], sha256))
            response = served.answer(sha256, nonce)
            self.send_response(served.status)
            self.send_header("content-type", served.kind)
            self.send_header("content-length", str(len(response)))
            self.end_headers()
            self.wfile.write(response)

        def log_message(self, *words: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.url = f"http://127.0.0.1:{server.server_port}/tsr"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


def read_request(body: bytes) -> tuple[bytes, int | None]:
    """Return hash and nonce of a request, as DER has them."""
    _, request, _ = split(body)
    _, _, request = split(request)  # the version
    _, imprint, request = split(request)
    _, _, rest = split(imprint)
    _, sha256, _ = split(rest)
    while request:
        tag, value, request = split(request)
        if tag == _INTEGER:
            return sha256, int.from_bytes(value)
    return sha256, None


def split(data: bytes) -> tuple[int, bytes, bytes]:
    """Return tag and value of the first of some values, and the others."""
    size, start = data[1], 2
    if size > 127:
        start += size - 128
        size = int.from_bytes(data[2:start])
    return data[0], data[start : start + size], data[start + size :]
