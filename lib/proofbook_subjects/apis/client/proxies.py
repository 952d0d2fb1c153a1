"""Which proxy of the environment a URL goes through, and which variable says so.

httpx takes its proxies from ``urllib.request.getproxies``; so does this module, for messages.
"""

from __future__ import annotations

import os
import urllib.request
from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["Proxy", "find_proxy", "without_password"]


class Proxy(NamedTuple):
    """A proxy, and where it is set."""

    url: str
    variable: str

    def __str__(self) -> str:
        return f"the proxy {self.url} from {self.variable}"


def find_proxy(url: str) -> Proxy | None:
    """Return the proxy that the environment sets for ``url``; None where none applies."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = urllib.request.getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    if not found or urllib.request.proxy_bypass(host):
        return None
    return Proxy(without_password(found), _variable(found))


def without_password(url: str) -> str:
    """Return a URL without its user and password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _variable(value: str) -> str:
    names = [name for name, text in os.environ.items() if text == value]
    named = [name for name in names if name.lower().endswith("_proxy")]
    return min(named, key=lambda name: name.lower() == "all_proxy", default="the system's settings")
