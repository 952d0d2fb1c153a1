"""Every exception that the client raises on purpose.

    ApiError                         anything below; ``str(error)`` is one line that says what, where, what to do
     ├─ SetupError                   the caller's own settings; nothing was sent
     │   ├─ MissingKeyError          no key was given, and the environment has none
     │   ├─ UnknownBackendError      there is no backend of that name
     │   └─ UnsupportedError         this backend has no such call (a NotImplementedError too)
     ├─ QueueFullError               as many requests wait as may wait
     ├─ CircuitOpenError             the host failed again and again; nothing was sent
     ├─ ConnectionFault              no whole answer came
     │   ├─ UnreachableError         nobody listens there, or the name is not known
     │   ├─ CertificateError         TLS: not trusted, expired, another host's, or no TLS at all
     │   ├─ ProxyError               the proxy of the environment, not the server
     │   ├─ ConnectionLostError      reset or closed before the answer was whole
     │   └─ ApiTimeoutError          a limit of ``Timeout`` was reached (a TimeoutError too)
     │       └─ QueueTimeoutError    … while the request waited for its turn; nothing was sent
     ├─ StatusError                  the server refused: ``status``, its own words in the message
     │   ├─ BadRequestError          400, 422 and the like
     │   ├─ KeyRejectedError         401, 403: wrong or expired key, or not allowed
     │   ├─ WrongUrlError            no such route, a redirect
     │   ├─ NotFoundError            no such bucket, no such object
     │   │   └─ ModelNotFoundError   no such model
     │   ├─ BusyError                408, 409
     │   ├─ RateLimitedError         429
     │   ├─ ServerError              5xx
     │   └─ RetryLaterError          it asks to wait longer than this client waits
     ├─ ProtocolError                an answer that is not one of this protocol
     │   ├─ WrongProtocolError       HTML, or the JSON of another API
     │   ├─ MalformedAnswerError     not the JSON or the events that were promised
     │   └─ ErrorInAnswerError       status 200, and an error in the body
     └─ StreamBrokenError            a stream ended early; ``delivered`` was handed on, and is never sent again

Errors carry their data as attributes. No message has a key in it.
"""  # noqa: E501 - a tree

from __future__ import annotations

__all__ = [
    "ApiError",
    "ApiTimeoutError",
    "BadRequestError",
    "BusyError",
    "CertificateError",
    "CircuitOpenError",
    "ConnectionFault",
    "ConnectionLostError",
    "ErrorInAnswerError",
    "KeyRejectedError",
    "MalformedAnswerError",
    "MissingKeyError",
    "ModelNotFoundError",
    "NotFoundError",
    "ProtocolError",
    "ProxyError",
    "QueueFullError",
    "QueueTimeoutError",
    "RateLimitedError",
    "RetryLaterError",
    "ServerError",
    "SetupError",
    "StatusError",
    "StreamBrokenError",
    "UnknownBackendError",
    "UnreachableError",
    "UnsupportedError",
    "WrongProtocolError",
    "WrongUrlError",
]


class ApiError(Exception):
    """Base of the tree."""

    retryable = False
    """Whether the same request may succeed when it is sent again."""
    faulty_host = False
    """Whether it speaks against the host: what a circuit breaker counts."""
    status: int | None = None
    """The HTTP status of the answer, where there was one."""
    retry_after: float | None = None
    """Seconds that the server asks to wait, where it did."""


class SetupError(ApiError):
    """The caller's own settings; nothing was sent."""


class MissingKeyError(SetupError):
    """No key was given, and the environment has none."""


class UnknownBackendError(SetupError):
    """There is no backend of that name."""


class UnsupportedError(SetupError, NotImplementedError):
    """This backend has no such call."""


class QueueFullError(ApiError):
    """As many requests wait as may wait."""


class CircuitOpenError(ApiError):
    """The host failed again and again; nothing was sent. Try again in ``retry_after`` seconds."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ConnectionFault(ApiError):  # noqa: N818 - a kind of fault, not only of error
    """No whole answer came."""

    retryable = True
    faulty_host = True


class UnreachableError(ConnectionFault):
    """Nobody listens there, or the name is not known."""


class CertificateError(ConnectionFault):
    """TLS: not trusted, expired, another host's, or no TLS at all. Trying again does not help."""

    retryable = False


class ProxyError(ConnectionFault):
    """The proxy of the environment failed, not the server."""


class ConnectionLostError(ConnectionFault):
    """Reset or closed before the answer was whole."""


class ApiTimeoutError(ConnectionFault, TimeoutError):
    """A limit of ``Timeout`` was reached."""

    def __init__(self, message: str, *, again: bool = True) -> None:
        super().__init__(message)
        self.retryable = again


class QueueTimeoutError(ApiTimeoutError):
    """A limit was reached while the request waited for its turn; nothing was sent."""

    faulty_host = False

    def __init__(self, message: str) -> None:
        super().__init__(message, again=False)


class StatusError(ApiError):
    """The server refused: ``status``."""

    def __init__(self, message: str, *, status: int, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after


class BadRequestError(StatusError):
    """400, 422 and the like."""


class KeyRejectedError(StatusError):
    """401, 403: a wrong or expired key, or one that is not allowed to."""


class WrongUrlError(StatusError):
    """There is no such route, or it is elsewhere."""


class NotFoundError(StatusError):
    """No such bucket, no such object."""


class ModelNotFoundError(NotFoundError):
    """No such model."""


class BusyError(StatusError):
    """408, 409."""

    retryable = True


class RateLimitedError(StatusError):
    """429."""

    retryable = True


class ServerError(StatusError):
    """5xx."""

    retryable = True
    faulty_host = True


class RetryLaterError(StatusError):
    """The server asks to wait ``retry_after`` seconds, longer than this client waits."""


class ProtocolError(ApiError):
    """An answer that is not one of this protocol."""


class WrongProtocolError(ProtocolError):
    """HTML, or the JSON of another API."""


class MalformedAnswerError(ProtocolError):
    """Not the JSON or the events that were promised."""


class ErrorInAnswerError(ProtocolError):
    """Status 200, and an error in the body."""

    def __init__(self, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.status, self.retryable = 200, again


class StreamBrokenError(ApiError):
    """A stream ended early; ``delivered`` was handed on before, and is never sent again."""

    def __init__(self, message: str, *, delivered: str, deltas: int, cause: ApiError) -> None:
        super().__init__(message)
        self.delivered, self.deltas = delivered, deltas
        self.faulty_host = cause.faulty_host
