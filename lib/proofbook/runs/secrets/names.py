"""Which names of variables, parameters and keys say that their value is a secret.

A name is read as words: ``hfToken``, ``HF-TOKEN`` and ``HF_TOKEN_2`` have the words HF and TOKEN.
Some words are certain; others, such as KEY, are certain only where the value looks like a secret,
as ``CACHE_KEY=production`` shows.
"""

from __future__ import annotations

import functools
import itertools
import re
from typing import Literal

__all__ = ["Secrecy", "is_secret_name", "secrecy_of"]

Secrecy = Literal["certain", "address", "password", "doubtful", "carrier", "none"]
"""How much a name says: any value but an ordinary one is a secret (``certain``), a whole address
too (``address``); any but a word or a number (``password``); one that looks random (``doubtful``,
and ``carrier`` where another value is as usual); only what is a secret under every name
(``none``)."""

_CERTAIN = frozenset(
    {"APIKEY", "AUTHORIZATION", "BEARER", "COOKIE", "CRED", "CREDENTIAL", "JWT", "OAUTH"}
    | {"PASSCODE", "PASSPHRASE", "PASSWD", "PASSWORD", "SECRET", "SSHPASS", "TOKEN", "USERPWD"}
    | {"COOKIES", "CREDENTIALS", "CREDS", "PASSWORDS", "SECRETS", "XSRF", "CSRF"}
)
_CERTAIN_ENDS = (
    *("APIKEY", "ACCESSKEY", "AUTHKEY", "ENCRYPTIONKEY", "LICENSEKEY", "MASTERKEY", "PASSPHRASE"),
    *("PASSWD", "PASSWORD", "PRIVATEKEY", "SECRET", "SECRETKEY", "SHAREDKEY", "SIGNINGKEY"),
    *("TOKEN", "CREDENTIALS", "CONNECTIONSTRING", "COOKIE"),
)
_CERTAIN_STARTS = ("ACCESSTOKEN", "APIKEY", "AUTHTOKEN", "PASSWORD", "PRIVATEKEY", "SECRETKEY")
_CERTAIN_PAIRS = frozenset(
    {(first, "KEY") for first in ("ACCESS", "ACCOUNT", "API", "APP", "AUTH", "CLIENT", "CRYPT")}
    | {(first, "KEY") for first in ("DEPLOY", "ENCRYPTION", "LICENSE", "MASTER", "PRIVATE")}
    | {(first, "KEY") for first in ("SECRET", "SERVICE", "SESSION", "SHARED", "SIGNING", "SSH")}
    | {(first, "KEY") for first in ("GPG", "STORAGE", "SUBSCRIPTION", "HMAC", "DECRYPTION")}
    | {("CONNECTION", "STRING"), ("CONN", "STR"), ("CONN", "STRING"), ("ACCESS", "CODE")}
)
_CERTAIN_LAST = frozenset({"PAT", "PWD"})
"""Certain as the last of several words: ``PWD`` alone is a folder."""
_PASSWORD_ENDS = ("PASS", "PASSWRD", "PIN", "PSK", "PSWD", "PW", "PWD", "PWORD", "OTP")
_DOUBTFUL_LAST = frozenset(
    {"AUTH", "CERT", "HMAC", "KEYS", "LICENSE", "LOGIN", "NONCE", "SALT", "SESSION", "SIG"}
    | {"SIGNATURE", "TOKENS"}
)
_DOUBTFUL_ENDS = ("AUTH", "KEY")
_CARRIER_LAST = frozenset(
    {
        "CODE",
        "CONN",
        "CONNECTION",
        "CONNSTR",
        "COOKIEJAR",
        "HEADER",
        "HEADERS",
        "HOOK",
        "JSESSIONID",
    }
    | {"JSON", "MNEMONIC", "PEM", "PHRASE", "PRIVATE", "SAS", "SEED", "SESSIONID", "SID", "TOKENS"}
    | {"URI", "URL", "URLS", "NONCE", "SESSION", "SIGNATURE"}
)
_ADDRESS = frozenset({"DSN", "WEBHOOK"})
_MORE_THAN_A_SECRET = frozenset({"CODE", "CONFIG", "HEADER", "ID", "JSON", "URI", "URL", "URLS"})
"""A ``token_url`` is an address, and a ``secret_id`` may be a number."""
_OTHER_WORDS = frozenset(
    {"BYPASS", "COMPASS", "DONKEY", "HOCKEY", "HOTKEY", "JOCKEY", "MONKEY", "OLDPWD", "TRESPASS"}
    | {"TURKEY", "WHISKEY", "SPIN", "PWD"}
)

