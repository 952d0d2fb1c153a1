"""429 with each form of saying how long to wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from proofbook_systems.apis.faults.cases import RATE, Case

__all__ = ["WAIT_CASES"]

early = "a client that comes back too early is refused again, and may be locked out"
crash = "a header of the server's must not bring the client down"
days = "a client that sleeps for as long as a server says may sleep for days"


def told(form: str, headers: Mapping[str, str], why: str = early, **more: Any) -> Case:
    shown = ", ".join(f"{n}: {v}" for n, v in headers.items()) or "no header"
    shown = (
        shown.replace("{date+", "a date in ")
        .replace("{date-", "a date past by ")
        .replace("}", " s")
    )
    return Case(
        name=f"wait-{form}", title=f"429 once, {shown}", why=why, names=RATE, wait_form=form,
        faults=({"kind": "status", "status": 429, "headers": dict(headers)},), **more,
    )  # fmt: skip


limits = {"RateLimit": '"default";r=0;t=1', "RateLimit-Policy": '"default";q=10;w=1'}
WAIT_CASES: Sequence[Case] = [
    told("seconds", {"Retry-After": "1"}),
    told("date", {"Retry-After": "{date+2}"}),
    told("fraction", {"Retry-After": "0.7"}),
    told("milliseconds", {"retry-after-ms": "700"}),
    told("ratelimit", limits),
    told("absent", {}),
    told("negative", {"Retry-After": "-5"}, crash),
    told("past-date", {"Retry-After": "{date-60}"}, crash),
    told("garbage", {"Retry-After": "soon"}, crash),
    told("day", {"Retry-After": "86400"}, days, may_sleep=True),
    told("day-as-date", {"Retry-After": "{date+86400}"}, days, may_sleep=True),
]
