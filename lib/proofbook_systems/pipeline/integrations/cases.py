"""What goes wrong with an API, as data: the faults, what a right stage does, and why it matters.

Runs nothing. A case's faults befall the calls that cost something.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

__all__ = ["ALWAYS", "BODY", "BREAKS", "DENIED", "LATE", "RATE", "SERVER", "Case", "cases_of"]

ALWAYS = None
DENIED = ("401", "403", "unauthor", "key", "auth", "credential", "token", "denied", "forbidden",
          "permission", "not allowed")  # fmt: skip
RATE = ("429", "rate", "too many", "quota", "retry", "limit", "concurrent")
SERVER = ("500", "502", "503", "server", "unavailable", "internal", "gateway")
LATE = ("time", "late", "seconds", "within", "no answer", "not answer", "hang")
BREAKS = ("connection", "reset", "disconnect", "closed", "eof", "incomplete", "peer", "protocol",
          "network", "broke", "chunk", "remote", "read", "bytes", "complete", "trunc", "short",
          "length", "missing")  # fmt: skip
BODY = ("json", "pars", "decod", "expect", "content", "html", "empty", "answer", "invalid",
        "response", "format", "nothing", "no ", "not ", "without", "missing", "refus", "cut",
        "truncated")  # fmt: skip
"""Words, lower-case, one of which names a cause."""

_useless = "a request that is refused stays refused: each retry may lock the account"
_storm = "a server that is down is kept down by those who ask again and again"
_taken = "what is no answer and is taken for one ends in a film that is posted"
_endless = "a stage that is never answered holds the whole batch, and nobody is told"
_cut = "half an answer that is taken for a whole one is wrong without a sign of it"
_early = "a client that comes back too early is refused again, and may be locked out"
_crash = "a header of the server's must not bring the stage down"
_days = "a stage that sleeps for as long as a server says may sleep for days"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind of misbehaviour."""

    name: str
    title: str
    why: str
    faults: Sequence[Mapping[str, Any]]
    right: Literal["error", "either"]
    """``either``: the right artefact, perhaps after a retry, or an error that names the cause."""
    names: Sequence[str]
    never_retried: bool = False
    keeps_wait: bool = False
    """Whether the server says how long to wait, in a form that everybody reads."""
    says: str | None = None
    """What a language model says instead of a script."""
    cut: bool = False
    """Whether it ran out of tokens."""
    spared: int = 0
    """Calls that are answered rightly before."""
    publishes_once: bool = False
    """Whether the publication itself befell the fault, and may have been done."""


def _status(number: int, times: int | None = ALWAYS, **headers: str) -> tuple[dict[str, Any], ...]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ({"kind": "status", "status": number, "times": times, "headers": named},)


def _refused(number: int, title: str) -> Case:
    return Case(name=f"{number}", title=title, why=_useless, faults=_status(number), right="error",
                names=(*DENIED, str(number)), never_retried=True)  # fmt: skip


def _told(form: str, why: str = _early, keeps_wait: bool = False, **headers: str) -> Case:
    shown = ", ".join(f"{n.replace('_', '-')}: {v}" for n, v in headers.items()) or "no header"
    return Case(name=f"429-{form}", title=f"429 once, {shown}", why=why, right="either",
                faults=_status(429, 1, **headers), names=RATE, keeps_wait=keeps_wait)  # fmt: skip


def _broken(name: str, title: str, why: str, names: Sequence[str], **fault: Any) -> Case:
    faults = ({"times": ALWAYS, **fault},)
    return Case(name=name, title=title, why=why, faults=faults, right="error", names=names)