_INNOCENT_LAST = frozenset(
    {"AGE", "ALGORITHM", "AUDIENCE", "BACKEND", "BUDGET", "CACHE", "CLAIMS", "CLASS", "CMD"}
    | {"COLUMN", "COMMAND", "COUNT", "DAYS", "DELAY", "DIR", "DIRECTORY", "DIRS", "DOMAIN"}
    | {"DURATION", "EMAIL", "ENABLED", "ENDPOINT", "ENTRY", "ENV", "EXPIRATION", "EXPIRE"}
    | {"EXPIRED", "EXPIRES", "EXPIRY", "FIELD", "FILE", "FILENAME", "FILES", "FLOW", "FOLDER"}
    | {"FORMAT", "GRANT", "HELPER", "HOST", "HOURS", "HTTPONLY", "INDEX", "INTERVAL", "ISSUER"}
    | {"LEEWAY", "LEN", "LENGTH", "LIFETIME", "LIMIT", "LOCATION", "MANAGER", "MAPPING", "MAX"}
    | {"METHOD", "MIN", "MINUTES", "MODE", "MODEL", "NAME", "NAMES", "NAMESPACE", "OPTIONS"}
    | {"PARALLELISM", "PATH", "PATHS", "PER", "POLICY", "PORT", "PREFIX", "PROGRAM", "PROVIDER"}
    | {"RATE", "REALM", "REGION", "REQUIRED", "ROLES", "ROOT", "ROTATION", "SAMESITE", "SCHEME"}
    | {"SCOPE", "SCOPES", "SECOND", "SECONDS", "SECURE", "SERVER", "SIZE", "SOCK", "SOCKET"}
    | {"STATUS", "STORAGE", "STORE", "STRATEGY", "SUFFIX", "SUPPORT", "TIMEOUT", "TTL", "TYPE"}
    | {"TYPES", "USER", "USERNAME", "VAR", "VARIABLE", "VERSION", "WINDOW"}
)
_INNOCENT_BEFORE_KEY = frozenset(
    {"CACHE", "COLUMN", "COMPOSITE", "CONFIG", "DICT", "FIELD", "FOREIGN", "GROUP", "GROUPING"}
    | {"HASH", "HOT", "IDEMPOTENCY", "INDEX", "JOIN", "LOOKUP", "MAP", "MERGE", "MESSAGE"}
    | {"METRIC", "OBJECT", "ORDER", "PARTITION", "PRIMARY", "PUBLIC", "PUBLISHABLE", "RANGE"}
    | {"REGISTRY", "ROUTING", "ROW", "SHARD", "SORT", "STATE", "UNIQUE"}
)
_INNOCENT_BEFORE_TOKEN = frozenset(
    {"AUDIO", "BOI", "BOS", "CLASS", "CLS", "DECODER", "END", "EOI", "EOS", "FIRST", "IMAGE"}
    | {"INITIALIZER", "INSTANCE", "LAST", "MASK", "NEXT", "PAD", "PADDING", "PLACEHOLDER"}
    | {"PROMPT", "SEP", "SPECIAL", "START", "STOP", "TEXT", "TRIGGER", "UNK", "UNKNOWN", "VIDEO"}
)
"""Tokens of a language model."""
_INNOCENT_BEFORE_TOKENS = _INNOCENT_BEFORE_TOKEN | frozenset(
    {"BATCH", "CACHED", "COMPLETION", "CONTEXT", "GENERATED", "INPUT", "MAX", "MIN", "N", "NEW"}
    | {"NUM", "OUTPUT", "TOTAL", "TRAIN"}
)
"""Numbers of them."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_APART = re.compile(r"[^A-Za-z0-9]+")


def is_secret_name(name: str) -> bool:
    """Say whether a variable or parameter of this name may hold nothing but a secret."""
    return secrecy_of(name) in ("certain", "password", "doubtful")


@functools.lru_cache(maxsize=4096)
def secrecy_of(name: str) -> Secrecy:
    """Say what a name tells about its value."""
    words = _words(name)
    if not words or _is_innocent(words):
        return "none"
    last, several = words[-1], len(words) > 1
    if _ADDRESS & {last, words[-2] if several else ""}:
        return "address"
    if _is_certain(words):
        return "doubtful" if last in _MORE_THAN_A_SECRET else "certain"
    if last in _OTHER_WORDS:
        return "none"
    if last.endswith(_PASSWORD_ENDS):
        return "password"
    if last.endswith(_DOUBTFUL_ENDS) or (several and last in _DOUBTFUL_LAST):
        return "doubtful"
    return "carrier" if last in _CARRIER_LAST else "none"


def _words(name: str) -> tuple[str, ...]:
    """Return the words of a name in upper case, without the numbers that tell some apart."""
    apart = _APART.split(_CAMEL.sub("_", name) if not name.isupper() else name)
    words = [word.upper() for word in apart if word]
    return tuple(word.rstrip("0123456789") or word for word in words if not word.isdigit())


def _is_innocent(words: tuple[str, ...]) -> bool:
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last in _INNOCENT_LAST:
        return True
    if last in ("KEY", "KEYS"):
        return before in _INNOCENT_BEFORE_KEY
    if last == "TOKEN":
        return before in _INNOCENT_BEFORE_TOKEN
    if last == "TOKENS":
        return before in _INNOCENT_BEFORE_TOKENS
    return last == "ID" and before == "TOKEN"


def _is_certain(words: tuple[str, ...]) -> bool:
    if any(w in _CERTAIN or w.endswith(_CERTAIN_ENDS) for w in words):
        return True
    if any(word.startswith(_CERTAIN_STARTS) for word in words):
        return True
    pairs = set(itertools.pairwise(words))
    return bool(pairs & _CERTAIN_PAIRS) or (len(words) > 1 and words[-1] in _CERTAIN_LAST)
