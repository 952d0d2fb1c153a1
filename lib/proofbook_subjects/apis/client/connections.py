"""Opens httpx's client, and says what of the environment does not let it."""

from __future__ import annotations

import ssl

import httpx

from proofbook_subjects.apis.client.errors import ProxyError, SetupError
from proofbook_subjects.apis.client.proxies import find_proxy
from proofbook_subjects.apis.client.settings import Limits

__all__ = ["open_http"]


def open_http(
    limits: Limits,
    *,
    verify: ssl.SSLContext | bool,
    transport: httpx.AsyncBaseTransport | None,
    trust_env: bool,
    url: str,
) -> httpx.AsyncClient:
    """Return a client that keeps as many connections as may be in flight.

    Raises:
        ProxyError: A proxy of the environment is of a kind that httpx does not speak.
        SetupError: A file of certificates cannot be read.
    """
    try:
        return httpx.AsyncClient(
            verify=verify,
            transport=transport,
            trust_env=trust_env,
            timeout=None,
            limits=httpx.Limits(
                max_connections=None, max_keepalive_connections=limits.max_concurrency
            ),
        )
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        proxy = find_proxy(url) or "a proxy of the environment"
        raise ProxyError(f"{proxy} cannot be used: {error}") from None
    except OSError as error:
        raise SetupError(
            f"the certificates of SSL_CERT_FILE or SSL_CERT_DIR cannot be read: {error}"
        ) from error