_EVERYWHERE: Sequence[Case] = (
    _refused(401, "401: the key is wrong"),
    _refused(403, "403: the key may not do this"),
    _told("seconds", keeps_wait=True, Retry_After="1"),
    _told("date", keeps_wait=True, Retry_After="{date+2}"),
    _told("fraction", Retry_After="0.4"),
    _told("milliseconds", retry_after_ms="300"),
    _told("absent"),
    _told("negative", _crash, Retry_After="-5"),
    _told("garbage", _crash, Retry_After="soon"),
    _told("day", _days, Retry_After="86400"),
    Case(name="429-always", title="429 on and on", why=_storm, faults=_status(429), right="error",
         names=RATE),
    Case(name="500-twice", title="500 twice, then right", why=_storm, faults=_status(500, 2),
         right="either", names=SERVER),
    Case(name="500-always", title="500 on and on", why=_storm, faults=_status(500), right="error",
         names=SERVER),
    _broken("hang", "no answer at all", _endless, LATE, kind="hang"),
    _broken("hang-in-body", "an answer that stops in its middle", _endless, (*LATE, *BREAKS),
            kind="hang", when="in_body"),
    Case(name="reset-once", title="one reset before the headers", why=_cut, right="either",
         faults=({"kind": "reset"},), names=BREAKS),
    _broken("reset", "resets before the headers", _cut, BREAKS, kind="reset"),
    _broken("closed-in-body", "closed within the body", _cut, (*BREAKS, *BODY), kind="close",
            when="in_body"),
    _broken("length", "fewer bytes than Content-Length says", _cut, (*BREAKS, *BODY),
            kind="wrong_length"),
    _broken("html", "200 with a page of HTML", _taken, BODY, kind="body",
            body="<html><body>Sign in</body></html>"),
    _broken("empty", "200 with nothing", _taken, BODY, kind="body", body="",
            content_type="application/json"),
    _broken("other-json", "200 with another JSON", _taken, BODY, kind="body", body={"ok": True},
            content_type="application/json"),
    _broken("error-body", "200 with an error as its body", _taken,
            (*BODY, *RATE, "overload", "error"), kind="body", body="{error}",
            content_type="application/json"),
)  # fmt: skip
_CUT_SCRIPT = '{"episode": "e", "lines": [{"character": "Butcher", "text": "Somebody has'


def _says(name: str, title: str, says: str, cut: bool = False) -> Case:
    return Case(name=name, title=title, why=_taken, faults=(), right="error", names=BODY,
                says=says, cut=cut)  # fmt: skip


_SCRIPT: Sequence[Case] = (
    _broken("malformed", "200 with JSON that breaks off", _taken, BODY, kind="body",
            body='{"choices": [{"message": {"content": "', content_type="application/json"),
    _says("prose", "a model that writes prose", "Sure! Here is a funny scene about cheese."),
    _says("refusal", "a model that refuses", "I'm sorry, but I can't help with that."),
    _says("no-lines", "a script without lines", '{"episode": "e", "lines": [], "script": []}'),
    _says("says-nothing", "a model that says nothing", ""),
    _says("out-of-tokens", "a script that breaks off", _CUT_SCRIPT, cut=True),
    _says("other-fields", "lines without a character", '{"lines": [{"speech": "Hello"}], '
          '"script": [{"speech": "Hello"}]}'),
)  # fmt: skip
_VOICE: Sequence[Case] = (
    _broken("not-sound", "bytes that are no sound, as audio/mpeg", _taken, (*BODY, "sound"),
            kind="body", body="this is no sound " * 64, content_type="audio/mpeg"),
    replace(_broken("third-line", "500 on and on, from the third line", _storm, SERVER,
                    kind="status", status=500), spared=2),
    replace(_broken("third-line-cut", "the third line's sound breaks off", _cut,
                    (*BREAKS, *BODY), kind="close", when="in_body"), spared=2),
)  # fmt: skip
_POSTING: Sequence[Case] = (
    _broken("malformed", "200 with JSON that breaks off", _taken, BODY, kind="body",
            body='{"id": "1784', content_type="application/json"),
    Case(name="lost-publication", title="a publication whose answer is lost", right="either",
         why="a post that is made again for a lost answer is there twice", names=BREAKS,
         faults=({"kind": "reset", "when": "in_body", "after": 0, "path": "{publish_path}"},),
         publishes_once=True),
)  # fmt: skip
_OWN: Mapping[str, Sequence[Case]] = {
    "openai_api": _SCRIPT, "claude": _SCRIPT, "voice": _VOICE, "posting": _POSTING,
}  # fmt: skip


def cases_of(api: str, only: Sequence[str] = (), skip: Sequence[str] = ()) -> list[Case]:
    """Return an API's cases, by their names without or with that of the API.

    Raises:
        ValueError: No API has a case of that name.
    """
    known = {case.name for cases in (_EVERYWHERE, *_OWN.values()) for case in cases}
    known |= {f"{service}-{name}" for name in known for service in _OWN} | set(_OWN)
    if unknown := [name for name in (*only, *skip) if name not in known]:
        raise ValueError(f"there is no case {unknown[0]!r}; there are {', '.join(sorted(known))}")
    chosen = [case for case in (*_EVERYWHERE, *_OWN[api]) if not only or _is_named(case, api, only)]
    return [case for case in chosen if not _is_named(case, api, skip)]


def _is_named(case: Case, api: str, names: Sequence[str]) -> bool:
    return bool({case.name, f"{api}-{case.name}", api} & set(names))
