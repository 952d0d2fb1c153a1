"""Texts that are secrets by their form, wherever they stand: tokens of known services, keys,
``Authorization`` headers, and addresses with a password or a token.

A table of our own; the forms are those that the services document. Each entry has texts of which
one must be there, so that most are never searched for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from proofbook.runs.secrets.values import is_ordinary, is_placeholder, is_spelled, looks_random

__all__ = ["FORMATS", "GATES", "Format", "Span", "find_formats"]


class Span(NamedTuple):
    """A secret within a text, and what it is."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, kw_only=True)
class Format:
    """One form; the group ``secret`` is what must not be written, else all of it."""

    name: str
    gates: tuple[str, ...]
    """A text without any of these has no such secret."""
    expression: str
    accepts: Callable[[str], bool] = lambda secret: True
    is_apart: bool = False
    """Whether no letter or digit may stand beside it."""

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self.expression)

    def find(self, text: str) -> Iterator[Span]:
        """Yield where in a text such secrets are."""
        group = "secret" if "secret" in self._pattern.groupindex else 0
        for match in self._pattern.finditer(text):
            start, end = match.span(group)
            is_free = not self.is_apart or not _touches(text, start, end)
            if is_free and self.accepts(match[group]):
                yield Span(start, end, self.name)


def find_formats(text: str, hits: Set[str] | None = None) -> Iterator[Span]:
    """Yield every secret in a text that its form shows; some may overlap.

    Args:
        text: Any text.
        hits: Those of the gates that it has, where they are known.
    """
    if hits is None:
        hits = {gate for gate in GATES if gate in text}
    for form in FORMATS if hits else ():
        if not hits.isdisjoint(form.gates):
            yield from form.find(text)


def _touches(text: str, start: int, end: int) -> bool:
    return text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()


def _has_mixture(secret: str) -> bool:
    return any(c.isdigit() for c in secret) and any(c.isalpha() for c in secret)


def _is_password(secret: str) -> bool:
    return not is_placeholder(secret) and not re.fullmatch(r"[\[{<$%*].*|\d{1,5}", secret)


def _is_user_token(secret: str) -> bool:
    return looks_random(secret) or (len(secret) >= 16 and _has_mixture(secret))


def _is_in_query(secret: str) -> bool:
    return is_spelled(secret) and _has_mixture(secret) and len(secret) >= 6


def _token(name: str, pattern: str, *gates: str, check: bool = False) -> Format:
    """Return the form of a token that stands apart from other letters and digits."""
    # A pattern that begins with a letter is found faster than one that begins with a look back.
    accepts = _has_mixture if check else bool
    return Format(name=name, gates=gates, expression=pattern, accepts=accepts, is_apart=True)


