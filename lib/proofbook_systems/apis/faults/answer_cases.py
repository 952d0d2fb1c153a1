"""What is no answer, though it looks like one; and errors in good form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from proofbook_systems.apis.faults.cases import ALWAYS, BODY, Case

__all__ = ["ANSWER_CASES"]

taken = "an error that is taken for an answer ends in a data set, or before a customer"
useless = "a request that is wrong stays wrong: each retry costs time, and a locked account"
storm = "a server that is down is kept down by those who ask again and again"


def in_place(name: str, title: str, **fault: Any) -> Case:
    return Case(name=name, title=title, why=taken, right="error", names=BODY,
                faults=({"times": ALWAYS, **fault},))  # fmt: skip


def status(number: int, times: int | None = ALWAYS, **more: Any) -> tuple[dict[str, Any]]:
    return ({"kind": "status", "status": number, "times": times, **more},)


ANSWER_CASES: Sequence[Case] = [
    in_place("html", "200 with a page of HTML", kind="body", body="<html>Sign in</html>"),
    in_place("empty", "200 with nothing", kind="body", content_type="application/json"),
    in_place("other-json", "200 with another JSON", kind="body", body={"ok": True},
             content_type="application/json"),
    in_place("error-body", "200 with the protocol's own error", kind="error_body"),
    in_place("broken-gzip", "a compressed body that is not whole", kind="broken_gzip"),
    Case(name="wrong-content-type", title="a right answer as text/plain", why=taken,
         names=BODY,
         faults=({"kind": "content_type", "content_type": "text/plain", "times": ALWAYS},)),
    Case(name="stream-as-json", title="a right stream as application/json", stream=True,
         why=taken, names=BODY, faults=(
             {"kind": "content_type", "content_type": "application/json", "times": ALWAYS},)),
    Case(name="constant-500", title="500 on and on", why=storm, right="error",
         names=("500", "misbehaves", "internal"), faults=status(500), retryable=True),
    Case(name="constant-503", title="503 on and on, asking for 1 s", why=storm, right="error",
         names=("503", "misbehaves", "unavailable"), wait_form="seconds", retryable=True,
         faults=status(503, headers={"Retry-After": "1"})),
    Case(name="once-500", title="500 once", why=storm, names=("500", "misbehaves"),
         faults=status(500, 1)),
    Case(name="html-502", title="502 with a page of HTML, twice", why=taken,
         names=("502", "gateway"), faults=status(502, 2, body="<html>Bad Gateway</html>")),
    Case(name="once-529", title="529 once: overloaded", why=storm,
         names=("529", "overload", "misbehaves"), faults=status(529, 1)),
    Case(name="stream-500", title="500 once in place of a stream", why=storm, stream=True,
         names=("500", "misbehaves"), faults=status(500, 1)),
    Case(name="bad-request", title="400 on and on", why=useless, right="error",
         names=("400", "misbehaves", "bad request"), faults=status(400), never_retried=True),
    Case(name="wrong-key", title="401: the key is wrong", why=useless, right="error",
         names=("401", "key", "auth"), wrong="key", never_retried=True),
    Case(name="unknown-model", title="404: there is no such model", why=useless,
         right="error", names=("404", "no-such-model", "not found"), wrong="model"),
]  # fmt: skip
