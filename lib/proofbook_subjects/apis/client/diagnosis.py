"""What a failed connection means: from httpx's exceptions to one line that names the cause.

Knows nothing about answers.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import NamedTuple

import httpx

from proofbook_subjects.apis.client.errors import (
    ApiError,
    ApiTimeoutError,
    CertificateError,
    ConnectionFault,
    ConnectionLostError,
    ProxyError,
    SetupError,
    UnreachableError,
    WrongProtocolError,
)
from proofbook_subjects.apis.client.proxies import Proxy
from proofbook_subjects.apis.client.settings import Timeout

__all__ = ["Target", "explain"]


class Target(NamedTuple):
    """Where a request went, for messages; no user, no password, no query."""

    url: str
    proxy: Proxy | None = None

    @property
    def host(self) -> str:
        """The host, with its port where one is written."""
        return httpx.URL(self.url).netloc.decode("ascii", "replace")


def explain(error: Exception, target: Target, timeout: Timeout) -> ApiError:
    """Return the error to raise instead of ``error``."""
    if isinstance(error, httpx.TimeoutException):
        return _timeout(error, target, timeout)
    if isinstance(error, httpx.ProxyError):
        return _proxy(error, target)
    if isinstance(error, httpx.ConnectError):
        return _connecting(error, target)
    if isinstance(error, httpx.DecodingError):
        return ConnectionLostError(f"{target.url}: the compressed answer is broken: {error}")
    if isinstance(error, httpx.RemoteProtocolError):
        return _protocol(error, target)
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL | httpx.LocalProtocolError):
        return SetupError(f"{target.url} cannot be asked: {error}")
    return ConnectionLostError(
        f"{target.url}: the connection broke before the answer was whole{_words(error)}"
        f"{_through(target)}"
    )


def _timeout(error: httpx.TimeoutException, target: Target, timeout: Timeout) -> ConnectionFault:
    if isinstance(error, httpx.ConnectTimeout):
        if target.proxy:
            return ProxyError(f"{target.proxy} did not take the connection in time{_unset(target)}")
        tls = ", TLS included; is it https:// there?" if target.url.startswith("https") else ""
        return ApiTimeoutError(
            f"{target.url}: no connection within Timeout(connect={timeout.connect}){tls}"
        )
    if isinstance(error, httpx.PoolTimeout):
        return ApiTimeoutError(f"{target.url}: no free connection in time")
    return ApiTimeoutError(
        f"{target.url}: the server was silent for longer than Timeout(read={timeout.read})"
    )


def _proxy(error: httpx.ProxyError, target: Target) -> ProxyError:
    where = target.proxy or "the proxy of the settings"
    return ProxyError(f"{where} does not lead to {target.host}: {error}{_unset(target)}")


def _connecting(error: httpx.ConnectError, target: Target) -> ConnectionFault:
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate(cause, target)
        if isinstance(cause, ssl.SSLError):
            return _tls(cause, target)
    if target.proxy:
        return ProxyError(f"{target.proxy} cannot be reached{_words(error)}{_unset(target)}")
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return UnreachableError(f"{target.url}: the name {target.host} is not known; is it right?")
    if any(isinstance(cause, ssl.SSLEOFError | ConnectionResetError) for cause in causes):
        return ConnectionLostError(f"{target.url}: the connection was reset while it was opened")
    return UnreachableError(
        f"{target.url}: nobody listens at {target.host}{_words(error)}; "
        "is the server running, and are host and port right?"
    )


def _certificate(error: ssl.SSLCertVerificationError, target: Target) -> CertificateError:
    return CertificateError(
        f"{target.url}: the certificate of {target.host} is refused: {error.verify_message}; "
        "if it is your own authority's, set SSL_CERT_FILE, or give verify="
    )


def _tls(error: ssl.SSLError, target: Target) -> ConnectionFault:
    if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return CertificateError(
            f"{target.url}: {target.host} speaks no TLS on this port; is it http:// there?"
        )
    if isinstance(error, ssl.SSLEOFError):
        return ConnectionLostError(
            f"{target.url}: the connection was closed within TLS's handshake"
        )
    return CertificateError(f"{target.url}: TLS failed: {error.reason or error}")


def _protocol(error: httpx.RemoteProtocolError, target: Target) -> ApiError:
    text = str(error)
    if "\\x15\\x03" in text:
        return WrongProtocolError(f"{target.url}: the server speaks TLS there; use https://")
    if "illegal status line" in text or "illegal header line" in text:
        return WrongProtocolError(
            f"{target.url}: {target.host} answers, but not in HTTP; is the port right? ({text})"
        )
    if "incomplete" in text or "Content-Length" in text:
        return ConnectionLostError(
            f"{target.url}: the answer is truncated: {text}{_through(target)}"
        )
    return ConnectionLostError(
        f"{target.url}: the server closed the connection before the answer was whole: {text}"
        f"{_through(target)}"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        if isinstance(seen, BaseExceptionGroup):
            for inner in seen.exceptions:
                yield from _causes(inner)
        seen = seen.__cause__ or seen.__context__


def _words(error: Exception) -> str:
    return f" ({error})" if str(error) else ""


def _through(target: Target) -> str:
    return f" (through {target.proxy})" if target.proxy else ""


def _unset(target: Target) -> str:
    if target.proxy is None:
        return ""
    return f"; unset {target.proxy.variable}, or add {httpx.URL(target.url).host} to NO_PROXY"