_W = r"[A-Za-z0-9_-]"
_PAUSE = r"(?:[\s\"',>|]|\\+[nrt])*"
_PEM = (
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:[A-Za-z0-9+/=\s:,.()>|\"'-]|\\+[nrt])*?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
    rf"|{_PAUSE}(?:[A-Za-z0-9+/=]{{16,}}{_PAUSE})+)"
)
_QUERY = (
    r"[?&;](?:amp;)?(?:api[_-]?key|x-api-key|access[_-]?token|auth[_-]?token|id_token|refresh_token"
    r"|client[_-]?secret|token|auth|key|sig|signature|secret|password|passwd|pwd"
    r"|x-amz-(?:signature|security-token)|x-goog-signature)=(?P<secret>[^\s&;\"'<>#\\]+)"
)

FORMATS: tuple[Format, ...] = (
    _token(
        "GitHub token", r"gh[pousr]_[A-Za-z0-9]{36,255}", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"
    ),
    _token("GitHub token", r"github_pat_[A-Za-z0-9_]{36,255}", "github_pat_"),
    _token(
        "GitLab token",
        rf"gl(?:pat|ptt|dt|rt|cbt|soat|ft|imt)-{_W}{{20,}}",
        *("glpat-", "glptt-", "gldt-", "glrt-", "glcbt-", "glsoat-", "glft-", "glimt-"),
    ),
    _token(
        "Hugging Face token",
        r"(?:hf|api_org)_(?=[a-z0-9]*[A-Z])[A-Za-z0-9]{30,}",
        "hf_",
        "api_org_",
    ),
    _token(
        "API key",
        rf"sk-(?=[A-Za-z_-]*\d)(?=[a-z0-9_-]*[A-Z]){_W}{{20,}}",
        "sk-",
    ),
    _token(
        "Stripe key",
        r"(?:[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{24,})",
        *("k_live_", "k_test_", "whsec_"),
    ),
    _token("AWS key", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}", "AKIA", "ASIA", "ABIA", "ACCA"),
    _token("Slack token", r"xox[abeoprs]-(?:\d-)?[A-Za-z0-9-]{10,}", "xox", check=True),
    _token("Slack token", r"xapp-\d-[A-Z0-9]+-\d+-[a-f0-9]{16,}", "xapp-"),
    _token(
        "Google key",
        rf"(?:AIza{_W}{{35}}|GOCSPX-{_W}{{28}}|ya29\.{_W}{{20,}})",
        "AIza",
        "GOCSPX-",
        "ya29.",
    ),
    _token("npm token", r"npm_[A-Za-z0-9]{36}", "npm_"),
    _token("PyPI token", rf"pypi-AgE{_W}{{32,}}", "pypi-AgE"),
    _token("Docker token", rf"dckr_(?:pat|oat)_{_W}{{20,}}", "dckr_"),
    _token("SendGrid key", rf"SG\.{_W}{{16,}}\.{_W}{{16,}}", "SG."),
    _token("DigitalOcean token", r"do[opr]_v1_[a-f0-9]{64}", "dop_v1_", "doo_v1_", "dor_v1_"),
    _token(
        "Shopify token",
        r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",
        "shpat_",
        "shpca_",
        "shppa_",
        "shpss_",
    ),
    _token("Notion token", r"(?:secret|ntn)_[A-Za-z0-9]{40,}", "secret_", "ntn_", check=True),
    _token("Linear key", r"lin_(?:api|oauth)_[A-Za-z0-9]{40,}", "lin_api_", "lin_oauth_"),
    _token("Replicate token", r"r8_[A-Za-z0-9]{37}", "r8_"),
    _token("API key", r"(?:gsk_|pplx-|xai-)[A-Za-z0-9]{40,}", "gsk_", "pplx-", "xai-", check=True),
    _token("NVIDIA key", rf"nvapi-{_W}{{40,}}", "nvapi-"),
    _token("Vault token", rf"hv[sbr]\.{_W}{{20,}}", "hvs.", "hvb.", "hvr."),
    _token("Telegram token", rf"\d{{8,10}}:AA{_W}{{33}}", ":AA"),
    _token("age key", r"AGE-SECRET-KEY-1[A-Z0-9]{50,}", "AGE-SECRET-KEY-1"),
    _token("Sentry token", r"sntry[su]_[A-Za-z0-9+/=_-]{40,}", "sntrys_", "sntryu_"),
    _token("JWT", rf"eyJ{_W}{{8,}}\.eyJ{_W}{{4,}}\.{_W}{{8,}}", "eyJ"),
    Format(name="private key", gates=("PRIVATE KEY",), expression=_PEM),
    Format(
        name="webhook",
        gates=("hooks.slack.com/", "/api/webhooks/", "webhook.office.com/"),
        expression=(
            r"(?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks"
            r"|webhook\.office\.com/webhookb2)/(?P<secret>[\w/@-]{20,})"
        ),
    ),
    Format(
        name="authorization",
        gates=("uthorization", "UTHORIZATION"),
        expression=(
            r"(?i)authorization[\"'\\]*\s*[:=,]\s*b?[\"'\\]*(?:bearer|basic|token|apikey|digest)\s+"
            r"(?P<secret>[^\s\"'<>,;\\]{4,})"
        ),
        accepts=lambda secret: not is_ordinary(secret) and _is_password(secret),
    ),
    Format(
        name="authorization",
        gates=("Bearer ", "BEARER "),
        expression=r"(?i)\bbearer\s+(?P<secret>[A-Za-z0-9._~+/-]{8,}=*)",
        accepts=_is_user_token,
    ),
    Format(
        name="address",
        gates=("://",),
        expression=r"://[^\s/@:\"'<>]*:(?P<secret>[^\s/\"'<>\\,]+)@(?=[\w\[%])",
        accepts=_is_password,
    ),
    Format(
        name="address",
        gates=("://",),
        expression=(r"://(?P<secret>[^\s/@:\"'<>\\,]{8,})(?::[^\s/@\"'<>\\,]*)?@(?=[\w\[%])"),
        accepts=_is_user_token,
    ),
    Format(
        name="address",
        gates=tuple(
            f"{end}=" for end in ("ey", "EY", "en", "EN", "th", "ig", "re", "et", "rd", "wd")
        ),
        expression=f"(?i){_QUERY}",
        accepts=_is_in_query,
    ),
    Format(
        name="connection string",
        gates=("assword=", "ASSWORD=", "wd=", "WD=", "ey=", "EY=", "ecret="),
        expression=(
            r"(?i:;\s*(?:password|pwd|accountkey|sharedaccesskey|sharedsecret))="
            r"(?P<secret>[^\s;\"'<>(){}\[\]]{4,})"
        ),
        accepts=_is_password,
    ),
)
"""Every form that is known."""

GATES: frozenset[str] = frozenset(gate for form in FORMATS for gate in form.gates)
"""A text without any of these has nothing of a known form."""
